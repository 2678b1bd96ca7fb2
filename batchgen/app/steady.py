"""The time of day of one run, which nobody can set: so a clock that jumps ages no task and ends no patience."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta


def _elapsed() -> float:
    """Seconds by a clock that is never set, and goes on while the machine sleeps where the system has one."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot is None else time.clock_gettime(boot)


class SteadyTime:
    """The wall's time at the beginning of a run, and from there on what has passed.

    What a run writes down so stays in order, and "for 24 hours" is what it says; the next run reads the wall anew.
    """

    def __init__(self, now: Callable[[], datetime], elapsed: Callable[[], float] = _elapsed) -> None:
        self._elapsed = elapsed
        self._began, self._start = now(), elapsed()

    def __call__(self) -> datetime:
        """The moment, aware, in UTC."""
        return self._began + timedelta(seconds=self._elapsed() - self._start)
