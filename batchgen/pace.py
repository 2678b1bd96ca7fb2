"""How fast to submit: so many a minute, so many at once, and what is learnt from being refused.

Decisions without side effects beyond their own memory; times are the loop's clock, in seconds.
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

WINDOW = 60.0  # seconds
FIRST_PAUSE = 1.0  # seconds: the longest that the first backoff may be
LIMIT_CEILING = 60.0  # seconds: the longest backoff when the service limits us
LONGEST_RETRY_AFTER = 3600.0  # seconds
_LONGEST_HEADER = 64  # characters of a Retry-After that is worth reading
REACH_CEILING = 30.0  # seconds: the longest backoff when the service can't be reached

#: Submissions that must fit between two tries at one task more than the service last allowed, at the most.
_RARELY = 24
#: How much rarer tries become when one met the limit that is known: each try has halved the interval before.
_RARER = 8


def full_jitter(failures: int, *, first: float, ceiling: float, draw: float) -> float:
    """Seconds to wait after ``failures`` in a row; ``draw`` is uniform in [0, 1).

    Exponential backoff with full jitter: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog,
    2015.
    """
    return draw * min(ceiling, first * 2.0 ** min(max(failures, 1) - 1, 32))


def retry_after(header: str | None, now: datetime) -> float | None:
    """Seconds to wait, from a Retry-After header (RFC 9110, 10.2.3): a number or a date.

    At least 0, at most an hour; ``None`` for what cannot be read.
    """
    text = (header or "").strip()
    if not text or len(text) > _LONGEST_HEADER or not text.isascii():
        return None
    if text.replace(".", "", 1).isdigit():
        return min(float(text), LONGEST_RETRY_AFTER)
    try:
        at = parsedate_to_datetime(text)
        seconds = (at if at.tzinfo else at.replace(tzinfo=UTC)) - now
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return min(max(seconds.total_seconds(), 0.0), LONGEST_RETRY_AFTER)


@dataclass(slots=True)
class QuestionLimit:
    """For how long nothing is asked when the service limits questions: they are all of one account.

    Many that had left before the last refusal have met one limit, not many in a row.
    """

    _in_a_row: int = 0
    _at: float = -math.inf  # when the last one was met

    def met(self, left: float, now: float, retry_after: float | None, draw: float) -> float:
        """Seconds to wait; the question had left at ``left``, and ``draw`` is uniform in [0, 1)."""
        if left >= self._at:
            self._in_a_row += 1
            self._at = now
        elif retry_after is None:
            return 0.0
        jitter = full_jitter(self._in_a_row, first=FIRST_PAUSE, ceiling=LIMIT_CEILING, draw=draw)
        return jitter if retry_after is None else retry_after

    def answered(self) -> None:
        """One was not refused."""
        self._in_a_row = 0


class Window:
    """At most ``most`` submissions in any 60 s, whatever the way to the service costs in time.

    When the service counts a submission is not known, only that it is between its leaving and its answer: so
    each holds its place from the one until 60 s after the other.
    """

    def __init__(self, most: int | None, earlier: Iterable[float] = ()) -> None:
        """``earlier``: when submissions of former runs left, on the loop's clock."""
        self._most = most
        self._in_air: set[int] = set()
        self._answered: deque[float] = deque(sorted(earlier))
        self._tickets = 0

    def delay(self, now: float) -> float:
        """Seconds until a submission may leave; infinite while only an answer can free a place."""
        if self._most is None:
            return 0.0
        while self._answered and self._answered[0] + WINDOW <= now:
            self._answered.popleft()
        excess = len(self._in_air) + len(self._answered) - self._most
        if excess < 0:
            return 0.0
        if excess >= len(self._answered):
            return math.inf
        return self._answered[excess] + WINDOW - now

    def sent(self) -> int:
        """A submission leaves: its ticket."""
        self._tickets += 1
        self._in_air.add(self._tickets)
        return self._tickets

    def answered(self, ticket: int, now: float) -> None:
        """The exchange of this ticket is over."""
        if ticket in self._in_air:
            self._in_air.remove(ticket)
            self._answered.append(now)


