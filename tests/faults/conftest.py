"""The house of the whole runs, in this process unless a test needs one that can be killed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from cli.conftest import HouseHere
from whole.house import QUICK, Clock, House

from batchgen.simulator import Simulator
from faults.disks import Disk, RealDisk, model_disk, real_disk


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A folder, and a service whose tasks take a fifth of a second."""
    home = tmp_path / "home"
    home.mkdir()
    clock = Clock()
    async with Simulator(QUICK, now=clock.read) as sim:
        built = HouseHere(home, sim, clock)
        yield built
        built.check_no_secret()


@pytest.fixture
async def household(tmp_path: Path) -> AsyncIterator[House]:
    """The same with processes of their own."""
    home = tmp_path / "home"
    home.mkdir()
    clock = Clock()
    async with Simulator(QUICK, now=clock.read) as sim:
        built = House(home, sim, clock)
        yield built
        built.check_no_secret()


@pytest.fixture
def small(tmp_path: Path) -> Iterator[RealDisk]:
    """A real disk of few megabytes; the test is skipped where none can be mounted."""
    with real_disk(tmp_path / "disk") as disk:
        yield disk


@pytest.fixture(params=["model", "real"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    """A disk on which the ledger can run out of room."""
    if request.param == "real":
        with real_disk(tmp_path / "disk") as real:
            yield real
    else:
        with model_disk(tmp_path / "home" / "output") as model:
            yield model
