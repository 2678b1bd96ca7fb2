"""The budget in the ledger: reserved in the intent's transaction, whoever else writes and whatever crashes."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from ledger.workshop import ACCOUNT, BROKE, BUSY, LOST, NOON, ORIGIN, SENSITIVE, Desk, clip, job

from batchgen.budget import Spent
from batchgen.errors import BudgetReached
from batchgen.ledger import Ledger, LedgerBook, orders
from batchgen.ledger.spending import Purse, begin_run, spent_where
from batchgen.model import Charged, Generated, Request, Submission
from batchgen.settings import Budget, Cap

KIND = ("MiniMax-Hailuo-2.3", "768P", 6)
PRICES = {KIND: Decimal("2.00")}


def budget(*, cost: str | None = None, clips: int | None = None, free: bool = False) -> Budget:
    """A cap over all runs."""
    total = Cap(cost=None if cost is None else Decimal(cost), clips=clips)
    return Budget(prices=PRICES, total=total, failed_clips_are_free=free)


def with_budget(desk: Desk, cap: Budget, run: int = 1) -> None:
    """The desk's book spends from this budget."""
    desk.book = LedgerBook(desk.ledger, ACCOUNT, desk.now, Purse(budget=cap, run=run))


def spent(desk: Desk, cap: Budget) -> Spent:
    return desk.ledger.ask(lambda db: spent_where(db, cap))


async def test_two_books_on_one_ledger_spend_from_one_cap(desk: Desk) -> None:
    """Forty workers of two runs ask at once: exactly as many are let through as the cap has room for."""
    ids = [f"j{n}" for n in range(40)]
    desk.has(*ids)
    pending = {order.id: order for order in desk.orders()}
    async with AsyncExitStack() as stack:
        other = Ledger.open(desk.path, origin=ORIGIN, now=NOON)
        stack.callback(other.close)
        await other.start_writing()
        stack.push_async_callback(other.stop_writing)
        books = [
            LedgerBook(ledger, ACCOUNT, desk.now, Purse(budget=budget(cost="14.00"), run=run))
            for run, ledger in enumerate((desk.ledger, other))
        ]
        asked = [books[n % 2].intend(pending[id_]) for n, id_ in enumerate(ids)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(answer, BudgetReached) for answer in answers) == 33
    assert spent(desk, budget()) == Spent(cost=Decimal("14.00"), clips=7)


async def test_an_intent_counts_also_after_a_crash(desk: Desk) -> None:
    """The run died between the intent and the answer: the next one has no room for another."""
    desk.has("a", "b")
    with_budget(desk, budget(clips=1))
    await desk.intend("a")
    await desk.ledger.stop_writing()
    desk.ledger.close()
    desk.open()
    await desk.ledger.start_writing()
    assert desk.ledger.change(orders.interrupted) == ["a"]
    with_budget(desk, budget(clips=1), run=2)
    with pytest.raises(BudgetReached, match="1 of 1 clips"):
        await desk.intend("b")
    assert desk.statuses() == {"a": "unknown", "b": "pending"}


async def test_a_refused_intent_leaves_nothing_behind(desk: Desk) -> None:
    """Past the cap the ledger is as it was: no submission, no name, nothing counted."""
    desk.has("a")
    with_budget(desk, budget(cost="1.99"))
    before = desk.look("SELECT * FROM jobs")
    with pytest.raises(BudgetReached, match=r"0 CNY of 1.99 CNY .* next clip costs 2 CNY"):
        await desk.intend("a")
    assert desk.look("SELECT * FROM jobs") == before
    assert desk.look("SELECT (SELECT count(*) FROM submissions), (SELECT count(*) FROM spent)") == [(0, 0)]


Step = Callable[[LedgerBook, Submission], Awaitable[object]]

STEPS: dict[str, Step] = {
    "not accepted": lambda book, one: book.not_accepted(one, BUSY),
    "refused for nothing": lambda book, one: book.refused(one, SENSITIVE, Charged.NO),
    "refused perhaps": lambda book, one: book.refused(one, SENSITIVE, Charged.PERHAPS),
    "lost": lambda book, one: book.lost(one, LOST),
    "accepted": lambda book, one: book.accepted(one, "t"),
    "generated": lambda book, one: book.generated(one, Generated(file_id="f")),
    "failed": lambda book, one: book.failed(one, BROKE, Charged.PERHAPS),
    "failed for nothing": lambda book, one: book.failed(one, BROKE, Charged.NO),
    "checked": lambda book, one: book.checked(one, clip(1)),
    "stored": lambda book, one: book.stored(one, []),
}

