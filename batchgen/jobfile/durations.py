"""Durations as people write them."""

from __future__ import annotations

import re

LONGEST = 365 * 24 * 3600.0  # seconds
_UNITS = r"(?:([0-9]+(?:\.[0-9]+)?)h)?(?:([0-9]+(?:\.[0-9]+)?)m)?(?:([0-9]+(?:\.[0-9]+)?)s)?"
_PLAIN = r"[0-9]+(?:\.[0-9]+)?"
_WITH_UNITS = re.compile(_UNITS, re.ASCII)
_SECONDS = re.compile(_PLAIN, re.ASCII)
#: The same as a pattern for the JSON Schema.
PATTERN = rf"^(?:{_PLAIN}|(?=[0-9]){_UNITS})$"
FORMS = "write it like `90s`, `15m`, `2h` or `1h30m`, or as a number of seconds"


def parse_duration(text: str) -> float:
    """Seconds of ``90s``, ``15m``, ``2h``, ``1h30m`` or ``90``.  Raises ValueError that says what to write."""
    word = text.strip()
    if len(word) > 40:
        raise ValueError(f"this is not a duration; {FORMS}")
    if _SECONDS.fullmatch(word):
        return _bounded(float(word))
    found = _WITH_UNITS.fullmatch(word)
    if not word or found is None:
        raise ValueError(f"{word!r} is not a duration; {FORMS}")
    hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return _bounded(hours * 3600 + minutes * 60 + seconds)


def _bounded(seconds: float) -> float:
    if seconds > LONGEST:
        raise ValueError("a duration may be at most a year")
    return seconds
