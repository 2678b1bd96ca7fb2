"""Work on files that is done for all who wait at a moment, in one hop to a thread: what they share is done once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from batchgen.download import disk

T = TypeVar("T")


class Batcher(Generic[T]):
    """Gathers what comes while ``do`` works in a thread, and gives it all of that next.

    ``do`` blocks; it gives an error, or ``None``, for each thing in its order.
    """

    def __init__(self, do: Callable[[Sequence[T]], Sequence[BaseException | None]]) -> None:
        self._do = do
        self._waiting: list[tuple[T, asyncio.Future[None]]] = []
        self._busy = False

    async def join(self, thing: T) -> None:
        """Have it done.  A cancellation waits for its end, and is raised then.  Raises what ``do`` gives for it."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((thing, future))
        if not self._busy:
            self._begin()
        await disk.to_its_end(future)

    def _begin(self) -> None:
        self._busy = True
        batch, self._waiting = self._waiting, []
        work = asyncio.get_running_loop().run_in_executor(disk.NAMER, self._do, [thing for thing, _ in batch])
        work.add_done_callback(lambda done: self._ended(batch, done))

    def _ended(
        self,
        batch: Sequence[tuple[T, asyncio.Future[None]]],
        done: asyncio.Future[Sequence[BaseException | None]],
    ) -> None:
        self._busy = False
        broken = done.exception()  # a bug of ours: everybody's
        outcomes = [] if broken is not None else done.result()
        if len(outcomes) != len(batch):
            outcomes = [broken or RuntimeError("an outcome is missing")] * len(batch)
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            if outcome is None:
                future.set_result(None)
            else:
                future.set_exception(outcome)
        if self._waiting:
            self._begin()