OUTCOMES: list[tuple[str, int, int]] = [  # how it went; clips that count; likewise when failed ones are free
    ("", 1, 1),
    ("not accepted", 0, 0),
    ("refused for nothing", 0, 0),
    ("refused perhaps", 1, 0),
    ("lost", 1, 1),
    ("lost, refused for nothing", 0, 0),
    ("lost, not accepted", 0, 0),
    ("lost, accepted", 1, 1),
    ("accepted", 1, 1),
    ("accepted, generated", 1, 1),
    ("accepted, failed", 1, 0),
    ("accepted, failed for nothing", 0, 0),
    ("accepted, generated, checked, stored", 1, 1),
    ("accepted, generated, failed", 1, 0),
]


@pytest.mark.parametrize(("how", "counted", "when_free"), OUTCOMES)
async def test_what_counts_as_spent(desk: Desk, how: str, counted: int, when_free: int) -> None:
    """From the intent until it is proven to have cost nothing; the room that is given back can be used."""
    desk.has("a", "b")
    with_budget(desk, budget(clips=1))
    submission = await desk.intend("a")
    for step in filter(None, how.split(", ")):
        await STEPS[step](desk.book, submission)
    assert spent(desk, budget()).clips == counted
    assert spent(desk, budget()).cost == counted * 2
    assert spent(desk, budget(free=True)).clips == when_free
    with_budget(desk, budget(cost="2"))
    if counted:
        with pytest.raises(BudgetReached):
            await desk.intend("b")
    else:
        await desk.intend("b")


async def test_runs_are_counted_apart(desk: Desk) -> None:
    """Each run has a number of its own, also when nothing was sent in one; caps of a run see that run alone."""
    desk.has(*(f"j{n}" for n in range(6)))
    per_run = Budget(prices=PRICES, per_run=Cap(clips=2))
    numbers = [desk.ledger.change(begin_run) for _ in range(3)]
    assert numbers == [1, 2, 3]
    for run, ids in zip(numbers, (["j0", "j1"], [], ["j2", "j3"]), strict=True):
        with_budget(desk, per_run, run)
        for id_ in ids:
            await desk.intend(id_)
    with pytest.raises(BudgetReached, match="budget of this run"):
        await desk.intend("j4")


# --- the user's day -------------------------------------------------------------------------------------


async def test_intents_of_one_commit_spend_what_is_left(desk: Desk) -> None:
    """A cheap one and dear ones: each sees what those before it have cost, and is noted at its own price."""
    dear = Request(prompt="dear", duration=10)
    desk.has("j0", *(replace(job(f"j{n}"), request=dear) for n in range(1, 11)))
    prices = {**PRICES, ("MiniMax-Hailuo-2.3", "768P", 10): Decimal("5.00")}
    with_budget(desk, Budget(prices=prices, total=Cap(cost=Decimal("49.00"))))
    answers = await asyncio.gather(*map(desk.book.intend, desk.orders()), return_exceptions=True)
    assert [type(answer) for answer in answers] == [Submission] * 10 + [BudgetReached]
    assert desk.look("SELECT price, count(*) FROM submissions GROUP BY price") == [
        (2_000_000, 1),
        (5_000_000, 9),
    ]


async def test_a_commit_that_spans_midnight_counts_for_both_days(desk: Desk) -> None:
    """The caps of a day see the intents of that day alone."""
    days = [NOON, NOON + timedelta(days=1)]
    desk.has(*(f"j{n}" for n in range(4)))
    moments = iter([days[0], days[0], days[1], days[1]])
    per_day = Budget(prices=PRICES, per_day=Cap(clips=3))
    desk.book = LedgerBook(desk.ledger, ACCOUNT, lambda: next(moments), Purse(budget=per_day, run=1))
    seen: list[str] = []
    desk.ledger._connection.set_trace_callback(seen.append)
    await asyncio.gather(*map(desk.book.intend, desk.orders()))
    assert not [sql for sql in seen if "SAVEPOINT" in sql]  # nobody was refused, and had to be made again
    counted = desk.look("SELECT day, clips FROM spent ORDER BY day")
    assert counted == [(day.astimezone().date().isoformat(), 2) for day in days]


