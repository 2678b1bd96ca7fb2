"""The user's wish to stop, which may come at any moment: before there is a pipeline, or while it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from batchgen.pipeline import Stop, StopKind


class Stopper:
    """Ask it to stop a run; it remembers, and hands the wish on once somebody can act on it."""

    def __init__(self) -> None:
        self.stop: Stop | None = None
        self._act: Callable[[Stop], None] | None = None

    def ask(self, reason: str) -> None:
        """Submit no more, end soon.  Harmless when repeated."""
        if self.stop is None:
            self.stop = Stop(kind=StopKind.SIGNAL, reason=reason)
            if self._act is not None:
                self._act(self.stop)

    def asked(self) -> bool:
        """Whether the user has asked."""
        return self.stop is not None

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
