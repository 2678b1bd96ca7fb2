"""When to ask about which task: a learner for each kind of task, and the ceiling on questions over them all."""

from __future__ import annotations

import math
from collections import defaultdict

from batchgen.model import TaskKind, TaskTimes
from batchgen.polling.learner import Learner
from batchgen.polling.rules import next_poll

#: The part of the ceiling that plans may use: the rest is for tasks that begin together, and for surprises.
_SHARE = 0.9
#: While no job waits for a slot, nobody waits for any one of very many clips: beyond so many tasks at once the lag
#: grows with this power of their number, and the questions with what is left of it.
_CROWD, _CROWDED = 50, 0.25
_STEP = 1.1  # between two stretches, so that a plan holds for a while
_STALE = 1.0  # seconds for which one count of the questions holds


class Timetable:
    """What is known of all kinds of tasks at one service.  ``now`` is any clock in seconds, ages are seconds."""

    def __init__(
        self,
        *,
        interval: float | None = None,
        max_per_second: float | None = None,
        kept: TaskTimes | None = None,
    ) -> None:
        """``interval``: the user's own, in seconds.  ``kept``: what ``news`` gave another day."""
        self._interval, self._ceiling = interval, max_per_second
        self._learners: defaultdict[TaskKind, Learner] = defaultdict(Learner)
        self._learners.update((kind, Learner(counts)) for kind, counts in (kept or {}).items())
        self._stretch = 1.0
        self._stretched_at, self._hurried = -math.inf, False

    def begin(self, kind: TaskKind, age: float) -> int:
        """A task of this age is watched from now on: its mark."""
        return self._learners[kind].begin(age)

    def runs(self, kind: TaskKind, mark: int, age: float) -> int:
        """It still ran at this age: its new mark."""
        return self._learners[kind].runs(mark, age)

    def ended(self, kind: TaskKind, mark: int, age: float) -> None:
        """It had ended by this age."""
        self._learners[kind].ended(mark, age)

    def leave(self, kind: TaskKind, mark: int) -> None:
        """It is no longer watched, and nothing is known of its end."""
        self._learners[kind].leave(mark)

    def wait(self, kind: TaskKind, asked: float, age: float, now: float, *, hurried: bool) -> float:
        """Seconds until the next question about a task of this age, which ran when it was last ``asked`` about.

        That one is an age as well, 0 for a task that was never asked about.  ``hurried``: a job waits for its
        slot, so that lag costs more.
        """
        if self._interval is not None:
            return self._interval
        return max(0.0, self.next_age(kind, asked, now, hurried=hurried) - age)

    def knows(self, kind: TaskKind) -> bool:
        """Whether there is enough to plan with."""
        return self._interval is not None or self._learners[kind].is_known

    def rounds(self, kind: TaskKind) -> int:
        """Every how many looks a task of this kind is asked about: each time, unless very many are unknown."""
        return 1 if self._interval is not None else self._learners[kind].rounds

    def look_again(self, age: float) -> float:
        """Seconds until the next look at a task of this age whose turn it is not."""
        return next_poll(age)

    def next_age(self, kind: TaskKind, age: float, now: float, *, hurried: bool) -> float:
        """The age at which to ask next about a task that ran at this age."""
        if now - self._stretched_at >= _STALE or hurried is not self._hurried:
            self._stretched_at, self._hurried = now, hurried
            self._stretch = self._stretched(hurried=hurried)
        return self._learners[kind].next_age(age, now, hurried=hurried, stretch=self._stretch)

    def _stretched(self, *, hurried: bool) -> float:
        """How many times the lag may be what it should: for the questions to stay under the ceiling, or few."""
        over = 1.0 if hurried else (self._watched / _CROWD) ** _CROWDED
        if self._ceiling is not None:
            wanted = sum(one.questions_per_second(hurried=hurried) for one in self._learners.values())
            over = max(over, wanted / (_SHARE * self._ceiling))
        return 1.0 if over <= 1.0 else _STEP ** math.ceil(math.log(over) / math.log(_STEP))

    @property
    def _watched(self) -> int:
        """Tasks of all kinds that have not ended."""
        return sum(one.watched for one in self._learners.values())

    def news(self) -> dict[TaskKind, dict[float, float]]:
        """What should be kept, of the kinds about which something was learnt since the last time."""
        return {kind: one.export() for kind, one in self._learners.items() if one.changed}
