"""What can go wrong with one exchange, each as frozen data.

An act with ``made`` stands in for the answer: ``made=False`` before the service has done anything, and
``made=True`` after the task was made, so that its answer is lost.  Acts without it spoil the true answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from batchgen.simulator import plain

HTML = "<html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>\n"


class Shape(StrEnum):
    """In which form an HTTP error comes."""

    OBJECT = "object"  # {"error": {"message", "type", "param", "code"}}
    FLAT = "flat"  # {"code", "message", "data"}
    HTML = "html"
    XML = "xml"  # as the video host speaks
    EMPTY = "empty"


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """The vendor's error: a code in ``base_resp``, ordinarily under HTTP 200."""

    code: int = 1000
    message: str | None = None  # None: the usual words of this code
    http_status: int = 200
    retry_after: float | None = None  # seconds
    made: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """An error of the gateway; the vendor's code may stand in it as a string."""

    http_status: int = 500
    shape: Shape = Shape.OBJECT
    code: str = "internal_error"
    message: str = "simulated gateway error"
    retry_after: float | None = None  # seconds
    made: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """A body given to the letter; without one, a proxy's HTML page."""

    body: str = HTML
    http_status: int = 200
    content_type: str = "text/html"
    headers: Mapping[str, str] = field(default_factory=dict)
    made: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """The connection is closed without a byte of an answer."""

    made: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Hang:
    """Silence for so many seconds, then all goes on; a client that has left by then gets no task made."""

    seconds: float = 60.0
    made: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Flood:
    """A body of so many zeros, or without an end; gzip makes it a small one that unpacks to that."""

    bytes: int | None = None
    gzip: bool = False
    made: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Alter:
    """The true answer with fields replaced or taken out; ``file.bytes`` is a field of a field."""

    set: Mapping[str, object] = field(default_factory=dict)
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """The true answer begins, and the connection closes after so many bytes of its body (None: half)."""

    after_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Truncate:
    """The first bytes of the true body (None: half), with a Content-Length to match."""

    after_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongLength:
    """The true body under a Content-Length that is so much too large, or too small when negative."""

    extra: int = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Drip:
    """The true answer, slowly."""

    bytes_per_second: float = 10.0

    def __post_init__(self) -> None:
        plain.require(self.bytes_per_second > 0, "bytes_per_second is positive")


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirect:
    """Another address instead of an answer; without one, the same again."""

    location: str | None = None
    http_status: int = 302


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """The video host finds that the link has expired, whatever it says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The task is made and will end like this: spelled so, with this code, with a file id or without."""

    status: str = "Fail"
    code: int = 0
    message: str | None = None
    file: bool = False  # whether a file id and sizes are told, and the file can be retrieved


Act = (
    Code
    | Gateway
    | Raw
    | Close
    | Hang
    | Flood
    | Alter
    | Cut
    | Truncate
    | WrongLength
    | Drip
    | Redirect
    | Expired
    | Ending
)

#: The acts by the word that names them in JSON.
ACTS: Mapping[str, type[Act]] = {
    "code": Code,
    "gateway": Gateway,
    "raw": Raw,
    "close": Close,
    "hang": Hang,
    "flood": Flood,
    "alter": Alter,
    "cut": Cut,
    "truncate": Truncate,
    "wrong_length": WrongLength,
    "drip": Drip,
    "redirect": Redirect,
    "expired": Expired,
    "ending": Ending,
}
WORDS: Mapping[type[Act], str] = {kind: word for word, kind in ACTS.items()}
