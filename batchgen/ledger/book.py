"""What a worker tells the ledger.  Each call returns when its change is on disk."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache

from batchgen.errors import IllegalTransition, OutcomeUnknown
from batchgen.ledger import task_times
from batchgen.ledger.database import Ledger
from batchgen.ledger.layout import IS_FANNED, is_fanned
from batchgen.ledger.orders import RESUBMITTABLE, order_anew
from batchgen.ledger.portions import clip_name, superseded_name
from batchgen.ledger.queries import SUBMITTABLE
from batchgen.ledger.rows import (
    folded,
    from_request,
    sure_time,
    to_clip,
    to_json,
    to_order,
    to_time,
    to_video,
)
from batchgen.ledger.spending import Payment, Purse, pay
from batchgen.model import (
    Charged,
    Clip,
    Fault,
    Generated,
    Order,
    Placement,
    Reason,
    Request,
    State,
    Submission,
    TaskTimes,
)
from batchgen.settings import Budget

#: How SQLite names the index that lets a task belong to one submission only.
_OTHER_OWNER = "UNIQUE constraint failed: submissions.origin, submissions.task_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """In whose name submissions are made: a label, the service's origin, the key's salted fingerprint."""

    name: str
    origin: str
    key_print: str


class LedgerBook:
    """The ``Book`` of a run, in one account's name."""

    def __init__(
        self, ledger: Ledger, account: Account, now: Callable[[], datetime], purse: Purse | None = None
    ) -> None:
        """``purse``: from which budget submissions are paid; without one nothing is capped."""
        self._ledger, self._account, self._now = ledger, account, now
        self._purse = purse or Purse(budget=Budget(), run=0)

    async def intend(self, order: Order) -> Submission | None:
        """Write down that the POST is the very next step; ``None`` when the job is no longer pending."""
        now = self._now()
        day = now.astimezone().date().isoformat()  # the user's day, not the one of UTC
        at = to_time(now)

        def intend(db: sqlite3.Connection) -> Submission | None:
            return _intend(db, order, self._account, at, lambda request: pay(db, self._purse, request, day))

        return await self._ledger.write(intend, may_wait=True)

    async def accepted(self, submission: Submission, task_id: str) -> Submission:
        """The service gave a task id.

        Raises OutcomeUnknown when that id belongs to another submission, IllegalTransition when this one has
        ended or has another id.
        """
        at = to_time(self._now())
        try:
            await self._change(_ACCEPTED, (task_id, at, submission.key))
        except IllegalTransition as error:
            if _OTHER_OWNER not in str(error):
                raise
            raise OutcomeUnknown(
                "task_id", f"the service gave a task id that another submission has: {task_id}"
            ) from error
        return replace(submission, state=State.SUBMITTED, task_id=task_id, submitted_at=sure_time(at))

    async def not_accepted(self, submission: Submission, fault: Fault) -> None:
        """Proven that nothing was made: the job is pending again."""
        await self._end(submission, State.NOT_ACCEPTED, fault, Charged.NO)

    async def refused(self, submission: Submission, fault: Fault, charged: Charged) -> None:
        """The service refused this job."""
        await self._end(submission, State.FAILED, fault, charged)

    async def lost(self, submission: Submission, fault: Fault) -> None:
        """The outcome of the POST is not known: it counts as spent."""
        await self._move(submission, State.UNKNOWN, **_fault_columns(fault))

    async def resubmit(self, submission: Submission) -> Order | None:
        """By the user's standing word: order the job of a lost submission again, once per job, ever."""
        return await self._ledger.write(lambda db: _resubmit(db, submission), may_wait=True)

    async def generated(self, submission: Submission, news: Generated) -> Submission:
        """The task has ended well; the clip waits to be fetched."""
        at = to_time(self._now())
        await self._change(_GENERATED, (news.file_id, news.width, news.height, at, submission.key))
        return replace(submission, state=State.GENERATED, file_id=news.file_id, not_found_since=None)

    async def failed(self, submission: Submission, fault: Fault, charged: Charged) -> None:
        """The task has ended badly, or is gone for good."""
        await self._end(submission, State.FAILED, fault, charged)

    async def not_found(self, submission: Submission, at: datetime) -> Submission:
        """The service does not know the task or file: the first time is kept, nothing is concluded."""
        await self._set(submission, not_found_since=to_time(at))
        return replace(submission, not_found_since=at)

    async def found(self, submission: Submission) -> Submission:
        """The service knows it after all."""
        await self._set(submission, not_found_since=None, **_fault_columns(None))
        return replace(submission, not_found_since=None)

    async def checked(self, submission: Submission, clip: Clip) -> Placement:
        """A whole clip is on disk; the answer says which name it gets, as the next step."""
        return await self._ledger.write(lambda db: _check(db, submission, clip))

    async def superseded(self, submission_key: int, file: str) -> None:
        """An earlier clip stands under another name now."""
        await self._ledger.write(lambda db: update(db, submission_key, {"file": file}))

    async def stored(self, submission: Submission, warnings: Sequence[str]) -> None:
        """The clip stands under its final name."""
        at = to_time(self._now())
        await self._change(_STORED, (at, to_json(list(warnings)), submission.key))

    async def rested(self, submission: Submission, fault: Fault | None) -> None:
        """Why the clip is not on disk yet (``None``: no reason any more); the state stays."""
        await self._set(submission, **_fault_columns(fault))

    async def learnt(self, times: TaskTimes) -> None:
        """Keep for the next run how many tasks of each kind took how many seconds."""
        origin = self._account.origin
        await self._ledger.write(lambda db: task_times.write(db, origin, times), may_wait=True)

    async def _end(self, submission: Submission, state: State, fault: Fault, charged: Charged) -> None:
        await self._move(
            submission,
            state,
            charged=charged,
            finished_at=to_time(self._now()),
            **_fault_columns(fault),
        )

    async def _change(self, sql: str, values: Sequence[str | int | None]) -> None:
        def change(db: sqlite3.Connection) -> None:
            db.execute(sql, values)

        await self._ledger.write(change)

    async def _move(self, submission: Submission, state: State, **columns: str | int | None) -> None:
        await self._ledger.write(lambda db: update(db, submission.key, {**columns, "state": state}))

    async def _set(self, submission: Submission, **columns: str | int | None) -> None:
        await self._ledger.write(lambda db: update(db, submission.key, columns))


