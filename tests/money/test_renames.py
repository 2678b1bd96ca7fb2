"""What was paid for goes with its request, whatever happens to the names in one edit."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger.workshop import BUSY, Desk, job, reconcile

from batchgen.ledger import queries
from batchgen.ledger.renaming import Idle, Wanted, assign
from batchgen.model import Charged

Names = dict[str, str]  # id -> prompt
OTHER = "../other.yaml"


def has(desk: Desk, names: Names) -> None:
    desk.has(*(job(id_, prompt) for id_, prompt in names.items()), accept_new=True)


async def paid(desk: Desk, names: Names) -> None:
    """A file of these jobs, each delivered; the task is named after what it was made from."""
    has(desk, names)
    for number, (id_, prompt) in enumerate(names.items()):
        await desk.deliver(id_, f"{prompt} {id_}", number)


def tasks(desk: Desk) -> dict[str, str | None]:
    """By job in the file, the task of its newest submission."""
    return {
        record.id: record.newest.task_id if record.newest else None
        for record in desk.records()
        if record.in_job_file
    }


EDITS = [
    # a clip keeps its name, and a new take gets the old one
    ({"a": "P"}, {"a-old": "P", "a": "Q"}, {"a-old": "P a", "a": None}),
    # two swap their names
    ({"a": "P", "b": "Q"}, {"a": "Q", "b": "P"}, {"a": "Q b", "b": "P a"}),
    # three in a round
    ({"a": "P", "b": "Q", "c": "R"}, {"a": "Q", "b": "R", "c": "P"}, {"a": "Q b", "b": "R c", "c": "P a"}),
    # two rounds at once
    (
        {"a": "P", "b": "Q", "c": "R", "d": "S"},
        {"a": "Q", "b": "P", "c": "S", "d": "R"},
        {"a": "Q b", "b": "P a", "c": "S d", "d": "R c"},
    ),
    # a scene is put before the others of a numbered list
    (
        {"s1": "P", "s2": "Q", "s3": "R"},
        {"s1": "N", "s2": "P", "s3": "Q", "s4": "R"},
        {"s1": None, "s2": "P s1", "s3": "Q s2", "s4": "R s3"},
    ),
    # the first scene is cut, and the others move up
    ({"s1": "P", "s2": "Q", "s3": "R"}, {"s1": "Q", "s2": "R"}, {"s1": "Q s2", "s2": "R s3"}),
    # the first is cut, another added at the end
    (
        {"s1": "P", "s2": "Q", "s3": "R"},
        {"s1": "Q", "s2": "R", "s3": "N"},
        {"s1": "P s1", "s2": "Q s2", "s3": "R s3"},
    ),
    # a swap through a third name
    ({"a": "P", "b": "Q"}, {"b": "P", "c": "Q"}, {"b": "P a", "c": "Q b"}),
    # equal requests: as many clips as there were, in their order
    ({"a": "P", "b": "P"}, {"x": "P", "y": "P", "z": "P"}, {"x": "P a", "y": "P b", "z": None}),
    ({"a": "P", "b": "P", "c": "Q"}, {"a": "Q", "b": "P", "c": "P"}, {"a": "Q c", "b": "P b", "c": "P a"}),
    ({"a": "P", "b": "P"}, {"a": "Q", "b": "P", "c": "P"}, {"a": None, "b": "P b", "c": "P a"}),
]


@pytest.mark.parametrize(("before", "after", "expected"), EDITS)
async def test_a_clip_goes_with_its_request(
    desk: Desk, before: Names, after: Names, expected: dict[str, str | None]
) -> None:
    """Names are moved, swapped and shifted in one edit: whoever asks for a request has the clip made from it.

    Where an id would have to give its paid clip up for nothing, it is held instead.
    """
    await paid(desk, before)
    has(desk, after)
    assert tasks(desk) == expected
    assert [order.id for order in desk.orders()] == [id_ for id_, task in expected.items() if task is None]
    held = {record.id for record in desk.records() if record.changed}
    assert held == {id_ for id_, task in expected.items() if task and not task.startswith(after[id_])}
    has(desk, after)
    assert tasks(desk) == expected, "the same file once more changes nothing"
    has(desk, before)
    assert desk.orders() == [], "and everything goes back for nothing"
    assert Counter(tasks(desk).values()) == Counter(f"{prompt} {id_}" for id_, prompt in before.items())


async def test_a_paid_clip_takes_the_place_of_a_job_that_was_never_sent(desk: Desk) -> None:
    """A list that was not finished is shifted: what has no clip gives way, what the service refused is kept."""
    has(desk, {"s1": "P", "s2": "Q", "s3": "R"})
    await desk.deliver("s1", "t1")
    await desk.book.not_accepted(await desk.intend("s2"), BUSY)
    has(desk, {"s1": "N", "s2": "P", "s3": "Q", "s4": "R"})
    assert tasks(desk) == {"s1": None, "s2": "t1", "s3": None, "s4": None}
    assert [order.id for order in desk.orders()] == ["s1", "s3", "s4"]
    assert desk.look("SELECT count(*) FROM submissions") == [(2,)]
    assert [record.id for record in desk.records()] == ["s1", "s2", "s3", "s4"]
    await desk.deliver("s1", "t2", 2)
    assert len(desk.look("SELECT file FROM submissions WHERE state = 'succeeded' GROUP BY file")) == 2


async def test_one_of_two_equal_jobs_leaves(desk: Desk) -> None:
    """One clip is wanted and one is paid for, whichever of the names stays."""
    has(desk, {"a": "P", "b": "P"})
    await desk.deliver("a", "t1")
    has(desk, {"b": "P"})
    assert (tasks(desk), desk.orders()) == ({"b": "t1"}, [])


async def test_what_is_under_way_or_unknown_moves_as_well(desk: Desk) -> None:
    """It is paid for, or may be; what it comes to goes to the name that asks for it now."""
    has(desk, {"a": "P", "b": "Q", "c": "R"})
    submission = await desk.accept("a", "t1")
    await desk.lose("b")
    await desk.refuse("c", Charged.PERHAPS)
    has(desk, {"a": "R", "b": "P", "c": "Q"})
    assert desk.statuses() == {"a": "failed", "b": "submitted", "c": "unknown"}
    assert submission.key == desk.record("b").attempts[0].key
    assert desk.orders() == []


async def test_a_request_let_go_is_taken_back_by_another_name(desk: Desk) -> None:
    """The new take of ``a`` was ordered and not yet sent: its clip goes to whoever asks for it."""
    await paid(desk, {"a": "P"})
    desk.has(job("a", "Q"), regenerate_changed=True)
    has(desk, {"a": "Q", "first": "P"})
    assert tasks(desk) == {"a": None, "first": "P a"}
    assert [order.id for order in desk.orders()] == ["a"]


async def test_another_job_file_keeps_what_is_its_own(desk: Desk) -> None:
    """It shares the folder and its jobs ask for the same: this file's new names take nothing from it."""
    reconcile(desk.ledger, [job("x", "P"), job("y", "Q")], OTHER)
    for number, (_, order) in enumerate(desk.ledger.ask(lambda db: queries.orders(db, OTHER, -1, 1))):
        submission = await desk.book.intend(order)
        assert submission is not None
        await desk.book.accepted(submission, f"x{number}")
    desk.has(job("a", "P"), job("b", "R"))
    await desk.deliver("a", "t1")
    before = desk.look(f"SELECT * FROM standing WHERE job_file = '{OTHER}'")  # noqa: S608  our own text
    for names in ({"a": "Q", "c": "P"}, {"c": "Q", "d": "P"}, {"p": "P", "q": "Q", "r": "P"}, {}):
        has(desk, names)
        assert desk.look(f"SELECT * FROM standing WHERE job_file = '{OTHER}'") == before  # noqa: S608  likewise
    reconcile(desk.ledger, [job("x", "Q"), job("y", "P"), job("z", "P")], OTHER)
    assert desk.look("SELECT id, task_id FROM submissions AS s JOIN jobs AS j ON j.key = s.job") == [
        ("y", "x0"),
        ("z", "t1"),
    ], "what has left every file is free for all"


