"""The user's wish to stop, which may come at any moment: before there is a pipeline, or while it runs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from batchgen.pipeline import Stop, StopKind

#: Seconds from a signal to the end of the last report: the process is to be gone within ten.
OVER_WITHIN = 9.0


class Stopper:
    """Ask it to stop a run; it remembers, and hands the wish on once somebody can act on it."""

    def __init__(self) -> None:
        self.stop: Stop | None = None
        self._asked_at = math.inf
        self._act: Callable[[Stop], None] | None = None

    def ask(self, reason: str) -> None:
        """Submit no more, end soon.  Harmless when repeated."""
        if self.stop is None:
            self.stop = Stop(kind=StopKind.SIGNAL, reason=reason)
            self._asked_at = time.monotonic()
            if self._act is not None:
                self._act(self.stop)

    def asked(self) -> bool:
        """Whether the user has asked."""
        return self.stop is not None

    def time_left(self) -> float:
        """Seconds until the run must be over; infinite while nobody has asked."""
        return self._asked_at + OVER_WITHIN - time.monotonic()

    @contextmanager
    def attached(self, act: Callable[[Stop], None]) -> Iterator[None]:
        """While this lasts ``act`` gets the wish, at once if it has come already."""
        self._act = act
        if self.stop is not None:
            act(self.stop)
        try:
            yield
        finally:
            self._act = None