_NO_FAULT = "fault_code = NULL, fault_message = NULL, fault_stage = NULL"

# What every job goes through is written out: a constant costs less than a parameter, above all that of a StrEnum,
# for which SQLite's driver looks for an adapter each time.
_ACCEPTED = f"""
UPDATE submissions SET state = 'submitted', task_id = ?, submitted_at = ?,
  {_NO_FAULT}
WHERE key = ?"""

_GENERATED = f"""
UPDATE submissions SET state = 'generated', file_id = ?, width = ?, height = ?, generated_at = ?, charged = 'yes',
  not_found_since = NULL, {_NO_FAULT}
WHERE key = ?"""

_STORED = f"""
UPDATE submissions SET state = 'succeeded', finished_at = ?, charged = 'yes', missing = 0, warnings = ?,
  {_NO_FAULT}
WHERE key = ?"""


def _fault_columns(fault: Fault | None) -> Mapping[str, str | int | None]:
    if fault is None:
        return {"fault_code": None, "fault_message": None, "fault_stage": None}
    return {"fault_code": fault.code, "fault_message": fault.message, "fault_stage": fault.stage}


def insert(db: sqlite3.Connection, columns: Mapping[str, str | int | None]) -> int:
    """Add a submission; its key."""
    key = db.execute(_insert_of(tuple(columns)), tuple(columns.values())).lastrowid
    assert key is not None  # noqa: S101  an insert has one
    return key


@cache
def _insert_of(names: tuple[str, ...]) -> str:
    """The same text each time, so that SQLite's prepared statement is found again."""
    return f"INSERT INTO submissions ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"


def update(db: sqlite3.Connection, key: int, columns: Mapping[str, str | int | None]) -> None:
    """Change a submission."""
    db.execute(_update_of(tuple(columns)), (*columns.values(), key))


@cache
def _update_of(names: tuple[str, ...]) -> str:
    """The same text each time, so that SQLite's prepared statement is found again."""
    return f"UPDATE submissions SET {', '.join(f'{name} = ?' for name in names)} WHERE key = ?"


# Each of a job's changes is a handful of microseconds, so what one statement can tell is not asked for by two.
_PENDING = f"""
SELECT key, id, request, digest, order_reason, file, filename, {IS_FANNED} AS fanned,
  EXISTS (SELECT 1 FROM submissions WHERE job = standing.key AND state <> 'not_accepted') AS sent_before
FROM standing WHERE key = ? AND {SUBMITTABLE}"""

