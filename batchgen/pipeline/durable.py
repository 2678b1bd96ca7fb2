"""What must reach the ledger, however long the disk takes to come back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from batchgen.errors import LedgerNotWritable
from batchgen.pipeline.flow import Flow
from batchgen.pipeline.stops import halt_for

T = TypeVar("T")

_AGAIN = 1.0  # seconds between two tries


async def insist(flow: Flow, write: Callable[[], Awaitable[T]], otherwise: str) -> T:
    """Try to write until it is durable or the run's patience is over; halts the run meanwhile.

    ``otherwise`` tells the user what is about to be lost, so that a person can write it down.  Raises
    LedgerNotWritable at the end of the patience.
    """
    told = False
    while True:
        try:
            return await write()
        except LedgerNotWritable as error:
            flow.halt(halt_for(error))
            if not told:
                flow.warn(f"not yet written down: {otherwise}")
                told = True
            if flow.patience_left() <= _AGAIN:
                raise
        await asyncio.sleep(_AGAIN)