@dataclass(slots=True)
class Slots:
    """How many tasks may be at the service: ``ceiling`` by the user's word, fewer while it refuses more.

    Additive increase, multiplicative decrease (Chiu and Jain, 1989), with two differences.  A refusal says how
    many the service does take, namely those that it has, so the limit drops to just that.  And the increase
    grows while tries succeed and becomes rare when the same limit is met again, so that a fixed limit costs
    few refusals and one that was raised is found soon.
    """

    ceiling: int
    limit: int = 0
    _interval: int = 1
    _credit: int = 0
    _refused_at: int = -1

    def __post_init__(self) -> None:
        self.limit = self.limit or self.ceiling

    def refused(self, at_service: int) -> None:
        """A submission was refused while ``at_service`` tasks were known to be there."""
        met_again = abs(at_service - self._refused_at) <= 1
        self._interval = min(_RARELY, self._interval * _RARER) if met_again else 2
        self._refused_at = at_service
        self.limit = max(1, min(self.limit, at_service))
        self._credit = 0

    def accepted(self, at_service: int) -> None:
        """A submission was taken and ``at_service`` tasks are there now."""
        if at_service > self.limit:
            self.limit = min(self.ceiling, at_service)
        if at_service < self.limit or self.limit >= self.ceiling:
            return
        self._credit += 1
        if self._credit >= self._interval:
            self._credit = 0
            self._interval = max(1, self._interval // 2)
            self.limit += 1


class SubmissionPace:
    """The ``Pace`` of a run: window, slots, and a pause after each refusal.

    After the pause one submission leaves alone, and the others when it was taken: what has drained from the
    service meanwhile would otherwise leave, and be refused, in one burst.
    """

    def __init__(
        self,
        *,
        in_flight: int,
        per_minute: int | None,
        earlier: Iterable[float] = (),
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._window = Window(per_minute, earlier)
        self._slots = Slots(in_flight)
        self._draw = draw
        self._pause_until = -math.inf
        self._pause_why = ""
        self._refusals = self._unreached = 0
        self._burst_ends = 0  # tickets up to this one left before we knew of the refusal
        self._last_ticket = 0
        self._probe = 0  # the ticket that left alone and is not answered; 0: none

    @property
    def slots(self) -> int:
        """Tasks that may be at the service at once."""
        return self._slots.limit

    @property
    def ceiling(self) -> int:
        """Tasks that the user allows at once."""
        return self._slots.ceiling

    def delay(self, now: float) -> float:
        """Seconds until the next submission may leave, 0 when it may now, infinite until an answer comes."""
        if self._probe:
            return math.inf
        return max(0.0, self._pause_until - now, self._window.delay(now))

    def held_by(self, now: float) -> str:
        """What ``delay`` waits for, in a few words."""
        return self._pause_why if self._probe or self._pause_until > now else "pace"

    def sent(self) -> int:
        """A submission leaves: its ticket."""
        self._last_ticket = self._window.sent()
        if self._refusals or self._unreached:
            self._probe = self._last_ticket
        return self._last_ticket

    def answered(self, ticket: int, now: float) -> None:
        """Its exchange is over."""
        self._window.answered(ticket, now)
        if ticket == self._probe:
            self._probe = 0

    def accepted(self, at_service: int) -> None:
        """The service took a submission."""
        self._refusals = self._unreached = 0
        self._slots.accepted(at_service)

    def limited(self, ticket: int, now: float, retry_after: float | None, at_service: int) -> None:
        """The service refused a submission for its rate; those that left together count once."""
        if retry_after is not None:
            self._pause(now + retry_after, "service limit")
        if ticket <= self._burst_ends:
            return
        self._burst_ends = self._last_ticket
        self._refusals += 1
        self._slots.refused(at_service)
        wait = full_jitter(self._refusals, first=FIRST_PAUSE, ceiling=LIMIT_CEILING, draw=self._draw())
        self._pause(now + wait, "service limit")

    def unreached(self, ticket: int, now: float, retry_after: float | None = None) -> None:
        """The service could not be reached, or had no way for it."""
        if retry_after is not None:
            self._pause(now + retry_after, "service out of reach")
        if ticket <= self._burst_ends:
            return
        self._burst_ends = self._last_ticket
        self._unreached += 1
        wait = full_jitter(self._unreached, first=FIRST_PAUSE, ceiling=REACH_CEILING, draw=self._draw())
        self._pause(now + wait, "service out of reach")

    def _pause(self, until: float, why: str) -> None:
        if until > self._pause_until:
            self._pause_until, self._pause_why = until, why
