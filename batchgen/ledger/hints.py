"""What was probably meant by an id or a key that no job has."""

from __future__ import annotations

import shlex
import sqlite3
from collections.abc import Sequence

from batchgen.errors import ConfigError
from batchgen.jobfile.flaws import close_to
from batchgen.ledger.rows import folded
from batchgen.ledger.selection import METADATA, OWN_KEYS, parse_where

_SHOWN = 20  # keys in a message
_LAST = "\U0010ffff"


def no_job(db: sqlite3.Connection, id_: str) -> ConfigError:
    """The error of an id that no job has.  Ids often go on with values of a matrix, an edition, a number."""
    longer = _longer(db, id_)
    return ConfigError(f"there is no job {id_}" + (f"; did you mean {longer}?" if longer else ""))


def no_match(db: sqlite3.Connection, silent: Sequence[tuple[str, str]], job_file: str) -> ConfigError:
    """The error of parts of a selection that match no job of the job file."""
    told = [shlex.join(part) + _hint(db, *part, job_file) for part in silent]
    return ConfigError(f"no job matches {', '.join(told)}")


def _hint(db: sqlite3.Connection, option: str, text: str, job_file: str) -> str:
    if option == "--only":
        return f" (did you mean {shlex.quote(text + '*')}?)" if _longer(db, text, job_file) else ""
    key = parse_where(text)[0]
    known = [*OWN_KEYS, *(name for (name,) in db.execute(_KEYS, (job_file,)))]
    name = key.removeprefix(METADATA)
    if name in known or name.partition(".")[0] in known:
        return ""
    near = close_to(name, known)
    meant = f"did you mean {near}?" if near else f"the keys are {', '.join(known[:_SHOWN])}"
    return f" (no job has a key {key}; {meant})"


def _longer(db: sqlite3.Connection, id_: str, job_file: str | None = None) -> str | None:
    """The first id, of this job file or any, that begins with this one and goes on behind a hyphen."""
    start = f"{folded(id_)}-"
    row = db.execute(_LONGER, (start, start + _LAST, job_file)).fetchone()
    return None if row is None else str(row["id"])


_LONGER = """
SELECT id FROM jobs WHERE in_job_file AND id_folded BETWEEN ?1 AND ?2 AND job_file = coalesce(?3, job_file)
ORDER BY id_folded LIMIT 1"""

_KEYS = """
SELECT DISTINCT each.key FROM jobs, json_each(jobs.metadata) AS each
WHERE jobs.job_file = ? AND jobs.in_job_file ORDER BY each.key"""
