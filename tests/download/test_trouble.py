"""Errors of the network are told in words that hold no link, and certificates are verified."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import cast
from unittest import mock

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from tls_host import needs_openssl, own_certificate

from batchgen.download.fetch import HttpFetcher
from batchgen.download.trouble import network_errors
from batchgen.errors import DownloadError
from batchgen.model import Links
from download.host import Host, reply

SIGNED = "https://video.test/x?Signature=secret"
KEY = cast(ConnectionKey, None)
REQUEST = cast(aiohttp.RequestInfo, None)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (aiohttp.ConnectionTimeoutError(SIGNED), "no connection within 7 s"),
        (aiohttp.SocketTimeoutError(SIGNED), "silent for 7 s"),
        (TimeoutError(SIGNED), "silent for 7 s"),
        (aiohttp.ClientConnectorCertificateError(KEY, ssl.CertificateError(SIGNED)), "certificate"),
        (aiohttp.ClientHttpProxyError(REQUEST, (), status=407, message=SIGNED), "proxy answered HTTP 407"),
        (aiohttp.ClientConnectorError(KEY, ConnectionRefusedError(111, "Refused")), "no connection: Refused"),
        (aiohttp.ClientConnectorError(KEY, OSError(SIGNED)), "no connection: OSError"),
        (aiohttp.ClientPayloadError(SIGNED), "cut"),
        (aiohttp.ServerDisconnectedError(SIGNED), "cut"),
        (aiohttp.ClientOSError(104, SIGNED), "exchange failed"),
        (ConnectionResetError(104, SIGNED), "cut"),
        (aiohttp.InvalidURL(SIGNED), "InvalidURL"),
    ],
)
def test_errors_are_told_without_the_link(error: Exception, says: str) -> None:
    """Whatever the library says, the message is ours and no traceback repeats the link."""
    with pytest.raises(DownloadError, match=says) as caught, network_errors(7):
        raise error
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("error", [UnicodeError(SIGNED), LookupError(SIGNED), ValueError(SIGNED)])
async def test_what_the_library_cannot_read_is_told_without_the_link(
    session: aiohttp.ClientSession, part: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """It fails this try of one clip, as the network does."""
    monkeypatch.setattr(session, "get", mock.AsyncMock(side_effect=error))
    with pytest.raises(DownloadError, match=type(error).__name__) as caught:
        await HttpFetcher(session).fetch(Links(url=SIGNED), part)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_a_bug_of_ours_is_not_told_as_the_networks(
    fetcher: HttpFetcher, host: Host, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes out as what it is."""
    monkeypatch.setattr("batchgen.download.fetch.meaning", mock.Mock(side_effect=KeyError("x")))
    with pytest.raises(KeyError):
        await fetcher.fetch(Links(url=host.url), part)


async def test_a_proxy_that_refuses(
    fetcher: HttpFetcher, host: Host, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the proxy does not let the connection through, the proxy is named as the one who refused."""
    monkeypatch.setenv("https_proxy", f"http://me:secret@127.0.0.1:{host.port}")
    host.script = [reply(407)]
    with pytest.raises(DownloadError, match="the proxy answered HTTP 40") as caught:
        await fetcher.fetch(Links(url=SIGNED), part)
    assert "secret" not in str(caught.value)


@needs_openssl
async def test_a_certificate_of_nobody_is_refused(fetcher: HttpFetcher, part: Path, tmp_path: Path) -> None:
    """A host that cannot prove its name gets no request."""
    asked: list[bytes] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(100))
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=own_certificate(tmp_path))
    port = server.sockets[0].getsockname()[1]
    async with server:
        with pytest.raises(DownloadError, match="certificate"):
            await fetcher.fetch(Links(url=f"https://127.0.0.1:{port}/x?Signature=secret"), part)
    assert asked == []
