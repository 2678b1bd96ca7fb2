"""What the service says, in each of its shapes: pure functions that make answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Protocol

from batchgen.simulator.acts import HTML, Shape

JSON_TYPE = "application/json; charset=utf-8"

#: The vendor's words for its codes.
MESSAGES: Mapping[int, str] = {
    0: "success",
    1000: "unknown error, please try again later",
    1001: "request timeout",
    1002: "rate limit",
    1004: "login fail: Please carry the API secret key in the 'Authorization' field of the request header",
    1008: "insufficient balance",
    1013: "internal service error",
    1024: "internal error",
    1026: "input new_sensitive",
    1027: "output new_sensitive",
    1028: "insufficient balance",
    1030: "insufficient balance",
    1033: "downstream service error",
    1039: "token limit",
    1041: "conn limit",
    1042: "invisible character ratio limit",
    2013: "invalid params",
    2038: "account not verified",
    2045: "rate growth limit",
    2049: "invalid api key",
    2056: "usage limit exceeded",
    2061: "your current plan does not support this model",
}


class Content(Protocol):
    """Bytes of a known length that need not be in memory as a whole."""

    @property
    def length(self) -> int:
        """In bytes."""

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from ``start`` up to but not including ``stop``."""


@dataclass(frozen=True, slots=True)
class Text:
    """Content that is in memory."""

    data: bytes = b""

    @property
    def length(self) -> int:
        return len(self.data)

    def read(self, start: int, stop: int) -> bytes:
        """A slice."""
        return self.data[start:stop]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """A part of other content."""

    whole: Content
    start: int
    stop: int

    @property
    def length(self) -> int:
        return self.stop - self.start

    def read(self, start: int, stop: int) -> bytes:
        """A slice of the slice."""
        return self.whole.read(self.start + start, min(self.start + stop, self.stop))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer before it goes over the wire; ``code`` is that of its ``base_resp``, if it has one."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content: Content = field(default_factory=Text)
    code: int | None = None


def of_json(data: object, status: int = 200, retry_after: float | None = None) -> Answer:
    """A JSON body, as the service writes it."""
    body = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    headers = {"Content-Type": JSON_TYPE, **_retry(retry_after)}
    content = Text(body.encode("utf-8", "backslashreplace"))
    return Answer(status=status, headers=headers, content=content, code=code_of(data))


def code_of(data: object) -> int | None:
    """The status code in a body's ``base_resp``, when it is one."""
    base = data.get("base_resp") if isinstance(data, dict) else None
    code = base.get("status_code") if isinstance(base, dict) else None
    return code if isinstance(code, int) else None


def base_resp(code: int = 0, message: str | None = None) -> dict[str, object]:
    """The part that every answer of the vendor has."""
    words = MESSAGES.get(code, "unknown error") if message is None else message
    return {"status_code": code, "status_msg": words}


def error(code: int, message: str | None = None, **fields: object) -> Answer:
    """The vendor's error: HTTP 200, a code, and fields that stay empty."""
    return of_json({**fields, "base_resp": base_resp(code, message)})


def gateway(status: int, code: str, message: str, retry_after: float | None = None) -> Answer:
    """The gateway's error object."""
    kind = "rate_limit_error" if status == 429 else "rix_api_error"
    fault = {"message": message, "type": kind, "param": "", "code": code}
    return of_json({"error": fault}, status, retry_after)


def shaped(shape: Shape, status: int, code: str, message: str, *, retry_after: float | None = None) -> Answer:
    """An HTTP error in one of the shapes that it may take."""
    match shape:
        case Shape.OBJECT:
            return gateway(status, code, message, retry_after)
        case Shape.FLAT:
            return of_json({"code": code, "message": message, "data": None}, status, retry_after)
        case Shape.XML:
            return xml(status, code, message)
        case Shape.HTML:
            return Answer(
                status=status,
                headers={"Content-Type": "text/html", **_retry(retry_after)},
                content=Text(HTML.encode()),
            )
        case Shape.EMPTY:
            return Answer(status=status, headers=_retry(retry_after))


def xml(status: int, code: str, message: str) -> Answer:
    """The video host's error document."""
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Error>\n'
        f"  <Code>{escape(code)}</Code>\n  <Message>{escape(message)}</Message>\n"
        "  <RequestId>68A1B2C3D4E5F60718293A4B</RequestId>\n  <HostId>simulated</HostId>\n</Error>\n"
    )
    return Answer(status=status, headers={"Content-Type": "application/xml"}, content=Text(body.encode()))


def _retry(seconds: float | None) -> dict[str, str]:
    return {} if seconds is None else {"Retry-After": f"{seconds:g}"}
