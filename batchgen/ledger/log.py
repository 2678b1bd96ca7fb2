"""The write-ahead log while a run writes: folded back from time to time, and missed when it is lost.

Until a log is folded back, the newest changes stand in it alone.  A ledger from which the log was taken away is
a sound database that has forgotten some of what was paid for.  So as soon as a run writes, the file by itself says
that it is not the whole ledger; only what stands in the log says that it is, and the two are put together again
when the ledger is closed, here or by any other program.  The file is told so right before the first change that
only the log will have, and no earlier: a run that dies before it wrote anything leaves a whole ledger.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress

from batchgen.ledger.transaction import roll_back

#: Changes between two foldings.  One that comes alone takes some 30 KiB of the log, one of 64 a tenth of that, and a
#: folding costs as much as a dozen commits.
FOLD_AFTER = 4000
#: Transactions between two foldings: some 30 MB of log at the most.
FOLD_AFTER_COMMITS = 1000
_SAY = "INSERT OR REPLACE INTO facts VALUES ('log', ?)"
_WHOLE, _APART = "whole", "apart"


def is_incomplete(connection: sqlite3.Connection) -> bool:
    """Whether what can be read here says of itself that newer changes stand in a log."""
    row = connection.execute("SELECT value FROM facts WHERE name = 'log'").fetchone()
    return row is not None and row[0] == _APART


class Log:
    """The log of the one connection that writes.  All methods block, on the thread that writes."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._changes = self._commits = 0
        self._apart = False
        self._due = False

    def begin(self) -> None:
        """From now on it is folded back here only.  Raises sqlite3.Error."""
        self._connection.execute("PRAGMA wal_autocheckpoint = 0")
        self._due = True

    def prepare(self) -> None:
        """Before each transaction: fold the log back, when much stands in it.

        A disk that has no room for it must not hold up what is to be written down: it is tried again next time.
        """
        if self._due:
            with suppress(sqlite3.Error):
                self._fold()

    def claim(self) -> None:
        """Within each transaction: the first one behind a folding makes the ledger whole."""
        if self._apart:
            self._connection.execute(_SAY, (_WHOLE,))

    def committed(self, changes: int) -> None:
        """A transaction of so many changes is on disk."""
        self._apart = False
        self._changes += changes
        self._commits += 1
        self._due = self._changes >= FOLD_AFTER or self._commits >= FOLD_AFTER_COMMITS

    def end(self) -> None:
        """Before the ledger is closed, which folds the log back.  A disk that refuses this keeps the log too."""
        with suppress(sqlite3.Error):
            if self._apart:
                make_whole(self._connection)
                self._apart = False

    def _fold(self) -> None:
        _say(self._connection, _APART)
        self._apart = True
        self._connection.execute("PRAGMA wal_checkpoint(FULL)")
        self._changes = self._commits = 0
        self._due = False


def make_whole(connection: sqlite3.Connection) -> None:
    """Let the ledger say that nothing is missing, durably.  Raises sqlite3.Error."""
    _say(connection, _WHOLE)


def _say(connection: sqlite3.Connection, word: str) -> None:
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(_SAY, (word,))
        connection.execute("COMMIT")
    except sqlite3.Error:
        roll_back(connection)
        raise
