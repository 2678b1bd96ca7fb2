"""A ledger that is open for writing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ledger.workshop import Desk


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """An empty ledger, its writer running."""
    desk = Desk(tmp_path / "ledger.sqlite3")
    await desk.ledger.start_writing()
    yield desk
    await desk.ledger.stop_writing()
    desk.ledger.close()
