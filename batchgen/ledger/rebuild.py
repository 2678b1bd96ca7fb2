"""A lost ledger, restored from the rows of the manifest.

Each attempt goes through the legal transitions once more, so nothing enters a state that it could not reach.
What the manifest does not know stays conservative: see ``remembered``.  It never knew the account's key, so
nothing is concluded when the service does not find a restored task.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path

from batchgen.errors import LedgerError
from batchgen.ledger import opening
from batchgen.ledger.book import insert, update
from batchgen.ledger.database import first_facts
from batchgen.ledger.layout import is_fanned, set_layout
from batchgen.ledger.placing import fix_file
from batchgen.ledger.portions import Shard, clip_name
from batchgen.ledger.refusals import not_opened
from batchgen.ledger.remembered import Columns, Remembered, RememberedJob, remember
from batchgen.ledger.rows import folded, sure_time, to_json
from batchgen.ledger.transaction import transaction
from batchgen.model import Charged, Reason, State

#: Rows in one transaction.
_BATCH = 500
_MOST_PROBLEMS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What came back: numbers of jobs and submissions, of rows that are none, and what a person should know."""

    jobs: int
    submissions: int
    skipped: int
    problems: tuple[str, ...]


def restore(
    path: Path,
    rows: Iterable[Mapping[str, object]],
    *,
    origin: str,
    now: datetime,
    account: str,
    shard: Shard | None = None,
) -> Rebuilt:
    """Make the ledger ``path`` from the rows of a manifest.  Blocks.  It is there whole, or not at all.

    It belongs to the service that was used last, or to ``origin`` when none ever was.  Raises LedgerError when
    there is a ledger already, or the disk refuses.
    """
    outcome: list[Rebuilt] = []
    if path.exists():
        raise LedgerError(f"{path}: there is a ledger; move it away before it is restored from the manifest")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        opening.refuse_network(path, opening.mounts())
        opening.create(
            path,
            first_facts(origin, now) | ({} if shard is None else {"shard": str(shard)}),
            lambda connection: outcome.append(rebuild(connection, rows, origin=origin, account=account)),
        )
    except (sqlite3.Error, OSError) as error:
        raise not_opened(path, error, "restored") from error
    return outcome[0]


def rebuild(
    connection: sqlite3.Connection, rows: Iterable[Mapping[str, object]], *, origin: str, account: str
) -> Rebuilt:
    """Replay the rows into an empty ledger, in transactions of bounded size.

    Rows that are none are counted and told, never fatal.  A second row of a job (ids are equal when case is
    ignored) is its newer one.  ``origin`` is the service of attempts that do not tell theirs.
    Raises LedgerNotWritable.
    """
    work = _Work(connection, origin, account)
    numbered = enumerate(rows)
    while batch := list(islice(numbered, _BATCH)):
        with transaction(connection):
            for position, row in batch:
                work.take(position, row)
    with transaction(connection):
        set_layout(connection, fanned=_has_fanned(connection))
        connection.execute(_LAST_ORIGIN)
    _name_clips(connection)
    counts = connection.execute("SELECT (SELECT count(*) FROM jobs), (SELECT count(*) FROM submissions)")
    jobs, submissions = counts.fetchone()
    return Rebuilt(jobs=jobs, submissions=submissions, skipped=work.skipped, problems=tuple(work.problems))


@dataclass(slots=True)
class _Work:
    db: sqlite3.Connection
    origin: str
    account: str
    skipped: int = 0
    problems: list[str] = field(default_factory=list)

    def take(self, position: int, row: Mapping[str, object]) -> None:
        """Restore one row, or tell why not."""
        try:
            with _savepoint(self.db):
                self._restore(position, remember(row))
        except (ValueError, sqlite3.IntegrityError) as error:
            self.skipped += 1
            self._tell(f"{str(row.get('id'))[:120]!r} (row {position + 1}) could not be restored: {error}")

    def _restore(self, position: int, job: RememberedJob) -> None:
        fresh = [attempt for attempt in job.attempts if not self._belongs_elsewhere(attempt, job.id)]
        if job.counted and not any(attempt in fresh for attempt in job.counted):
            self.skipped += 1  # an earlier name of a job that was renamed, or a later one
            return
        known = self.db.execute(_BY_ID, (folded(job.id),)).fetchone() is not None
        key = _put_job(self.db, position, job)
        for attempt in fresh:
            if not self._is_there(key, attempt, again=known):
                self._replay(key, job, attempt)
        _settle(self.db, key, job)

    def _owner(self, attempt: Remembered) -> sqlite3.Row | None:
        query = (attempt.service or self.origin, attempt.task_id)
        row: sqlite3.Row | None = self.db.execute(_OWNER, query).fetchone()
        return row

    def _is_there(self, key: int, attempt: Remembered, *, again: bool) -> bool:
        """Whether this attempt was told before, by the same row or an earlier one of the job."""
        if attempt.reused_from is not None:
            return self.db.execute(_REUSED_BEFORE, (key, attempt.task_id)).fetchone() is not None
        if attempt.task_id is not None:
            return self._owner(attempt) is not None
        return again and self.db.execute(_SAME, (key, attempt.intended_at)).fetchone() is not None

    def _belongs_elsewhere(self, attempt: Remembered, id_: str) -> bool:
        owner = None if attempt.reused_from is not None else self._owner(attempt)
        if owner is None or owner["id_folded"] == folded(id_):
            return False
        self._tell(f"{id_}: its task {attempt.task_id} is that of job {owner['id']} already")
        return True

    def _replay(self, key: int, job: RememberedJob, attempt: Remembered) -> None:
        known: Columns = {
            "job": key,
            "reason": attempt.reason,
            "account": self.account,
            "origin": attempt.service or self.origin,
            "key_print": "",
            "request": to_json(attempt.request.body()),
            "digest": attempt.request.digest(job.edition),
            "intended_at": attempt.intended_at,
            "day": sure_time(attempt.intended_at).astimezone().date().isoformat(),
        }
        if attempt.reused_from is not None:
            insert(
                self.db,
                {**known, **attempt.outcome, "charged": Charged.NO, "reused_from": attempt.reused_from},
            )
            return
        submission = insert(self.db, {**known, "state": State.SUBMITTING, "charged": Charged.PERHAPS})
        for step in attempt.steps:
            update(self.db, submission, step)

    def _tell(self, problem: str) -> None:
        if len(self.problems) < _MOST_PROBLEMS:
            self.problems.append(problem)


