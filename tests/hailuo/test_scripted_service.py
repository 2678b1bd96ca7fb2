"""The scripted service leaves nothing behind, whenever it ends."""

from __future__ import annotations

import asyncio
import gc
import socket

import pytest

from .scripted_service import scripted, sends


@pytest.mark.parametrize("turns", range(8))
def test_a_client_that_has_just_connected_is_closed_as_well(turns: int) -> None:
    """Wherever it is between the system's queue and its first line; what stays open is an error here."""

    async def end_early() -> None:
        async with scripted(sends(b"x")) as host:
            with socket.create_connection(("127.0.0.1", int(host.base_url.rpartition(":")[2]))) as client:
                client.sendall(b"GET / HTTP/1.1\r\n\r\n")
                for _ in range(turns):
                    await asyncio.sleep(0)

    asyncio.run(end_early())
    gc.collect()
