"""How late a loop is: a ticker beside the work, and the memory of the process meanwhile."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import psutil

_TICK = 0.002  # seconds
_LOOK = 10  # ticks between two looks at the memory


@dataclass(slots=True)
class Watch:
    """What was seen of the loop: how late each tick came, in seconds, and the memory, in bytes."""

    lags: list[float] = field(default_factory=list)
    rss: list[int] = field(default_factory=list)

    def lag(self, share: float) -> float:
        """The lag, in milliseconds, that so large a share of the ticks did not go beyond."""
        ordered = sorted(self.lags)
        return 1000 * ordered[max(0, math.ceil(share * len(ordered)) - 1)]

    @property
    def grown(self) -> float:
        """By how many MiB the memory grew at the most."""
        return (max(self.rss) - self.rss[0]) / 2**20


@asynccontextmanager
async def watching() -> AsyncIterator[Watch]:
    """Watch the running loop for as long as this lasts."""
    watch = Watch()
    ticker = asyncio.create_task(_tick(watch))
    try:
        yield watch
    finally:
        ticker.cancel()
        with suppress(asyncio.CancelledError):
            await ticker


async def _tick(watch: Watch) -> None:
    clock, process = asyncio.get_running_loop().time, psutil.Process()
    while True:
        if len(watch.lags) % _LOOK == 0:
            watch.rss.append(process.memory_info().rss)
        before = clock()
        await asyncio.sleep(_TICK)
        watch.lags.append(clock() - before - _TICK)
