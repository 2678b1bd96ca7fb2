"""One durable transaction for all who wait: shared commits, separate failures, a loop that is never held up."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from batchgen.errors import IllegalTransition, LedgerNotWritable
from batchgen.ledger import Ledger, commit_queue
from batchgen.ledger.changes import one_by_one
from batchgen.ledger.log import Log
from batchgen.ledger.writer import MAX_BATCH
from ledger.workshop import NOON, ORIGIN, Desk, look

Change = Callable[[sqlite3.Connection], object]


class Gate:
    """A change that holds the writer's thread until it is let go, so that others pile up behind it."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.leave = threading.Event()

    def __call__(self, _: sqlite3.Connection) -> None:
        self.entered.set()
        assert self.leave.wait(10)


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    """A ledger that is being written, with a table to write into."""
    ledger = Ledger.open(tmp_path / "ledger.sqlite3", origin=ORIGIN, now=NOON)
    ledger.change(
        lambda db: db.execute("CREATE TABLE notes (n INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT")
    )
    await ledger.start_writing()
    await ledger.write(
        lambda db: db.execute("DELETE FROM notes").rowcount
    )  # the first commit folds the log too
    yield ledger
    await ledger.stop_writing()
    ledger.close()


def note(n: int, text: object = "x") -> Change:
    return lambda db: db.execute("INSERT INTO notes VALUES (?, ?)", (n, text)).rowcount


def notes(ledger: Ledger) -> list[object]:
    return [n for (n,) in look(ledger.path, "SELECT n FROM notes ORDER BY n")]


async def behind_a_gate(ledger: Ledger, changes: list[Change]) -> list[object]:
    """Let these changes wait together, and give each one's result or error."""
    gate = Gate()
    first = asyncio.create_task(ledger.write(gate))
    await asyncio.to_thread(gate.entered.wait, 10)
    waiting = [asyncio.create_task(ledger.write(change)) for change in changes]
    await asyncio.sleep(0)
    gate.leave.set()
    await first
    return await asyncio.gather(*waiting, return_exceptions=True)


def commits(ledger: Ledger) -> list[str]:
    """Every COMMIT from here on is noted in this list."""
    seen: list[str] = []
    ledger._connection.set_trace_callback(lambda sql: seen.append(sql) if sql == "COMMIT" else None)
    return seen


async def test_changes_that_wait_together_share_a_commit(ledger: Ledger) -> None:
    """A hundred changes and the one before them need two commits, and all are on disk."""
    seen = commits(ledger)
    results = await behind_a_gate(ledger, [note(n) for n in range(100)])
    assert results == [1] * 100
    assert len(seen) == 2
    assert notes(ledger) == list(range(100))


async def test_changes_of_one_turn_of_the_loop_share_a_commit(ledger: Ledger) -> None:
    """Also when the turn takes its time: the writer does not begin at the first of them."""
    seen = commits(ledger)
    gate = Gate()
    gate.leave.set()
    begun: list[bool] = []

    async def later() -> None:
        begun.append(gate.entered.wait(0.05))
        await ledger.write(note(1))

    await asyncio.gather(ledger.write(gate), later(), ledger.write(note(2)))
    assert begun == [False]
    assert len(seen) == 1
    assert notes(ledger) == [1, 2]


async def test_a_batch_is_bounded(ledger: Ledger) -> None:
    """However many wait, the first of them does not wait for all others."""
    seen = commits(ledger)
    await behind_a_gate(ledger, [note(n) for n in range(MAX_BATCH + 1)])
    assert len(seen) == 3
    assert len(notes(ledger)) == MAX_BATCH + 1


async def test_changes_are_made_in_the_order_of_their_calls(ledger: Ledger) -> None:
    """The later change sees the earlier one."""
    changes: list[Change] = []
    for n in range(6):
        changes.append(note(n))
        changes.append(lambda db: db.execute("SELECT count(*) FROM notes").fetchone()[0])
    results = await behind_a_gate(ledger, changes)
    assert results[1::2] == [1, 2, 3, 4, 5, 6]


