"""Calls that a run may cut off at its end: until one returns nothing is known, afterwards all is finished."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


class Calls:
    """The calls in the air.  What follows an answer, a ledger write above all, is never cut."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Task[object]] = set()
        self.closed = False

    async def make(self, call: Callable[[], Awaitable[T]]) -> T:
        """Wait for one call.  Raises CancelledError when the run is over."""
        with self.waiting():
            return await call()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """What is inside waits for others, and may be cut off.  Raises CancelledError when the run is over."""
        if self.closed:
            raise asyncio.CancelledError
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  only tasks can wait
        self._waiting.add(task)
        try:
            yield
        finally:
            self._waiting.discard(task)

    def cut(self) -> None:
        """Cancel those who wait for a call, and let nobody begin another."""
        self.closed = True
        for task in self._waiting:
            task.cancel()
