"""When to ask about a task of which nothing is known, and what "not found" means.  Times are seconds."""

from __future__ import annotations

from bisect import bisect_right
from datetime import datetime, timedelta

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
    if age * (1.0 + GROWTH) < FIRST_AGE:
        return FIRST_AGE - age
    return min(CEILING, age * GROWTH)


def _first_wave() -> list[float]:
    """The ages of a task's questions while nothing is known, up to where they are ``CEILING`` apart."""
    ages = [FIRST_AGE]
    while ages[-1] * GROWTH < CEILING:
        ages.append(ages[-1] + next_poll(ages[-1], None))
    return ages


_FIRST_WAVE = _first_wave()


def cold_step(age: float) -> int:
    """Which of its questions a task of this age is at while nothing is known: each task passes each number once."""
    if age < _FIRST_WAVE[-1]:
        return bisect_right(_FIRST_WAVE, age)
    behind = (age - _FIRST_WAVE[-1]) / CEILING
    return len(_FIRST_WAVE) + int(behind + 1e-9)  # sums of tens are a hair beside their step


def is_gone(*, since: datetime | None, now: datetime, last_answer: datetime | None) -> bool:
    """Whether "not found" may be concluded from: repeated over a day in which other tasks did answer."""
    if since is None or last_answer is None:
        return False
    return now - since >= GONE_AFTER and last_answer > since


def is_lost_for_now(*, times: int, seconds: float) -> bool:
    """Whether a run with nothing else left stops waiting for a task: asked about in vain so often, so long."""
    return times >= _LOST_TRIES and seconds >= _LOST_AFTER