async def test_a_change_that_is_refused_fails_alone(ledger: Ledger) -> None:
    """The database's refusal names itself; its companions are durable."""
    results = await behind_a_gate(ledger, [note(1), note(1), note(2), note(3, None), note(4)])
    assert [type(result) for result in results] == [int, IllegalTransition, int, IllegalTransition, int]
    assert notes(ledger) == [1, 2, 4]


async def test_savepoints_are_paid_for_only_where_one_is_refused(ledger: Ledger) -> None:
    """A batch without a refusal is made with none; one with a refusal is made again, and nothing twice."""
    seen: list[str] = []
    ledger._connection.set_trace_callback(seen.append)
    await behind_a_gate(ledger, [note(1), note(2)])
    assert not [sql for sql in seen if "SAVEPOINT" in sql]
    await behind_a_gate(ledger, [note(3), note(1), note(4)])
    assert len([sql for sql in seen if "SAVEPOINT" in sql]) == 3
    assert notes(ledger) == [1, 2, 3, 4]


async def test_a_change_that_is_refused_halfway_leaves_nothing(ledger: Ledger) -> None:
    """What it did before the refusal is undone."""

    def half(db: sqlite3.Connection) -> None:
        note(1)(db)
        note(1)(db)

    results = await behind_a_gate(ledger, [half, note(2)])
    assert isinstance(results[0], IllegalTransition)
    assert notes(ledger) == [2]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda _: 1 / 0, ZeroDivisionError),
        (lambda db: db.execute("SELECT ?", ()), sqlite3.ProgrammingError),
        (lambda db: db.execute("SELECT ?", (object(),)), sqlite3.ProgrammingError),
        (lambda db: db.execute("SELECT ?", (2**70,)), OverflowError),
        (lambda db: db.execute("SELECT ?", ("\ud800",)), UnicodeEncodeError),
    ],
)
async def test_a_bug_fails_alone_and_as_itself(
    ledger: Ledger, change: Change, error: type[Exception]
) -> None:
    """It does not look like a full disk, for which a run would wait."""
    results = await behind_a_gate(ledger, [note(1), change, note(2)])
    assert [type(result) for result in results] == [int, error, int]
    assert notes(ledger) == [1, 2]


def full(ledger: Ledger, *, is_full: bool) -> None:
    """Fill the disk, as far as SQLite can tell, or make room."""
    pages = ledger._connection.execute("PRAGMA page_count").fetchone()[0]
    ledger._connection.execute(f"PRAGMA max_page_count = {pages if is_full else 2**30}")


async def test_a_full_disk_fails_the_whole_batch_and_the_next_one_works(ledger: Ledger) -> None:
    """Nobody is told that a change is durable when it is not."""
    full(ledger, is_full=True)
    results = await behind_a_gate(ledger, [note(1), note(2, "x" * 100_000), note(3)])
    assert [type(result) for result in results] == [LedgerNotWritable] * 3
    assert len({id(result) for result in results}) == 3
    assert "full" in str(results[0])
    assert notes(ledger) == []
    full(ledger, is_full=False)
    assert await behind_a_gate(ledger, [note(1), note(2, "x" * 100_000), note(3)]) == [1, 1, 1]
    assert notes(ledger) == [1, 2, 3]


