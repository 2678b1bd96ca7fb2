"""Things to do by the time at which each is due."""

from __future__ import annotations

import heapq
import itertools
import math
from typing import Generic, TypeVar

T = TypeVar("T")


class Agenda(Generic[T]):
    """One heap, whatever the number of things.  Times are the loop's clock, in seconds."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, T]] = []
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, when: float, item: T) -> bool:
        """Take ``item`` down for ``when``; whether it is the first one now."""
        entry = (when, next(self._numbers), item)
        heapq.heappush(self._heap, entry)
        return self._heap[0] is entry

    def delay(self, now: float) -> float:
        """Seconds until the first is due, infinite when there is none."""
        return max(0.0, self._heap[0][0] - now) if self._heap else math.inf

    def pop(self) -> T:
        """The first, due or not."""
        return heapq.heappop(self._heap)[2]

    def items(self) -> list[T]:
        """All of them, in no order."""
        return [item for _, _, item in self._heap]
