"""Whether the clips of a folder stand side by side or in folders below ``videos/``: decided once.

The decision stands in the ledger's facts.  It is open while no clip has a name yet, so that the job file may grow
until the first submission.
"""

from __future__ import annotations

import sqlite3

from batchgen.ledger.portions import FAN_OUT_ABOVE

_FLAT, _FANNED = "flat", "fanned"

#: Whether new clips go to folders by the hash of their ids, as a column of any query.
IS_FANNED = f"EXISTS (SELECT 1 FROM facts WHERE name = 'videos' AND value = '{_FANNED}')"


def is_fanned(db: sqlite3.Connection) -> bool:
    """Whether new clips go to folders by the hash of their ids."""
    (answer,) = db.execute(f"SELECT {IS_FANNED}").fetchone()
    return bool(answer)


def settle_layout(db: sqlite3.Connection) -> None:
    """Decide it by the number of jobs, unless clips have names already: then nothing changes any more."""
    if db.execute("SELECT 1 FROM jobs WHERE file IS NOT NULL LIMIT 1").fetchone() is not None:
        db.execute("INSERT OR IGNORE INTO facts VALUES ('videos', ?)", (_FLAT,))
        return
    (jobs,) = db.execute("SELECT count(*) FROM jobs WHERE in_job_file").fetchone()
    set_layout(db, fanned=jobs > FAN_OUT_ABOVE)


def set_layout(db: sqlite3.Connection, *, fanned: bool) -> None:
    """Write the decision down."""
    db.execute("INSERT OR REPLACE INTO facts VALUES ('videos', ?)", (_FANNED if fanned else _FLAT,))
