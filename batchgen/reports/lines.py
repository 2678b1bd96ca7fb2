"""A JSON object on one line, whatever is in it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence

#: Line ends to some readers, though not to JSON.
_LINE_ENDS = {"\x85": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_FIRST_BYTES = sorted({raw.encode()[0] for raw in _LINE_ENDS})

#: Rows are trees, so none is looked at for circles.
_dumps = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=str, check_circular=False).encode


def as_line(row: Mapping[str, object]) -> str:
    """The object as compact JSON without a line end of any kind in it.

    What JSON has no word for becomes null (not a number, infinity) or its text (a date).
    """
    try:
        text = _dumps(row)
    except ValueError:
        text = _dumps(_finite(row))
    return text if text.isascii() else _unbroken(text)


def _unbroken(text: str) -> str:
    """JSON that is not ASCII, with escapes for line ends, and all in ASCII where half a surrogate pair is in it."""
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        return json.dumps(json.loads(text))
    if any(byte in encoded for byte in _FIRST_BYTES):  # sooner seen in bytes than in text
        for raw, escaped in _LINE_ENDS.items():
            text = text.replace(raw, escaped)
    return text


def _finite(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_finite(inner) for inner in value]
    return value
