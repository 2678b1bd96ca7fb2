"""Which name a clip gets: fixed when first submitted, never another's, never twice."""

from __future__ import annotations

import asyncio

import pytest

from batchgen.ledger import orders, queries
from batchgen.model import Charged, Generated, Placement
from ledger.workshop import BROKE, BUSY, JOB_FILE, LOST, NOON, ORIGIN, Desk, clip, job


def again(desk: Desk, id_: str, *, unknown: bool = False) -> None:
    """The user orders a job again."""
    ordered = desk.ledger.change(
        lambda db: orders.order_again(db, [id_], failed=False, unknown=unknown, job_file=JOB_FILE)
    )
    assert ordered.ids == (id_,)


def files(desk: Desk) -> list[tuple[object, ...]]:
    """Each submission's task and the name of its clip."""
    return desk.look("SELECT task_id, file FROM submissions WHERE file IS NOT NULL ORDER BY key")


async def test_a_clip_is_named_after_its_job(desk: Desk) -> None:
    """In the plain case there is nothing to replace and nothing to keep."""
    desk.has("a")
    assert await desk.deliver("a", "t1") == Placement(file="videos/a.mp4")


async def test_the_name_is_fixed_with_the_first_intent(desk: Desk) -> None:
    """Not before, and it stays when nothing was accepted."""
    desk.has("a", "b")
    assert desk.look("SELECT file FROM jobs ORDER BY position") == [(None,), (None,)]
    await desk.book.not_accepted(await desk.intend("a"), BUSY)
    assert desk.look("SELECT file FROM jobs ORDER BY position") == [("videos/a.mp4",), (None,)]


async def test_a_renamed_job_keeps_its_name_and_the_next_of_that_id_gets_another(desk: Desk) -> None:
    """Also when case is all that differs, and a third time."""
    desk.has(job("a", "one"))
    await desk.deliver("a", "t1")
    desk.has(job("b", "one"))
    desk.has(job("b", "one"), job("A", "two"))
    assert (await desk.deliver("A", "t2", 2)).file == "videos/A~2.mp4"
    desk.has(job("b", "one"), job("c", "two"))
    desk.has(job("b", "one"), job("c", "two"), job("a", "three"))
    assert (await desk.deliver("a", "t3", 3)).file == "videos/a~3.mp4"
    assert {record.id: record.attempts[-1].file for record in desk.records()} == {
        "b": "videos/a.mp4",
        "c": "videos/A~2.mp4",
        "a": "videos/a~3.mp4",
    }


async def test_of_many_at_once_only_the_one_whose_name_is_taken_gets_another(desk: Desk) -> None:
    """A renamed job holds it, among so many names that one statement is for all."""
    await _renamed(desk, "j20", "old")
    ids = [f"j{n}" for n in range(40)]
    desk.has(job("old", "one"), *ids)
    await asyncio.gather(*map(desk.book.intend, desk.orders()))
    taken = [("j20", "videos/j20~2.mp4"), ("old", "videos/j20.mp4")]
    plain = [(id_, f"videos/{id_}.mp4") for id_ in ids if id_ != "j20"]
    assert desk.look("SELECT id, file FROM jobs ORDER BY id") == sorted(plain + taken)


async def _renamed(desk: Desk, before: str, after: str) -> None:
    """A job that had its clip under one id, and has another now."""
    desk.has(job(before, "one"))
    await desk.deliver(before, "t1")
    desk.has(job(after, "one"))


async def test_a_regenerated_clip_takes_the_name_and_the_earlier_one_is_kept(desk: Desk) -> None:
    """The earlier clip alone may be replaced, after it stands under superseded/."""
    desk.has(job("a", "one"))
    await desk.deliver("a", "t1", 1)
    desk.has(job("a", "two"), regenerate_changed=True)
    placement = await desk.deliver("a", "t2", 2)
    assert placement == Placement(file="videos/a.mp4", over=clip(1), keep_key=1, keep_as="superseded/a.1.mp4")
    assert files(desk) == [("t1", "superseded/a.1.mp4"), ("t2", "videos/a.mp4")]
    desk.has(job("a", "three"), regenerate_changed=True)
    assert await desk.deliver("a", "t3", 3) == Placement(
        file="videos/a.mp4", over=clip(2), keep_key=2, keep_as="superseded/a.2.mp4"
    )


