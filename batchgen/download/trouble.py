"""What goes wrong on the network, in our words: the libraries' own texts repeat signed links and passwords."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp

from batchgen.download.links import shown
from batchgen.errors import DownloadError


@contextmanager
def network_errors(silence: float) -> Iterator[None]:
    """Turn errors of the network into DownloadError; ``silence`` is the patience, in seconds.

    The cause is not chained: a traceback would show the link.
    """
    try:
        yield
    except (aiohttp.ClientError, OSError) as error:
        raise DownloadError(_reason(error, silence)) from None


@contextmanager
def unreadable() -> Iterator[None]:
    """Around the library alone, which raises these for names and headers that it can't read; ours would be bugs."""
    try:
        yield
    except (ValueError, LookupError) as error:
        if isinstance(error, aiohttp.ClientError):  # told better elsewhere
            raise
        raise DownloadError(f"the exchange failed ({type(error).__name__})") from None


@contextmanager
def said_of(url: str) -> Iterator[None]:
    """Put the link, as it may be shown, before what is said of it."""
    try:
        yield
    except DownloadError as error:
        told = f"{shown(url)}: {error}"
        raise type(error)(told, retry_after=error.retry_after) from error.__cause__


def _reason(error: Exception, silence: float) -> str:
    match error:
        case aiohttp.ConnectionTimeoutError():
            return f"no connection within {silence:g} s"
        case TimeoutError():
            return f"the host was silent for {silence:g} s"
        case aiohttp.ClientConnectorCertificateError():
            return "the host's certificate cannot be trusted"
        case aiohttp.ClientHttpProxyError():
            return f"the proxy answered HTTP {error.status}"
        case aiohttp.ClientConnectorError():
            return f"no connection: {error.os_error.strerror or type(error.os_error).__name__}"
        case aiohttp.ClientPayloadError() | aiohttp.ServerDisconnectedError() | ConnectionError():
            return "the connection was cut"
        case _:
            return f"the exchange failed ({type(error).__name__})"
