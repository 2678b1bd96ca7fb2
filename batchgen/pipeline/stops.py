"""Why a run submits no more, and the streaks that make it stop by itself."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from batchgen.errors import (
    BatchgenError,
    BudgetReached,
    DiskFull,
    KeyRefused,
    LedgerNotWritable,
    NoBalance,
    NotEntitled,
    NotReached,
)

_RECENT = 40


class StopKind(StrEnum):
    """What stopped the submissions; decides what is still awaited and the exit code."""

    SIGNAL = "signal"
    DEADLINE = "deadline"
    MAX_CLIPS = "max_clips"
    HALT = "halt"  # a person must act
    KEY_REFUSED = "key_refused"  # likewise, and no call to the API can succeed


#: What overrules what, the strongest last.
_ORDER = (
    StopKind.DEADLINE,
    StopKind.MAX_CLIPS,
    StopKind.HALT,
    StopKind.KEY_REFUSED,
    StopKind.SIGNAL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """No more submissions in this run."""

    kind: StopKind
    reason: str
    remedy: str = ""  # what a person must do before the same command carries on
    halted_by: Stop | None = None  # of a signal: the halt beside it

    @property
    def halts(self) -> bool:
        """Whether a person must act before the next run."""
        return self.halted_by is not None or self.kind in {StopKind.HALT, StopKind.KEY_REFUSED}


def both(before: Stop | None, news: Stop) -> Stop:
    """What holds when another stop comes: ``before`` itself when nothing changes.

    A signal overrules everything, a refused key every other halt.  What is awaited after a signal is its own;
    that a person must act is told whichever of the two came first.
    """
    if before is None:
        return news
    if _ORDER.index(news.kind) > _ORDER.index(before.kind):
        after_halt = news.kind is StopKind.SIGNAL and before.halts
        return replace(news, halted_by=before) if after_halt else news
    return before if before.halts or not news.halts else replace(before, halted_by=news)


_REMEDIES: Mapping[type[BatchgenError], str] = {
    KeyRefused: "Give a key that this service takes: in the variable, or by --api-key-file.",
    NoBalance: "Top up the account, or wait until its quota is renewed.",
    NotEntitled: "Name another model, or have the account verified or its plan extended at the provider.",
    NotReached: "See that the service's address is right and that the network, or the proxy, leads there.",
    BudgetReached: "Raise that cap if more may be spent.",
    LedgerNotWritable: "See that the disk has room and can be written to.",
    DiskFull: "Make room on the disk.",
}


def halt_for(error: BatchgenError, reason: str = "") -> Stop:
    """The stop that an error calls for; ``reason`` when there is more to say than the error itself does."""
    remedy = next((_REMEDIES[kind] for kind in type(error).__mro__ if kind in _REMEDIES), "")
    kind = StopKind.KEY_REFUSED if isinstance(error, KeyRefused) else StopKind.HALT
    return Stop(kind=kind, reason=reason or str(error), remedy=remedy)


def _halt(reason: str, remedy: str) -> Stop:
    return Stop(kind=StopKind.HALT, reason=reason, remedy=remedy)


class Streaks:
    """Counts what goes wrong in a row.  Each method returns the halt that it calls for, or ``None``."""

    def __init__(self, *, halt_after_failures: int, halt_after_unknown: int) -> None:
        self._most_failures, self._most_unknown = halt_after_failures, halt_after_unknown
        self._failures = self._invalid = self._unknown = 0
        self._recent: deque[bool] = deque(maxlen=_RECENT)
        self._answers = False

    @property
    def room(self) -> float:
        """Submissions that may be in the air, so that a streak which has begun can't outrun its limit.

        Infinite once the service has answered one, and none has gone wrong since.
        """
        if self._answers and not self._invalid and not self._unknown:
            return math.inf
        return max(1, min(self._most_failures - self._invalid, self._most_unknown - self._unknown))

    def succeeded(self) -> None:
        """A task ended well."""
        self._failures = 0
        self._recent.append(False)

    def failed(self, message: str) -> Stop | None:
        """A task failed, or was refused, and may have been charged."""
        self._failures += 1
        self._recent.append(True)
        remedy = "Look at the reasons: the same prompts may fail again, and be charged again."
        if self._failures >= self._most_failures:
            return _halt(f"{self._failures} charged failures in a row, the last: {message}", remedy)
        failed = sum(self._recent)
        if len(self._recent) == _RECENT and failed * 2 > _RECENT:
            reason = f"{failed} of the last {_RECENT} clips failed and may be charged, the last: {message}"
            return _halt(reason, remedy)
        return None

    def invalid(self, message: str) -> Stop | None:
        """The service refused a submission for its parameters, which cost nothing."""
        self._invalid += 1
        self._unknown = 0
        if self._invalid < self._most_failures:
            return None
        return _halt(
            f"{self._invalid} submissions in a row were refused for their parameters, the last: {message}",
            "Correct the parameters in the job file: see that this service offers the model and what is asked of it.",
        )

    def answered(self) -> None:
        """The service took a submission, or refused it for what it asks for: its parameters were good."""
        self._invalid = self._unknown = 0
        self._answers = True

    def unknown(self, message: str) -> Stop | None:
        """The outcome of a submission is not known."""
        self._unknown += 1
        if self._unknown < self._most_unknown:
            return None
        return _halt(
            f"{self._unknown} submissions in a row had an unknown outcome, the last: {message}",
            "Look in the provider's console which of them were accepted, and see what is wrong on the way there.",
        )
