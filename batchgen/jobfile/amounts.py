"""Amounts of money as people write them.  They are exact: no amount ever passes through a float."""

from __future__ import annotations

import re
from decimal import Context, Decimal, Inexact, InvalidOperation

from batchgen.settings import AMOUNT_DECIMALS, LARGEST_AMOUNT

_TEXT = re.compile(r"(?:0|[1-9][0-9]*)(?:\.[0-9]+)?", re.ASCII)
#: The same, with the bounds, as a pattern for the JSON Schema.
PATTERN = rf"^(?:1000000000(?:\.0+)?|(?:0|[1-9][0-9]{{0,8}})(?:\.[0-9]{{1,{AMOUNT_DECIMALS}}}0*)?)$"
FORM = "write it like `2.50`: digits and a dot, no commas, no currency"
_SMALLEST = Decimal(1).scaleb(-AMOUNT_DECIMALS)
_EXACT = Context(prec=40, traps=[Inexact, InvalidOperation])


def parse_amount(text: str) -> Decimal:
    """The amount of ``2``, ``2.0`` or ``2.50``.  Raises ValueError that says what to write."""
    word = text.strip()
    if not is_amount(word):
        raise ValueError(f"this is not an amount of money; {FORM}")
    return bounded(Decimal(word))


def is_amount(text: str) -> bool:
    """Whether a text is written as an amount is: digits, and perhaps a dot between them."""
    return _TEXT.fullmatch(text) is not None


def bounded(amount: Decimal) -> Decimal:
    """The amount, if it is one that prices and caps can be.  Raises ValueError that says what to write."""
    if amount < 0:
        raise ValueError("an amount cannot be negative; write 0 or more")
    if amount > LARGEST_AMOUNT:
        raise ValueError(f"an amount may be at most {LARGEST_AMOUNT:,}; write a smaller one")
    try:
        _EXACT.quantize(amount, _SMALLEST)
    except Inexact:
        raise ValueError(f"an amount may have at most {AMOUNT_DECIMALS} decimals; round it") from None
    return amount.copy_abs()  # -0 is 0
