"""When to ask about a task of which nothing is known, and what "not found" means.  Times are seconds."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

FIRST_AGE = 0.5  # seconds: when a task is first asked about
GROWTH = 0.2  # of a task's age: how long the next question waits
CEILING = 10.0  # seconds: the interval of the vendor's guide

SCOUTS = 64  # tasks that are asked about at each age while nothing is known of very many
MOST_ROUNDS = 8  # looks at a task of which one at least is a question

FEWEST = 3  # ended tasks from which on there is something to plan with
_ENOUGH, _PART = 32, 32  # so many are enough for any number of others, and one for so many others

NOT_FOUND_BACKOFF = 60.0  # seconds between questions about a task that the service does not know
GONE_AFTER = timedelta(hours=24)
_LOST_TRIES = 3
_LOST_AFTER = 30.0  # seconds of "not found" after which a run no longer waits for a task


def next_poll(age: float) -> float:
    """Seconds from now to the next question about a task that was submitted ``age`` seconds ago.

    Questions start early and their ages grow by a fifth.
    """
    if age * (1.0 + GROWTH) < FIRST_AGE:
        return FIRST_AGE - age
    return min(CEILING, age * GROWTH)


def rounds(watched: int) -> int:
    """Every how many looks each of so many tasks, of which nothing is known, is asked about.

    When very many run at once a part of them at each age says as much as all would; and each has its turn before
    long, whatever becomes of the others.
    """
    return max(1, min(MOST_ROUNDS, math.ceil(watched / SCOUTS)))


def enough(watched: int) -> int:
    """How many tasks must have ended for so many others to be planned by them.

    The first to end among very many are the quickest of all: a plan made of three of them would ask about every
    other too early, and soon again.
    """
    return max(FEWEST, min(_ENOUGH, watched // _PART))


def is_gone(*, since: datetime | None, now: datetime, last_answer: datetime | None) -> bool:
    """Whether "not found" may be concluded from: repeated over a day in which other tasks did answer."""
    if since is None or last_answer is None:
        return False
    return now - since >= GONE_AFTER and last_answer > since


def is_lost_for_now(*, times: int, seconds: float) -> bool:
    """Whether a run with nothing else left stops waiting for a task: asked about in vain so often, so long."""
    return times >= _LOST_TRIES and seconds >= _LOST_AFTER
