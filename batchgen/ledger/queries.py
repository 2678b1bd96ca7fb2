"""What the ledger can be asked.  Lists that may be long come in pages, so that nothing holds them whole."""

from __future__ import annotations

import itertools
import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from batchgen.budget import Kind, from_micros, plain
from batchgen.ledger.rows import ATTEMPT, RECORD, folded, to_order, to_record, to_submission, to_time
from batchgen.ledger.selecting import Among
from batchgen.model import Order, Record, State, Status, Submission

_PAGE = 500
_LONGEST_EXCHANGE = timedelta(minutes=5)

#: A job that the next run would submit.  (`= 1` lets the index give the jobs in their order.)
SUBMITTABLE = "status = 'pending' AND in_job_file = 1 AND NOT changed AND dismissed IS NULL"


def _submissions(among: Among) -> str:
    return f"""
SELECT s.*, j.id AS job_id,
  j.in_job_file AND j.job_file = ? AND j.newest IS s.key AND {among.sql("j.key")} AS current,
  NOT EXISTS (SELECT 1 FROM submissions AS e WHERE e.job = s.job AND e.key < s.key AND e.state <> 'not_accepted')
    AS first
FROM submissions AS s JOIN standing AS j ON j.key = s.job"""


#: Submissions with what a run must know of their jobs, one parameter: the job file of the run.
SUBMISSIONS = _submissions(Among.EVERY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How the jobs of a job file stand, in numbers."""

    counts: dict[Status, int]  # of the jobs in the job file that are selected, as all that follow
    to_submit: int
    held: int  # edited after they were paid for
    dismissed: int
    open_elsewhere: (
        int  # paid and not on disk, of jobs that have left the file, were ordered anew or not selected
    )
    unsettled: int  # neither succeeded nor dismissed: what keeps the exit code from being 0
    missing: int

    @property
    def jobs(self) -> int:
        """All jobs of the job file."""
        return sum(self.counts.values())


def standing(db: sqlite3.Connection, job_file: str, among: Among = Among.EVERY) -> Standing:
    """Count the jobs of a job file by status."""
    counts = dict.fromkeys(Status, 0)
    sums = dict.fromkeys(("to_submit", "held", "dismissed", "unsettled", "missing"), 0)
    for row in db.execute(_STANDING.format(among=among.sql()), (job_file,)):
        counts[Status(row["status"])] += row["jobs"]
        for name in sums:
            sums[name] += row[name] or 0
    (elsewhere,) = db.execute(_OPEN_ELSEWHERE.format(among=among.sql("j.key")), (job_file,)).fetchone()
    return Standing(counts=counts, open_elsewhere=elsewhere, **sums)


_STANDING = f"""
SELECT status, count(*) AS jobs,
  sum({SUBMITTABLE}) AS to_submit,
  sum(changed AND dismissed IS NULL) AS held,
  sum(dismissed IS NOT NULL) AS dismissed,
  sum(missing AND dismissed IS NULL) AS missing,
  sum((status <> 'succeeded' OR changed OR missing) AND dismissed IS NULL) AS unsettled
FROM standing WHERE job_file = ? AND in_job_file AND {{among}} GROUP BY status"""

_OPEN_ELSEWHERE = """
SELECT count(*) FROM submissions AS s CROSS JOIN standing AS j ON j.key = s.job
WHERE s.state IN ('submitted', 'generated') AND (NOT j.in_job_file OR j.newest IS NOT s.key OR NOT {among})
  AND j.job_file = ?"""


def orders(
    db: sqlite3.Connection, job_file: str, after: int, limit: int, among: Among = Among.EVERY
) -> list[tuple[int, Order]]:
    """The next jobs to submit behind ``after``, a position in the job file, with their positions."""
    rows = db.execute(
        f"SELECT * FROM standing WHERE job_file = ? AND position > ? AND {SUBMITTABLE} "
        f"AND {among.sql('+key')} ORDER BY position LIMIT ?",  # the plus: pages come by the index, not by a sort
        (job_file, after, limit),
    )
    return [(row["position"], to_order(row)) for row in rows]


def to_submit_by_kind(db: sqlite3.Connection, job_file: str, among: Among = Among.EVERY) -> dict[Kind, int]:
    """What the next run would submit: how many clips of each model, resolution and length."""
    rows = db.execute(
        f"SELECT model, resolution, duration, count(*) FROM standing WHERE job_file = ? AND {SUBMITTABLE} "
        f"AND {among.sql()} GROUP BY model, resolution, duration ORDER BY model, resolution, duration",
        (job_file,),
    )
    return {(row[0], row[1], row[2]): row[3] for row in rows}


def under_way(
    db: sqlite3.Connection, job_file: str, origin: str, among: Among = Among.EVERY
) -> list[Submission]:
    """Every submission at this service that has a task id and is not on disk, whatever became of its job.

    Of jobs that are not selected too; only they are not ``current``.
    """
    rows = db.execute(
        f"{_submissions(among)} WHERE s.state IN ('submitted', 'generated') AND s.origin = ? ORDER BY s.key",
        (job_file, origin),
    )
    return list(map(to_submission, rows))


def open_at_others(db: sqlite3.Connection, origin: str) -> dict[str, int]:
    """How many submissions are under way at services other than this one, by origin."""
    rows = db.execute(
        "SELECT origin, count(*) FROM submissions WHERE state IN ('submitted', 'generated') AND origin <> ? "
        "GROUP BY origin",
        (origin,),
    )
    return dict(rows.fetchall())


def was_used(db: sqlite3.Connection, origin: str) -> bool:
    """Whether anything was ever sent to this service."""
    query = "SELECT EXISTS (SELECT 1 FROM submissions WHERE origin = ? AND reason <> 'reuse')"
    row = db.execute(query, (origin,)).fetchone()
    return bool(row[0])


def answered_between(db: sqlite3.Connection, origin: str, since: datetime, until: datetime) -> list[datetime]:
    """When submissions to this service were answered, or left where no answer is known.

    A clock that was ahead then says nothing about now.
    """
    rows = db.execute(
        "SELECT coalesce(submitted_at, finished_at, intended_at) AS at FROM submissions "
        "WHERE origin = ? AND reason <> 'reuse' AND intended_at BETWEEN ? AND ? AND at BETWEEN ? AND ? ORDER BY at",
        (origin, to_time(since - _LONGEST_EXCHANGE), to_time(until), to_time(since), to_time(until)),
    )
    return [datetime.fromisoformat(row["at"]) for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class Untouched:
    """How many jobs nothing was ever sent for: those selected by their kind, and the others."""

    selected: dict[Kind, int]
    others: int


def untouched(db: sqlite3.Connection, among: Among = Among.EVERY) -> Untouched:
    """The jobs of all job files that nothing was ever sent for, without a look at each."""
    rows = db.execute(_UNTOUCHED.format(among=among.sql())).fetchall()
    return Untouched(
        selected={(row[0], row[1], row[2]): row[4] for row in rows if row[3]},
        others=sum(row[4] for row in rows if not row[3]),
    )


_UNTOUCHED = """
SELECT model, resolution, duration, {among} AS selected, count(*) FROM jobs
WHERE in_job_file AND NOT EXISTS (SELECT 1 FROM submissions WHERE job = jobs.key)
GROUP BY model, resolution, duration, selected"""


def records(
    db: sqlite3.Connection,
    job_file: str | None = None,
    among: Among = Among.EVERY,
    *,
    sent: bool = False,
) -> Iterator[Record]:
    """All jobs with their submissions in job-file order, those that left the file last.

    ``job_file`` puts the jobs of that file first when several share the folder.  Those that are not ``among`` the
    selected ones come too, and say so.  ``sent`` leaves out what nothing was ever sent for (``untouched``).
    """
    return _records(db, job_file, among, of=_SENT if sent else "1")


def first_untouched(
    db: sqlite3.Connection, job_file: str, among: Among = Among.EVERY, *, most: int
) -> list[Record]:
    """The first selected jobs that nothing was ever sent for, those of this job file before others."""
    found = _records(db, job_file, among, of=f"in_job_file AND NOT {_SENT} AND {among.sql()}")
    return list(itertools.islice(found, most))


_SENT = "EXISTS (SELECT 1 FROM submissions WHERE job = standing.key)"


def _records(db: sqlite3.Connection, job_file: str | None, among: Among, *, of: str) -> Iterator[Record]:
    blocks = db.execute("SELECT DISTINCT in_job_file, job_file FROM jobs").fetchall()
    for block in sorted(map(tuple, blocks), key=lambda block: (not block[0], block[1] != job_file, block[1])):
        yield from _records_of(db, *block, query=_RECORDS.format(among=among.sql(), of=of))


def _records_of(db: sqlite3.Connection, in_job_file: int, job_file: str, *, query: str) -> Iterator[Record]:
    last = (-1, -1)
    while True:
        rows = db.execute(query, (in_job_file, job_file, *last, _PAGE)).fetchall()
        yield from _with_attempts(db, rows)
        if len(rows) < _PAGE:
            return
        last = (rows[-1]["position"], rows[-1]["key"])


# Jobs that left and were never paid for are nothing that anybody needs to hear of.
_RECORDS = f"""
SELECT {RECORD}, {{among}}, position FROM standing
WHERE in_job_file = ? AND job_file = ? AND (position, key) > (?, ?) AND {{of}}
  AND (in_job_file OR EXISTS (SELECT 1 FROM submissions WHERE job = standing.key AND state <> 'not_accepted'))
ORDER BY position, key LIMIT ?"""


def delivered(db: sqlite3.Connection, *, dot: str = ".", among: Among = Among.EVERY) -> Iterator[Record]:
    """All jobs whose clip stands, sorted by their ids with ``dot`` in place of each dot in them."""
    keys = db.execute(
        f"SELECT key FROM standing WHERE status = 'succeeded' AND NOT missing AND {among.sql()} "
        "ORDER BY replace(id, '.', ?)",
        (dot,),
    )
    while page := keys.fetchmany(_PAGE):
        yield from records_of(db, [key for (key,) in page])


def number_of_jobs(db: sqlite3.Connection) -> int:
    """How many jobs the ledger has, those that left their file among them."""
    (number,) = db.execute("SELECT count(*) FROM jobs").fetchone()
    return int(number)


def record(db: sqlite3.Connection, key: int) -> Record:
    """One job with its submissions."""
    return records_of(db, [key])[0]


def records_of(db: sqlite3.Connection, keys: Sequence[int]) -> list[Record]:
    """These jobs with their submissions, in this order; a page of them at the most."""
    rows = db.execute(f"{_ANY} WHERE key IN {_LISTED}", (json.dumps(list(keys)),)).fetchall()
    found = dict(zip((row["key"] for row in rows), _with_attempts(db, rows), strict=True))
    return [found[key] for key in keys]


def find(db: sqlite3.Connection, id_: str) -> Record | None:
    """The job of this id, ``None`` when there is none."""
    rows = db.execute(f"{_ANY} WHERE id_folded = ?", (folded(id_),)).fetchall()
    return next(_with_attempts(db, rows), None)


def _with_attempts(db: sqlite3.Connection, rows: Sequence[sqlite3.Row]) -> Iterator[Record]:
    """The records of a page of rows: all their submissions come in one go."""
    attempts = defaultdict[int, list[sqlite3.Row]](list)
    for attempt in db.execute(_ATTEMPTS, (json.dumps([row["key"] for row in rows]),)):
        attempts[attempt["job"]].append(attempt)
    for row in rows:
        yield to_record(row, attempts.get(row["key"], ()))


_LISTED = "(SELECT value FROM json_each(?))"
_ANY = f"SELECT {RECORD}, 1 FROM standing"
_ATTEMPTS = f"SELECT {ATTEMPT} FROM submissions WHERE job IN {_LISTED} ORDER BY job, key"


class Stored(NamedTuple):
    """A clip that should stand in the output folder.  A plain row, as each start looks at every one."""

    submission: int
    job_key: int
    file: str
    bytes: int
    sha256: str
    missing: int  # 0 or 1


def stored(db: sqlite3.Connection) -> Iterator[Stored]:
    """Every clip that was stored, those of earlier submissions among them."""
    last = 0
    while True:
        rows = db.execute(
            "SELECT key, job, file, bytes, sha256, missing FROM submissions "
            "WHERE state = ? AND key > ? ORDER BY key LIMIT ?",
            (State.SUCCEEDED, last, _PAGE),
        ).fetchall()
        yield from map(Stored._make, rows)
        if len(rows) < _PAGE:
            return
        last = rows[-1]["key"]


def clip_names(db: sqlite3.Connection) -> Iterator[str]:
    """What the clips that were ordered are named after: their jobs' ids, and the paths that they have or had."""
    for id_, file, other in db.execute(
        "SELECT jobs.id, jobs.file, s.file FROM jobs JOIN submissions AS s ON s.job = jobs.key ORDER BY s.key"
    ):
        yield from filter(None, (id_, file, other))


def last_answer(db: sqlite3.Connection, origin: str, key_print: str) -> datetime | None:
    """When this service last said something certain of a task of this account."""
    row = db.execute(
        "SELECT max(coalesce(generated_at, submitted_at)) AS at FROM submissions "
        "WHERE origin = ? AND key_print = ?",
        (origin, key_print),
    ).fetchone()
    return None if row["at"] is None else datetime.fromisoformat(row["at"])


def submissions_by_time(db: sqlite3.Connection) -> Iterator[tuple[str | None, ...]]:
    """Every submission, oldest first: what a bill can be held against.  Clips that were reused are in no bill."""
    last = 0
    while True:
        rows = db.execute(
            "SELECT s.*, j.id AS job_id FROM submissions AS s JOIN jobs AS j ON j.key = s.job "
            "WHERE s.key > ? AND s.reason <> 'reuse' ORDER BY s.key LIMIT ?",
            (last, _PAGE),
        ).fetchall()
        for row in rows:
            price = None if row["price"] is None else plain(from_micros(row["price"]))
            yield (
                row["intended_at"],
                row["job_id"],
                row["state"],
                row["reason"],
                row["task_id"],
                row["charged"],
                price,
                row["currency"],
                row["submitted_at"],
                row["finished_at"],
                row["fault_code"],
                row["account"],
                row["origin"],
            )
        if len(rows) < _PAGE:
            return
        last = rows[-1]["key"]