@contextmanager
def _savepoint(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("SAVEPOINT row")
    try:
        yield
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK TO row")
            db.execute("RELEASE row")
        raise
    db.execute("RELEASE row")


def _put_job(db: sqlite3.Connection, position: int, job: RememberedJob) -> int:
    """The job's row, new or brought up to date; its key."""
    request = job.request
    columns: Columns = {
        **job.columns,
        "id": job.id,
        "explicit_id": int(job.explicit_id),
        "position": position,
        "request": to_json(request.body()),
        "digest": job.digest,
        "model": request.model,
        "prompt": request.prompt,
        "duration": request.seconds,
        "resolution": request.size_class,
        "edition": job.edition,
    }
    names = list(columns)
    changes = ", ".join(f"{name} = excluded.{name}" for name in names)
    row = db.execute(
        f"INSERT INTO jobs (id_folded, {', '.join(names)}) VALUES (:id_folded, {', '.join(f':{n}' for n in names)}) "
        f"ON CONFLICT (id_folded) DO UPDATE SET {changes} RETURNING key",
        {**columns, "id_folded": folded(job.id)},
    ).fetchone()
    return int(row["key"])


def _settle(db: sqlite3.Connection, key: int, job: RememberedJob) -> None:
    """What the job itself remembers: its clip's name, whether it was ordered anew."""
    anew = job.ordered_anew
    edited = anew and job.counted[-1].request.digest(job.edition) != job.digest
    db.execute(
        "UPDATE jobs SET changed = :changed, resubmitted = max(resubmitted, :resubmitted), "
        "released = :released, order_reason = :reason, ordered_after = "
        "CASE WHEN :anew THEN coalesce((SELECT max(key) FROM submissions WHERE job = jobs.key), 0) ELSE 0 END "
        "WHERE key = :key",
        {
            "changed": int(job.changed),
            "resubmitted": int(job.resubmitted),
            "released": job.digest if anew and not job.changed else None,
            "reason": Reason.REGENERATE if edited else Reason.RETRY if anew else Reason.FIRST,
            "anew": int(anew),
            "key": key,
        },
    )
    if job.file is not None:
        db.execute(
            "UPDATE OR IGNORE jobs SET file = ?, file_folded = ? WHERE key = ? AND file IS NULL",
            (job.file, folded(job.file), key),
        )


def _has_fanned(connection: sqlite3.Connection) -> bool:
    """Whether any clip stands where only a folder that is fanned out has it."""
    named = connection.execute("SELECT id, file FROM jobs WHERE file IS NOT NULL")
    return any(row["file"] == clip_name(row["id"], None, fanned=True) for row in named)


def _name_clips(connection: sqlite3.Connection) -> None:
    """Fix the names that no row told, once all that were told are taken."""
    fanned = is_fanned(connection)
    while True:
        with transaction(connection):
            jobs = connection.execute(_NAMELESS, (_BATCH,)).fetchall()
            for job in jobs:
                fix_file(connection, job, fanned=fanned)
        if len(jobs) < _BATCH:
            return


_BY_ID = "SELECT 1 FROM jobs WHERE id_folded = ?"

_SAME = "SELECT 1 FROM submissions WHERE job = ? AND intended_at = ? AND task_id IS NULL"

_OWNER = """
SELECT j.id, j.id_folded FROM submissions AS s JOIN jobs AS j ON j.key = s.job
WHERE s.origin = ? AND s.task_id = ? AND s.reason <> 'reuse'"""

_REUSED_BEFORE = "SELECT 1 FROM submissions WHERE job = ? AND task_id = ? AND reason = 'reuse'"

_NAMELESS = """
SELECT * FROM jobs WHERE file IS NULL
  AND EXISTS (SELECT 1 FROM submissions WHERE job = jobs.key AND state <> 'not_accepted') LIMIT ?"""

_LAST_ORIGIN = """
UPDATE facts SET value = coalesce(
  (SELECT origin FROM submissions WHERE reason <> 'reuse' ORDER BY intended_at DESC, key DESC LIMIT 1), value)
WHERE name = 'origin'"""
