"""Each request has a connection of its own, and none waits for another's."""

from __future__ import annotations

import asyncio

import aiohttp
from hailuo.scripted_service import Peer, ScriptedService, response, scripted

from batchgen.connections import SingleUseConnector


async def test_there_are_as_many_connections_as_are_asked_for() -> None:
    """Nobody is answered before the last of very many has asked."""
    asked, all_there = 0, asyncio.Event()

    async def answer_all(service: ScriptedService, peer: Peer) -> None:
        nonlocal asked
        asked += 1
        if asked == 150:
            all_there.set()
        await all_there.wait()
        await service.send(peer, response({}))

    async with (
        scripted(answer_all) as service,
        aiohttp.ClientSession(connector=SingleUseConnector()) as session,
    ):

        async def ask() -> int:
            async with session.get(service.base_url) as answer:
                return answer.status

        async with asyncio.timeout(30.0):
            assert await asyncio.gather(*(ask() for _ in range(150))) == [200] * 150
    assert service.connections == 150
