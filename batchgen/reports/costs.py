"""What it has cost: what is delivered, under way, unknown, and what failed and may be charged, kept apart."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from batchgen.budget import LIST_CURRENCY, LIST_PRICES, per_clip, shown
from batchgen.model import Attempt, Charged, Record, State


class Spending(StrEnum):
    """For what something was spent."""

    DELIVERED = "delivered"
    UNDER_WAY = "under way"
    UNKNOWN = "of unknown outcome"
    FAILED = "failed, perhaps charged"


_BY_STATE = {
    State.SUBMITTING: Spending.UNDER_WAY,
    State.SUBMITTED: Spending.UNDER_WAY,
    State.GENERATED: Spending.UNDER_WAY,
    State.SUCCEEDED: Spending.DELIVERED,
    State.UNKNOWN: Spending.UNKNOWN,
    State.FAILED: Spending.FAILED,
}


@dataclass(slots=True)
class Costs:
    """Adds up what records have cost.  Prices that are not known are told by the vendor's list, as "about"."""

    failed_are_free: bool = False
    exact: dict[str, dict[Spending, Decimal]] = field(default_factory=dict)  # by currency
    about: dict[Spending, Decimal] = field(default_factory=dict)
    clips: Counter[Spending] = field(default_factory=Counter)

    def add(self, record: Record) -> None:
        """Look at one job, also one that has left the file: it was paid for all the same."""
        for attempt in record.attempts:
            if attempt.state is not State.NOT_ACCEPTED and attempt.charged is not Charged.NO:
                self._spend(_BY_STATE[attempt.state], attempt)

    def _spend(self, what: Spending, attempt: Attempt) -> None:
        if what is Spending.FAILED and self.failed_are_free:
            return
        self.clips[what] += 1
        if attempt.price is not None and attempt.currency is not None:
            amounts = self.exact.setdefault(attempt.currency, {})
        else:
            amounts = self.about
        amounts[what] = amounts.get(what, Decimal(0)) + _price(attempt)

    def total(self) -> str | None:
        """Everything, as in ``398 CNY`` or ``about 398 CNY``; ``None`` when nothing was spent."""
        return self._told(None)

    def details(self) -> str | None:
        """What it was spent for and what a delivered clip has cost; ``None`` when nothing was spent."""
        parts = [f"{told} {what.value}" for what in Spending if (told := self._told(what))]
        return f"cost: {', '.join(parts)}{self._each()}" if parts else None

    def _each(self) -> str:
        """All that was spent, by delivered clip, where it is in one currency."""
        sums = self._sums(None)
        delivered = self.clips[Spending.DELIVERED]
        if len(sums) != 1 or not delivered:
            return ""
        (prefix, currency, amount) = sums[0]
        each = per_clip(amount, delivered)
        return "" if each is None else f"; {prefix}{shown(each, currency)} per delivered clip"

    def _told(self, what: Spending | None) -> str | None:
        return (
            " and ".join(f"{p}{shown(amount, currency)}" for p, currency, amount in self._sums(what)) or None
        )

    def _sums(self, what: Spending | None) -> list[tuple[str, str, Decimal]]:
        exact = [("", currency, _sum(amounts, what)) for currency, amounts in sorted(self.exact.items())]
        return [entry for entry in [*exact, ("about ", LIST_CURRENCY, _sum(self.about, what))] if entry[2]]


def _price(attempt: Attempt) -> Decimal:
    if attempt.price is not None and attempt.currency is not None:
        return Decimal(attempt.price)
    body = attempt.request
    kind = (str(body.get("resolution", "768P")), int(str(body.get("duration", 6))))
    return LIST_PRICES.get(kind, Decimal(0))


def _sum(amounts: dict[Spending, Decimal], what: Spending | None) -> Decimal:
    return sum((amount for key, amount in amounts.items() if what in {None, key}), Decimal(0))
