"""The job file that the ledger's jobs were read from, by a mark: a file that is still the same need not be read.

The mark is written in the transaction that brings the jobs in, and taken back by whatever changes them otherwise, so
that it stands only while the ledger has exactly the jobs of that file.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from batchgen.ledger.peeking import fact_of

_NAME = "read:"


def set_mark(db: sqlite3.Connection, job_file: str, mark: str | None) -> None:
    """Note what the jobs of this file were read from; ``None``: it can't be told by a mark."""
    if mark is None:
        db.execute("DELETE FROM facts WHERE name = ?", (_NAME + job_file,))
    else:
        db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (_NAME + job_file, mark))


def has_mark(db: sqlite3.Connection, job_file: str, mark: str) -> bool:
    """Whether the jobs of this file are what the file with this mark says."""
    row = db.execute("SELECT value FROM facts WHERE name = ?", (_NAME + job_file,)).fetchone()
    return row is not None and row[0] == mark


def seems_marked(ledger: Path, job_file: str, mark: str) -> bool:
    """The same, asked without opening the ledger: no lock is taken and no file is made beside it.

    A guess, to be confirmed by ``has_mark`` once the ledger is open.
    """
    return fact_of(ledger, _NAME + job_file) == mark
