"""What a worker tells the ledger.  Each call returns when its change is on disk."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache, partial

from batchgen.errors import IllegalTransition, OutcomeUnknown
from batchgen.ledger import task_times
from batchgen.ledger.changes import statement
from batchgen.ledger.database import Ledger
from batchgen.ledger.intending import Account, intend
from batchgen.ledger.orders import RESUBMITTABLE, order_anew
from batchgen.ledger.placing import check
from batchgen.ledger.rows import sure_time, to_json, to_order, to_time
from batchgen.ledger.spending import Purse
from batchgen.model import (
    Charged,
    Clip,
    Fault,
    Generated,
    Order,
    Placement,
    Reason,
    State,
    Submission,
    TaskTimes,
)
from batchgen.settings import Budget

#: How SQLite names the index that lets a task belong to one submission only.
_OTHER_OWNER = "UNIQUE constraint failed: submissions.origin, submissions.task_id"


class LedgerBook:
    """The ``Book`` of a run, in one account's name."""

    def __init__(
        self, ledger: Ledger, account: Account, now: Callable[[], datetime], purse: Purse | None = None
    ) -> None:
        """``purse``: from which budget submissions are paid; without one nothing is capped."""
        self._ledger, self._account, self._now = ledger, account, now
        self._minute = self._today = ""
        self._intents = partial(intend, account, purse or Purse(budget=Budget(), run=0))

    async def intend(self, order: Order) -> Submission | None:
        """Write down that the POST is the very next step; ``None`` when the job is no longer pending."""
        now = self._now()
        at = to_time(now)
        return await self._ledger.make(self._intents, (order, at, self._day(now, at)), may_wait=True)

    def _day(self, now: datetime, at: str) -> str:
        """The user's day, not the one of UTC; no zone begins a day within a minute of UTC."""
        minute = at[:16]
        if minute != self._minute:
            self._minute, self._today = minute, now.astimezone().date().isoformat()
        return self._today

    async def accepted(self, submission: Submission, task_id: str) -> Submission:
        """The service gave a task id.

        Raises OutcomeUnknown when that id belongs to another submission, IllegalTransition when this one has
        ended or has another id.
        """
        at = to_time(self._now())
        try:
            await self._ledger.make(_ACCEPTED, (submission.key, task_id, at), urgent=True)
        except IllegalTransition as error:
            if _OTHER_OWNER not in str(error):
                raise
            raise OutcomeUnknown(
                "task_id", f"the service gave a task id that another submission has: {task_id}"
            ) from error
        return submission._replace(state=State.SUBMITTED, task_id=task_id, submitted_at=sure_time(at))

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
        await self._ledger.make(_GENERATED, (submission.key, news.file_id, news.width, news.height, at))
        return submission._replace(state=State.GENERATED, file_id=news.file_id, not_found_since=None)

    async def failed(self, submission: Submission, fault: Fault, charged: Charged) -> None:
        """The task has ended badly, or is gone for good."""
        await self._end(submission, State.FAILED, fault, charged)

    async def not_found(self, submission: Submission, at: datetime) -> Submission:
        """The service does not know the task or file: the first time is kept, nothing is concluded."""
        await self._set(submission, not_found_since=to_time(at))
        return submission._replace(not_found_since=at)

    async def found(self, submission: Submission) -> Submission:
        """The service knows it after all."""
        await self._set(submission, not_found_since=None, **_fault_columns(None))
        return submission._replace(not_found_since=None)

    async def checked(self, submission: Submission, clip: Clip) -> Placement:
        """A whole clip is on disk; the answer says which name it gets, as the next step."""
        return await self._ledger.make(check, (submission, clip))

    async def superseded(self, submission_key: int, file: str) -> None:
        """An earlier clip stands under another name now."""
        await self._ledger.write(lambda db: update(db, submission_key, {"file": file}))

    async def stored(self, submission: Submission, warnings: Sequence[str]) -> None:
        """The clip stands under its final name."""
        at = to_time(self._now())
        await self._ledger.make(_STORED, (submission.key, at, to_json(warnings) if warnings else "[]"))

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

    async def _move(self, submission: Submission, state: State, **columns: str | int | None) -> None:
        await self._ledger.write(lambda db: update(db, submission.key, {**columns, "state": state}))

    async def _set(self, submission: Submission, **columns: str | int | None) -> None:
        await self._ledger.write(lambda db: update(db, submission.key, columns))


_NO_FAULT = "fault_code = NULL, fault_message = NULL, fault_stage = NULL"

# What every job goes through is written out: a constant costs less than a parameter, above all that of a StrEnum,
# for which SQLite's driver looks for an adapter each time.
_ACCEPTED = statement(
    f"""
UPDATE submissions SET state = 'submitted', task_id = {{task_id}}, submitted_at = {{at}}, {_NO_FAULT}
{{source}} WHERE submissions.key = {{key}}""",
    *("key", "task_id", "at"),
)

_GENERATED = statement(
    f"""
UPDATE submissions SET state = 'generated', file_id = {{file_id}}, width = {{width}}, height = {{height}},
  generated_at = {{at}}, charged = 'yes', not_found_since = NULL, {_NO_FAULT}
{{source}} WHERE submissions.key = {{key}}""",
    *("key", "file_id", "width", "height", "at"),
)

_STORED = statement(
    f"""
UPDATE submissions SET state = 'succeeded', finished_at = {{at}}, charged = 'yes', missing = 0,
  warnings = {{warnings}}, {_NO_FAULT}
{{source}} WHERE submissions.key = {{key}}""",
    *("key", "at", "warnings"),
)


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


def _resubmit(db: sqlite3.Connection, submission: Submission) -> Order | None:
    row = db.execute(
        f"SELECT * FROM standing WHERE key = ? AND newest = ? AND {RESUBMITTABLE}",
        (submission.job_key, submission.key),
    ).fetchone()
    if row is None:
        return None
    order_anew(db, [submission.job_key], Reason.RESUBMIT)
    return to_order(db.execute("SELECT * FROM standing WHERE key = ?", (submission.job_key,)).fetchone())
