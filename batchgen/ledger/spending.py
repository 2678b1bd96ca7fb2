"""The budget in the ledger: a submission is paid from it in the transaction that writes down its intent."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from batchgen.budget import Spent, from_micros, price_of, reached, room, to_micros
from batchgen.errors import BudgetReached
from batchgen.model import Request
from batchgen.settings import Budget, Cap


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    """From which budget a run spends, and which run it is."""

    budget: Budget
    run: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """What a submission is noted to cost, in millionths; the price is ``None`` when it is not known."""

    run: int
    day: str
    price: int | None
    currency: str | None


def begin_run(db: sqlite3.Connection) -> int:
    """The number of a run that begins; each is higher than those before."""
    (last,) = db.execute("SELECT coalesce(max(value + 0), 0) FROM facts WHERE name = 'run'").fetchone()
    db.execute("INSERT OR REPLACE INTO facts VALUES ('run', ?)", (str(last + 1),))
    return int(last) + 1


class Till:
    """Pays for one submission after the other in one transaction."""

    def __init__(self, db: sqlite3.Connection, purse: Purse, write_down: Callable[[], None]) -> None:
        """``write_down`` is called before each look at what is spent: all that was paid for must be in it."""
        self._db, self._purse, self._write_down = db, purse, write_down
        self._left = 0.0  # so many more of the same price, on the same day, fit without another look
        self._price: Decimal | None = None
        self._payment = Payment(run=purse.run, day="", price=None, currency=None)

    def pay(self, request: Request, day: str) -> Payment:
        """What one more submission costs.  Raises BudgetReached when it would go past a cap."""
        price = price_of(self._purse.budget, request)
        if self._left < 1 or day != self._payment.day or price != self._price:
            self._left = self._room(price, day)
            self._price, self._payment = price, _payment(self._purse, price, day)
        self._left -= 1
        return self._payment

    def _room(self, price: Decimal | None, day: str) -> float:
        """How many more of this price fit below every cap: at least one.  Raises BudgetReached."""
        caps = _caps(self._purse.budget)
        if all(cap.cost is None and cap.clips is None for cap in caps):
            return math.inf
        self._write_down()
        return _room(caps, _spent_so_far(self._db, self._purse, day), price, self._purse.budget.currency)


def _payment(purse: Purse, price: Decimal | None, day: str) -> Payment:
    if price is None:
        return Payment(run=purse.run, day=day, price=None, currency=None)
    return Payment(run=purse.run, day=day, price=to_micros(price), currency=purse.budget.currency)


def _room(caps: Sequence[Cap], spent: Sequence[Spent], price: Decimal | None, currency: str) -> float:
    """Below the caps, of which so much is spent.  Raises BudgetReached."""
    for cap, so_far, what in zip(caps, spent, _WHAT, strict=True):
        why = reached(cap, so_far, price, what=what, currency=currency)
        if why is not None:
            raise BudgetReached(why)
    return min(room(cap, so_far, price) for cap, so_far in zip(caps, spent, strict=True))


_WHAT = (
    "the budget in all (`budget.total`)",
    "the budget of this day (`budget.per_day`)",
    "the budget of this run (`budget.per_run`, --max-cost)",
)


def _caps(budget: Budget) -> tuple[Cap, Cap, Cap]:
    return budget.total, budget.per_day, budget.per_run


# In all, on the day, in the run: one look for all three, as this is asked before each submission.
_SO_FAR = """
SELECT coalesce(sum(clips), 0), coalesce(sum(iif(currency = :currency, micros, 0)), 0),
  coalesce(sum(iif(day = :day, clips, 0)), 0), coalesce(sum(iif(day = :day AND currency = :currency, micros, 0)), 0),
  coalesce(sum(iif(run = :run, clips, 0)), 0), coalesce(sum(iif(run = :run AND currency = :currency, micros, 0)), 0)
FROM spent WHERE NOT (failed AND :free)"""


def _spent_so_far(db: sqlite3.Connection, purse: Purse, day: str) -> Sequence[Spent]:
    budget = purse.budget
    values = {
        "currency": budget.currency,
        "free": budget.failed_clips_are_free,
        "day": day,
        "run": purse.run,
    }
    row = tuple(db.execute(_SO_FAR, values).fetchone())
    return [
        Spent(cost=from_micros(micros), clips=clips)
        for clips, micros in zip(row[::2], row[1::2], strict=True)
    ]


def spent_where(
    db: sqlite3.Connection, budget: Budget, where: str = "1", values: Mapping[str, object] | None = None
) -> Spent:
    """What counts as spent, in the budget's currency; ``where`` is one of our own texts."""
    row = db.execute(
        f"SELECT coalesce(sum(clips), 0) AS clips, "
        f"coalesce(sum(CASE WHEN currency = :currency THEN micros END), 0) AS micros "
        f"FROM spent WHERE {where} AND NOT (failed AND :free)",
        {"currency": budget.currency, "free": budget.failed_clips_are_free, **(values or {})},
    ).fetchone()
    return Spent(cost=from_micros(row["micros"]), clips=row["clips"])
