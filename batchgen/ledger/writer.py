"""Group commit: one thread writes, and all who wait at that moment share one durable transaction.

SQLite with ``synchronous=FULL`` pays for a flush of the disk with each commit, so changes come to the writer in
company.  A change that the database refuses fails alone, one that can't reach the disk fails with all of its
companions.  Refusals are rare and savepoints are not free, so a batch is tried without any; where one change fails,
all are undone and made again, each under a savepoint of its own.

When the disk is full the changes that begin something, and may wait, fail; those that say what has happened are
tried again on the reserve.
"""

from __future__ import annotations

import asyncio
import itertools
import operator
import queue
import sqlite3
import threading
from typing import Any, TypeAlias, TypeVar

from batchgen.errors import IllegalTransition, LedgerNotWritable
from batchgen.ledger.anchor import Anchor
from batchgen.ledger.changes import Kind
from batchgen.ledger.commit_queue import CommitQueue
from batchgen.ledger.log import Log
from batchgen.ledger.refusals import lacks_room
from batchgen.ledger.reserve import Reserve
from batchgen.ledger.transaction import MISUSE, roll_back

T = TypeVar("T")
V = TypeVar("V")

#: Changes in one transaction at the most, so that the first of them never waits for very many others.
MAX_BATCH = 512


#: A change that waits: of which kind (each takes and gives its own), about what, may it wait, and who waits for it.
#: A plain tuple, as one is made for each change.
_Waiting: TypeAlias = tuple[Kind[Any, Any], object, bool, asyncio.Future[Any]]

_kind_of = operator.itemgetter(0)
_may_wait = operator.itemgetter(2)


class GroupWriter:
    """Runs changes on a connection of its own thread; each call returns when its change is on disk."""

    def __init__(self, connection: sqlite3.Connection, anchor: Anchor, log: Log, reserve: Reserve) -> None:
        self._connection = connection
        self._anchor, self._log, self._reserve = anchor, log, reserve
        self._queue: queue.SimpleQueue[list[_Waiting] | None] = queue.SimpleQueue()
        self._commits = CommitQueue(self._queue.put)
        self._thread = threading.Thread(target=self._serve, name="batchgen-ledger", daemon=True)
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._thread.start()

    def do(
        self, kind: Kind[V, T], about: V, *, may_wait: bool = False, urgent: bool = False
    ) -> asyncio.Future[T]:
        """Make one change durable.  Once called it is made, also when the caller is cancelled meanwhile.

        ``may_wait``: nothing has happened yet that it would have to say; it is never written with the last room.
        ``urgent``: it waits for no company.  The future fails with IllegalTransition when the database refuses it,
        with LedgerNotWritable when it can't be made durable.
        """
        if self._closed:
            raise LedgerNotWritable("the ledger is closed")
        future: asyncio.Future[T] = self._loop.create_future()
        self._commits.join((kind, about, may_wait, future), urgent=urgent)
        return future

    async def close(self) -> None:
        """Let what has come reach the disk, then end the thread."""
        if not self._closed:
            self._closed = True
            self._commits.go()
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)

    def _serve(self) -> None:
        while (changes := self._queue.get()) is not None:
            for start in range(0, len(changes), MAX_BATCH):
                batch = changes[start : start + MAX_BATCH]
                outcomes = self._outcomes(batch)
                self._loop.call_soon_threadsafe(self._deliver, batch, outcomes)

    def _deliver(self, batch: list[_Waiting], outcomes: list[object]) -> None:
        """Tell everybody who still waits; one call on the loop for all of them."""
        for (_, _, _, future), outcome in zip(batch, outcomes, strict=True):
            if future.done():
                continue
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
                future.exception()  # seen: a caller that is cancelled at this moment asks for it no more
            else:
                future.set_result(outcome)
        self._commits.answered(len(batch))

    def _outcomes(self, batch: list[_Waiting]) -> list[object]:
        """As ``_commit``; what it did not foresee is told to all who wait, who would wait for ever otherwise."""
        try:
            return self._commit(batch)
        except Exception as error:
            roll_back(self._connection)
            return [_not_writable(error) for _ in batch]

    def _commit(self, batch: list[_Waiting]) -> list[object]:
        """What became of each change: its result, or the error with which it fails."""
        if (trouble := self._anchor.trouble()) is not None:
            return [LedgerNotWritable(trouble) for _ in batch]
        failure: object = "the disk is full, and its last room is for what was sent already"
        if not self._reserve.drawn:
            try:
                return self._transact(batch)
            except sqlite3.Error as error:
                if not lacks_room(error):
                    return [_not_writable(error) for _ in batch]
                failure = error
        made = iter(self._on_reserve([waiting for waiting in batch if not _may_wait(waiting)]))
        return [_not_writable(failure) if _may_wait(waiting) else next(made) for waiting in batch]

    def _on_reserve(self, batch: list[_Waiting]) -> list[object]:
        """Write what has happened, with as much of the reserve as that takes."""
        while batch:
            try:
                return self._transact(batch)
            except sqlite3.Error as error:
                if not (lacks_room(error) and self._reserve.draw()):
                    return [_not_writable(error) for _ in batch]
        return []

    def _transact(self, batch: list[_Waiting]) -> list[object]:
        """One durable transaction.  Raises sqlite3.Error, and then has changed nothing."""
        try:
            self._log.prepare()
            self._begin()
            outcomes = _together(self._connection, batch)
            if outcomes is None:
                roll_back(self._connection)
                self._begin()
                outcomes = [_attempt(self._connection, waiting) for waiting in batch]
            self._connection.execute("COMMIT")
        except sqlite3.Error:
            roll_back(self._connection)
            raise
        self._log.committed(len(batch))
        return outcomes

    def _begin(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        self._log.claim()


def _not_writable(reason: object) -> LedgerNotWritable:
    """An exception for one caller: each raises its own, as each adds its own traceback."""
    foreseen = isinstance(reason, sqlite3.Error | str)
    failure = LedgerNotWritable(f"the ledger can't be written: {reason if foreseen else repr(reason)}")
    if isinstance(reason, Exception):
        failure.__cause__ = reason
    return failure


def _together(connection: sqlite3.Connection, batch: list[_Waiting]) -> list[object] | None:
    """The results of all changes, or nothing when one of them fails.  Raises sqlite3.Error for the disk's faults."""
    outcomes: list[object] = []
    try:
        for kind, run in itertools.groupby(batch, _kind_of):
            changes = [about for _, about, _, _ in run]
            made = kind(connection, changes)
            if len(made) != len(changes):  # a bug: alone each hears of it, and none gets another's answer
                return None
            outcomes += made
    except (sqlite3.IntegrityError, *MISUSE):
        return None
    except sqlite3.Error:
        raise
    except Exception:
        return None
    return outcomes


def _attempt(connection: sqlite3.Connection, waiting: _Waiting) -> object:
    """One change under a savepoint: its result, or the error with which it alone fails."""
    kind, about, _, _ = waiting
    connection.execute("SAVEPOINT change")
    try:
        (outcome,) = kind(connection, (about,))
    except sqlite3.IntegrityError as error:
        outcome = IllegalTransition(str(error))
        outcome.__cause__ = error
    except MISUSE as error:
        outcome = error  # a bug of ours must not look like a disk that might come back
    except sqlite3.Error:
        raise  # the disk's fault: the whole transaction fails
    except Exception as error:
        outcome = error
    if isinstance(outcome, Exception):
        connection.execute("ROLLBACK TO change")
    connection.execute("RELEASE change")
    return outcome