async def test_keeping_an_earlier_clip_is_not_asked_twice(desk: Desk) -> None:
    """After a crash between keeping and storing, the earlier clip has its name already."""
    desk.has(job("a", "one"))
    await desk.deliver("a", "t1", 1)
    desk.has(job("a", "two"), regenerate_changed=True)
    second = await desk.generate("a", "t2")
    assert (await desk.book.checked(second, clip(2))).keep_key == 1
    await desk.book.superseded(1, "superseded/a.1.mp4")
    assert await desk.book.checked(second, clip(2)) == Placement(
        file="videos/a.mp4", over=clip(1), keep_key=None, keep_as="superseded/a.1.mp4"
    )


@pytest.mark.parametrize("first_ends_first", [True, False])
async def test_two_submissions_of_a_job_that_both_succeed(desk: Desk, *, first_ends_first: bool) -> None:
    """Both clips are kept, and the newer has the name whichever comes first."""
    desk.has("a")
    lost = await desk.lose("a")
    again(desk, "a", unknown=True)
    newer = await desk.generate("a", "t2")
    older = await desk.book.generated(await desk.book.accepted(lost, "t1"), Generated(file_id="f1"))
    if first_ends_first:
        assert (await desk.store(older, clip(1))).file == "videos/a.mp4"
        assert (await desk.store(newer, clip(2))).keep_key == older.key
    else:
        assert (await desk.store(newer, clip(2))).file == "videos/a.mp4"
        assert await desk.store(older, clip(1)) == Placement(file="superseded/a.1.mp4")
    assert files(desk) == [("t1", "superseded/a.1.mp4"), ("t2", "videos/a.mp4")]
    assert desk.statuses() == {"a": "succeeded"}


async def test_a_restored_clip_goes_where_it_was(desk: Desk) -> None:
    """The current one to its name, an earlier one to superseded/."""
    desk.has(job("a", "one"))
    await desk.deliver("a", "t1", 1)
    desk.has(job("a", "two"), regenerate_changed=True)
    await desk.deliver("a", "t2", 2)
    desk.ledger.change(lambda db: orders.note_missing(db, [1, 2], []))
    assert desk.ledger.change(orders.restore_missing) == 2
    one, two = desk.record("a").attempts
    assert (one.state, two.state) == ("generated", "generated")
    first, second = desk.ledger.ask(lambda db: queries.under_way(db, JOB_FILE, ORIGIN))
    assert (first.checked, second.checked) == (clip(1), clip(2))
    assert (await desk.store(second, clip(2))).file == "videos/a.mp4"
    assert (await desk.store(first, clip(1))).file == "superseded/a.1.mp4"
    assert desk.look("SELECT state, missing FROM submissions") == [("succeeded", 0), ("succeeded", 0)]


async def test_a_clip_that_was_lost_before_it_was_stored_has_no_name(desk: Desk) -> None:
    """Checked but never stored, then gone for good: the clip before it still is the one that may be replaced."""
    desk.has(job("a", "one"))
    await desk.deliver("a", "t1", 1)
    desk.has(job("a", "two"), regenerate_changed=True)
    second = await desk.generate("a", "t2")
    await desk.book.checked(second, clip(2))
    await desk.book.superseded(1, "superseded/a.1.mp4")
    await desk.book.failed(second, BROKE, Charged.YES)
    again(desk, "a")
    placement = await desk.book.checked(await desk.generate("a", "t3"), clip(3))
    assert (placement.over, placement.keep_key) == (clip(1), None)


async def test_a_late_answer_keeps_the_name_of_its_job(desk: Desk) -> None:
    """Adopted tasks are stored like others."""
    desk.has("a")
    submission = await desk.intend("a")
    await desk.book.lost(submission, LOST)
    desk.ledger.change(lambda db: orders.adopt(db, "a", "t1", NOON))
    generated = await desk.book.generated(submission, Generated(file_id="f1"))
    assert (await desk.store(generated, clip(1))).file == "videos/a.mp4"
