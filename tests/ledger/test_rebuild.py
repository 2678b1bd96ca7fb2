"""A ledger restored from its manifest: the same jobs, and nothing paid that comes out as never paid."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchgen.errors import LedgerError
from batchgen.ledger import Ledger, opening, orders, queries
from batchgen.ledger.rebuild import Rebuilt, restore
from batchgen.ledger.remembered import reached
from batchgen.model import Attempt, Charged, Generated, Job, Record, State, Status
from batchgen.reports.rows import Row, manifest_row
from ledger.workshop import BROKE, BUSY, JOB_FILE, NOON, ORIGIN, Desk, clip, job, look, names, reconcile

PROMPT = "A man picks up a book."


def manifest(desk: Desk) -> list[Row]:
    """The rows of the manifest, as they are read back from the file."""
    return [json.loads(json.dumps(manifest_row(record))) for record in desk.records()]


def restored(path: Path, rows: list[Row]) -> Rebuilt:
    return restore(path, rows, origin=ORIGIN, now=NOON, account="default")


def records(path: Path) -> dict[str, Record]:
    """What a restored ledger knows, by id."""
    ledger = Ledger.open(path, origin=ORIGIN, now=NOON, switch=True)
    try:
        return {record.id: record for record in ledger.ask(lambda db: list(queries.records(db)))}
    finally:
        ledger.close()


def bare(record: Record) -> Record:
    """A record without what a manifest does not tell: the ledger's own keys."""
    return replace(record, attempts=tuple(replace(attempt, key=0) for attempt in record.attempts))


def would_submit(path: Path, *, seen: tuple[str, ...] = ()) -> list[str]:
    """What the next run would send, the job file being as it was; whatever the service."""
    ledger = Ledger.open(path, origin=ORIGIN, now=NOON, switch=True)
    try:
        if seen:
            reconcile(ledger, [job(id_, PROMPT) for id_ in seen], exists=lambda name: name == JOB_FILE)
        return [order.id for _, order in ledger.ask(lambda db: queries.orders(db, JOB_FILE, -1, 1000))]
    finally:
        ledger.close()


def row(**changes: object) -> Row:
    """A row of a job that has succeeded, with these fields changed; a field of ``...`` is left out."""
    plain: Row = {
        "id": "a",
        "status": "succeeded",
        "file": "videos/a.mp4",
        "prompt": PROMPT,
        "model": "MiniMax-Hailuo-2.3",
        "duration": 6,
        "resolution": "768P",
        "request": {"model": "MiniMax-Hailuo-2.3", "prompt": PROMPT},
        "metadata": {},
        "source": {"file": "jobs.yaml", "line": 3},
        "job_file": JOB_FILE,
        "in_job_file": True,
        "changed": False,
        "dismissed": None,
        "edition": None,
        "task_id": "t1",
        "file_id": "f1",
        "submissions": 1,
        "attempts": [attempt()],
        "charged": "yes",
        "error": None,
        "warnings": [],
        "service": ORIGIN,
    }
    return {name: value for name, value in {**plain, **changes}.items() if value is not ...}


def attempt(**changes: object) -> Row:
    """An attempt that has succeeded, with these fields changed."""
    plain: Row = {
        "outcome": "succeeded",
        "reason": "first",
        "service": ORIGIN,
        "task_id": "t1",
        "file_id": "f1",
        "intended_at": "2026-07-01T12:00:00.000Z",
        "submitted_at": "2026-07-01T12:00:01.000Z",
        "generated_at": "2026-07-01T12:01:30.000Z",
        "finished_at": "2026-07-01T12:01:35.000Z",
        "charged": "yes",
        "price": "2.0",
        "currency": "CNY",
        "file": "videos/a.mp4",
        "missing": False,
        "width": 1366,
        "height": 768,
        "seconds": 6.0,
        "fps": 24.0,
        "codec": "avc1",
        "bytes": 1001,
        "sha256": "ab" * 32,
        "warnings": [],
    }
    return {name: value for name, value in {**plain, **changes}.items() if value is not ...}


# --- there and back -------------------------------------------------------------------------------------


