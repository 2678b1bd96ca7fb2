"""Which part of a clip a request asks for: the rules of Range and If-Range, purely."""

from __future__ import annotations

import re
from dataclasses import dataclass

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes from ``start`` up to but not including ``stop``."""

    start: int
    stop: int


class Unsatisfiable(Exception):
    """The range lies beyond the end."""


def asked_part(
    header: str | None, if_range: str | None, *, etag: str, modified: str, length: int
) -> Part | None:
    """The part to send, or ``None`` for the whole.  A header that makes no sense counts as none."""
    found = _RANGE.fullmatch(header.strip()) if header else None
    if found is None or (if_range is not None and if_range not in (etag, modified)):
        return None
    first, last = found.groups()
    if not first and not last:
        return None
    if not first:
        return _suffix(int(last), length)
    if last and int(last) < int(first):
        return None
    if int(first) >= length:
        raise Unsatisfiable
    return Part(int(first), min(int(last) + 1, length) if last else length)


def _suffix(count: int, length: int) -> Part:
    if count == 0 or length == 0:
        raise Unsatisfiable
    return Part(max(length - count, 0), length)
