"""How long the rest of a run will take: as good as what has been seen, and nothing before that."""

from __future__ import annotations

from collections import deque

#: The mean follows the service when its pace changes: it is that of the newest so many.
_REMEMBERED = 100


def remaining(*, to_submit: int, under_way: int, turnaround: float | None, idle: float) -> float | None:
    """Seconds until the last job has ended, or None when there is nothing to go by.

    ``turnaround`` is the mean time from submission to end, in seconds, and ``idle`` the time since the newest
    submission.  While ``under_way`` jobs are kept there, by Little's law one ends every ``turnaround /
    under_way`` seconds and another takes its place; after the last of them has left, it needs a turnaround
    of its own.
    """
    if turnaround is None or to_submit + under_way == 0:
        return None
    if to_submit == 0:
        rest = turnaround - idle
        return rest if rest > 0 else None  # stragglers: nothing says how long they take
    return to_submit * turnaround / max(under_way, 1) + turnaround


class Turnaround:
    """The mean time from submission to end; memory grows with the jobs under way only.  Times in seconds."""

    def __init__(self) -> None:
        self._started: dict[int, float] = {}
        self._took: deque[float] = deque(maxlen=_REMEMBERED)
        self._newest = 0.0

    def started(self, job: int, now: float) -> None:
        """The job's submission leaves."""
        self._started[job] = self._newest = now

    def ended(self, job: int, now: float) -> None:
        """The job has ended; one that was submitted before this run teaches nothing."""
        start = self._started.pop(job, None)
        if start is not None:
            self._took.append(max(0.0, now - start))

    def forgotten(self, job: int) -> None:
        """The submission came to nothing."""
        self._started.pop(job, None)

    def mean(self) -> float | None:
        """The mean of those seen, or None."""
        return sum(self._took) / len(self._took) if self._took else None

    def idle(self, now: float) -> float:
        """Since the newest submission."""
        return max(0.0, now - self._newest)
