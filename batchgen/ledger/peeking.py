"""A look at one fact of a ledger that nobody opened, without a trace beside it."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from batchgen.errors import LedgerError
from batchgen.ledger.snapshot import snapshot

_FACT = "SELECT value FROM facts WHERE name = ?"


def fact_of(path: Path, name: str) -> str:
    """A fact of the ledger, empty when there is none, or no ledger.

    What is wrong with the ledger is told by those who open it: here it is as if there were none.
    """
    if not path.exists():
        return ""
    try:
        if not path.with_name(path.name + "-wal").exists():
            return _read(path, name)  # nobody writes
        with tempfile.TemporaryDirectory(prefix="batchgen-", ignore_cleanup_errors=True) as folder:
            copy = Path(folder) / path.name
            snapshot(path, copy)
            return _read(copy, name, log=True)
    except (sqlite3.Error, OSError, LedgerError):
        return ""


def _read(path: Path, name: str, *, log: bool = False) -> str:
    how = "mode=rw" if log else "mode=ro&immutable=1"
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True)) as connection:
        row = connection.execute(_FACT, (name,)).fetchone()
    return "" if row is None else str(row[0])
