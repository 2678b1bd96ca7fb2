"""A video host, a fetcher and a place for its partial file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from batchgen.download.fetch import HttpFetcher, video_session
from download.host import Host


async def serving() -> AsyncIterator[Host]:
    """A host as long as it is needed."""
    host = Host()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", host.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host.port = runner.addresses[0][1]
    yield host
    await runner.cleanup()


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    """A video host."""
    async for one in serving():
        yield one


@pytest.fixture
async def backup() -> AsyncIterator[Host]:
    """Another video host."""
    async for one in serving():
        yield one


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """A session for video hosts."""
    async with video_session() as one:
        yield one


@pytest.fixture
def fetcher(session: aiohttp.ClientSession) -> HttpFetcher:
    """A fetcher with little patience."""
    return HttpFetcher(session, silence=0.3)


@pytest.fixture
def part(tmp_path: Path) -> Path:
    """Where the clip is gathered; its folder does not exist yet."""
    return tmp_path / "videos" / "fox.mp4.part"
