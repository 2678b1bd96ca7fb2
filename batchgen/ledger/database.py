"""One ledger: opened for a run, or a scratch copy on which a plan can be made without writing anything."""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from batchgen import names
from batchgen.errors import DiskFull, LedgerError, LedgerNotWritable
from batchgen.ledger import opening, queries
from batchgen.ledger.anchor import Anchor
from batchgen.ledger.changes import Kind, one_by_one
from batchgen.ledger.log import Log, is_incomplete, make_whole
from batchgen.ledger.portions import Shard
from batchgen.ledger.reconcile import Reconciled, carry_on, reconcile
from batchgen.ledger.refusals import not_opened
from batchgen.ledger.reserve import Reserve
from batchgen.ledger.rows import to_time
from batchgen.ledger.selecting import Among, select
from batchgen.ledger.selection import Selection
from batchgen.ledger.snapshot import snapshot
from batchgen.ledger.staging import Staging
from batchgen.ledger.transaction import transaction
from batchgen.ledger.writer import GroupWriter

T = TypeVar("T")
V = TypeVar("V")


class Ledger:
    """The durable state of an output folder.

    Its plain methods block and are called before and after a run, in a thread; ``write`` and ``read`` serve
    the run itself and never block the loop.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self.path = path
        self.among = Among.EVERY  # of which jobs queries are to speak
        self._connection = connection
        self._reader = opening.connect(path)
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="batchgen-ledger-reader")
        self._reserve = Reserve(path)
        self._log = Log(connection)
        self._writer: GroupWriter | None = None

    # --- opening and closing -------------------------------------------------------------------------

    @classmethod
    def open(
        cls, path: Path, *, origin: str, now: datetime, switch: bool = False, visit: bool = False
    ) -> Ledger:
        """Open the ledger, or begin one for the service ``origin``.

        Raises LedgerError when it is damaged, newer, of another service, or would lie on a network file
        system, LedgerNotWritable when only the writing is refused.  ``switch`` makes it belong to ``origin``
        from now on; with ``visit`` something must have been sent there before, and it goes on belonging to the
        service that it belongs to.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            opening.refuse_network(path, opening.mounts())
        except OSError as error:
            raise not_opened(path, error) from error
        return cls._open(path, origin, now, switch=switch, visit=visit)

    @classmethod
    def _open(
        cls, path: Path, origin: str | None, now: datetime, *, switch: bool, visit: bool = False
    ) -> Ledger:
        try:
            if path.exists() or origin is None:
                opening.refuse_damaged_header(path)
            else:
                opening.create(path, first_facts(origin, now))
            has_log = opening.has_log(path)
            ledger = cls(opening.connect_checked(path), path)
            try:
                ledger._settle_log(there=has_log)
                if not names.TAKES_ALL:
                    ledger._refuse_unnameable()
                if origin is not None:
                    ledger._settle_origin(origin, switch=switch, visit=visit)
            except BaseException:
                ledger.close()
                raise
        except (sqlite3.Error, OSError) as error:
            raise not_opened(path, error) from error
        return ledger

    @classmethod
    @contextmanager
    def scratch(
        cls, path: Path, *, origin: str | None, now: datetime, switch: bool = False
    ) -> Iterator[Ledger]:
        """A temporary copy of the ledger (an empty one when there is none): nothing done to it stays.

        Without an ``origin`` it may belong to any service, and must be there.  Raises LedgerError where ``open``
        would, and leaves no trace in the ledger's folder.
        """
        try:
            temporary = tempfile.TemporaryDirectory(prefix="batchgen-", ignore_cleanup_errors=True)
        except OSError as error:
            raise DiskFull(f"no temporary copy of the ledger can be made (TMPDIR): {error}") from error
        with temporary as folder:
            copy = Path(folder) / "ledger.sqlite3"
            try:
                if path.exists() or origin is None:
                    opening.refuse_damaged_header(path)
                    snapshot(path, copy)
                else:
                    opening.refuse_network(path, opening.mounts())
                    opening.refuse_lone_log(path)
                ledger = cls._open(copy, origin, now, switch=switch)
            except (LedgerError, OSError) as error:
                raise LedgerError(str(error).replace(str(copy), str(path))) from error
            try:
                # Nobody will ever miss this copy.
                ledger._connection.execute("PRAGMA synchronous = OFF")  # noqa: SLF001  its own class
                yield ledger
            finally:
                ledger.close()

    def close(self) -> None:
        """Fold the write-ahead log back, so that copying the one file copies the state, and let go."""
        self._executor.shutdown()
        self._reader.close()
        self._reserve.release()
        self._log.end()
        try:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error:
            pass  # the log is still there, and the next run folds it back
        finally:
            self._connection.close()

    def _settle_log(self, *, there: bool) -> None:
        """Refuse a ledger whose newest changes were taken away with its log."""
        if is_incomplete(self._connection):
            if not there:
                raise opening.damaged(
                    self.path, f"its newest changes stood in {self.path.name}-wal, which is gone"
                )
            make_whole(self._connection)

    def _refuse_unnameable(self) -> None:
        """Refuse clips that were ordered where their names were possible: here they could not even be looked for."""
        odd = self.ask(
            lambda db: next((name for name in queries.clip_names(db) if not names.can_name(name)), None)
        )
        if odd is not None:
            raise LedgerError(
                f"{self.path}: the ledger has a clip with a name that no file can have here, {odd}: the encoding of "
                f"this locale is {names.ENCODING}; {names.REMEDY}"
            )

    def _settle_origin(self, origin: str, *, switch: bool, visit: bool) -> None:
        known = self.fact("origin")
        if known == origin or (visit and self.ask(lambda db: queries.was_used(db, origin))):
            return
        if not switch:
            raise LedgerError(
                f"{self.path}: this ledger belongs to the service {known}, and this run is for {origin}; give "
                "another output folder (-o), or --switch-service to send new jobs to the new one and leave "
                "what is under way at the old one"
            )
        self.change(lambda db: db.execute("UPDATE facts SET value = ? WHERE name = 'origin'", (origin,)))

    # --- before and after a run: these block -----------------------------------------------------------

    def fact(self, name: str) -> str:
        """One of the ledger's facts: ``origin``, ``salt``, ``created_at``."""
        row = self._connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return "" if row is None else str(row[0])

    def reconcile(
        self,
        staging: Staging,
        job_file: str,
        *,
        exists: Callable[[str], bool],
        accept_new: bool = False,
        regenerate_changed: bool = False,
        mark: str | None = None,
    ) -> Reconciled:
        """Bring the jobs of the job file in.  Raises JobFileError or Braked, and then has changed nothing."""
        return reconcile(
            self._connection,
            staging.path,
            job_file,
            exists=exists,
            accept_new=accept_new,
            regenerate_changed=regenerate_changed,
            mark=mark,
        )

    def carry_on(
        self, job_file: str, mark: str, *, exists: Callable[[str], bool], regenerate_changed: bool = False
    ) -> bool:
        """Do without the job file's jobs, as they are those of ``mark``; false when they are not, or may not be."""
        return carry_on(
            self._connection, job_file, mark, exists=exists, regenerate_changed=regenerate_changed
        )

    def change(self, change: Callable[[sqlite3.Connection], T]) -> T:
        """Run one change in a durable transaction of its own.

        Raises IllegalTransition when the database refuses it, LedgerNotWritable when the disk does.
        """
        with transaction(self._connection, f"{self.path}: the ledger"):
            return change(self._connection)

    def ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Read something.  Raises LedgerError when the disk does not give it."""
        try:
            return question(self._reader)
        except sqlite3.DatabaseError as error:
            raise LedgerError(f"{self.path}: the ledger can't be read: {error}") from error

    def settle_output(self, name: str) -> None:
        """Keep which output folder this is the ledger of.  Raises LedgerError when it is another's."""
        known = self.fact("output")
        if not known:
            self.change(lambda db: db.execute("INSERT INTO facts VALUES ('output', ?)", (name,)))
        elif known != name:
            raise LedgerError(
                f"{self.path}: this ledger belongs to the output folder {known} (seen from the ledger), and "
                f"this run is for {name}: its clips would be looked for in the wrong place"
            )

    def settle_shard(self, shard: Shard | None) -> None:
        """Keep which part of the jobs this folder has.  Raises LedgerError when it has another."""
        known, wanted = self.fact("shard"), "" if shard is None else str(shard)
        if known == wanted:
            return
        if known:
            raise LedgerError(
                f"{self.path}: this output folder has shard {known} of its jobs: give --shard {known}, or another "
                "output folder (-o)"
            )
        if self.ask(lambda db: db.execute("SELECT 1 FROM jobs LIMIT 1").fetchone()) is not None:
            raise LedgerError(
                f"{self.path}: this output folder was begun without --shard and has all jobs of its job file; give "
                "each shard an output folder of its own (-o)"
            )
        self.change(lambda db: db.execute("INSERT INTO facts VALUES ('shard', ?)", (wanted,)))

    def select(self, selection: Selection, job_file: str) -> None:
        """Settle which jobs of the job file this command is about, as they stand now.  Raises ConfigError."""
        if selection:
            select(self._reader, self._connection, selection, job_file)
            self.among = Among.SELECTED

    # --- during a run: these never block the loop ------------------------------------------------------

    async def start_writing(self, *, reserve: bool = False) -> None:
        """Start the writer; until ``stop_writing`` every change goes through it.

        With ``reserve`` room on the disk is kept back for what must be written down when the disk is full.
        Raises LedgerNotWritable.
        """
        await asyncio.to_thread(self._get_ready, reserve=reserve)
        self._writer = GroupWriter(self._connection, Anchor(self.path), self._log, self._reserve)

    def _get_ready(self, *, reserve: bool) -> None:
        if reserve:
            self._reserve.keep()
        try:
            self._log.begin()
        except sqlite3.Error as error:
            raise LedgerNotWritable(f"{self.path}: the ledger can't be written: {error}") from error

    async def stop_writing(self) -> None:
        """Let every change reach the disk and end the writer."""
        if self._writer is not None:
            await self._writer.close()
            self._writer = None

    async def write(self, change: Callable[[sqlite3.Connection], T], *, may_wait: bool = False) -> T:
        """Make one change durable, in company with those of the same moment.

        ``may_wait``: it begins something that can as well be left, so the reserve is not for it.
        """
        return await self.make(one_by_one, change, may_wait=may_wait)

    def make(
        self, kind: Kind[V, T], about: V, *, may_wait: bool = False, urgent: bool = False
    ) -> Awaitable[T]:
        """Make one change of a kind durable, as ``write`` does.

        ``urgent``: a crash before it is durable would cost something, so it waits for no company.
        """
        if self._writer is None:
            raise LedgerNotWritable("the ledger is not open for writing")
        return self._writer.do(kind, about, may_wait=may_wait, urgent=urgent)

    async def read(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Read something, in a thread.  Raises LedgerError when the disk does not give it."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self.ask, question)


def first_facts(origin: str, now: datetime) -> dict[str, str]:
    """What a new ledger knows of itself: whose it is, and the salt of its keys' fingerprints."""
    return {"origin": origin, "salt": secrets.token_hex(16), "created_at": to_time(now)}
