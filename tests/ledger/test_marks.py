"""A job file that is still the same need not be read: the mark stands only while the ledger has its jobs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from batchgen.errors import Braked
from batchgen.ledger.marks import has_mark, seems_marked
from ledger.workshop import JOB_FILE, Desk, job, stage

OTHER = "../other.yaml"


def bring(
    desk: Desk,
    *ids: str,
    mark: str | None = None,
    job_file: str = JOB_FILE,
    exists: Callable[[str], bool] = lambda _: True,
) -> None:
    """The job file has these jobs, and this mark."""
    staging, _ = stage(map(job, ids))
    with staging:
        desk.ledger.reconcile(staging, job_file, exists=exists, mark=mark)


def marked(desk: Desk, mark: str, job_file: str = JOB_FILE) -> bool:
    """Whether the file with this mark need not be read."""
    return desk.ledger.ask(lambda db: has_mark(db, job_file, mark))


def test_a_mark_stands_until_other_jobs_come(desk: Desk) -> None:
    """Each reading replaces it, one without a mark takes it away; each job file has its own."""
    bring(desk, "a", mark="one")
    bring(desk, "x", mark="theirs", job_file=OTHER)
    assert marked(desk, "one")
    assert not marked(desk, "two")
    bring(desk, "a", "b", mark="two")
    assert [marked(desk, mark) for mark in ("one", "two")] == [False, True]
    bring(desk, "a")
    assert not marked(desk, "two")
    assert marked(desk, "theirs", OTHER)


def test_jobs_that_come_from_a_file_that_is_gone_take_the_marks_away(desk: Desk) -> None:
    """Also when the brake then stops the run: they are this file's now, and are not in it."""
    bring(desk, *(f"a{n}" for n in range(20)), mark="one", job_file=OTHER)
    bring(desk, "b", mark="two")
    desk.ledger.change(
        lambda db: db.execute(
            "INSERT INTO submissions (job, state, reason, account, origin, key_print, request, digest, intended_at,"
            " charged, day) SELECT key, 'submitting', 'first', '', '', '', request, digest, '', 'perhaps', ''"
            " FROM jobs WHERE job_file = ?",
            (OTHER,),
        )
    )
    assert not desk.ledger.carry_on(JOB_FILE, "two", exists=lambda _: False)
    with pytest.raises(Braked):
        bring(desk, "b", *(f"c{n}" for n in range(20)), mark="three", exists=lambda _: False)
    assert [marked(desk, mark) for mark in ("one", "two", "three")] == [False] * 3
    assert not marked(desk, "one", OTHER)


async def test_carrying_on_still_holds_what_was_edited(desk: Desk) -> None:
    """Which jobs are held goes by what has become of their submissions, also when the file is the same."""
    desk.has("a")
    await desk.deliver("a", "t1")
    staging, _ = stage([job("a", "edited")])
    with staging:
        desk.ledger.reconcile(staging, JOB_FILE, exists=lambda _: True, mark="one")
    desk.ledger.change(lambda db: db.execute("UPDATE jobs SET changed = 0"))
    assert desk.ledger.carry_on(JOB_FILE, "one", exists=lambda _: True)
    assert desk.statuses() == {"a": "succeeded held"}
    assert not desk.ledger.carry_on(JOB_FILE, "two", exists=lambda _: True)


async def test_a_closed_ledger_is_asked_without_a_trace(desk: Desk, tmp_path: Path) -> None:
    """Nothing is made beside it, and one that is missing or none at all gives no mark."""
    bring(desk, "a", mark="one")
    await desk.ledger.start_writing()
    await desk.ledger.write(lambda db: db.execute("UPDATE jobs SET source_line = 2"))
    assert seems_marked(desk.path, JOB_FILE, "one")
    await desk.ledger.stop_writing()
    desk.ledger.close()
    before = sorted(desk.path.parent.iterdir())
    assert seems_marked(desk.path, JOB_FILE, "one")
    assert not seems_marked(desk.path, JOB_FILE, "two")
    assert sorted(desk.path.parent.iterdir()) == before
    assert not seems_marked(tmp_path / "none.sqlite3", JOB_FILE, "one")
    (tmp_path / "text.sqlite3").write_text("no database")
    assert not seems_marked(tmp_path / "text.sqlite3", JOB_FILE, "one")
    desk.open()