async def busy(desk: Desk) -> None:
    """Jobs in every status, with histories of every kind."""
    jobs = [
        "pending",
        "unknown",
        "submitted",
        "generated",
        "failed",
        "limited",
        "left",
        "renamed",
        "missing",
        "retried",
    ]
    desk.has(*jobs, job("held", "before"), job("anew", "before"), job("again", "again"), "settled")
    await desk.lose("unknown")
    await desk.accept("submitted", "t1")
    await desk.generate("generated", "t2")
    await desk.refuse("failed", Charged.PERHAPS)
    await desk.book.not_accepted(await desk.intend("limited"), BUSY)
    await desk.deliver("left", "t3", 3)
    await desk.deliver("renamed", "t4", 4)
    await desk.deliver("missing", "t5", 5)
    await desk.deliver("held", "t6", 6)
    await desk.deliver("anew", "t7", 7)
    await desk.book.failed(await desk.accept("retried", "t8"), BROKE, Charged.YES)
    await desk.lose("again")
    await desk.refuse("settled")
    desk.ledger.change(lambda db: orders.dismiss(db, ["settled"], "no use"))
    desk.ledger.change(
        lambda db: orders.order_again(db, ["retried", "again"], failed=False, unknown=True, job_file=JOB_FILE)
    )
    last = [one for one in jobs if one not in {"left", "renamed"}]
    edited: list[Job | str] = [
        job("held", "after"),
        job("again", "again"),
        "settled",
        job("new-name", "renamed"),
    ]
    desk.has(*last, *edited, job("anew", "before"))
    desk.has(*last, *edited, job("anew", "after"), "renamed")
    desk.ledger.change(lambda db: db.execute("UPDATE jobs SET changed = 0 WHERE id = 'anew'"))
    desk.has(*last, *edited, job("anew", "before"), "renamed")
    missing = [
        one.submission
        for one in desk.ledger.ask(lambda db: list(queries.stored(db)))
        if desk.ledger.ask(partial(queries.record, key=one.job_key)).id == "missing"
    ]
    desk.ledger.change(lambda db: orders.note_missing(db, missing, []))


async def test_a_ledger_comes_back_from_its_manifest(desk: Desk, tmp_path: Path) -> None:
    """Every job, every attempt, to the field; and the next run sends exactly what it would have sent."""
    await busy(desk)
    before = {record.id: bare(record) for record in desk.records()}
    assert {record.status for record in before.values()} == set(Status) - {Status.SUBMITTING}
    path = tmp_path / "restored" / "ledger.sqlite3"
    outcome = restored(path, manifest(desk))
    assert outcome == Rebuilt(
        jobs=len(before),
        submissions=sum(len(one.attempts) for one in before.values()),
        skipped=0,
        problems=(),
    )
    assert {id_: bare(record) for id_, record in records(path).items()} == before
    assert would_submit(path) == [order.id for order in desk.orders()]
    columns = "id, file, digest, request, metadata, explicit_id, changed, dismissed, job_file, in_job_file"
    # A job that was never accepted has no clip, and so gets its name when it is submitted next.
    query = f"SELECT {columns} FROM jobs WHERE id <> 'limited' ORDER BY id"  # noqa: S608  this test's own text
    assert look(path, query) == desk.look(query)


async def test_nothing_is_sent_again_by_the_run_after(desk: Desk, tmp_path: Path) -> None:
    """The job file meets the restored ledger as it met the lost one."""
    jobs = [job("a", PROMPT), job("b", "p2"), job("c", "p3"), job("d", "p4")]
    desk.has(*jobs)
    await desk.deliver("a", "t1", 1)
    await desk.accept("b", "t2")
    await desk.lose("c")
    path = tmp_path / "restored.sqlite3"
    restored(path, manifest(desk))
    ledger = Ledger.open(path, origin=ORIGIN, now=NOON)
    outcome = reconcile(ledger, jobs)
    submit = ledger.ask(lambda db: queries.orders(db, JOB_FILE, -1, 10))
    way = ledger.ask(lambda db: queries.under_way(db, JOB_FILE, ORIGIN))
    ledger.close()
    assert (outcome.new, outcome.left, outcome.held) == (0, 0, 0)
    assert [order.id for _, order in submit] == ["d"]
    assert [(one.task_id, one.key_print, one.current) for one in way] == [("t2", "", True)]