class Failing:
    """A connection that fails at one statement, as a broken disk would."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.fails: set[str] = set()

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
        if sql in self.fails:
            raise sqlite3.OperationalError("disk I/O error")
        return self._connection.execute(sql, *values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "fails",
    [{"BEGIN IMMEDIATE"}, {"COMMIT"}, {"SAVEPOINT change"}, {"RELEASE change"}, {"COMMIT", "ROLLBACK"}],
)
async def test_a_disk_that_fails_at_any_statement_fails_the_batch(ledger: Ledger, fails: set[str]) -> None:
    """Also when it refuses to roll back; and when the disk is well again, writing goes on."""
    taken = [note(0), note(1), note(0)]  # the last one is refused, so that each gets a savepoint
    assert ledger._writer is not None
    failing = Failing(ledger._connection)
    ledger._writer._connection = failing  # type: ignore[assignment]
    failing.fails = fails
    results = await asyncio.gather(*map(ledger.write, taken), return_exceptions=True)
    assert [type(result) for result in results] == [LedgerNotWritable] * 3
    failing.fails = set()
    for _ in range(2):  # what could not be rolled back is rolled back by the next failure
        results = await asyncio.gather(*(ledger.write(note(n)) for n in range(3)), return_exceptions=True)
        if results == [1, 1, 1]:
            break
    assert notes(ledger) == [0, 1, 2]


async def test_a_locked_ledger_is_not_writable(ledger: Ledger) -> None:
    """A stranger who holds the database open for writing is told of, and waited for no longer than the timeout."""
    ledger._connection.execute("PRAGMA busy_timeout = 20")
    stranger = sqlite3.connect(ledger.path, isolation_level=None)
    stranger.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerNotWritable, match="locked"):
        await ledger.write(note(1))
    stranger.execute("ROLLBACK")
    stranger.close()
    await ledger.write(note(2))
    assert notes(ledger) == [2]


async def test_a_cancelled_callers_change_is_still_made(ledger: Ledger) -> None:
    """Cancellation is raised at once, and what was handed over reaches the disk."""
    gate = Gate()
    first = asyncio.create_task(ledger.write(gate))
    await asyncio.to_thread(gate.entered.wait, 10)
    second = asyncio.create_task(ledger.write(note(1)))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    assert not gate.leave.is_set()
    gate.leave.set()
    await first
    await ledger.write(note(2))
    assert notes(ledger) == [1, 2]


async def test_stopping_waits_for_what_was_handed_over(ledger: Ledger) -> None:
    """Also for changes whose callers are gone; afterwards nothing is taken."""
    gate = Gate()
    tasks = [asyncio.create_task(ledger.write(change)) for change in (gate, note(1), note(2))]
    await asyncio.sleep(0)
    stopping = asyncio.create_task(ledger.stop_writing())
    await asyncio.to_thread(gate.entered.wait, 10)
    assert not stopping.done()
    gate.leave.set()
    await stopping
    assert notes(ledger) == [1, 2]
    await asyncio.gather(*tasks)
    with pytest.raises(LedgerNotWritable):
        await ledger.write(note(3))


async def test_stopping_in_the_turn_of_a_change_waits_for_it(ledger: Ledger) -> None:
    """What was called before is made, although it was not handed over yet."""
    writing = [asyncio.create_task(ledger.write(note(n))) for n in range(3)]
    await asyncio.create_task(ledger.stop_writing())
    assert notes(ledger) == [0, 1, 2]
    assert await asyncio.gather(*writing) == [1, 1, 1]


async def test_stopping_does_not_linger(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change that waits for company goes at once, also when its caller is gone."""
    monkeypatch.setattr(commit_queue, "LINGER", 1000.0)
    await ledger.write(note(1))
    waiting = asyncio.create_task(ledger.write(note(2)))
    gone = asyncio.create_task(ledger.write(note(3)))
    await asyncio.sleep(0.01)
    gone.cancel()
    assert notes(ledger) == [1]
    await asyncio.wait_for(ledger.stop_writing(), 10)
    assert notes(ledger) == [1, 2, 3]
    assert await waiting == 1


