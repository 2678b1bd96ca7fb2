"""Numbers and times in words, for people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from batchgen.model import Status

#: A job's status, in the order in which people ask.
STATUS = {
    Status.SUCCEEDED: "delivered",
    Status.GENERATED: "to download",
    Status.SUBMITTED: "at the service",
    Status.SUBMITTING: "being sent",
    Status.PENDING: "pending",
    Status.FAILED: "failed",
    Status.UNKNOWN: "unknown",
}

_UNITS = ("kB", "MB", "GB", "TB")


def count(number: int, one: str, many: str | None = None) -> str:
    """A number and its noun: ``1 job``, ``2 jobs``."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def reused(clips: int, folder: str) -> str:
    """Clips that came from another folder, and what they cost."""
    return f"{count(clips, 'clip')} from {folder}, nothing paid"


def size(number: float) -> str:
    """A number of bytes in decimal units: ``999 B``, ``3.1 MB``, ``120 MB``."""
    if number < 999.5:
        return f"{number:.0f} B"
    unit = 0
    number /= 1000
    while number >= 999.5 and unit < len(_UNITS) - 1:
        number, unit = number / 1000, unit + 1
    return f"{number:.1f} {_UNITS[unit]}" if number < 99.95 else f"{number:.0f} {_UNITS[unit]}"


def clock(seconds: float) -> str:
    """Elapsed time as ``0:07``, ``12:31`` or ``1:02:03``."""
    minutes, rest = divmod(int(max(seconds, 0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def rough(seconds: float) -> str:
    """A length of time as exact as an estimate deserves: ``40 s``, ``12 min``, ``3 h 20 min``, ``2 d``."""
    if seconds < 55:
        return f"{max(5, 5 * round(seconds / 5))} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes >= 48 * 60:
        return " ".join(_parts(round(minutes / 60), 24, "d", "h"))
    return " ".join(_parts(10 * round(minutes / 10), 60, "h", "min"))


def _parts(number: int, base: int, large: str, small: str) -> Iterator[str]:
    whole, rest = divmod(number, base)
    yield f"{whole} {large}"
    if rest:
        yield f"{rest} {small}"


def stamp(at: datetime) -> str:
    """A time as programs read it: ISO 8601 in UTC, to the millisecond, with ``Z``."""
    return at.astimezone(UTC).isoformat("T", "milliseconds").removesuffix("+00:00") + "Z"
