"""A service whose clock stands, and a client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from batchgen.simulator import Behaviour, Simulator, Times
from simulator.client import Client, Clock


@pytest.fixture
def clock() -> Clock:
    """A clock to move by hand."""
    return Clock()


@pytest.fixture
async def sim(clock: Clock) -> AsyncIterator[Simulator]:
    """Tasks take 100 s of its clock."""
    async with Simulator(Behaviour(times=Times(median=100.0, sigma=0.0)), now=clock.read) as simulator:
        yield simulator


@pytest.fixture
async def client(sim: Simulator) -> AsyncIterator[Client]:
    """A client with five seconds of patience."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        yield Client(session, sim)
