"""Places among the downloads: had only while bytes of a clip move, and by that clip alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from batchgen.pipeline.calls import Calls


class Place:
    """The one place that a clip has, or does not have at this moment."""

    def __init__(self, places: asyncio.Semaphore, calls: Calls) -> None:
        self._places, self._calls = places, calls
        self.is_held = False

    async def take(self) -> None:
        """Wait until one is free; it is had already, or nobody else has it."""
        if not self.is_held:
            await self._places.acquire()
            self.is_held = True

    def leave(self) -> None:
        """Let another clip have it."""
        if self.is_held:
            self.is_held = False
            self._places.release()

    @asynccontextmanager
    async def transfer(self) -> AsyncIterator[None]:
        """What is inside needs the network: it has a place, and may be cut off at the end of a run.

        What comes behind it, to flush and check a clip that is paid for and there, has none and is never cut off.
        """
        with self._calls.waiting():
            await self.take()
            try:
                yield
            finally:
                self.leave()
