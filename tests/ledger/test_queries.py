"""What the ledger is asked: numbers that add up, pages in order, nothing held whole."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from functools import partial

import pytest

from batchgen.ledger import orders, queries
from batchgen.model import Charged, Record, State, Status
from ledger.workshop import BUSY, JOB_FILE, NOON, ORIGIN, Desk, job, reconcile

OTHER = "../other.yaml"


async def test_the_counts_add_up(desk: Desk) -> None:
    """Each job of the file is counted once; what is paid and not on disk elsewhere is told."""
    desk.has("p", "u", "s", "g", "ok", "f", "gone", job("held", "before"))
    await desk.lose("u")
    await desk.accept("s", "t1")
    await desk.generate("g", "t2")
    await desk.deliver("ok", "t3", 3)
    await desk.refuse("f")
    await desk.accept("gone", "t4")
    await desk.accept("held", "t5")
    desk.has("p", "u", "s", "g", "ok", "f", job("held", "after"))
    standing = desk.ledger.ask(lambda db: queries.standing(db, JOB_FILE))
    assert standing.counts == {
        Status.PENDING: 1,
        Status.SUBMITTING: 0,
        Status.UNKNOWN: 1,
        Status.SUBMITTED: 2,
        Status.GENERATED: 1,
        Status.SUCCEEDED: 1,
        Status.FAILED: 1,
    }
    assert (standing.jobs, standing.to_submit, standing.held, standing.dismissed) == (7, 1, 1, 0)
    assert (standing.open_elsewhere, standing.unsettled, standing.missing) == (1, 6, 0)


@pytest.mark.parametrize("jobs", [0, 1, 499, 500, 501, 1000])
async def test_pages_of_records_and_orders_are_complete(desk: Desk, jobs: int) -> None:
    """At every number of jobs around a page's size, each comes once and in order."""
    desk.has(*(f"job-{n}" for n in range(jobs)))
    ids = [f"job-{n}" for n in range(jobs)]
    assert [record.id for record in desk.records()] == ids
    paged, position = [], -1
    while page := desk.ledger.ask(lambda db: queries.orders(db, JOB_FILE, position, 64)):  # noqa: B023  called at once
        paged += [order.id for _, order in page]
        position = page[-1][0]
    assert paged == ids


async def test_records_come_with_the_own_file_first_and_what_left_last(desk: Desk) -> None:
    """In the order of each file."""
    desk.has("z", "gone", "a")
    await desk.accept("gone", "t1")
    reconcile(desk.ledger, [job("o2"), job("o1")], OTHER)
    desk.has("z", "a")

    def ids(job_file: str | None) -> list[str]:
        return [one.id for one in desk.ledger.ask(lambda db: list(queries.records(db, job_file)))]

    assert ids(JOB_FILE) == ["z", "a", "o2", "o1", "gone"]
    assert ids(OTHER) == ["o2", "o1", "z", "a", "gone"]
    assert ids(None) == ["z", "a", "o2", "o1", "gone"]


async def test_what_would_be_submitted_is_counted_by_kind(desk: Desk) -> None:
    """By model, resolution and length, for the plan."""
    desk.has("a", "b", "c")
    await desk.accept("c", "t1")
    kinds = desk.ledger.ask(lambda db: queries.to_submit_by_kind(db, JOB_FILE))
    assert kinds == {("MiniMax-Hailuo-2.3", "768P", 6): 2}


async def test_everything_that_was_paid_is_under_way_until_it_is_on_disk(desk: Desk) -> None:
    """Whatever became of its job: left, settled by a new order, of another job file."""
    desk.has("a", "left", "anew", "done")
    await desk.accept("a", "t1")
    await desk.generate("left", "t2")
    lost = await desk.lose("anew")
    await desk.deliver("done", "t3")
    desk.ledger.change(
        lambda db: orders.order_again(db, ["anew"], failed=False, unknown=True, job_file=JOB_FILE)
    )
    await desk.book.accepted(lost, "t4")
    desk.has("a", "anew", "done")
    way = desk.ledger.ask(lambda db: queries.under_way(db, JOB_FILE, ORIGIN))
    assert [(one.job_id, one.task_id, one.current) for one in way] == [
        ("a", "t1", True),
        ("left", "t2", False),
        ("anew", "t4", False),
    ]
    assert desk.ledger.ask(lambda db: queries.under_way(db, JOB_FILE, "https://elsewhere.example")) == []
    others = desk.ledger.ask(lambda db: queries.open_at_others(db, "https://elsewhere.example"))
    assert others == {ORIGIN: 3}
    assert desk.ledger.ask(lambda db: queries.open_at_others(db, ORIGIN)) == {}


async def test_the_times_of_submissions_are_known(desk: Desk) -> None:
    """Between two moments, those that were not accepted among them, for the pace of the next run."""
    desk.has("a", "b", "c")
    await desk.accept("a", "t1")
    await desk.book.not_accepted(await desk.intend("b"), BUSY)
    await desk.lose("c")

    def sent(origin: str, since: datetime, until: datetime) -> list[datetime]:
        return desk.ledger.ask(lambda db: queries.answered_between(db, origin, since, until))

    times = sent(ORIGIN, NOON, NOON + timedelta(minutes=1))
    assert times == sorted(times)
    assert len(times) == 3
    assert sent(ORIGIN, times[1], times[1]) == [times[1]]
    assert sent("https://elsewhere.example", NOON, NOON + timedelta(minutes=1)) == []


