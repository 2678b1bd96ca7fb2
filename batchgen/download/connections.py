"""Connections to video hosts, used again only when nothing waits in them.

aiohttp gives a connection back the moment that a body ends.  What a host has put behind the body in the same breath,
a whole answer perhaps, is read after that and would be taken for the answer to the next request: one clip would be
stored as another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp

if TYPE_CHECKING:
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace


class CleanConnector(aiohttp.TCPConnector):
    """Closes a connection of its pool in which something waits, and takes another."""

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  aiohttp's signature
    ) -> Connection:
        """A connection of which nothing was received yet, or nothing but whole answers that were asked for."""
        while True:
            connection = await super().connect(req, traces, timeout)
            if connection.protocol is None or not connection.protocol.should_close:
                return connection
            connection.close()