async def test_changes_that_come_apart_share_a_commit(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Right behind a commit, which they need not have come during."""
    monkeypatch.setattr(commit_queue, "LINGER", 0.2)
    seen = commits(ledger)
    await ledger.write(note(0))
    apart = []
    for n in range(1, 6):
        apart.append(asyncio.create_task(ledger.write(note(n))))
        await asyncio.sleep(0.001)
    await asyncio.gather(*apart)
    assert len(seen) == 2
    assert notes(ledger) == list(range(6))


async def test_changes_of_one_kind_are_made_with_one_call(ledger: Ledger) -> None:
    """As far as they come one behind the other; each gets what is its own."""
    calls: list[list[int]] = []

    def double(_: sqlite3.Connection, numbers: Sequence[int]) -> Sequence[int]:
        calls.append(list(numbers))
        return [2 * number for number in numbers]

    changes: list[Awaitable[object]] = [ledger.make(double, n) for n in (1, 2)]
    changes += [ledger.make(one_by_one, note(1)), ledger.make(double, 3)]
    assert await asyncio.gather(*changes) == [2, 4, 1, 6]
    assert calls == [[1, 2], [3]]


async def test_of_one_kind_too_a_change_that_is_refused_fails_alone(ledger: Ledger) -> None:
    """It is found by making each by itself."""

    def write(db: sqlite3.Connection, numbers: Sequence[int]) -> Sequence[int]:
        db.executemany("INSERT INTO notes VALUES (?, 'x')", [(number,) for number in numbers])
        return numbers

    answers = await asyncio.gather(*(ledger.make(write, n) for n in (1, 2, 1, 3)), return_exceptions=True)
    assert [answer if isinstance(answer, int) else type(answer) for answer in answers] == [
        1, 2, IllegalTransition, 3,
    ]  # fmt: skip
    assert notes(ledger) == [1, 2, 3]


async def test_the_loop_is_not_blocked_while_the_disk_works(ledger: Ledger) -> None:
    """A write that hangs in the disk holds up its caller and nobody else."""
    gate = Gate()
    task = asyncio.create_task(ledger.write(gate))
    await asyncio.to_thread(gate.entered.wait, 10)
    for _ in range(100):
        await asyncio.sleep(0)
    assert await ledger.read(lambda db: db.execute("SELECT 1").fetchone()[0]) == 1
    assert not task.done()
    gate.leave.set()
    await task


async def test_a_reader_sees_what_was_acknowledged(desk: Desk) -> None:
    """Reads go by another connection, and never lag behind a write that has returned."""
    desk.has("a")
    for n in range(20):
        await desk.ledger.write(lambda db, n=n: db.execute("UPDATE jobs SET source_line = ?", (n,)))  # type: ignore[misc]
        row = await desk.ledger.read(lambda db: db.execute("SELECT source_line FROM jobs").fetchone())
        assert row[0] == n


def test_a_change_of_its_own_says_whose_fault_it_was(tmp_path: Path) -> None:
    """Refused, misused or not writable: outside a run the same words, and nothing half done."""
    ledger = Ledger.open(tmp_path / "ledger.sqlite3", origin=ORIGIN, now=NOON)
    ledger.change(
        lambda db: db.execute("CREATE TABLE notes (n INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT")
    )

    def twice(db: sqlite3.Connection) -> None:
        note(1)(db)
        note(1)(db)

    with pytest.raises(IllegalTransition):
        ledger.change(twice)
    with pytest.raises(sqlite3.ProgrammingError):
        ledger.change(lambda db: db.execute("SELECT ?", ()))
    full(ledger, is_full=True)
    with pytest.raises(LedgerNotWritable, match=r"ledger\.sqlite3: the ledger can't be written.*full"):
        ledger.change(note(1, "x" * 100_000))
    full(ledger, is_full=False)
    assert ledger.change(note(2)) == 1
    assert notes(ledger) == [2]
    ledger.close()


async def test_a_kind_that_answers_wrongly_harms_nobody_else(ledger: Ledger) -> None:
    """A bug of ours: its own changes hear of it, the others of that moment get their own answers."""

    def forgetful(_: sqlite3.Connection, changes: Sequence[int]) -> Sequence[int]:
        return list(changes)[1:]

    wrong = [ledger.make(forgetful, number) for number in range(3)]
    right = [ledger.write(lambda _, number=number: number) for number in range(3)]  # type: ignore[misc]
    done = await asyncio.wait_for(asyncio.gather(*wrong, *right, return_exceptions=True), 60.0)
    assert [type(one) for one in done[:3]] == [ValueError] * 3
    assert done[3:] == [0, 1, 2]
    assert await ledger.write(lambda _: "on") == "on"


async def test_a_bug_beside_the_changes_is_told_to_all_who_wait(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for ever: it is as if the disk had refused, and what comes next is written."""

    def stumble(_: Log) -> None:
        raise KeyError("missing")

    with monkeypatch.context() as patched:
        patched.setattr(Log, "claim", stumble)
        outcomes = await asyncio.wait_for(
            asyncio.gather(*map(ledger.write, (note(1), note(2))), return_exceptions=True), 10.0
        )
    assert [type(outcome) for outcome in outcomes] == [LedgerNotWritable, LedgerNotWritable]
    assert outcomes[0] is not outcomes[1]
    assert "KeyError('missing')" in str(outcomes[0])
    await ledger.write(note(3))
    assert notes(ledger) == [3]
