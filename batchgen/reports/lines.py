"""A JSON object on one line, whatever is in it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence

#: Line ends to some readers, though not to JSON.
_LINE_ENDS = {"\x85": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def as_line(row: Mapping[str, object]) -> str:
    """The object as compact JSON without a line end of any kind in it.

    What JSON has no word for becomes null (not a number, infinity) or its text (a date).
    """
    try:
        text = _dumps(row)
    except ValueError:
        text = _dumps(_finite(row))
    for raw, escaped in _LINE_ENDS.items():
        text = text.replace(raw, escaped)
    return text if _speakable(text) else json.dumps(json.loads(text))


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=str)


def _speakable(text: str) -> bool:
    """Whether UTF-8 can say it: half a surrogate pair it cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _finite(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_finite(inner) for inner in value]
    return value
