"""Connections that serve one request, and are gone with its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import aiohttp

if TYPE_CHECKING:
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace


class SingleUseConnector(aiohttp.TCPConnector):
    """As many connections as are asked for, each of which ends at once when its answer is let go.

    To close in order over TLS means to wait until the host agrees: half a minute when it does not, in which neither
    the connector nor its session knows of the connection any more, and the loop may end before it.
    """

    def __init__(
        self,
        *,
        resolver: aiohttp.abc.AbstractResolver | None = None,
        socket_factory: aiohttp.SocketFactoryType | None = None,
    ) -> None:
        super().__init__(limit=0, force_close=True, resolver=resolver, socket_factory=socket_factory)

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  aiohttp's signature
    ) -> Connection:
        """A new connection, through a proxy's tunnel if there is to be one."""
        connection = await super().connect(req, traces, timeout)
        if connection.transport is not None:
            connection.add_callback(_ends(connection.transport))
        return connection


def _ends(transport: asyncio.Transport) -> Callable[[], None]:
    """Aborts it in a turn of its own: the answer may end amid what asyncio does over TLS when the last bytes come.

    One that aiohttp has closed already, as what came was no answer, is aborted at once: over TLS it will be closed
    once more behind this call, and knows its connection no longer then.
    """
    loop = asyncio.get_running_loop()

    def end() -> None:
        if transport.is_closing():
            transport.abort()
        else:
            loop.call_soon(transport.abort)

    return end
