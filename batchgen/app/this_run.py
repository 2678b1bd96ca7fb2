"""What one run holds while it lasts: where, as told by whom, and who is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from batchgen.app.options import Options
from batchgen.app.place import Place
from batchgen.app.result import RunResult
from batchgen.app.stopper import Stopper
from batchgen.ports import Event, Observer, RunEnded, Warned
from batchgen.reports.commands import Commands


def utc_now() -> datetime:
    """The time of day, aware."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Everything that one run holds while it lasts."""

    place: Place
    options: Options
    observers: Sequence[Observer]
    stopper: Stopper
    commands: Commands
    submit: bool
    now: Callable[[], datetime]

    def tell(self, event: Event) -> None:
        """Tell every observer."""
        for observer in self.observers:
            observer.observe(event)

    def warn(self, message: str) -> None:
        """Tell something that the user should know and that stops nothing."""
        self.tell(Warned(at=self.now(), message=message))

    def tell_end(self, result: RunResult, elapsed: float) -> None:
        """The run is over, after so many seconds."""
        self.tell(
            RunEnded(
                at=self.now(),
                elapsed=elapsed,
                exit_code=result.exit_code,
                counts=result.counts,
                sentence=result.sentence,
            )
        )
