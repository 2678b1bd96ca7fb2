"""Clips of equal request are taken from another folder: whole, once, and nothing is paid for them."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from ledger.workshop import BROKE, NOON, ORIGIN, job, look

from batchgen.app import reusing
from batchgen.app.folder import scan_clips
from batchgen.app.reusing import Source, restore_reused
from batchgen.errors import Braked, ConfigError, IllegalTransition, LedgerError
from batchgen.ledger import orders, queries
from batchgen.ledger.rebuild import restore
from batchgen.ledger.selecting import Among
from batchgen.ledger.selection import Selection
from batchgen.model import Charged, Reason, Status
from batchgen.reports.rows import manifest_row
from reuse.folders import JOB_FILE, Folder, content, edition_of


@pytest.fixture
async def other(tmp_path: Path) -> AsyncIterator[Folder]:
    """A folder that has paid for two clips of the request "fox" and one of "cat"."""
    folder = Folder(tmp_path / "other")
    await folder.ledger.start_writing()
    folder.has(job("f1", "fox"), job("f2", "fox"), job("c", "cat"))
    for number, (id_, task) in enumerate([("f1", "t1"), ("f2", "t2"), ("c", "t3")], 1):
        await folder.make(id_, task, number)
    yield folder
    await folder.ledger.stop_writing()
    folder.ledger.close()


@pytest.fixture
async def ours(tmp_path: Path) -> AsyncIterator[Folder]:
    """A new folder."""
    folder = Folder(tmp_path / "ours")
    yield folder
    await folder.ledger.stop_writing()
    folder.ledger.close()


def reused(folder: Folder) -> list[str]:
    """Jobs that have a clip which was paid for elsewhere."""
    return sorted(
        id_ for id_, record in folder.by_id().items() if record.newest and record.newest.reused_from
    )


def order_again(folder: Folder, id_: str) -> None:
    """The user's word."""
    order = orders.order_again
    done = folder.ledger.change(lambda db: order(db, [id_], failed=False, unknown=False, job_file=JOB_FILE))
    assert done.ids == (id_,)


def test_a_clip_of_an_equal_request_is_taken(other: Folder, ours: Folder) -> None:
    """Under the name of its new job, linked, with the facts of its task; nothing counts as spent."""
    ours.has(job("mine", "cat"), job("new", "dog"))
    outcome = ours.take_from(other.output)
    assert (outcome.reused, outcome.folder, outcome.unusable_number) == (1, "../other", 0)
    ours.check_files()
    assert (ours.output / "videos/mine.mp4").samefile(other.output / "videos/c.mp4")
    record = ours.by_id()["mine"]
    (attempt,) = record.attempts
    assert (record.status, attempt.reason, attempt.charged) == (Status.SUCCEEDED, Reason.REUSE, Charged.NO)
    assert (attempt.task_id, attempt.file_id, attempt.reused_from) == ("t3", "file-t3", "../other")
    assert attempt.clip == other.by_id()["c"].attempts[0].clip
    assert ours.look("SELECT * FROM spent") == []
    assert [order.id for order in ours.orders()] == ["new"]
    row = manifest_row(record)
    assert (row["file"], row["charged"], row["status"]) == ("videos/mine.mp4", "no", "succeeded")


def test_each_clip_serves_one_job(other: Folder, ours: Folder) -> None:
    """Who asks for four clips of one request gets the two that there are, the first ones of the file."""
    ours.has(*(job(f"a-{n}", "fox") for n in range(4)))
    assert ours.take_from(other.output).reused == 2
    assert reused(ours) == ["a-0", "a-1"]
    assert (ours.output / "videos/a-0.mp4").read_bytes() != (ours.output / "videos/a-1.mp4").read_bytes()
    assert ours.take_from(other.output).reused == 0  # they are ours now
    ours.check_files()


def test_a_signal_is_heeded_between_two_clips(other: Folder, ours: Folder) -> None:
    """What was taken by then stays taken, and the rest is taken when the same command carries on."""
    ours.has(job("a", "fox"), job("b", "fox"), job("c", "cat"))
    looks = iter([False, False, True])  # before the batch, and before each clip
    assert ours.take_from(other.output, stopped=lambda: next(looks, True)).reused == 1
    assert len(reused(ours)) == 1
    ours.check_files()
    assert ours.take_from(other.output).reused == 2
    ours.check_files()


