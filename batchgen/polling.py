"""When to ask about a task: decisions without side effects.  Times are the loop's clock, in seconds."""

from __future__ import annotations

import heapq
import itertools
import math
from datetime import datetime, timedelta
from typing import Generic, TypeVar

T = TypeVar("T")

FIRST_AGE = 0.5  # seconds: when a task is first asked about
GROWTH = 0.2  # of a task's age: how long the next question waits
CEILING = 10.0  # seconds: the interval of the vendor's guide

NOT_FOUND_BACKOFF = 60.0  # seconds between questions about a task that the service does not know
GONE_AFTER = timedelta(hours=24)
_LOST_TRIES = 3
_LOST_AFTER = 30.0  # seconds of "not found" after which a run no longer waits for a task


def next_poll(age: float, interval: float | None) -> float:
    """Seconds from now to the next question about a task that was submitted ``age`` seconds ago.

    ``interval`` is the user's fixed one; without it questions start early and their ages grow by a fifth.
    """
    if interval is not None:
        return interval
    if age < FIRST_AGE:
        return FIRST_AGE - age
    return min(CEILING, max(FIRST_AGE, age * GROWTH))


def is_gone(*, since: datetime | None, now: datetime, last_answer: datetime | None) -> bool:
    """Whether "not found" may be concluded from: repeated over a day in which other tasks did answer."""
    if since is None or last_answer is None:
        return False
    return now - since >= GONE_AFTER and last_answer > since


def is_lost_for_now(*, times: int, seconds: float) -> bool:
    """Whether a run with nothing else left stops waiting for a task: asked about in vain so often, so long."""
    return times >= _LOST_TRIES and seconds >= _LOST_AFTER


class Spacing:
    """At most ``per_second`` questions over all tasks, spread evenly."""

    def __init__(self, per_second: float | None) -> None:
        self._gap = 0.0 if per_second is None else 1.0 / per_second
        self._next = -math.inf

    def delay(self, now: float) -> float:
        """Seconds until the next question may leave."""
        return max(0.0, self._next - now)

    def took(self, now: float) -> None:
        """A question leaves."""
        self._next = max(now, self._next) + self._gap

    def pause(self, until: float) -> None:
        """No question before ``until``: the service limits them."""
        self._next = max(self._next, until)


class Agenda(Generic[T]):
    """Things to do by the time at which each is due: one heap, whatever their number."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, T]] = []
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, when: float, item: T) -> None:
        """Take ``item`` down for ``when``."""
        heapq.heappush(self._heap, (when, next(self._numbers), item))

    def delay(self, now: float) -> float:
        """Seconds until the first is due, infinite when there is none."""
        return max(0.0, self._heap[0][0] - now) if self._heap else math.inf

    def pop(self) -> T:
        """The first, due or not."""
        return heapq.heappop(self._heap)[2]

    def items(self) -> list[T]:
        """All of them, in no order."""
        return [item for _, _, item in self._heap]
