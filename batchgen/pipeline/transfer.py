"""Places among the downloads: had only while bytes of a clip move, and by that clip alone.

Around a place lies room: in memory, until a clip is on disk, whole, and needs nothing but its name.  Who has a place
has room, and nobody waits for room while they have a place: else those with room could wait for those with places,
and they for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from batchgen.pipeline.calls import Calls


class Places:
    """How many clips may come at once, and how many more of them may be in memory."""

    def __init__(self, downloads: int, sealing: int) -> None:
        self.coming = asyncio.Semaphore(downloads)
        self.in_memory = asyncio.Semaphore(downloads + sealing)


class Place:
    """The one place, and the room around it, that a clip has, or does not have at this moment."""

    def __init__(self, places: Places, calls: Calls) -> None:
        self._places, self._calls = places, calls
        self.is_held = self._has_room = False

    async def take(self) -> None:
        """Wait until one is free; it is had already, or nobody else has it."""
        if not self._has_room:
            await self._places.in_memory.acquire()
            self._has_room = True
        if not self.is_held:
            await self._places.coming.acquire()
            self.is_held = True

    def leave(self) -> None:
        """Let another clip have it; the room stays."""
        if self.is_held:
            self.is_held = False
            self._places.coming.release()

    def vacate(self) -> None:
        """Let another clip have it and the room: nothing of this one is in memory any more."""
        self.leave()
        if self._has_room:
            self._has_room = False
            self._places.in_memory.release()

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
