"""Why a run submits no more, and the streaks that make it stop by itself."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, replace
from enum import StrEnum

_RECENT = 40


class StopKind(StrEnum):
    """What stopped the submissions; decides what is still awaited and the exit code."""

    SIGNAL = "signal"
    MAX_CLIPS = "max_clips"
    HALT = "halt"  # a person must act
    KEY_REFUSED = "key_refused"  # likewise, and no call to the API can succeed


#: What overrules what, the strongest last.
_ORDER = (StopKind.MAX_CLIPS, StopKind.HALT, StopKind.KEY_REFUSED, StopKind.SIGNAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """No more submissions in this run."""

    kind: StopKind
    reason: str
    halted_by: str = ""  # of a signal: why a person must act all the same

    @property
    def halts(self) -> bool:
        """Whether a person must act before the next run."""
        return bool(self.halted_by) or self.kind in {StopKind.HALT, StopKind.KEY_REFUSED}

    @property
    def why_halted(self) -> str:
        """What a person must act upon."""
        return self.halted_by or self.reason


def both(before: Stop | None, news: Stop) -> Stop:
    """What holds when another stop comes: ``before`` itself when nothing changes.

    A signal overrules everything, a refused key every other halt.  What is awaited after a signal is its own;
    that a person must act is told whichever of the two came first.
    """
    if before is None:
        return news
    if _ORDER.index(news.kind) > _ORDER.index(before.kind):
        after_halt = news.kind is StopKind.SIGNAL and before.halts
        return replace(news, halted_by=before.why_halted) if after_halt else news
    return before if before.halts or not news.halts else replace(before, halted_by=news.reason)


class Streaks:
    """Counts what goes wrong in a row.  Each method returns why to halt, or ``None``."""

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

    def failed(self, message: str) -> str | None:
        """A task failed, or was refused, and may have been charged."""
        self._failures += 1
        self._recent.append(True)
        if self._failures >= self._most_failures:
            return f"{self._failures} charged failures in a row, the last: {message}"
        if len(self._recent) == _RECENT and sum(self._recent) * 2 > _RECENT:
            return f"{sum(self._recent)} of the last {_RECENT} clips failed and may be charged, the last: {message}"
        return None

    def invalid(self, message: str) -> str | None:
        """The service refused a submission for its parameters, which cost nothing."""
        self._invalid += 1
        self._unknown = 0
        if self._invalid >= self._most_failures:
            return (
                f"{self._invalid} submissions in a row were refused for their parameters, the last: {message}"
            )
        return None

    def answered(self) -> None:
        """The service took a submission, or refused it for what it asks for: its parameters were good."""
        self._invalid = self._unknown = 0
        self._answers = True

    def unknown(self, message: str) -> str | None:
        """The outcome of a submission is not known."""
        self._unknown += 1
        if self._unknown >= self._most_unknown:
            return f"{self._unknown} submissions in a row had an unknown outcome, the last: {message}"
        return None
