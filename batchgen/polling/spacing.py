"""How close together questions may leave."""

from __future__ import annotations

import math


class Spacing:
    """At most ``per_second`` questions over all tasks, spread evenly.  Times are the loop's clock, in seconds."""

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
