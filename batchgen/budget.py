"""What clips cost, and whether one more may be paid for: decisions without side effects.

Amounts are exact decimals with at most six decimals.  They are added up as whole micro-units, or by a context of
our own that refuses to round, so that no setting of the decimal module, and no float, can round one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Context, Decimal, DecimalException, Inexact, InvalidOperation

from batchgen.model import Request, TaskKind
from batchgen.settings import AMOUNT_DECIMALS, Budget, Cap

LIST_CURRENCY = "CNY"

#: The vendor's list prices, pay as you go, 2026-07: by resolution and seconds, the same for both models.  A
#: reseller's may differ, so they are only ever told as "about".
LIST_PRICES: Mapping[tuple[str, int], Decimal] = {
    ("768P", 6): Decimal("2.00"),
    ("768P", 10): Decimal("4.00"),
    ("1080P", 6): Decimal("3.50"),
}

#: What a price depends on: model, resolution, seconds.
Kind = TaskKind

_MICRO = Decimal(1).scaleb(-AMOUNT_DECIMALS)
_HUNDREDTH = Decimal("0.01")
_LARGEST_MICROS = 2**63 - 1  # what an integer of SQLite holds
_EXACT = Context(prec=60, traps=[Inexact, InvalidOperation])
_ROUNDING = Context(prec=60, rounding=ROUND_HALF_UP)


# --- amounts ---------------------------------------------------------------------------------------------


def to_micros(amount: Decimal) -> int:
    """An amount in millionths of the currency's unit.

    Raises ValueError for what six decimals, or the 64 bits of the ledger's integers, cannot hold.
    """
    try:
        micros = int(_EXACT.scaleb(_EXACT.quantize(amount, _MICRO), AMOUNT_DECIMALS))
    except (DecimalException, ValueError):
        raise ValueError(f"{amount} cannot be told exactly in {AMOUNT_DECIMALS} decimals") from None
    if abs(micros) > _LARGEST_MICROS:
        raise ValueError(f"{amount} is too large for the ledger")
    return micros


def from_micros(micros: int) -> Decimal:
    """The amount of so many millionths, exactly."""
    return _EXACT.scaleb(Decimal(micros), -AMOUNT_DECIMALS)


def plain(amount: Decimal) -> str:
    """The one form in which programs are told an amount: ``2.00``, ``22.50``, ``0.125``.

    Two decimals, or as many more as it needs.  Raises ValueError as ``to_micros`` does.
    """
    text = f"{from_micros(to_micros(amount)):f}"
    return text[:-4] + text[-4:].rstrip("0")


def shown(amount: Decimal, currency: str) -> str:
    """An amount as people read it: ``398 CNY``, ``22.50 CNY``.  Raises ValueError as ``to_micros`` does."""
    return f"{plain(amount).removesuffix('.00')} {currency}"


def per_clip(cost: Decimal, clips: int) -> Decimal | None:
    """What each of so many clips has cost, rounded to the hundredth, half up; None when there are none."""
    if clips == 0:
        return None
    return _ROUNDING.quantize(_ROUNDING.divide(cost, Decimal(clips)), _HUNDREDTH)


# --- prices ----------------------------------------------------------------------------------------------


def about(clips: Iterable[tuple[str, int, int]]) -> Decimal:
    """What clips cost by the list; each item is a resolution, a length in seconds and a number of clips."""
    return sum(
        (LIST_PRICES[resolution, seconds] * number for resolution, seconds, number in clips), Decimal("0.00")
    )


def kind_of(request: Request) -> Kind:
    """What the price of a request depends on, with what the API fills in."""
    return request.kind


def price_of(budget: Budget, request: Request) -> Decimal | None:
    """What one clip of a request costs by the user's prices; None when they do not tell."""
    return budget.prices.get(kind_of(request))


def unpriced(budget: Budget, kinds: Iterable[Kind], *, max_cost: Decimal | None) -> tuple[Kind, ...]:
    """Those kinds, each once, that a cap in cost must cover and that have no price.

    Nothing may be sent while there are any.  None are, when no cap is in cost.  ``max_cost`` is the command
    line's cap for this run.
    """
    costs = (max_cost, budget.total.cost, budget.per_day.cost, budget.per_run.cost)
    if all(cost is None for cost in costs):
        return ()
    return tuple(kind for kind in dict.fromkeys(kinds) if kind not in budget.prices)


def told_unpriced(kinds: Iterable[Kind]) -> str:
    """What to tell the user of kinds without a price (at least one), with what to write."""
    missing = list(kinds)
    names = ", ".join(f"{model} at {resolution}, {seconds} s" for model, resolution, seconds in missing)
    model, resolution, seconds = missing[0]
    example = f"prices: {{{model}: {{{resolution}: {{{seconds}: AMOUNT}}}}}}"
    message = f"a cap in cost needs the price of every clip, and there is none for {names}"
    return f"{message}; write below `budget:` for example `{example}`"


# --- caps ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What counts against a cap so far: paid for, perhaps paid for, and reserved by what is under way."""

    cost: Decimal
    clips: int


def with_run_limits(budget: Budget, max_cost: Decimal | None, max_clips: int | None) -> Budget:
    """The budget with the command line's caps for this run, which beat those of the job file; None: as there."""
    cap = budget.per_run
    cost = cap.cost if max_cost is None else max_cost
    clips = cap.clips if max_clips is None else max_clips
    return replace(budget, per_run=Cap(cost=cost, clips=clips))


def room(cap: Cap, spent: Spent, price: Decimal | None) -> float:
    """How many more clips of this price fit below a cap; infinitely many where it has nothing to say.

    Exactly at the cap is allowed.  A clip without a price goes past every cap in cost.
    """
    clips = math.inf if cap.clips is None else cap.clips - spent.clips
    if cap.cost is None:
        return clips
    left = _EXACT.subtract(cap.cost, spent.cost)
    if price is None or left < 0:
        return 0
    return min(clips, math.inf if price == 0 else int(_EXACT.divide_int(left, price)))


def reached(cap: Cap, spent: Spent, price: Decimal | None, *, what: str, currency: str) -> str | None:
    """Why one more clip of this price would go past a cap; None when it would not.

    ``what`` names the cap: "`budget.per_day`".
    """
    if room(cap, spent, price) >= 1:
        return None
    if cap.clips is not None and spent.clips >= cap.clips:
        return f"{what} is reached: {spent.clips} of {cap.clips} clips"
    if cap.cost is None or price is None:
        return f"{what} is a cap in cost, and the next clip has no price"
    return (
        f"{what} is reached: {shown(spent.cost, currency)} of {shown(cap.cost, currency)} are spent or under way, "
        f"and the next clip costs {shown(price, currency)}"
    )