async def test_the_last_certain_answer_is_that_of_the_account(desk: Desk) -> None:
    """Of this service and this key; nothing is known of another."""
    desk.has("a", "b")
    assert desk.ledger.ask(lambda db: queries.last_answer(db, ORIGIN, "print-1")) is None
    await desk.accept("a", "t1")
    await desk.lose("b")
    assert desk.ledger.ask(lambda db: queries.last_answer(db, ORIGIN, "print-1")) == NOON + timedelta(
        seconds=2
    )
    assert desk.ledger.ask(lambda db: queries.last_answer(db, ORIGIN, "print-2")) is None


async def test_every_stored_clip_is_known(desk: Desk) -> None:
    """Those of earlier submissions and of jobs that left among them."""
    desk.has(job("a", "before"), "b")
    await desk.deliver("a", "t1", 1)
    await desk.deliver("b", "t2", 2)
    desk.has(job("a", "after"), regenerate_changed=True)
    await desk.deliver("a", "t3", 3)
    stored = desk.ledger.ask(lambda db: list(queries.stored(db)))
    ids = [
        record.id
        for record in desk.ledger.ask(lambda db: queries.records_of(db, [one.job_key for one in stored]))
    ]
    assert [(id_, one.file, one.bytes, one.missing) for id_, one in zip(ids, stored, strict=True)] == [
        ("a", "superseded/a.1.mp4", 1001, False),
        ("b", "videos/b.mp4", 1002, False),
        ("a", "videos/a.mp4", 1003, False),
    ]


async def test_a_job_is_found_by_its_key_and_its_id(desk: Desk) -> None:
    """The same record; no job, no record."""
    desk.has("Book")
    await desk.refuse("Book", Charged.NO)
    by_key = desk.ledger.ask(lambda db: queries.record(db, 1))
    assert desk.ledger.ask(lambda db: queries.find(db, "bOOK")) == by_key
    assert desk.ledger.ask(lambda db: queries.find(db, "film")) is None


async def test_jobs_come_each_with_its_own_submissions_oldest_first(desk: Desk) -> None:
    """In the order that was asked for, however many they are and however often one is named."""
    desk.has("a", "b", "c")
    await desk.book.not_accepted(await desk.intend("b"), BUSY)
    await desk.accept("c", "t1")
    await desk.refuse("b")

    def told(records: list[Record]) -> list[tuple[str, list[tuple[State, str]]]]:
        return [(one.id, [(tried.state, tried.task_id) for tried in one.attempts]) for one in records]

    tried = {"a": [], "b": [(State.NOT_ACCEPTED, ""), (State.FAILED, "")], "c": [(State.SUBMITTED, "t1")]}
    assert told(desk.records()) == list(tried.items())
    some = told(desk.ledger.ask(lambda db: queries.records_of(db, [3, 1, 2, 3])))
    assert some == [(id_, tried[id_]) for id_ in "cabc"]
    assert desk.ledger.ask(lambda db: queries.records_of(db, [])) == []


@pytest.mark.parametrize("jobs", [1, 60])
async def test_many_jobs_take_no_more_questions_than_one(desk: Desk, jobs: int) -> None:
    """While a run ends many at a time, and reports go through all of them."""
    desk.has(*(f"job-{n}" for n in range(jobs)))
    asked: list[str] = []

    def watched(db: sqlite3.Connection) -> None:
        db.set_trace_callback(asked.append)
        queries.records_of(db, range(1, jobs + 1))
        list(queries.records(db))
        db.set_trace_callback(None)

    desk.ledger.ask(watched)
    assert len(asked) == 2 + 3


async def test_a_submission_keeps_the_request_that_it_was_sent_with(desk: Desk) -> None:
    """Though what most of them sent is what is ordered, and is read once for both."""
    desk.has(job("a", "before"))
    await desk.accept("a", "t1")
    desk.has(job("a", "after"))
    found = desk.record("a")
    assert [found.request["prompt"], *(tried.request["prompt"] for tried in found.attempts)] == [
        "after",
        "before",
    ]


async def test_what_is_under_way_is_found_without_a_walk_through_all_that_was_sent(desk: Desk) -> None:
    """The questions asked at each start go by the index of what is open: a ledger of a million is asked at once."""
    plans: list[str] = []

    def explained(db: sqlite3.Connection, query: str) -> None:
        values = (JOB_FILE,) * query.count("?")
        plans.extend(row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {query}", values))

    asked: list[str] = []
    desk.ledger._reader.set_trace_callback(asked.append)
    desk.ledger.ask(lambda db: queries.under_way(db, JOB_FILE, ORIGIN))
    desk.ledger.ask(lambda db: queries.open_at_others(db, ORIGIN))
    desk.ledger.ask(lambda db: db.execute(queries._OPEN_ELSEWHERE.format(among="1"), (JOB_FILE,)).fetchone())
    desk.ledger._reader.set_trace_callback(None)
    for query in asked:
        desk.ledger.ask(partial(explained, query=query))
    first = [plan for plan in plans if plan.startswith("SCAN")]
    assert len(first) == len(asked) == 3
    assert all(plan.endswith("USING INDEX submissions_open") for plan in first)
