"""What clips cost.  Amounts are exact decimals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

LIST_CURRENCY = "CNY"

#: The vendor's list prices, pay as you go, 2026-07: by resolution and seconds, the same for both models.  A
#: reseller's may differ, so they are only ever told as "about".
LIST_PRICES: Mapping[tuple[str, int], Decimal] = {
    ("768P", 6): Decimal("2.00"),
    ("768P", 10): Decimal("4.00"),
    ("1080P", 6): Decimal("3.50"),
}


def about(clips: Iterable[tuple[str, int, int]]) -> Decimal:
    """What clips cost by the list; each item is a resolution, a length in seconds and a number of clips."""
    return sum(
        (LIST_PRICES[resolution, seconds] * number for resolution, seconds, number in clips), Decimal("0.00")
    )
