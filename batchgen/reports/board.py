"""What is known of a run from its events: counts, pulse, rate, what was last.  No words, no screen."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import assert_never

from batchgen.model import Status
from batchgen.ports import (
    Event,
    JobChanged,
    JobRested,
    Reused,
    RunEnded,
    RunStarted,
    Stopping,
    Vitals,
    Warned,
)
from batchgen.reports.estimate import Turnaround, remaining

UNDER_WAY = (Status.SUBMITTING, Status.SUBMITTED, Status.GENERATED)
ENDED = (Status.SUCCEEDED, Status.FAILED, Status.UNKNOWN)

_RATE_WINDOW = 5.0  # seconds of pulses that the download rate is taken from
_LATEST = 20


@dataclass(slots=True)
class Board:
    """The state of a run as far as observers know it; events are told by ``take``.

    ``clock`` gives seconds; only its differences count.
    """

    clock: Callable[[], float] = time.monotonic
    start: RunStarted | None = None
    end: RunEnded | None = None
    stopping: Stopping | None = None
    vitals: Vitals | None = None
    counts: dict[Status, int] = field(default_factory=lambda: dict.fromkeys(Status, 0))
    to_submit: int = 0
    resting: int = 0  # jobs that this run does no more for, though they have not ended
    latest: deque[JobChanged | JobRested] = field(default_factory=lambda: deque(maxlen=_LATEST))
    _pulses: deque[tuple[float, int]] = field(default_factory=deque)
    _turnaround: Turnaround = field(default_factory=Turnaround)

    def take(self, event: Event) -> None:
        """Learn from an event."""
        match event:
            case JobChanged():
                self._changed(event)
            case Vitals():
                self._pulse(event)
            case JobRested():
                self.resting += event.status in UNDER_WAY
                self.latest.append(event)
            case RunStarted():
                self.start, self.to_submit = event, event.to_submit
                self.counts = dict.fromkeys(Status, 0) | event.counts
            case Stopping():
                self.stopping, self.to_submit = event, 0
            case RunEnded():
                self.end = event
                self.counts = dict.fromkeys(Status, 0) | event.counts
            case Warned() | Reused():
                pass
            case _:
                assert_never(event)

    def _changed(self, event: JobChanged) -> None:
        if not event.current:  # an earlier submission ended; the job stands where its newest one does
            return
        self.counts[event.previous] = max(0, self.counts[event.previous] - 1)
        self.counts[event.status] += 1
        now = self.clock()
        if event.previous is Status.PENDING:
            self._turnaround.started(event.job_key, now)
            self.to_submit = max(0, self.to_submit - 1)
        if event.status is Status.PENDING:
            self._turnaround.forgotten(event.job_key)
            self.to_submit += self.stopping is None
        elif event.status is Status.UNKNOWN:
            self._turnaround.forgotten(event.job_key)
            self.latest.append(event)
        elif event.status in ENDED:
            self._turnaround.ended(event.job_key, now)
            self.latest.append(event)

    def _pulse(self, event: Vitals) -> None:
        self.vitals = event
        self._pulses.append((event.elapsed, event.downloaded_bytes))
        while len(self._pulses) > 2 and event.elapsed - self._pulses[1][0] >= _RATE_WINDOW:
            self._pulses.popleft()

    @property
    def total(self) -> int:
        """All jobs that are counted."""
        return sum(self.counts.values())

    @property
    def under_way(self) -> int:
        """Jobs that are being sent, made or fetched, those that rest excepted."""
        return max(0, sum(self.counts[status] for status in UNDER_WAY) - self.resting)

    @property
    def rate(self) -> float:
        """Bytes a second downloaded over the last pulses; 0 while there are too few."""
        if len(self._pulses) < 2:
            return 0.0
        (first, before), (last, after) = self._pulses[0], self._pulses[-1]
        return max(0.0, (after - before) / (last - first)) if last > first else 0.0

    @property
    def remaining(self) -> float | None:
        """Seconds until this run's last job has ended, as far as can be said."""
        return remaining(
            to_submit=self.to_submit,
            under_way=self.under_way,
            turnaround=self._turnaround.mean(),
            idle=self._turnaround.idle(self.clock()),
        )
