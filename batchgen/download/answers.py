"""What a video host's answer means for the bytes that are on disk already.  Decides, does nothing.

Resuming follows RFC 9110: Range (14.2), If-Range (13.1.5), Content-Range (14.4), strong validators (8.8).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from batchgen.errors import DownloadError, LinkExpired, NotAVideo

_STRONG_ETAG = re.compile(r'"[\x21\x23-\x7e]{0,500}"')
_EXPIRED = {401, 403, 410}


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A partial file on disk, and what it is a part of.  ``total`` is bytes, ``None`` when not known."""

    size: int  # bytes on disk
    place: str  # where it came from: a digest of scheme, host and path
    validator: str | None  # a strong ETag or a Last-Modified; None: it cannot be resumed
    total: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """The body is the whole clip, from its first byte."""

    total: int | None  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """The body is the rest of the clip, from the first byte that is not on disk."""

    total: int  # bytes


@dataclass(frozen=True, slots=True)
class NothingMissing:
    """Every byte is on disk already."""


@dataclass(frozen=True, slots=True)
class StartOver:
    """What is on disk cannot be continued: ask for the whole clip."""


Meaning = Whole | Rest | NothingMissing | StartOver


def range_headers(begun: Begun | None) -> dict[str, str]:
    """What to ask with, so that the answer is the rest, or the whole of a clip that has changed."""
    if begun is None or begun.validator is None:
        return {}
    return {"Range": f"bytes={begun.size}-", "If-Range": begun.validator}


def meaning(
    status: int, headers: Mapping[str, str], asked: Begun | None, *, wait: float | None = None
) -> Meaning:
    """What an answer means; ``asked`` is what a range was asked for, ``None`` for the whole clip.

    ``wait`` is for how many seconds the host does not want to be asked again, if it said so.

    Raises LinkExpired, NotAVideo, or DownloadError for what may be otherwise another time.
    """
    if status in _EXPIRED:
        raise LinkExpired(f"the host refuses the link (HTTP {status})")
    if status == 416 and asked is not None:
        return _unsatisfied(headers, asked)
    if status not in {200, 206}:
        later = "" if wait is None else f" and wants to be asked again in {wait:.0f} s"
        raise DownloadError(f"the host answered HTTP {status}{later}", retry_after=wait)
    _check_kind(headers)
    if status == 200:
        return Whole(total=_length(headers))
    if asked is None:
        raise DownloadError("the host sent a part of the clip (HTTP 206) where the whole was asked for")
    return _continued(headers, asked)


def validator(headers: Mapping[str, str]) -> str | None:
    """The strong validator of an answer, for If-Range later: an ETag, or a Last-Modified that is old enough.

    A time is strong only when the answer was made at least a second after it (RFC 9110, 8.8.2.2), and has
    no place beside a weak ETag (13.1.5).
    """
    etag = headers.get("ETag")
    if etag is not None:
        return etag if _STRONG_ETAG.fullmatch(etag) else None
    modified = headers.get("Last-Modified", "")
    try:
        age = parsedate_to_datetime(headers.get("Date", "")) - parsedate_to_datetime(modified)
    except (TypeError, ValueError, OverflowError):
        return None
    return modified if len(modified) <= 50 and age.total_seconds() >= 1 else None


def _check_kind(headers: Mapping[str, str]) -> None:
    encoding = headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in {"", "identity"}:
        raise NotAVideo("the host compressed the clip although it was asked not to")
    kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind in {"text/html", "application/xhtml+xml"}:
        raise NotAVideo("not a video: the host sent an HTML page")


def _length(headers: Mapping[str, str]) -> int | None:
    text = headers.get("Content-Length", "")
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None


def _unsatisfied(headers: Mapping[str, str], asked: Begun) -> Meaning:
    match = re.fullmatch(r"bytes \*/([0-9]{1,18})", headers.get("Content-Range", "").strip())
    whole = match is not None and int(match[1]) == asked.size
    return NothingMissing() if whole and _same(headers, asked) else StartOver()


def _continued(headers: Mapping[str, str], asked: Begun) -> Meaning:
    match = re.fullmatch(
        r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})", headers.get("Content-Range", "").strip()
    )
    if match is None or not _same(headers, asked):
        return StartOver()
    first, last, total = map(int, match.groups())
    fits = (
        first == asked.size
        and last == total - 1
        and asked.total in {None, total}
        and _length(headers) in {None, total - first}
    )
    return Rest(total=total) if fits else StartOver()


def _same(headers: Mapping[str, str], asked: Begun) -> bool:
    """A host that takes no notice of If-Range gives itself away by its ETag."""
    etag = headers.get("ETag")
    return etag is None or validator(headers) == asked.validator
