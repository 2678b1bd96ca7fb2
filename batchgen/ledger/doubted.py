"""One field of a row that nobody vouches for: its value when it is of the right kind, else ``None``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import TypeVar

from batchgen.budget import to_micros
from batchgen.ledger.rows import to_json, to_time

Word = TypeVar("Word", bound=StrEnum)


def json_text(value: object, kind: type[Mapping[str, object]] | type[list[object]], otherwise: object) -> str:
    """The value as JSON when it is of this kind, else ``otherwise``."""
    return _utf8(to_json(value if isinstance(value, kind) else otherwise))


def mapping(value: object) -> Mapping[str, object]:
    """A mapping; an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def text(value: object) -> str | None:
    """A text that is not empty."""
    return _utf8(value) if isinstance(value, str) and value else None


def _utf8(text: str) -> str:
    """The text without halves of surrogate pairs, which no database takes."""
    return text.encode("utf-8", "replace").decode()


def number(value: object) -> int | None:
    """An integer that a database takes."""
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63 else None


def measure(value: object) -> float | None:
    """A finite number."""
    figure = value if isinstance(value, float) else number(value)
    return float(figure) if figure is not None and math.isfinite(figure) else None


def switch(value: object) -> bool | None:
    """True or false."""
    return value if isinstance(value, bool) else None


def word(kind: type[Word], value: object) -> Word | None:
    """One of the words of ``kind``."""
    return kind(value) if isinstance(value, str) and value in _values(kind) else None


def _values(kind: type[StrEnum]) -> Sequence[str]:
    return [word.value for word in kind]


def time(value: object) -> str | None:
    """A moment, as the ledger writes it; one without a zone is taken as UTC."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        return to_time(moment if moment.tzinfo else moment.replace(tzinfo=UTC)) if moment else None
    except (ValueError, OverflowError):
        return None


def price(value: object) -> int | None:
    """A decimal string, in millionths."""
    try:
        micros = to_micros(Decimal(value)) if isinstance(value, str) else None
    except (InvalidOperation, ValueError):
        return None
    return micros if micros is not None and micros >= 0 else None