async def test_what_was_made_here_is_not_taken_back(other: Folder, ours: Folder) -> None:
    """A clip of ours that another folder reused is no second clip."""
    await ours.ledger.start_writing()
    ours.has(job("a", "fish"))
    await ours.make("a", "t9", 9)
    await ours.ledger.stop_writing()
    await other.ledger.stop_writing()
    other.has(job("theirs", "fish"))
    assert other.take_from(ours.output).reused == 1
    ours.has(job("a", "fish"), job("b", "fish"))
    assert ours.take_from(other.output).reused == 0


def test_only_selected_jobs_get_clips(other: Folder, ours: Folder) -> None:
    """A selection holds here too."""
    ours.has(job("a", "fox"), job("b", "fox"))
    ours.ledger.select(Selection(only=("b",)), JOB_FILE)
    assert ours.take_from(other.output, among=Among.SELECTED).reused == 1
    assert reused(ours) == ["b"]


def test_an_edition_takes_clips_of_that_edition_only(other: Folder, ours: Folder) -> None:
    """It was asked for to have clips of its own; without one any clip of the request will do."""
    ours.has(edition_of(job("today", "fox"), "2026-07-02"))
    assert ours.take_from(other.output).reused == 0


@pytest.mark.parametrize(("edition", "number"), [("monday", 1), ("tuesday", 0), (None, 1)])
async def test_clips_of_an_edition(tmp_path: Path, ours: Folder, edition: str | None, number: int) -> None:
    """Equal editions fit, and no edition takes any."""
    source = Folder(tmp_path / "source")
    await source.ledger.start_writing()
    source.has(edition_of(job("m", "fox"), "monday"))
    await source.make("m", "t1", 1)
    await source.ledger.stop_writing()
    source.ledger.close()
    ours.has(job("a", "fox") if edition is None else edition_of(job("a", "fox"), edition))
    assert ours.take_from(source.output).reused == number


@pytest.mark.parametrize("harm", ["gone", "cut", "other bytes", "link", "folder"])
def test_a_damaged_clip_is_not_taken(other: Folder, ours: Folder, harm: str) -> None:
    """It is told, the next one of the request serves, and nothing of it is left under a final name."""
    path = other.output / "videos/f1.mp4"
    data = path.read_bytes()
    path.unlink()
    match harm:
        case "cut":
            path.write_bytes(data[:-1])
        case "other bytes":
            path.write_bytes(b"x" * len(data))
        case "link":
            path.symlink_to(other.output / "videos/f2.mp4")
        case "folder":
            path.mkdir()
    ours.has(job("a", "fox"), job("b", "cat"))
    outcome = ours.take_from(other.output)
    assert (outcome.reused, outcome.unusable_number) == (2, 1)
    assert "f1.mp4" in outcome.unusable[0]
    assert (ours.output / "videos/a.mp4").read_bytes() == content(2)
    ours.check_files()
    assert not list(ours.output.rglob("*.part"))