async def test_a_post_that_was_on_its_way_comes_back_as_unknown(desk: Desk, tmp_path: Path) -> None:
    """The manifest of a run that was killed may say submitting."""
    desk.has("a")
    await desk.intend("a")
    path = tmp_path / "restored.sqlite3"
    restored(path, manifest(desk))
    (one,) = records(path)["a"].attempts
    assert (one.state, one.charged, one.fault is not None) == (State.UNKNOWN, Charged.PERHAPS, True)


async def test_both_clips_of_a_regenerated_job_keep_their_places(desk: Desk, tmp_path: Path) -> None:
    """And a third would replace the second alone."""
    desk.has(job("a", "one"))
    await desk.deliver("a", "t1", 1)
    desk.has(job("a", "two"), regenerate_changed=True)
    await desk.deliver("a", "t2", 2)
    path = tmp_path / "restored.sqlite3"
    restored(path, manifest(desk))
    again = Desk(path)
    await again.ledger.start_writing()
    again.has(job("a", "three"), regenerate_changed=True)
    placement = await again.deliver("a", "t3", 3)
    await again.ledger.stop_writing()
    again.ledger.close()
    assert (placement.file, placement.over, placement.keep_as) == (
        "videos/a.mp4",
        clip(2),
        "superseded/a.2.mp4",
    )


async def test_a_name_that_a_renamed_job_holds_stays_its_own(desk: Desk, tmp_path: Path) -> None:
    """Also when the job that has that id now comes first in the manifest and has no clip yet."""
    desk.has(job("a", "one"))
    await desk.deliver("a", "t1", 1)
    desk.has(job("b", "one"))
    desk.has(job("a", "two"), job("b", "one"))
    await desk.generate("a", "t2")
    rows = manifest(desk)
    assert [one["id"] for one in rows] == ["a", "b"]
    path = tmp_path / "restored.sqlite3"
    restored(path, rows)
    assert look(path, "SELECT id, file FROM jobs ORDER BY id") == [
        ("a", "videos/a~2.mp4"),
        ("b", "videos/a.mp4"),
    ]


async def test_a_standing_order_to_resubmit_is_not_used_twice(desk: Desk, tmp_path: Path) -> None:
    """Once per job, ever: also when the order was given and nothing sent on it yet."""
    desk.has("a", "b")
    await desk.lose("a")
    desk.ledger.change(lambda db: orders.resubmit_unknown(db, JOB_FILE))
    await desk.lose("a")
    await desk.lose("b")
    desk.ledger.change(lambda db: orders.resubmit_unknown(db, JOB_FILE))
    path = tmp_path / "restored.sqlite3"
    restored(path, manifest(desk))
    again = Desk(path)
    await again.ledger.start_writing()
    await again.lose("b")
    resubmitted = again.ledger.change(lambda db: orders.resubmit_unknown(db, JOB_FILE))
    await again.ledger.stop_writing()
    again.ledger.close()
    assert resubmitted == []


def test_a_ledger_belongs_to_the_service_that_was_used_last(tmp_path: Path) -> None:
    """Restoring is no way around --switch-service."""
    path = tmp_path / "ledger.sqlite3"
    other = attempt(service="https://elsewhere.example", task_id="t2", intended_at="2026-07-02T12:00:00.000Z")
    restored(path, [row(id="b", attempts=[other], task_id="t2"), row()])
    with pytest.raises(LedgerError, match=r"elsewhere\.example"):
        Ledger.open(path, origin=ORIGIN, now=NOON)
    Ledger.open(path, origin="https://elsewhere.example", now=NOON).close()


# --- whole or not at all --------------------------------------------------------------------------------


def test_a_ledger_that_is_there_is_not_touched(tmp_path: Path) -> None:
    """It must be moved away by a person."""
    path = tmp_path / "ledger.sqlite3"
    restored(path, [row()])
    before = names(tmp_path)
    with pytest.raises(LedgerError, match="move it away"):
        restored(path, [])
    assert names(tmp_path) == before


