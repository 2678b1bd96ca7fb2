"""The job file meets the ledger: which jobs are new, have left, were renamed or edited.

All of it is one transaction: when the brake stops the run, nothing has changed and the next run meets the
same brake.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from batchgen.errors import Braked, JobFileError
from batchgen.ledger.layout import settle_layout
from batchgen.ledger.marks import has_mark, set_mark
from batchgen.ledger.renaming import RUNNING_OR_CHARGED, rename
from batchgen.ledger.transaction import transaction
from batchgen.model import Problem, Source

#: Paid jobs that must have left the file at once before the brake is considered.
BRAKE_AT = 20
_EXAMPLES = 5
_MAX_CLAIMS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """What the job file brought: numbers of jobs."""

    new: int
    left: int
    renamed: int
    held: int


def is_accident(*, left: int, new: int) -> bool:
    """Whether an edit looks like one that makes every job a new one, and so pays for all of them again."""
    return left >= BRAKE_AT and 2 * new >= left


def reconcile(
    connection: sqlite3.Connection,
    staged: Path,
    job_file: str,
    *,
    exists: Callable[[str], bool],
    accept_new: bool,
    regenerate_changed: bool,
    mark: str | None = None,
) -> Reconciled:
    """Bring the staged jobs of ``job_file`` (relative to the output folder) into the ledger.

    ``exists`` tells whether another job file is still there; one that is gone gives up its claims.  By ``mark`` the
    file can be recognised the next time.
    Raises JobFileError when another job file claims an id, Braked unless ``accept_new``, LedgerNotWritable; then
    nothing has changed but that this file has the jobs of one that is gone.
    """
    # As bytes: SQLite would look for the letters of a path in UTF-8, whatever the encoding of file names is.
    connection.execute("ATTACH ? AS staged", (os.fsencode(staged),))
    try:
        with transaction(connection):
            _take_over_orphans(connection, job_file, exists)
        with transaction(connection):
            new, left, renamed = _merge(connection, job_file, accept_new=accept_new)
            _hold_changed(connection, job_file, regenerate=regenerate_changed)
            set_mark(connection, job_file, mark)
            held = _held(connection, job_file)
    finally:
        connection.execute("DETACH staged")
    return Reconciled(new=new, left=left, renamed=renamed, held=held)


def carry_on(
    connection: sqlite3.Connection,
    job_file: str,
    mark: str,
    *,
    exists: Callable[[str], bool],
    regenerate_changed: bool,
) -> bool:
    """What ``reconcile`` does when the job file is the same as the last time; false when it is not.

    Which jobs are held may change all the same: by what has become of their submissions.
    """
    with transaction(connection):
        if not has_mark(connection, job_file, mark) or not all(map(exists, _others(connection, job_file))):
            return False
        _hold_changed(connection, job_file, regenerate=regenerate_changed)
    return True


def _merge(connection: sqlite3.Connection, job_file: str, *, accept_new: bool) -> tuple[int, int, int]:
    _refuse_claims(connection, job_file)
    connection.execute("DROP TABLE IF EXISTS temp.gone")
    connection.execute(_GONE, {"job_file": job_file})
    renamed = rename(connection)
    new = _count(connection, f"SELECT count(*) {_NEW}")
    left = _count(connection, f"SELECT count(*) FROM temp.gone WHERE {_PAID} AND {_SAME_EDITION}")
    if not accept_new and is_accident(left=left, new=new):
        raise _brake(connection, left, new)
    connection.execute("UPDATE jobs SET in_job_file = 0 WHERE key IN (SELECT key FROM temp.gone)")
    connection.execute(_UPDATE, {"job_file": job_file})
    connection.execute(_INSERT, {"job_file": job_file})
    connection.execute(_FORGET)
    connection.execute("DROP TABLE temp.gone")
    settle_layout(connection)
    return new, left, renamed


def _take_over_orphans(connection: sqlite3.Connection, job_file: str, exists: Callable[[str], bool]) -> None:
    """A job file that was renamed or deleted no longer claims its jobs: this one may have them."""
    for other in _others(connection, job_file):
        if not exists(other):
            connection.execute(_TAKE_OVER, {"mine": job_file, "other": other})
            set_mark(connection, job_file, None)
            set_mark(connection, other, None)


def _others(connection: sqlite3.Connection, job_file: str) -> list[str]:
    """The other job files that have jobs in this folder."""
    rows = connection.execute(
        "SELECT DISTINCT job_file FROM jobs WHERE in_job_file AND job_file <> ?", (job_file,)
    )
    return [other for (other,) in rows]


def _refuse_claims(connection: sqlite3.Connection, job_file: str) -> None:
    claims = connection.execute(_CLAIMS, (job_file, _MAX_CLAIMS)).fetchall()
    if claims:
        raise JobFileError(tuple(_claimed(row) for row in claims))


def _claimed(row: Sequence[object]) -> Problem:
    id_, file, line, other, other_file, other_line = row
    first = Source(file=str(other_file), line=int(str(other_line)))
    place = first.spot if Path(first.file).name == Path(str(other)).name else str(first)
    return Problem(
        source=Source(file=str(file), line=int(str(line))),
        job=str(id_),
        message=f"{other} ({place}) orders a job of this id into the same output folder",
        remedy="give one of them another id, or the job files different output folders",
    )


def _brake(connection: sqlite3.Connection, left: int, new: int) -> Braked:
    gone = connection.execute(
        f"SELECT id, prompt FROM temp.gone WHERE {_PAID} AND {_SAME_EDITION} ORDER BY position LIMIT ?",
        (_EXAMPLES,),
    )
    left_examples = tuple(f"{id_}: {prompt}" for id_, prompt in gone)
    fresh = connection.execute(
        f"SELECT new.id, new.prompt {_NEW} ORDER BY new.position LIMIT ?", (_EXAMPLES,)
    )
    new_examples = tuple(f"{id_}: {prompt}" for id_, prompt in fresh)
    return Braked(left=left, new=new, left_examples=left_examples, new_examples=new_examples)


def _hold_changed(connection: sqlite3.Connection, job_file: str, *, regenerate: bool) -> None:
    connection.execute("DROP TABLE IF EXISTS temp.edited")
    connection.execute(_EDITED, {"job_file": job_file})
    connection.execute(_WITHDRAW)
    connection.execute(_HOLD)
    if regenerate:
        connection.execute(_REGENERATE)
    connection.execute(_ORDER_EDITED)
    connection.execute("DROP TABLE temp.edited")


def _held(connection: sqlite3.Connection, job_file: str) -> int:
    (held,) = connection.execute(
        "SELECT count(*) FROM jobs WHERE changed AND dismissed IS NULL AND in_job_file AND job_file = ?",
        (job_file,),
    ).fetchone()
    return int(held)


def _count(connection: sqlite3.Connection, query: str) -> int:
    (count,) = connection.execute(query).fetchone()
    return int(count)


# Clips that were reused would have to be paid for, were they ordered anew.
_PAID = """key IN (
  SELECT job FROM submissions WHERE state = 'succeeded' OR (state <> 'not_accepted' AND charged <> 'no'))"""

# A new edition orders everything afresh, as its word says: what belongs to another one has not been edited away.
# Without an edition in the file any more, all that had one has.
_SAME_EDITION = """key IN (SELECT key FROM main.jobs
  WHERE edition IS (SELECT edition FROM staged.jobs LIMIT 1)
  OR (SELECT edition FROM staged.jobs LIMIT 1) IS NULL)"""

_NEW = """FROM staged.jobs AS new WHERE NOT EXISTS (
  SELECT 1 FROM main.jobs AS old WHERE old.id_folded = new.id_folded)"""

_TAKE_OVER = """
UPDATE jobs SET job_file = :mine WHERE job_file = :other AND in_job_file"""

_CLAIMS = """
SELECT new.id, new.source_file, new.source_line, old.job_file, old.source_file, old.source_line
FROM staged.jobs AS new JOIN main.jobs AS old USING (id_folded)
WHERE old.in_job_file AND old.job_file <> ? ORDER BY new.position LIMIT ?"""

_GONE = """
CREATE TEMP TABLE gone AS SELECT key, id, id_folded, digest, prompt, position FROM main.jobs
WHERE in_job_file AND job_file = :job_file
  AND NOT EXISTS (SELECT 1 FROM staged.jobs AS new WHERE new.id_folded = main.jobs.id_folded)"""

_NAMES = (
    "id", "explicit_id", "position", "request", "digest", "model", "prompt", "duration", "resolution", "metadata",
    "source_file", "source_line", "warnings", "edition", "filename",
)  # fmt: skip
_COLUMNS = ", ".join(_NAMES)
_OLD_VALUES, _NEW_VALUES = (", ".join(f"{row}.{name}" for name in _NAMES) for row in ("jobs", "new"))

# Only what differs: mostly nothing does, and to write a row costs ten times as much as to look at it.
_UPDATE = f"""
UPDATE jobs SET ({_COLUMNS}, job_file, in_job_file) = ({_NEW_VALUES}, :job_file, 1) FROM staged.jobs AS new
WHERE new.id_folded = jobs.id_folded
  AND ({_OLD_VALUES}, jobs.job_file, jobs.in_job_file) IS NOT ({_NEW_VALUES}, :job_file, 1)"""

_INSERT = f"""
INSERT INTO main.jobs (id_folded, {_COLUMNS}, job_file, in_job_file)
SELECT id_folded, {_COLUMNS}, :job_file, 1 FROM staged.jobs AS new
WHERE NOT EXISTS (SELECT 1 FROM main.jobs AS old WHERE old.id_folded = new.id_folded)
ORDER BY position"""

# A job that was never sent leaves nothing behind.
_FORGET = """
DELETE FROM jobs WHERE NOT in_job_file AND NOT EXISTS (SELECT 1 FROM submissions WHERE job = jobs.key)"""

# Jobs that were edited at some time: only for these is anything below to be decided, and mostly they are few.  All
# others have submissions of what they ask for, if any.
_EDITED = """
CREATE TEMP TABLE edited AS
SELECT key FROM jobs WHERE job_file = :job_file AND in_job_file AND (changed OR released IS NOT NULL)
UNION SELECT jobs.key FROM submissions CROSS JOIN jobs ON jobs.key = submissions.job
WHERE job_file = :job_file AND in_job_file AND submissions.digest <> jobs.digest"""

# What the newest charged or running submission of a job was sent with.
_PAID_REQUEST = f"""(SELECT digest FROM submissions
  WHERE job = jobs.key AND {RUNNING_OR_CHARGED} ORDER BY key DESC LIMIT 1)"""

_NEWEST = "(SELECT max(key) FROM submissions WHERE job = jobs.key AND state <> 'not_accepted')"

# The edit that was ordered is taken back before it was sent: what is paid for already is what is wanted.
_WITHDRAW = f"""
UPDATE jobs SET ordered_after = {_NEWEST} - 1, released = NULL
WHERE key IN (SELECT key FROM temp.edited) AND released IS NOT NULL AND released <> digest
  AND ordered_after >= {_NEWEST} AND digest = {_PAID_REQUEST}"""

# Held: the request is neither that of the newest charged or running submission nor one that the user let go.
_HOLD = f"""
UPDATE jobs SET changed = coalesce({_PAID_REQUEST} <> digest, 0) AND digest IS NOT released
WHERE key IN (SELECT key FROM temp.edited)"""

_REGENERATE = """
UPDATE jobs SET changed = 0, released = digest, order_reason = 'regenerate', dismissed = NULL,
  ordered_after = (SELECT max(key) FROM submissions WHERE job = jobs.key)
WHERE changed AND key IN (SELECT key FROM temp.edited) AND dismissed IS NULL"""

# Edited after a refusal that cost nothing, with nothing else ever charged or running: it simply runs.
_ORDER_EDITED = f"""
UPDATE jobs SET order_reason = 'retry', dismissed = NULL,
  ordered_after = (SELECT max(key) FROM submissions WHERE job = jobs.key)
WHERE key IN (SELECT key FROM temp.edited) AND NOT changed
  AND (SELECT state = 'failed' AND digest <> jobs.digest AND key > jobs.ordered_after FROM submissions
       WHERE job = jobs.key AND state <> 'not_accepted' ORDER BY key DESC LIMIT 1)
  AND {_PAID_REQUEST} IS NULL"""
