"""The error table of the API as pure functions: what a reply that is not a success means for us.

On the POST this is about money.  Only what the table calls proven becomes ``NotAccepted`` or ``Refused``;
everything else is ``OutcomeUnknown``, and is never sent again by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from batchgen.errors import (
    InvalidParameters,
    KeyRefused,
    NoBalance,
    NotEntitled,
    NotFound,
    NotReached,
    OutcomeUnknown,
    RateLimited,
    Refused,
    ServiceError,
    Transient,
)
from batchgen.model import Charged

LOST = "lost"  # our code for an unknown outcome to which the service gave no code
UNREACHABLE = "unreachable"
TIMEOUT = "timeout"
DISCONNECTED = "disconnected"


class Call(Enum):
    """What was asked: the POST orders and pays, a GET only asks."""

    POST = "POST"
    GET = "GET"


class Kind(Enum):
    """A row of the table; the value is what the user reads before the service's own words."""

    RATE = "the service limits the rate"
    KEY = "the API key was refused"
    BALANCE = "no balance, or the quota is used up"
    PLAN = "the model is not in the plan, or the account is not verified"
    PROMPT = "the prompt was refused"
    RESULT = "the result was refused"
    PARAMETERS = "the parameters were refused"
    MISSING = "the service does not know this task or file"
    NO_CHANNEL = "the gateway has no way to the model at the moment"
    UNCLEAR = "the service is in trouble"


_BY_CODE: Mapping[str, Kind] = {
    **dict.fromkeys(("1002", "1039", "1041", "2045"), Kind.RATE),
    **dict.fromkeys(("1004", "2049"), Kind.KEY),
    **dict.fromkeys(("1008", "1028", "1030", "2056", "insufficient_quota", "quota_not_enough"), Kind.BALANCE),
    **dict.fromkeys(("2038", "2061"), Kind.PLAN),
    **dict.fromkeys(("1026", "1042"), Kind.PROMPT),
    "1027": Kind.RESULT,
    "2013": Kind.PARAMETERS,
    **dict.fromkeys(("1000", "1001", "1013", "1024", "1033"), Kind.UNCLEAR),
}

_BY_STATUS: Mapping[int, Kind] = {
    401: Kind.KEY,
    402: Kind.BALANCE,
    403: Kind.KEY,
    404: Kind.MISSING,
    429: Kind.RATE,
}

#: A code of the gateway, and the only HTTP status with which it counts: both stand for refusals there.
_BOTH: Mapping[tuple[str, int], Kind] = {
    ("model_not_found", 503): Kind.NO_CHANNEL,
    ("insufficient_user_quota", 403): Kind.BALANCE,
}


def kind_of(call: Call, status: int | None, code: str | None) -> Kind:
    """The row of the table.  The service's code is more specific than the HTTP status, and wins."""
    word = (code or "").casefold()
    if word in _BY_CODE:
        return _BY_CODE[word]
    if word == "0" and call is Call.POST:
        return Kind.UNCLEAR  # it says that all is well, the HTTP status says otherwise: nothing is proven
    if status is None:
        return Kind.UNCLEAR
    return _BOTH.get((word, status)) or _BY_STATUS.get(status, Kind.UNCLEAR)


def speaks_of_the_question(code: str | None) -> bool:
    """Whether a code beside a task's failure is one of those that otherwise mean: ask again."""
    return _BY_CODE.get(code or "") in {Kind.UNCLEAR, Kind.PARAMETERS}


def verdict(
    call: Call,
    status: int | None,
    code: str | None,
    message: str,
    retry_after: float | None = None,
    *,
    word: str | None = None,
) -> ServiceError:
    """The error that a reply amounts to.

    ``code`` is the service's own, ``message`` is fit to be shown, ``retry_after`` is in seconds, ``word`` is
    our code for it when the service gave none.
    """
    kind = kind_of(call, status, code)
    shown = code if code and code != "0" else _own_code(status, word)
    if call is Call.POST:
        return _on_post(kind, shown, _text(kind, status, message), retry_after, told=shown == code)
    return _on_get(kind, shown, _text(kind, status, message), retry_after)


def not_reached(call: Call, message: str) -> ServiceError:
    """No connection came about, so nothing was sent."""
    text = f"the service cannot be reached: {message}"
    return NotReached(UNREACHABLE, text) if call is Call.POST else Transient(UNREACHABLE, text)


def cut_short(call: Call, message: str, *, timed_out: bool) -> ServiceError:
    """The connection stood, and no whole reply came over it."""
    if call is Call.POST:
        return OutcomeUnknown(LOST, f"the outcome of the submission is not known: {message}")
    return Transient(TIMEOUT if timed_out else DISCONNECTED, message)


def _own_code(status: int | None, word: str | None) -> str:
    """Our code for a reply to which the service gave none: a word, or the HTTP status."""
    if status is not None and not 200 <= status < 300:
        return f"http_{status}"
    return word or "not_understood"


def _text(kind: Kind, status: int | None, message: str) -> str:
    """What the user reads: the row, the HTTP status unless it is a success, the service's own words."""
    http = f"HTTP {status}" if status is not None and not 200 <= status < 300 else ""
    told = ", ".join(part for part in (http, message) if part)
    return f"{kind.value}: {told}" if told else kind.value


def _on_post(kind: Kind, code: str, text: str, wait: float | None, *, told: bool) -> ServiceError:
    """What is proven; all else is an unknown outcome."""
    match kind:
        case Kind.RATE:
            return RateLimited(code, text, retry_after=wait)
        case Kind.PROMPT:
            return Refused(code, text, charged=Charged.NO)
        case Kind.RESULT:
            return Refused(code, text, charged=Charged.PERHAPS)
        case Kind.PARAMETERS:
            return InvalidParameters(code, text)
        case Kind.NO_CHANNEL:
            return NotReached(code, text, retry_after=wait)
        case Kind.MISSING | Kind.UNCLEAR:
            details = text.removeprefix(f"{kind.value}: ")
            unknown = f"the outcome of the submission is not known: {details}"
            return OutcomeUnknown(code if told else LOST, unknown)
        case _:
            return _halting(kind, code, text)


def _on_get(kind: Kind, code: str, text: str, wait: float | None) -> ServiceError:
    """Nothing is ever concluded from a GET that went wrong, but that it must be asked again or reported."""
    match kind:
        case Kind.RATE:
            return RateLimited(code, text, retry_after=wait)
        case Kind.PROMPT | Kind.RESULT:
            return Refused(code, text, charged=Charged.PERHAPS)
        case Kind.PARAMETERS | Kind.MISSING:
            return NotFound(code, text if kind is Kind.MISSING else f"{Kind.MISSING.value}: {text}")
        case Kind.NO_CHANNEL | Kind.UNCLEAR:
            return Transient(code, text, retry_after=wait)
        case _:
            return _halting(kind, code, text)


def _halting(kind: Kind, code: str, text: str) -> ServiceError:
    """What ends every further submission the same way."""
    match kind:
        case Kind.KEY:
            return KeyRefused(code, text)
        case Kind.BALANCE:
            return NoBalance(code, text)
        case _:
            return NotEntitled(code, text)
