"""What writing a job's five changes down costs, 64 jobs at once, each change flushed to disk before it is answered.

The baseline commits each change by itself.  The bound is the bare group commit: the same thread, queue and
flushes with five trivial changes a job, no rules, no triggers, no indexes.
"""

from __future__ import annotations

import asyncio
import itertools
import queue
import sqlite3
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from batchgen.ledger import Ledger, LedgerBook, Staging, queries
from batchgen.ledger.intending import Account
from batchgen.ledger.spending import Purse
from batchgen.model import Clip, Generated, Job, Order, Request, Source, VideoFacts
from batchgen.settings import Budget, Cap
from benchmarks.frame import Finding

T = TypeVar("T")

AT_ONCE = 64
CHANGES = 5  # intend, accepted, generated, checked, stored
ORIGIN = "https://service.invalid"
JOB_FILE = "../jobs.yaml"
_PRICES = {("MiniMax-Hailuo-2.3", "768P", 6): Decimal(2)}
VIDEO = VideoFacts(width=1366, height=768, seconds=6.0, fps=24.0, codec="avc1")

BUDGETS = {
    "without a budget": Budget(),
    "with prices and three caps": Budget(
        prices=_PRICES,
        total=Cap(cost=Decimal(10**9)),
        per_day=Cap(cost=Decimal(10**9)),
        per_run=Cap(cost=Decimal(10**9)),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a job took, in milliseconds: of the clock, and of the processors."""

    wall: float
    cpu: float


def measure(repeats: int, *, quick: bool) -> Iterator[Finding]:
    """Time a job, and against both ends of what is possible."""
    jobs = 640 if quick else 6400
    bare: list[Cost] = []
    single: list[Cost] = []
    ours: dict[str, list[Cost]] = {name: [] for name in BUDGETS}
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            bare.append(asyncio.run(_bare(Path(folder) / "bare.sqlite3", jobs)))
            single.append(_single(Path(folder) / "single.sqlite3", jobs // 10))
            for name, budget in BUDGETS.items():
                ours[name].append(asyncio.run(_ours(Path(folder) / f"{name}.sqlite3", jobs, budget)))
    for name, taken in ours.items():
        what = f"a job's {CHANGES} changes {name}"
        yield Finding(what=what, measured=[one.wall for one in taken], unit="ms", limit=0.1)
        yield Finding(what=f"{what}, processors", measured=[one.cpu for one in taken], unit="ms")
        yield Finding(what=what, measured=_ratios(taken, single), against="a commit for each change")
        yield Finding(what=what, measured=_ratios(taken, bare), against="the bare group commit")


def _ratios(these: list[Cost], those: list[Cost]) -> list[float]:
    return [this.wall / that.wall for this, that in zip(these, those, strict=True)]


@dataclass(slots=True)
class _Watch:
    """Takes the time of a stretch of work."""

    wall: float = field(default_factory=time.perf_counter)
    cpu: float = field(default_factory=time.process_time)

    def each(self, jobs: int) -> Cost:
        wall, cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu
        return Cost(wall=1000 * wall / jobs, cpu=1000 * cpu / jobs)


# --- the ledger, as the pipeline calls it -----------------------------------------------------------------


async def _ours(path: Path, jobs: int, budget: Budget) -> Cost:
    ledger = filled(path, jobs)
    account = Account(name="default", origin=ORIGIN, key_print="print")
    book = LedgerBook(ledger, account, lambda: datetime.now(UTC), Purse(budget=budget, run=1))
    orders = [order for _, order in ledger.ask(lambda db: queries.orders(db, JOB_FILE, -1, jobs))]
    await ledger.start_writing(reserve=True)
    try:
        cost = await _shared(orders, lambda order: _live(book, order))
    finally:
        await ledger.stop_writing()
        ledger.close()
    return cost


def filled(path: Path, jobs: int) -> Ledger:
    """A ledger with so many jobs waiting."""
    ledger = Ledger.open(path, origin=ORIGIN, now=datetime.now(UTC))
    with Staging() as staging:
        for number in range(jobs):
            staging.add(_job(number))
        for problem in staging.settle(1):
            raise AssertionError(problem)
        ledger.reconcile(staging, JOB_FILE, exists=lambda _: True)
    return ledger


def _job(number: int) -> Job:
    request = Request(prompt=f"A fox walks through the snow, take {number}", duration=6, resolution="768P")
    return Job(
        id=f"fox-{number}",
        explicit_id=True,
        request=request,
        digest=request.digest(),
        source=Source(file="jobs.yaml", line=number + 1),
    )


async def _live(book: LedgerBook, order: Order) -> None:
    """One job's life, as far as the ledger hears of it."""
    submission = await book.intend(order)
    assert submission is not None
    submission = await book.accepted(submission, f"3354927037{order.key}")
    news = Generated(file_id=f"3355606316{order.key}", width=1366, height=768)
    submission = await book.generated(submission, news)
    await book.checked(submission, Clip(bytes=105_000, sha256=f"{order.key:064x}", video=VIDEO))
    await book.stored(submission, [])


async def _shared(work: list[T], one: Callable[[T], Awaitable[None]]) -> Cost:
    """64 workers do it all."""
    left = iter(work)

    async def worker() -> None:
        for item in left:
            await one(item)

    watch = _Watch()
    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
    return watch.each(len(work))


# --- what it is held against ------------------------------------------------------------------------------

_TRIVIAL = "CREATE TABLE changes (key INTEGER PRIMARY KEY, step INTEGER NOT NULL, text TEXT) STRICT"
_FIRST = "INSERT INTO changes VALUES (?, 0, ?)"
_NEXT = "UPDATE changes SET step = step + 1, text = ? WHERE key = ?"


def _connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(_TRIVIAL)
    return connection


def _single(path: Path, jobs: int) -> Cost:
    """Each change is a commit of its own."""
    connection = _connected(path)
    watch = _Watch()
    for key in range(jobs):
        connection.execute(_FIRST, (key, "intend"))
        for _ in range(CHANGES - 1):
            connection.execute(_NEXT, ("and on", key))
    cost = watch.each(jobs)
    connection.close()
    return cost


@dataclass(slots=True)
class _Bare:
    """The least that a group commit can be."""

    connection: sqlite3.Connection
    loop: asyncio.AbstractEventLoop
    changes: queue.SimpleQueue[tuple[str, tuple[object, ...], asyncio.Future[None]] | None]

    async def write(self, sql: str, values: tuple[object, ...]) -> None:
        future = self.loop.create_future()
        self.changes.put((sql, values, future))
        await future

    def serve(self) -> None:
        while (first := self.changes.get()) is not None:
            batch = [first]
            while not self.changes.empty() and (more := self.changes.get()) is not None:
                batch.append(more)
            self.connection.execute("BEGIN IMMEDIATE")
            for sql, values, _ in batch:
                self.connection.execute(sql, values)
            self.connection.execute("COMMIT")
            self.loop.call_soon_threadsafe(_wake, [future for _, _, future in batch])


def _wake(futures: list[asyncio.Future[None]]) -> None:
    for future in futures:
        future.set_result(None)


async def _bare(path: Path, jobs: int) -> Cost:
    """The bare group commit."""
    bare = _Bare(_connected(path), asyncio.get_running_loop(), queue.SimpleQueue())
    thread = threading.Thread(target=bare.serve)
    thread.start()

    async def live(key: int) -> None:
        await bare.write(_FIRST, (key, "intend"))
        for text in itertools.repeat("and on", CHANGES - 1):
            await bare.write(_NEXT, (text, key))

    cost = await _shared(list(range(jobs)), live)
    bare.changes.put(None)
    thread.join()
    bare.connection.close()
    return cost