def test_a_copy_is_made_where_links_can_not_be(
    other: Folder, ours: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On another file system, or one without hard links."""

    def no_link(*_: object, **__: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "link", no_link)
    ours.has(job("a", "fox"))
    monkeypatch.setattr("batchgen.download.store._NO_HARD_LINKS", {errno.EXDEV})
    assert ours.take_from(other.output).reused == 1
    assert not (ours.output / "videos/a.mp4").samefile(other.output / "videos/f1.mp4")
    ours.check_files()


def test_a_file_of_the_users_is_never_overwritten(other: Folder, ours: Folder) -> None:
    """The job stays pending."""
    ours.has(job("a", "fox"))
    (ours.output / "videos").mkdir()
    (ours.output / "videos/a.mp4").write_bytes(b"mine")
    outcome = ours.take_from(other.output)
    assert (outcome.reused, outcome.unusable_number) == (0, 2)  # neither clip gets that name
    assert (ours.output / "videos/a.mp4").read_bytes() == b"mine"
    assert ours.statuses() == {"a": "pending"}
    assert ours.look("SELECT * FROM reusing") == []


async def test_jobs_that_have_or_had_a_clip_take_none(other: Folder, ours: Folder) -> None:
    """What was ordered anew on the user's word is made anew; what failed and was ordered again is free."""
    await ours.ledger.start_writing()
    ours.has(job("a", "bird"), job("b", "fox"), job("held", "bear"))
    await ours.make("a", "t10", 10)
    await ours.make("held", "t11", 11)
    await ours.book.failed(await ours.accept("b", "t12"), BROKE, Charged.YES)
    order_again(ours, "b")
    ours.has(job("a", "cat"), job("b", "fox"), job("held", "bear"), regenerate_changed=True)
    await ours.ledger.stop_writing()
    assert ours.take_from(other.output).reused == 1
    assert reused(ours) == ["b"]
    assert ours.statuses() == {"a": "pending", "b": "succeeded", "held": "succeeded"}


async def test_a_reused_clip_lives_like_any_other(other: Folder, ours: Folder) -> None:
    """Its job may be renamed; when it is edited it is held, and a new clip sets the reused one aside."""
    ours.has(job("a", "fox"))
    ours.take_from(other.output)
    await ours.ledger.start_writing()
    ours.has(job("b", "fox"))
    assert ours.statuses() == {"b": "succeeded"}
    ours.has(job("b", "a red fox"))
    assert ours.statuses() == {"b": "succeeded held"}
    ours.has(job("b", "a red fox"), regenerate_changed=True)
    placement = await ours.deliver("b", "t20", 20)
    assert (placement.file, placement.keep_as) == ("videos/a.mp4", "superseded/b.1.mp4")


async def test_reused_clips_are_worth_a_brake(other: Folder, ours: Folder) -> None:
    """Were all of them ordered anew, they would have to be paid for."""
    for number in range(20):
        other.has(*(job(f"o{n}", f"p{n}") for n in range(number + 1)))
        await other.make(f"o{number}", f"t-{number}", number)
    ours.has(*(job(f"j{n}", f"p{n}") for n in range(20)))
    assert ours.take_from(other.output).reused == 20
    with pytest.raises(Braked, match="20 paid jobs have left"):
        ours.has(*(job(f"k{n}", f"q{n}") for n in range(20)))


def test_nothing_of_a_budget_or_of_the_pace_is_used(other: Folder, ours: Folder) -> None:
    """What others have paid for counts against no cap, delays no submission and stands in no bill."""
    ours.has(job("a", "fox"), job("b", "fox"), job("c", "cat"), job("d", "dog"))
    assert ours.take_from(other.output).reused == 3
    assert ours.look("SELECT coalesce(sum(clips), 0) FROM spent") == [(0,)]
    day = (NOON - timedelta(days=1), NOON + timedelta(days=1))
    assert ours.ledger.ask(lambda db: queries.answered_between(db, ORIGIN, *day)) == []
    assert list(ours.ledger.ask(queries.submissions_by_time)) == []


async def test_a_missing_reused_clip_is_taken_again(other: Folder, ours: Folder) -> None:
    """From where it came; the service is not asked for a task that may be another account's."""
    ours.has(job("a", "fox"), job("b", "cat"))
    ours.take_from(other.output)
    (ours.output / "videos/a.mp4").unlink()
    (ours.output / "videos/b.mp4").unlink()
    (other.output / "videos/c.mp4").unlink()
    assert scan_clips(ours.ledger, ours.output).number == 2
    assert ours.ledger.change(orders.restore_missing) == 0
    restore_reused(ours.ledger, ours.place, [], NOON)
    ours.check_files()
    failed = ours.by_id()["b"]
    assert (ours.statuses(), failed.newest and failed.newest.charged) == (
        {"a": "succeeded", "b": "failed"},
        Charged.NO,
    )
    again = orders.order_again
    assert ours.ledger.change(
        lambda db: again(db, ["b"], failed=False, unknown=False, job_file=JOB_FILE)
    ).ids == ("b",)


async def test_a_missing_reused_clip_may_come_from_another_folder(other: Folder, ours: Folder) -> None:
    """When the one that it came from has gone."""
    ours.has(job("a", "fox"))
    ours.take_from(other.output)
    moved = other.output.with_name("moved")
    os.rename(other.output, moved)  # noqa: PTH104  the folder is open
    (ours.output / "videos/a.mp4").unlink()
    scan_clips(ours.ledger, ours.output)
    restore_reused(ours.ledger, ours.place, [Source(output=moved, ledger=moved / "ledger.sqlite3")], NOON)
    ours.check_files()
    assert ours.statuses() == {"a": "succeeded"}
    os.rename(moved, other.output)  # noqa: PTH104


async def test_a_clip_that_was_given_up_can_be_reused_again(other: Folder, ours: Folder) -> None:
    """Its folder was only away for a while: who orders the job again need not pay for it."""
    ours.has(job("c", "cat"))
    ours.take_from(other.output)
    away = other.output.with_name("away")
    os.rename(other.output, away)  # noqa: PTH104  the folder is open
    (ours.output / "videos/c.mp4").unlink()
    scan_clips(ours.ledger, ours.output)
    restore_reused(ours.ledger, ours.place, [], NOON)
    assert ours.statuses() == {"c": "failed"}
    os.rename(away, other.output)  # noqa: PTH104
    order_again(ours, "c")
    assert ours.take_from(other.output).reused == 1
    assert (ours.statuses(), ours.orders()) == ({"c": "succeeded"}, [])
    ours.check_files()


async def test_what_was_taken_is_found_by_an_index(other: Folder, ours: Folder) -> None:
    """Each clip that is offered is looked up: a walk through all that were taken before would take hours."""
    ours.has(job("a", "fox"), job("b", "fox"), job("c", "cat"))
    asked: list[str] = []
    ours.ledger._connection.set_trace_callback(asked.append)
    ours.take_from(other.output)
    ours.ledger._connection.set_trace_callback(None)
    lookups = {one for one in asked if one.lstrip().startswith("SELECT") and "origin = '" in one}
    assert len(lookups) == 3
    for query in lookups:
        plan = [row[3] for row in ours.ledger._connection.execute(f"EXPLAIN QUERY PLAN {query}")]
        assert not any("SCAN" in step for step in plan), plan


def test_a_restored_ledger_knows_what_was_reused(other: Folder, ours: Folder, tmp_path: Path) -> None:
    """The manifest tells it; nothing of it comes out as paid, and nothing as never had."""
    ours.has(job("a", "fox"), job("b", "fox"), job("c", "cat"))
    ours.take_from(other.output)
    rows = [json.loads(json.dumps(manifest_row(record))) for record in ours.by_id().values()]
    path = tmp_path / "again" / "ledger.sqlite3"
    rebuilt = restore(path, rows, origin=ORIGIN, now=NOON, account="default")
    assert (rebuilt.jobs, rebuilt.submissions, rebuilt.problems) == (3, 3, ())
    columns = "state, reason, charged, task_id, file, sha256, bytes, reused_from"
    query = f"SELECT {columns} FROM submissions ORDER BY task_id"  # noqa: S608  our own texts
    assert look(path, query) == look(ours.path, query)
    assert look(path, "SELECT * FROM spent") == []
    assert look(path, "SELECT value FROM facts WHERE name = 'origin'") == [(ORIGIN,)]


def test_the_ledger_refuses_a_reused_clip_that_would_count_as_paid(other: Folder, ours: Folder) -> None:
    """Whatever the program does wrong."""
    ours.has(job("a", "fox"))
    ours.take_from(other.output)
    with pytest.raises(IllegalTransition, match="CHECK"):
        ours.ledger.change(lambda db: db.execute("UPDATE submissions SET charged = 'yes'"))


def test_the_job_of_a_clip_is_found_by_an_index(other: Folder, ours: Folder) -> None:
    """A million pending jobs are not walked through for each clip."""
    ours.has(job("a", "fox"))
    asked: list[str] = []
    ours.ledger._connection.set_trace_callback(asked.append)
    ours.take_from(other.output)
    ours.ledger._connection.set_trace_callback(None)
    (query, *_) = [one for one in asked if one.startswith("\nSELECT * FROM standing")]
    plan = [
        row[3] for row in ours.ledger.ask(lambda db: db.execute(f"EXPLAIN QUERY PLAN {query}").fetchall())
    ]
    assert any("jobs_by_digest" in step for step in plan), plan
    assert not any("jobs_by_file" in step for step in plan), plan


def test_a_source_without_a_ledger_is_told(ours: Folder, tmp_path: Path) -> None:
    """It is no folder of ours."""
    with pytest.raises(LedgerError):
        ours.take_from(tmp_path / "nothing")
    with pytest.raises(ConfigError, match="takes an output folder"):
        reusing.source_of(tmp_path, ours.place)
    with pytest.raises(ConfigError, match="the output folder itself"):
        reusing.source_of(ours.output, ours.place)
