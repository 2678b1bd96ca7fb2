"""The intents of one transaction: which of the jobs are still pending, what they cost, and that they are about to go.

Very many come at once when a run begins.  Each of them is a handful of microseconds, so what one statement can tell
is not asked for by two, and what one statement can write is not written by many.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from batchgen.ledger.changes import Value, insertion, question
from batchgen.ledger.layout import IS_FANNED
from batchgen.ledger.placing import fix_files
from batchgen.ledger.queries import SUBMITTABLE
from batchgen.ledger.rows import from_request, sure_time
from batchgen.ledger.spending import Payment, Purse, Till
from batchgen.model import Order, Request, State, Submission


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """In whose name submissions are made: a label, the service's origin, the key's salted fingerprint."""

    name: str
    origin: str
    key_print: str


#: An order, the moment at which it is about to be sent, and the user's day.
Intent = tuple[Order, str, str]


def intend(
    account: Account, purse: Purse, db: sqlite3.Connection, intents: Sequence[Intent]
) -> Sequence[Submission | None]:
    """Write intents down; ``None`` for a job that is no longer pending.  Raises BudgetReached."""
    pending = {job[0]: job for job in _PENDING(db, [order.key for order, _, _ in intents])}
    sheet = _Sheet(db, account)
    till = Till(db, purse, sheet.write_down)
    submissions: list[Submission | None] = []
    for order, at, day in intents:
        job = pending.pop(order.key, None)  # of two intents for one job the second finds none
        if job is None:
            submissions.append(None)
            continue
        written = job[2]
        request = order.request if written == order.written else from_request(written)
        submissions.append(sheet.note(job, request, at, till.pay(request, day)))
    sheet.write_down()
    return submissions


class _Sheet:
    """Submissions that are decided, until they are written down together."""

    def __init__(self, db: sqlite3.Connection, account: Account) -> None:
        self._db, self._account = db, account
        self._last = _last_key(db)
        self._rows: list[Sequence[Value]] = []
        self._nameless: list[sqlite3.Row] = []  # jobs whose clips have no names yet

    def note(self, job: sqlite3.Row, request: Request, at: str, payment: Payment) -> Submission:
        """One more, of a row of the pending."""
        self._last += 1
        key, id_, written, digest, reason, file, _, _, sent_before = job
        if file is None:
            self._nameless.append(job)
        account = self._account
        sent = (self._last, key, reason, written, digest)
        to_whom = (account.name, account.origin, account.key_print)
        paid = (payment.run, payment.day, payment.price, payment.currency)
        self._rows.append((*sent, *to_whom, at, *paid))
        return Submission(
            key=self._last,
            job_key=key,
            job_id=id_,
            state=State.SUBMITTING,
            request=request,
            key_print=account.key_print,
            submitted_at=sure_time(at),
            first=not sent_before,
        )

    def write_down(self) -> None:
        """Write all that were noted, and fix the names that their clips will have."""
        if self._nameless:
            fix_files(self._db, self._nameless, fanned=self._nameless[0]["fanned"])
        _INTENDED(self._db, self._rows)
        self._rows, self._nameless = [], []


_PENDING = question(f"""
SELECT key, id, request, digest, order_reason, file, filename, {IS_FANNED} AS fanned,
  EXISTS (SELECT 1 FROM submissions WHERE job = standing.key AND state <> 'not_accepted') AS sent_before
FROM standing WHERE key {{asked}} AND {SUBMITTABLE}""")

_INTENDED = insertion(
    """
INSERT INTO submissions (state, charged, key, job, reason, request, digest, account, origin, key_print, intended_at,
  run, day, price, currency)
VALUES {rows}""",
    row=f"('submitting', 'perhaps', {', '.join('?' * 13)})",
)


def _last_key(db: sqlite3.Connection) -> int:
    """The highest key that any submission has had: who gives keys by hand goes on behind it."""
    (last,) = db.execute(
        "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'submissions'"
    ).fetchone()
    return int(last)
