"""What a person tells the ledger: order again, adopt a task, settle a job, restore clips.

Each function is one change, run in a transaction; what can't be done for a job is told and changes nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from batchgen.errors import ConfigError
from batchgen.ledger.hints import no_job
from batchgen.ledger.queries import find
from batchgen.ledger.rows import folded, to_time
from batchgen.ledger.selecting import Among
from batchgen.model import Reason, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """Ids of jobs that are pending again, and why the others are not."""

    ids: tuple[str, ...]
    refusals: tuple[str, ...]


def interrupted(db: sqlite3.Connection) -> list[str]:
    """At the start of a run: a POST that was on its way when the last run ended has an unknown outcome."""
    rows = db.execute(
        "SELECT j.id FROM submissions AS s JOIN jobs AS j ON j.key = s.job WHERE s.state = 'submitting'"
    ).fetchall()
    db.execute(
        "UPDATE submissions SET state = 'unknown', fault_code = 'lost', fault_stage = 'submit', fault_message = "
        "'the run ended while the submission was on its way' WHERE state = 'submitting'"
    )
    return [row["id"] for row in rows]


def order_again(
    db: sqlite3.Connection,
    ids: Sequence[str],
    *,
    failed: bool,
    unknown: bool,
    job_file: str,
    among: Among = Among.EVERY,
) -> Ordered:
    """Make jobs pending again: those named, or all selected ones that failed or whose outcome is unknown."""
    once = dict.fromkeys(map(folded, ids))
    statuses = {status for status, on in ((Status.FAILED, failed), (Status.UNKNOWN, unknown)) if on}
    rows = [_standing(db, id_, job_file) for id_ in once] if ids else _all_of(db, job_file, statuses, among)
    done, refusals = [], []
    for row in rows:
        refusal = why_not_again(Status(row["status"]), unknown=unknown, changed=bool(row["changed"]))
        if refusal is None:
            order_anew(db, [row["key"]], Reason.RETRY)
            done.append(row["id"])
        else:
            refusals.append(f"{row['id']}: {refusal}")
    return Ordered(ids=tuple(done), refusals=tuple(refusals))


def why_not_again(status: Status, *, unknown: bool, changed: bool) -> str | None:
    """Why a job can't be ordered again; ``None`` when it can."""
    match status:
        case Status.FAILED:
            return None
        case Status.UNKNOWN if unknown:
            return None
        case Status.UNKNOWN:
            return (
                "its outcome is unknown, it may have been accepted and charged; look it up in the provider's "
                "console and adopt it, or give --unknown to order it again all the same"
            )
        case Status.PENDING if not changed:
            return "it is pending already: the next run submits it"
        case Status.PENDING:
            return "it was edited after it was paid for; --regenerate-changed of a run orders the new clip"
        case Status.SUCCEEDED:
            return "it has succeeded; nothing is generated again by retry"
        case _:
            return f"it is {status}: its clip is paid for, and `collect` brings it to disk"


def _standing(db: sqlite3.Connection, id_: str, job_file: str) -> sqlite3.Row:
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM standing WHERE id_folded = ?", (folded(id_),)
    ).fetchone()
    if row is None:
        raise no_job(db, id_)
    if not row["in_job_file"] or row["job_file"] != job_file:
        raise ConfigError(f"job {id_} does not stand in this job file (any more)")
    return row


def _all_of(
    db: sqlite3.Connection, job_file: str, statuses: Collection[Status], among: Among
) -> list[sqlite3.Row]:
    return db.execute(
        f"SELECT * FROM standing WHERE job_file = ? AND in_job_file AND dismissed IS NULL AND {among.sql()} "
        f"AND status IN ({', '.join('?' * len(statuses))}) ORDER BY position",
        (job_file, *map(str, statuses)),
    ).fetchall()


def order_anew(db: sqlite3.Connection, keys: Iterable[int], reason: Reason) -> None:
    """Settle what was sent for these jobs so far: they are pending again, with the request of today."""
    db.executemany(
        "UPDATE jobs SET order_reason = ?, released = digest, changed = 0, dismissed = NULL, "
        "ordered_after = coalesce((SELECT max(key) FROM submissions WHERE job = jobs.key), 0), "
        "resubmitted = max(resubmitted, ?) WHERE key = ?",
        [(reason, int(reason is Reason.RESUBMIT), key) for key in keys],
    )


#: A job that the standing order ``on_unknown: resubmit`` is about.
RESUBMITTABLE = "status = 'unknown' AND in_job_file AND NOT resubmitted AND NOT changed AND dismissed IS NULL"


def regenerate_changed(db: sqlite3.Connection, job_file: str, among: Among) -> int:
    """By the user's word: held jobs that are selected are ordered anew, as they read now; how many."""
    rows = db.execute(
        "SELECT key FROM jobs WHERE changed AND job_file = ? AND in_job_file AND dismissed IS NULL "
        f"AND {among.sql()}",
        (job_file,),
    ).fetchall()
    order_anew(db, [row["key"] for row in rows], Reason.REGENERATE)
    return len(rows)