@pytest.fixture
def shanghai(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Eight hours ahead of UTC, whatever the machine's own zone."""
    yield from in_zone(monkeypatch, "CST-8")


@pytest.fixture
def delhi(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Five and a half hours ahead of UTC."""
    yield from in_zone(monkeypatch, "IST-5:30")


def in_zone(monkeypatch: pytest.MonkeyPatch, zone: str) -> Iterator[None]:
    before = os.environ.get("TZ")
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    yield
    monkeypatch.undo()
    assert os.environ.get("TZ") == before
    time.tzset()


async def test_a_day_may_end_within_an_hour_of_utc(desk: Desk, delhi: None) -> None:  # noqa: ARG001  a setting
    """Some zones are half an hour apart from the others."""
    desk.has("a", "b")
    moments = iter([datetime(2026, 7, 1, 18, minute, 59, tzinfo=UTC) for minute in (29, 30)])
    desk.book = LedgerBook(desk.ledger, ACCOUNT, lambda: next(moments))
    await desk.intend("a")
    await desk.intend("b")
    assert desk.look("SELECT day FROM submissions ORDER BY key") == [("2026-07-01",), ("2026-07-02",)]


async def test_the_day_ends_at_local_midnight(desk: Desk, shanghai: None) -> None:  # noqa: ARG001  a setting
    """One clip a day: used at 23:59, there again at 0:00, which is the same day in UTC; and again after its end."""
    desk.has("a", "b", "c")
    per_day = Budget(prices=PRICES, per_day=Cap(cost=Decimal(2)))
    moment = datetime(2026, 7, 1, 15, 59, 59, tzinfo=UTC)
    desk.book = LedgerBook(desk.ledger, ACCOUNT, lambda: moment, Purse(budget=per_day, run=1))
    await desk.intend("a")
    with pytest.raises(BudgetReached, match="budget of this day"):
        await desk.intend("b")
    moment = datetime(2026, 7, 1, 16, 0, 0, tzinfo=UTC)
    await desk.lose("b")
    with pytest.raises(BudgetReached):
        await desk.intend("c")
    moment = datetime(2026, 7, 2, 16, 0, 0, tzinfo=UTC)
    await desk.intend("c")
    assert desk.look("SELECT day FROM submissions ORDER BY key") == [
        ("2026-07-01",),
        ("2026-07-02",),
        ("2026-07-03",),
    ]


async def test_what_comes_back_after_midnight_is_yesterdays(desk: Desk, shanghai: None) -> None:  # noqa: ARG001  a setting
    """What proves to be free was reserved from yesterday's money."""
    desk.has("a", "b")
    per_day = Budget(prices=PRICES, per_day=Cap(clips=1))
    moment = datetime(2026, 7, 1, 15, 59, 59, tzinfo=UTC)
    desk.book = LedgerBook(desk.ledger, ACCOUNT, lambda: moment, Purse(budget=per_day, run=1))
    submission = await desk.intend("a")
    moment = datetime(2026, 7, 1, 16, 0, 1, tzinfo=UTC)
    await desk.intend("b")
    await desk.book.lost(submission, LOST)
    await desk.book.not_accepted(submission, BUSY)
    assert desk.look("SELECT day, clips FROM spent ORDER BY day") == [("2026-07-01", 0), ("2026-07-02", 1)]
    with pytest.raises(BudgetReached):
        await desk.intend("a")


def test_a_ledger_that_is_new_has_spent_nothing(tmp_path: Path) -> None:
    """Zero of each, not nothing."""
    ledger = Ledger.open(tmp_path / "ledger.sqlite3", origin=ORIGIN, now=NOON)
    assert ledger.ask(lambda db: spent_where(db, budget())) == Spent(cost=Decimal(0), clips=0)
    ledger.close()