_INTENDED = """
INSERT INTO submissions (state, charged, job, reason, request, digest, account, origin, key_print, intended_at,
  run, day, price, currency)
VALUES ('submitting', 'perhaps', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""


def _intend(
    db: sqlite3.Connection, order: Order, account: Account, at: str, spend: Callable[[Request], Payment]
) -> Submission | None:
    job = db.execute(_PENDING, (order.key,)).fetchone()
    if job is None:
        return None
    request = order.request if job["request"] == order.written else from_request(job["request"])
    payment = spend(request)
    if job["file"] is None:
        fix_file(db, job, fanned=job["fanned"])
    sent = (order.key, job["order_reason"], job["request"], job["digest"])
    to_whom = (account.name, account.origin, account.key_print)
    paid = (payment.run, payment.day, payment.price, payment.currency)
    key = db.execute(_INTENDED, (*sent, *to_whom, at, *paid)).lastrowid
    assert key is not None  # noqa: S101  an insert has one
    return Submission(
        key=key,
        job_key=order.key,
        job_id=job["id"],
        state=State.SUBMITTING,
        request=request,
        account=account.name,
        origin=account.origin,
        key_print=account.key_print,
        submitted_at=sure_time(at),
        first=not job["sent_before"],
    )


def _resubmit(db: sqlite3.Connection, submission: Submission) -> Order | None:
    row = db.execute(
        f"SELECT * FROM standing WHERE key = ? AND newest = ? AND {RESUBMITTABLE}",
        (submission.job_key, submission.key),
    ).fetchone()
    if row is None:
        return None
    order_anew(db, [submission.job_key], Reason.RESUBMIT)
    return to_order(db.execute("SELECT * FROM standing WHERE key = ?", (submission.job_key,)).fetchone())


def fix_file(db: sqlite3.Connection, job: sqlite3.Row, *, fanned: bool) -> str:
    """Fix the name of the clip; a renamed job may still hold the obvious one."""
    for number in itertools.count(1):
        name = clip_name(job["id"], job["filename"], fanned=fanned, number=number)
        # Only the name may be taken: everything else that could be wrong with it raises.
        if db.execute(_NAME, (name, folded(name), job["key"])).rowcount:
            break
    return name


_NAME = "UPDATE OR IGNORE jobs SET file = ?, file_folded = ? WHERE key = ?"

_NAMED = """
SELECT id, file, EXISTS (
  SELECT 1 FROM submissions WHERE job = jobs.key AND key <> ? AND sha256 IS NOT NULL) AS has_others
FROM jobs WHERE key = ?"""

_CHECKED = "UPDATE submissions SET bytes = ?, sha256 = ?, video = ?, file = ? WHERE key = ?"


def _check(db: sqlite3.Connection, submission: Submission, clip: Clip) -> Placement:
    job = db.execute(_NAMED, (submission.key, submission.job_key)).fetchone()
    placement = _among_others(db, submission, job) if job["has_others"] else Placement(file=job["file"])
    db.execute(_CHECKED, (clip.bytes, clip.sha256, to_video(clip.video), placement.file, submission.key))
    return placement


def _among_others(db: sqlite3.Connection, submission: Submission, job: sqlite3.Row) -> Placement:
    """The name beside other clips of the same job: the newest one has the job's own."""
    newer = db.execute(
        "SELECT 1 FROM submissions WHERE job = ? AND key > ? AND sha256 IS NOT NULL",
        (submission.job_key, submission.key),
    ).fetchone()
    aside = superseded_name(job["id"], submission.key, fanned=is_fanned(db))
    return Placement(file=aside) if newer else _take_name(db, submission, job)


def _take_name(db: sqlite3.Connection, submission: Submission, job: sqlite3.Row) -> Placement:
    """The job's own name; the clip that has it now must be kept under another one first.

    A clip that was checked and then lost for good before it was stored has no name.
    """
    earlier = db.execute(
        "SELECT * FROM submissions WHERE job = ? AND key < ? AND sha256 IS NOT NULL AND state <> 'failed' "
        "ORDER BY key DESC LIMIT 1",
        (submission.job_key, submission.key),
    ).fetchone()
    if earlier is None:
        return Placement(file=job["file"])
    return Placement(
        file=job["file"],
        over=to_clip(earlier),
        keep_key=earlier["key"] if earlier["file"] == job["file"] else None,
        keep_as=superseded_name(job["id"], earlier["key"], fanned=is_fanned(db)),
    )