def test_restoring_that_is_interrupted_leaves_no_ledger(tmp_path: Path) -> None:
    """One that knew half of what was paid for would be worse than none."""

    def rows() -> Iterator[Row]:
        for n in range(1200):
            yield row(id=f"job-{n}", attempts=[attempt(task_id=f"t{n}")], task_id=f"t{n}")
        raise OSError("the manifest can't be read")

    with pytest.raises(LedgerError, match="can't be restored"):
        restore(tmp_path / "ledger.sqlite3", rows(), origin=ORIGIN, now=NOON, account="default")
    assert names(tmp_path) == {}


def test_many_rows_come_in_several_transactions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of bounded size."""
    seen: list[str] = []
    connect = opening.connect

    def traced(path: Path) -> sqlite3.Connection:
        connection = connect(path)
        connection.set_trace_callback(lambda sql: seen.append(sql) if sql == "COMMIT" else None)
        return connection

    monkeypatch.setattr(opening, "connect", traced)
    rows = [row(id=f"job-{n}", attempts=[attempt(task_id=f"t{n}")], task_id=f"t{n}") for n in range(1001)]
    assert restored(tmp_path / "ledger.sqlite3", rows).jobs == 1001
    assert len(seen) >= 4


# --- rows that are doubtful -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "has_task", "has_file_id", "has_clip", "free", "state"),
    [
        (State.SUCCEEDED, True, True, True, False, State.SUCCEEDED),
        (State.SUCCEEDED, True, True, False, False, State.GENERATED),
        (State.SUCCEEDED, True, False, True, False, State.SUBMITTED),
        (State.SUCCEEDED, False, True, True, False, State.UNKNOWN),
        (State.GENERATED, True, True, False, False, State.GENERATED),
        (State.GENERATED, True, False, False, False, State.SUBMITTED),
        (State.SUBMITTED, True, False, False, True, State.SUBMITTED),
        (State.SUBMITTED, False, False, False, True, State.UNKNOWN),
        (State.SUBMITTING, False, False, False, False, State.UNKNOWN),
        (State.SUBMITTING, True, False, False, False, State.SUBMITTED),
        (State.UNKNOWN, False, False, False, True, State.UNKNOWN),
        (State.UNKNOWN, True, False, False, False, State.SUBMITTED),
        (State.NOT_ACCEPTED, False, False, False, True, State.NOT_ACCEPTED),
        (State.NOT_ACCEPTED, False, False, False, False, State.UNKNOWN),
        (State.NOT_ACCEPTED, True, False, False, True, State.SUBMITTED),
        (State.FAILED, True, True, True, False, State.FAILED),
        (State.FAILED, False, False, False, True, State.FAILED),
        (None, False, False, False, True, State.UNKNOWN),
        (None, True, True, True, True, State.SUBMITTED),
    ],
)
def test_an_attempt_is_taken_to_be_where_it_can_prove_to_be(
    outcome: State | None, *, has_task: bool, has_file_id: bool, has_clip: bool, free: bool, state: State
) -> None:
    """Of unclear outcome it is unknown, or submitted when it has a task to be asked for."""
    assert reached(outcome, has_task=has_task, has_file_id=has_file_id, has_clip=has_clip, free=free) is state


@pytest.mark.parametrize(
    ("changes", "status", "states"),
    [
        ({"attempts": ...}, "generated", ["generated"]),
        ({"attempts": "lost"}, "generated", ["generated"]),
        ({"attempts": []}, "generated", ["generated"]),
        ({"attempts": [], "task_id": None}, "unknown", ["unknown"]),
        ({"attempts": [None]}, "generated", ["unknown", "generated"]),
        ({"attempts": [{}], "task_id": None}, "unknown", ["unknown"]),
        ({"submissions": 3}, "succeeded", ["unknown", "unknown", "succeeded"]),
        ({"submissions": 10**30}, "succeeded", ["succeeded"]),
        ({"submissions": "1"}, "succeeded", ["succeeded"]),
        ({"task_id": "t2"}, "generated", ["succeeded", "generated"]),
        (
            {"status": "pending", "charged": "perhaps", "attempts": [], "submissions": 0},
            "submitted",
            ["submitted"],
        ),
        ({"status": "pending", "charged": "yes", "attempts": [], "task_id": None}, "unknown", ["unknown"]),
        ({"status": "pending"}, "succeeded", ["succeeded"]),
        ({"status": ...}, "succeeded", ["succeeded"]),
        ({"status": 7}, "succeeded", ["succeeded"]),
        ({"request": None}, "succeeded", ["succeeded"]),
        ({"request": ..., "prompt": ..., "model": 7}, "succeeded", ["succeeded"]),
        ({"job_file": ..., "source": ..., "metadata": ..., "warnings": 1}, "succeeded", ["succeeded"]),
        ({"attempts": [attempt(bytes=...)]}, "generated", ["generated"]),
        ({"attempts": [attempt(fps="24")]}, "generated", ["generated"]),
        ({"attempts": [attempt(fps=float("nan"))]}, "generated", ["generated"]),
        ({"attempts": [attempt(file="/etc/passwd")]}, "generated", ["generated"]),
        ({"attempts": [attempt(file="videos/../../a.mp4")]}, "generated", ["generated"]),
        ({"attempts": [attempt(width=2**70)]}, "generated", ["generated"]),
        ({"attempts": [attempt(charged="no")]}, "succeeded", ["succeeded"]),
        ({"attempts": [attempt(intended_at="yesterday", submitted_at=3)]}, "succeeded", ["succeeded"]),
        ({"attempts": [attempt(), attempt()]}, "succeeded", ["succeeded"]),
        ({"attempts": [attempt(price="much", currency=3)]}, "succeeded", ["succeeded"]),
        ({"attempts": [attempt(outcome="failed", charged=...)]}, "failed", ["failed"]),
        ({"prompt": "half \ud800", "request": {"prompt": "half \ud800"}}, "succeeded", ["succeeded"]),
    ],
)
def test_a_row_that_lacks_something(tmp_path: Path, changes: Row, status: str, states: list[str]) -> None:
    """The job is restored with what is known, and the next run does not pay for it."""
    path = tmp_path / "ledger.sqlite3"
    assert restored(path, [row(**changes)]).skipped == 0
    record = records(path)["a"]
    assert (str(record.status), [str(one.state) for one in record.attempts]) == (status, states)
    assert would_submit(path, seen=("a",)) == []


def test_what_an_attempt_may_have_cost_is_never_less(tmp_path: Path) -> None:
    """Without a word on it, it may have been charged."""
    path = tmp_path / "ledger.sqlite3"
    attempts = [
        attempt(outcome="failed", charged=..., task_id="t1"),
        attempt(outcome="unknown", charged="no", task_id=None, file_id=None),
        attempt(outcome="submitted", charged="no", task_id="t3", file_id=None),
        attempt(outcome="failed", charged="no", task_id=None, code="1026", message="no", stage="submit"),
    ]
    restored(path, [row(attempts=attempts, submissions=4)])
    charged = [one.charged for one in records(path)["a"].attempts]
    assert charged == [Charged.PERHAPS, Charged.PERHAPS, Charged.PERHAPS, Charged.NO]


@pytest.mark.parametrize("id_", ["", "a/b", "../a", ".hidden", "x" * 200, "con"])
def test_a_row_whose_id_no_job_can_have_is_told(tmp_path: Path, id_: str) -> None:
    """And the others are restored."""
    path = tmp_path / "ledger.sqlite3"
    outcome = restored(path, [row(id=id_, attempts=[], task_id="t9"), row()])
    assert (outcome.jobs, outcome.skipped, len(outcome.problems)) == (1, 1, 1)
    assert repr(id_[:120]) in outcome.problems[0]
    assert list(records(path)) == ["a"]


def test_problems_are_told_up_to_a_hundred(tmp_path: Path) -> None:
    """And counted beyond."""
    outcome = restored(tmp_path / "ledger.sqlite3", [row(id="") for _ in range(150)])
    assert (outcome.skipped, len(outcome.problems)) == (150, 100)


def test_two_rows_of_one_job_are_one(tmp_path: Path) -> None:
    """The later is the newer, and no attempt is counted twice, with a task or without."""
    path = tmp_path / "ledger.sqlite3"
    lost = attempt(outcome="unknown", charged="perhaps", task_id=None, file_id=None)
    earlier = row(id="Book", status="unknown", task_id=None, attempts=[lost])
    later = row(
        id="book",
        attempts=[lost, attempt(reason="retry", intended_at="2026-07-02T12:00:00.000Z")],
        submissions=2,
    )
    assert restored(path, [earlier, later]) == Rebuilt(jobs=1, submissions=2, skipped=0, problems=())
    assert records(path)["book"].status == "succeeded"


@pytest.mark.parametrize("newer_first", [False, True])
def test_a_task_that_two_jobs_claim_is_restored_once(tmp_path: Path, *, newer_first: bool) -> None:
    """A job was renamed and its old row is still there: the next run lets the new name take it over."""
    path = tmp_path / "ledger.sqlite3"
    rows = [row(), row(id="b")]
    outcome = restored(path, rows[::-1] if newer_first else rows)
    assert (outcome.jobs, outcome.submissions, outcome.skipped) == (1, 1, 1)
    assert "t1" in outcome.problems[0]
    assert would_submit(path, seen=("b",)) == []


def test_what_a_renamed_job_did_since_is_kept(tmp_path: Path) -> None:
    """Its own later task stays its own."""
    path = tmp_path / "ledger.sqlite3"
    second = attempt(task_id="t2", reason="retry", outcome="submitted", file_id=None)
    outcome = restored(path, [row(), row(id="b", attempts=[attempt(), second], submissions=2, task_id="t2")])
    assert (outcome.jobs, outcome.submissions) == (2, 2)
    assert [one.task_id for one in records(path)["b"].attempts] == ["t2"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
DAMAGE = JSON | st.sampled_from([*State, *Charged, "t1", "t2", ...])
ATTEMPTS = st.lists(
    st.dictionaries(st.sampled_from(list(attempt())), DAMAGE, max_size=4).map(
        lambda changes: attempt(**changes)
    ),
    min_size=1,
    max_size=3,
)
ROWS = st.dictionaries(st.sampled_from([name for name in row() if name != "id"]), DAMAGE, max_size=4)


@settings(deadline=None, max_examples=120)
@given(changes=ROWS, attempts=ATTEMPTS)
def test_no_damage_makes_a_paid_job_a_new_one(
    tmp_path_factory: pytest.TempPathFactory, changes: Row, attempts: list[Row]
) -> None:
    """Whatever is wrong in a row, a job that gives away a task, a charge or a clip is not sent by itself."""
    path = tmp_path_factory.mktemp("restored") / "ledger.sqlite3"
    damaged = {"attempts": attempts, **changes}
    outcome = restored(path, [row(**damaged)])
    assert (outcome.jobs, outcome.skipped) == (1, 0)
    paid = _is_paid(row(**damaged))
    submit = would_submit(path, seen=("a",))
    anew = row(**damaged).get("status") == "pending"
    assert submit == [] or not paid or anew
    if paid:
        assert _known(records(path)["a"].attempts)


def _is_paid(damaged: Row) -> bool:
    """Whether a person would see in the row that something was paid for."""
    return isinstance(damaged.get("task_id"), str) and damaged["task_id"] != ""


def _known(attempts: tuple[Attempt, ...]) -> bool:
    return any(one.charged is not Charged.NO or one.state is State.FAILED for one in attempts)


async def test_a_restored_task_goes_on_to_its_end(desk: Desk, tmp_path: Path) -> None:
    """It is polled, fetched and stored like any other."""
    desk.has("a")
    await desk.accept("a", "t1")
    path = tmp_path / "restored.sqlite3"
    restored(path, manifest(desk))
    again = Desk(path)
    await again.ledger.start_writing()
    (one,) = again.ledger.ask(lambda db: queries.under_way(db, JOB_FILE, ORIGIN))
    placement = await again.store(await again.book.generated(one, Generated(file_id="f1")), clip(1))
    assert placement.file == "videos/a.mp4"
    assert again.statuses() == {"a": "succeeded"}
    await again.ledger.stop_writing()
    again.ledger.close()
