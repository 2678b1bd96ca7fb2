"""A house for each test, searched for secrets at the end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from batchgen.simulator import Simulator
from whole.house import QUICK, Clock, House


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A folder and a service whose tasks take a fifth of a second; whatever the test does, no secret is left."""
    clock = Clock()
    async with Simulator(QUICK, now=clock.read) as sim:
        built = House(tmp_path, sim, clock)
        yield built
        built.check_no_secret()