def resubmit_unknown(db: sqlite3.Connection, job_file: str, among: Among = Among.EVERY) -> list[str]:
    """By the user's standing order: jobs of unknown outcome are ordered again, once per job, ever."""
    rows = db.execute(
        f"SELECT key, id FROM standing WHERE job_file = ? AND {RESUBMITTABLE} AND {among.sql()}",
        (job_file,),
    ).fetchall()
    order_anew(db, [row["key"] for row in rows], Reason.RESUBMIT)
    return [row["id"] for row in rows]


def adopt(db: sqlite3.Connection, id_: str, task_id: str, at: datetime) -> None:
    """Bind a task that was found in the provider's console to the job's submission of unknown outcome.

    Raises ConfigError when there is no such submission, or the task belongs to another one.
    """
    record = find(db, id_)
    if record is None:
        raise no_job(db, id_)
    row = db.execute(
        "SELECT s.key FROM submissions AS s JOIN jobs AS j ON j.key = s.job "
        "WHERE j.id_folded = ? AND s.state = 'unknown' ORDER BY s.key DESC LIMIT 1",
        (folded(id_),),
    ).fetchone()
    if row is None:
        raise ConfigError(f"job {id_} is {record.status}: only a job of unknown outcome can adopt a task")
    owner = db.execute(
        "SELECT j.id FROM submissions AS s JOIN jobs AS j ON j.key = s.job WHERE s.task_id = ?", (task_id,)
    ).fetchone()
    if owner is not None:
        raise ConfigError(f"task {task_id} belongs to job {owner['id']} already")
    db.execute(
        "UPDATE submissions SET state = 'submitted', task_id = ?, submitted_at = ?, fault_code = NULL, "
        "fault_message = NULL, fault_stage = NULL WHERE key = ?",
        (task_id, to_time(at), row["key"]),
    )
    db.execute(_TAKE_BACK, (row["key"], folded(id_), row["key"]))


# The word to order it again is taken back, unless something was sent on it already.
_TAKE_BACK = """
UPDATE jobs SET dismissed = NULL, ordered_after = min(ordered_after, ? - 1)
WHERE id_folded = ? AND NOT EXISTS (
  SELECT 1 FROM submissions WHERE job = jobs.key AND key > ? AND state <> 'not_accepted')"""


# A task id that the service does not know, for example one that was mistyped when it was adopted.
_NEVER_FOUND = """
SELECT 1 FROM standing AS j JOIN submissions AS s ON s.key = j.newest
WHERE j.id_folded = ? AND s.state = 'submitted' AND s.not_found_since IS NOT NULL"""


def dismiss(db: sqlite3.Connection, ids: Sequence[str], reason: str) -> None:
    """Settle failed, unknown or held jobs, and those whose task the service does not know, for good.

    Raises ConfigError for any other, and changes nothing.
    """
    for id_ in ids:
        record = find(db, id_)
        if record is None:
            raise no_job(db, id_)
        lost = db.execute(_NEVER_FOUND, (folded(id_),)).fetchone() is not None
        if record.status not in {Status.FAILED, Status.UNKNOWN} and not (record.changed or lost):
            raise ConfigError(
                f"job {id_} is {record.status}: only failed, unknown and held jobs can be dismissed"
            )
        db.execute("UPDATE jobs SET dismissed = ? WHERE id_folded = ?", (reason, folded(id_)))


def dismiss_selected(db: sqlite3.Connection, job_file: str, among: Among, reason: str) -> int:
    """Settle every selected job that can be dismissed, for good; how many."""
    return db.execute(
        f"UPDATE jobs SET dismissed = ? WHERE key IN ({_DISMISSIBLE} AND {among.sql('j.key')})",
        (reason, job_file),
    ).rowcount


_DISMISSIBLE = """
SELECT j.key FROM standing AS j LEFT JOIN submissions AS s ON s.key = j.newest
WHERE j.job_file = ? AND j.in_job_file AND j.dismissed IS NULL
  AND (j.status IN ('failed', 'unknown') OR j.changed OR (s.state = 'submitted' AND s.not_found_since IS NOT NULL))"""


def note_missing(db: sqlite3.Connection, missing: Iterable[int], found: Iterable[int]) -> None:
    """Clips that were found missing or damaged, and those that are there again."""
    db.executemany("UPDATE submissions SET missing = 1 WHERE key = ?", [(key,) for key in missing])
    db.executemany("UPDATE submissions SET missing = 0 WHERE key = ?", [(key,) for key in found])


def restore_missing(db: sqlite3.Connection) -> int:
    """By the user's word: clips that are missing are fetched again, if the service still has them.

    Those that were reused come from the folder that paid for them.
    """
    return db.execute(
        "UPDATE submissions SET state = 'generated', finished_at = NULL WHERE state = 'succeeded' AND missing "
        "AND reason <> 'reuse'"
    ).rowcount