# --- any edit -------------------------------------------------------------------------------------------

FILES = st.dictionaries(
    st.sampled_from([f"s{n}" for n in range(6)]), st.sampled_from(["P", "Q", "R", "S"]), max_size=6
)
SENT = st.sets(st.integers(0, 5))


@settings(max_examples=40)
@given(before=FILES, sent=SENT, refused=SENT, after=st.lists(FILES, min_size=1, max_size=3))
def test_no_request_is_paid_for_while_its_clip_lies_idle(
    before: Names, sent: set[int], refused: set[int], after: list[Names]
) -> None:
    """After any edits: nothing is submitted that a held job, or one that left, was paid for; nothing is lost."""
    with tempfile.TemporaryDirectory(prefix="batchgen-test-") as folder:
        desk = Desk(Path(folder) / "ledger.sqlite3")
        try:
            asyncio.run(_edit(desk, before, sent, refused, after))
        finally:
            desk.ledger.close()


async def _edit(desk: Desk, before: Names, sent: set[int], refused: set[int], after: list[Names]) -> None:
    await desk.ledger.start_writing()
    has(desk, before)
    for number, id_ in enumerate(before):
        if number in refused:
            await desk.book.not_accepted(await desk.intend(id_), BUSY)
        if number in sent:
            await desk.deliver(id_, f"t{number}", number)
    submissions = desk.look("SELECT key, request FROM submissions ORDER BY key")
    for names in after:
        has(desk, names)
        records = desk.records()
        assert {one.id: one.prompt for one in records if one.in_job_file} == names
        idle = {
            str(one.newest.request["prompt"])
            for one in records
            if one.newest and (one.changed or not one.in_job_file)
        }
        assert idle.isdisjoint(order.request.prompt for order in desk.orders())
        settled = [one for one in records if one.in_job_file and one.newest and not one.changed]
        assert all(one.newest and one.newest.request["prompt"] == one.prompt for one in settled)
    assert desk.look("SELECT key, request FROM submissions ORDER BY key") == submissions
    assert len(desk.look("SELECT DISTINCT job FROM submissions WHERE state = 'succeeded'")) == len(
        sent & set(range(len(before)))
    )
    await desk.ledger.stop_writing()


def test_a_long_list_is_shifted_at_once() -> None:
    """Ten thousand names moved by one, and as many in one round: each is looked at once."""
    many = 10_000
    idle = [Idle(key=n, digest=f"p{n}", id_folded=f"s{n}", left=False) for n in range(many)]
    shifted = [Wanted(id_folded=f"s{n + 1}", digest=f"p{n}", held=n + 1 < many) for n in range(many)]
    assert assign(shifted, idle) == {n: f"s{n + 1}" for n in range(many)}
    turned = [Wanted(id_folded=f"s{(n + 1) % many}", digest=f"p{n}", held=True) for n in range(many)]
    assert assign(turned, idle) == {n: f"s{(n + 1) % many}" for n in range(many)}
