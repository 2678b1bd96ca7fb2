"""The types of a data set's columns, settled value by value: what all values of a column are, at once."""

from __future__ import annotations

import re
from datetime import date
from enum import StrEnum

from batchgen.reports.lines import as_line


class Type(StrEnum):
    """A column's type, as Hugging Face cards and Arrow name it.

    Arrow's reader of JSON Lines takes a column for times when every text in it looks like one.  A card that
    calls such a column text would have its texts changed ("2026-07-01" to "2026-07-01 00:00:00"); called what
    the reader takes it for, its values stay what they are.
    """

    STRING = "string"
    BOOL = "bool"
    INTEGER = "int64"
    NUMBER = "float64"
    DATE = "date32"
    TIME = "timestamp[s]"
    UTC_TIME = "timestamp[s, tz=UTC]"


_TIMES = frozenset({Type.DATE, Type.TIME, Type.UTC_TIME})

#: The texts that Arrow's reader takes for times (arrow/util/value_parsing.h): seconds have no fraction.
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)([ T]([01]\d|2[0-3])(:[0-5]\d(:[0-5]\d)?)?(Z|[+-]([01]\d|2[0-3])(:?[0-5]\d)?)?)?",
    re.ASCII,
)


def type_of(value: object) -> Type | None:
    """The type of one value of JSON; None for null, text for what is nested."""
    match value:
        case None:
            return None
        case bool():
            return Type.BOOL
        case int():
            return Type.INTEGER if -(2**63) <= value < 2**63 else Type.STRING
        case float():
            return Type.NUMBER
        case str():
            return _type_of_text(value)
    return Type.STRING


def wider(one: Type | None, other: Type | None) -> Type | None:
    """The type that holds both: whole numbers fit among others, dates among times, anything else only as text."""
    if one is None or other is None or one is other:
        return one or other
    if {one, other} == {Type.INTEGER, Type.NUMBER}:
        return Type.NUMBER
    return Type.TIME if {one, other} <= _TIMES else Type.STRING


def as_text(value: object) -> str:
    """A value that is no text, as JSON."""
    return as_line({"": value})[len('{"": ') : -1]


def speakable(text: str) -> str:
    """The text with a sign in place of what UTF-8 can't say, such as half a surrogate pair."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _type_of_text(text: str) -> Type:
    found = _TIME.fullmatch(text)
    if found is None or not _is_date(found[1]):
        return Type.STRING
    if found[2] is None:
        return Type.DATE
    return Type.TIME if found[6] is None else Type.UTC_TIME


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
