"""A ledger, or a house whose commands run in this process; searched for secrets at the end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cli.conftest import HouseHere
from ledger.workshop import Desk
from whole.house import QUICK, Clock, House

from batchgen.simulator import Simulator


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A folder and a service whose tasks take a fifth of a second; whatever the test does, no secret is left."""
    clock = Clock()
    async with Simulator(QUICK, now=clock.read) as sim:
        built = HouseHere(tmp_path, sim, clock)
        yield built
        built.check_no_secret()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """A ledger that takes changes."""
    made = Desk(tmp_path / "ledger.sqlite3")
    await made.ledger.start_writing()
    yield made
    await made.ledger.stop_writing()
    made.ledger.close()
