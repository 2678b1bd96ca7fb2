"""What comes over the wire, bounded: one exchange becomes a status and at most a mebibyte, or a trouble.

Nothing that is returned or raised here refers to an exception of the library: those know the headers, and with
them the API key.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace

import aiohttp
from yarl import URL

LONGEST_REPLY = 1024 * 1024  # bytes, also after decompression

#: What the library raises when no connection came about.
_NEVER_CONNECTED = (
    aiohttp.ClientConnectorError,
    aiohttp.ClientConnectorCertificateError,
    aiohttp.ConnectionTimeoutError,
)

#: What the library raises when a connection or a reply is not as it must be; the last two leak out of its
#: reading of hostile headers.  RuntimeError is not among them: that is a bug of ours.
_TROUBLE = (aiohttp.ClientError, OSError, ValueError, LookupError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A reply as bytes; ``trouble`` says why it is not whole."""

    status: int
    raw: bytes = field(repr=False)
    retry_after: str | None
    trouble: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """No reply.  ``connected`` is false only when it is certain that nothing was sent."""

    connected: bool
    timed_out: bool
    detail: str


@dataclass(slots=True)
class _Progress:
    """How far an exchange has come; the only thing that changes while it runs."""

    connected: bool = False
    status: int | None = None
    retry_after: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One call: where to, with what, for at most how many seconds."""

    method: str
    url: URL
    seconds: float
    data: bytes | None = None
    headers: Mapping[str, str] = field(repr=False)
    proxy: str | None = field(default=None, repr=False)

    @property
    def noted(self) -> bool:
        """Whether the session must have ``tracing``."""
        return self.data is not None or self.proxy is not None


def tracing() -> aiohttp.TraceConfig:
    """Notes when a connection stands, also through a proxy's tunnel: before that nothing has been sent.

    Whether a submission was sent must be certain.  Of a question it is enough what the error says, unless a proxy
    stands between; and there are so many of them that the notes would be a tenth of what they cost.
    """
    config = aiohttp.TraceConfig()
    config.on_connection_create_end.append(_connected)
    config.on_connection_reuseconn.append(_connected)
    return config


async def exchange(session: aiohttp.ClientSession, ask: Ask) -> Answer | Trouble:
    """Send once and read the reply; never follows a redirect."""
    progress = _Progress()
    try:
        async with asyncio.timeout(ask.seconds):
            return await _exchange(session, ask, progress)
    except asyncio.CancelledError:
        if progress.connected or ask.data is None:
            raise
        # Swallowed on purpose: whoever ends a submission must learn that it never left, which cost nothing.
        return Trouble(connected=False, timed_out=False, detail="given up before a connection stood")
    except _TROUBLE as error:
        timed_out = isinstance(error, TimeoutError)
        connected = progress.connected if ask.noted else not isinstance(error, _NEVER_CONNECTED)
        detail = f"no reply within {ask.seconds:g} s" if timed_out and connected else _describe(error)
    if progress.status is not None and progress.status >= 400:
        return Answer(
            status=progress.status, raw=b"", retry_after=progress.retry_after, trouble=f"unreadable, {detail}"
        )
    return Trouble(connected=connected, timed_out=timed_out, detail=detail)


async def _exchange(session: aiohttp.ClientSession, ask: Ask, progress: _Progress) -> Answer:
    """The exchange itself; its connection is closed unless the reply was read to its end."""
    async with session.request(
        ask.method,
        ask.url,
        data=ask.data,
        headers=ask.headers,
        proxy=ask.proxy,
        allow_redirects=False,
        trace_request_ctx=progress,
    ) as response:
        progress.status = response.status
        progress.retry_after = response.headers.get("Retry-After")
        try:
            raw, trouble = await _read(response)
        except BaseException:
            response.close()
            raise
        if trouble is not None:
            response.close()
        return Answer(status=response.status, raw=raw, retry_after=progress.retry_after, trouble=trouble)


async def _read(response: aiohttp.ClientResponse) -> tuple[bytes, str | None]:
    """The body as far as it is wanted, and why it is of no use."""
    raw = bytearray()
    while chunk := await response.content.readany():
        raw += chunk
        if len(raw) > LONGEST_REPLY:
            return b"", f"the reply is longer than {LONGEST_REPLY} bytes"
    return plain(bytes(raw), response.headers.get("Content-Encoding", ""))


def plain(raw: bytes, encoding: str) -> tuple[bytes, str | None]:
    """The body without its compression, which nobody asked for, and why it is of no use."""
    if not encoding:
        return raw, None
    match encoding.strip().lower():
        case "" | "identity":
            return raw, None
        case "gzip" | "x-gzip" | "deflate":
            return _inflated(raw)
        case _:
            return b"", "the reply is compressed in a way that was not asked for"


def _inflated(raw: bytes) -> tuple[bytes, str | None]:
    """Inflates gzip and zlib, never beyond the bound."""
    try:
        inflated = zlib.decompressobj(wbits=47).decompress(raw, LONGEST_REPLY + 1)
    except zlib.error:
        return b"", "the reply's compression is broken"
    if len(inflated) > LONGEST_REPLY:
        return b"", f"the reply is longer than {LONGEST_REPLY} bytes when decompressed"
    return inflated, None


async def _connected(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: object) -> None:
    """The connection stands."""
    context.trace_request_ctx.connected = True


def _describe(error: Exception) -> str:
    """What went wrong, without the request that some of these errors show."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return f"its certificate is not accepted ({error.certificate_error})"
        case aiohttp.ClientProxyConnectionError():
            return f"no connection to the proxy ({error.os_error})"
        case aiohttp.ClientConnectorError():
            return f"no connection to {error.host} ({error.os_error})"
        case aiohttp.ClientHttpProxyError():
            return f"the proxy refuses the way there with HTTP {error.status} ({error.message})"
        case TimeoutError():
            return "no connection in time"
        case aiohttp.ClientResponseError():
            return f"what came is not HTTP ({error.message})"
        case aiohttp.ServerDisconnectedError():
            return "the connection was closed without a reply"
        case _:
            return f"the connection was lost ({type(error).__name__}: {error})"
