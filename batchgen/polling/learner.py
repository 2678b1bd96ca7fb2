"""What is known of the times of one kind of task, and when to ask about one because of it."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Mapping, Sequence

from batchgen.polling.ages import EDGES, LAST, nearest
from batchgen.polling.estimate import Estimate, Interval, estimate
from batchgen.polling.plan import Cost, Ends, Plan, plan_for
from batchgen.polling.rules import CEILING, FEWEST, GROWTH, enough, next_poll, rounds

#: Mean lag that a plan aims at, as a part of the median time: while jobs wait for the slot, and while none does.
HURRIED, UNHURRIED = 0.027, 0.045
_SLOWEST = 0.5  # likewise, when the ceiling on questions forbids more

_RECENT = 64  # tasks whose intervals are kept as they were seen, at the most
_FOLD = 32  # of them are shared out at a time: that walks through all that is kept
_MEMORY = 200.0  # tasks after which an earlier one counts for a third
_LEAST, _MOST = 1e-3, 1e9  # weights that can be meant
_PAUSE = 0.25  # seconds between two looks at the news, at the least
_PAUSES = 0.02, 0.3  # and of the median: while little of today is known, and later
_USUAL = 0.9  # the part of tasks after whose end, as long again, the others are stragglers
_LONGEST = 0.25  # of the median: between two questions about a straggler
_GOLDEN = 0.6180339887498949  # its multiples, modulo 1, fill [0, 1) evenly


class Learner:
    """Tasks of one model, resolution and duration at one service.

    A task's mark is the age at which it was last seen running, as a number of the grid.  ``now`` is any clock in
    seconds, ages are seconds.
    """

    def __init__(self, kept: Mapping[float, float] | None = None) -> None:
        """``kept``: what ``export`` gave another day."""
        self._kept: dict[int, float] = {}
        for age, weight in (kept or {}).items():
            if 0.0 < age < math.inf and _LEAST < weight < _MOST:
                at = max(1, nearest(age))
                self._kept[at] = self._kept.get(at, 0.0) + weight
        self._recent: deque[Interval] = deque()
        self._running: Counter[int] = Counter()
        self.watched = 0  # tasks that have not ended
        self._estimate: Estimate | None = None
        self._ends: Ends | None = None
        self._plans: dict[float, tuple[Plan, Cost]] = {}
        self._learnt_at = float("-inf")
        self._begun = 0
        self._unlearnt = 0  # tasks that have ended since the last look
        self._weight = sum(self._kept.values())
        self.is_known = self._weight >= FEWEST  # there is enough to plan with: from then on
        self.median = 0.0  # seconds; 0: nothing is known
        self.mean = 0.0
        self._usual = 0.0  # seconds: who takes longer is a straggler
        self.changed = False  # since the last export

    # --- what is seen -----------------------------------------------------------------------------------

    def begin(self, age: float = 0.0) -> int:
        """A task is watched from this age on, and runs: its mark."""
        mark = nearest(age)
        self._running[mark] += 1
        self.watched += 1
        return mark

    def runs(self, mark: int, age: float) -> int:
        """It still runs: its new mark."""
        self.leave(mark)
        return self.begin(age)

    def ended(self, mark: int, age: float) -> None:
        """It has ended, by this age."""
        self.leave(mark)
        self._unlearnt += 1
        if len(self._recent) >= _RECENT:
            self._keep([self._recent.popleft() for _ in range(_FOLD)])
        by = min(LAST, max(mark + 1, nearest(age)))
        self._recent.append((min(mark, by - 1), by))
        self.is_known = self.is_known or len(self._recent) >= enough(self.watched)
        self.changed = True

    def leave(self, mark: int) -> None:
        """It is no longer watched."""
        self.watched -= 1
        self._running[mark] -= 1
        if not self._running[mark]:
            del self._running[mark]

    def _keep(self, intervals: Sequence[Interval]) -> None:
        """What is no longer recent is shared out as the belief has it, and follows the service's speed."""
        believed = self._estimate
        if believed is None or self._unlearnt >= _FOLD:
            believed = self._learn()
        fade = 1.0 - 1.0 / _MEMORY
        if believed.trust < 1.0:
            fade *= believed.trust ** (2.0 / _RECENT)
        fade **= len(intervals)
        shift = believed.shift
        if shift:
            self._kept = _moved(self._kept, shift)
            self._estimate = None
        self._kept = {at: weight * fade for at, weight in self._kept.items() if weight > _LEAST}
        for interval in intervals:
            for at, share in believed.share(*interval).items():
                self._kept[at] = self._kept.get(at, 0.0) + share
        self._weight = sum(self._kept.values())

    def export(self) -> dict[float, float]:
        """Counts of tasks by age, to be kept for another day."""
        self.changed = False
        kept = self._kept
        if self._recent:
            believed = self._learn()
            kept = {at: weight * believed.trust for at, weight in _moved(kept, believed.shift).items()}
            for interval in self._recent:
                for at, share in believed.share(*interval).items():
                    kept[at] = kept.get(at, 0.0) + share
        return {EDGES[at]: round(weight, 4) for at, weight in sorted(kept.items()) if weight > _LEAST}

    # --- what follows -----------------------------------------------------------------------------------

    def next_age(self, age: float, now: float, *, hurried: bool, stretch: float = 1.0) -> float:
        """The age at which to ask next about a task of this age; always later.

        ``stretch``: how many times the lag must be what it should, so that there are fewer questions.
        """
        if not self.is_known:
            return age + next_poll(age) if age > 0.0 else self._dithered(0.5 / 1.2, 0.5)
        self._look(now)
        plan, _ = self._plan(hurried=hurried, stretch=stretch)
        following = plan.next_age(age)
        if following is None:
            return age + max(0.05, min(GROWTH * age, self._longest))
        if age <= 0.0:
            second = plan.next_age(following) or following
            half = min(second - following, following) / 2
            return self._dithered(following - half, following + half)
        return following if age < self._usual else min(following, age + self._longest)

    @property
    def rounds(self) -> int:
        """Every how many looks each of its tasks is asked about."""
        return 1 if self.is_known else rounds(self.watched)

    @property
    def _longest(self) -> float:
        """Seconds between two questions about a straggler, at the most."""
        return max(CEILING, _LONGEST * self.median)

    def questions_per_second(self, *, hurried: bool) -> float:
        """How many questions all of its tasks need, at the lag that should be."""
        if not self.is_known or not self.watched:
            return 0.0
        if self._ends is None:
            self._learn()
        _, cost = self._plan(hurried=hurried, stretch=1.0)
        return self.watched * cost.questions / (self.mean + cost.lag)

    def _dithered(self, low: float, high: float) -> float:
        """Tasks that begin together are not asked about together; and other ages show more of their times."""
        self._begun += 1
        return low + (high - low) * (self._begun * _GOLDEN % 1.0)

    def _look(self, now: float) -> None:
        first, later = _PAUSES
        share = first + (later - first) * len(self._recent) / _RECENT
        if self._ends is None or now - self._learnt_at >= max(_PAUSE, share * self.median):
            self._learn()
            self._learnt_at = now

    def _learn(self) -> Estimate:
        found = self._estimate = estimate(self._kept, Counter(self._recent), self._running)
        self._ends = found.ends()
        self._plans.clear()
        self._unlearnt = 0
        self.median, self.mean = self._ends.quantile(0.5), self._ends.mean
        self._usual = 2.0 * self._ends.quantile(_USUAL)
        return found

    def _plan(self, *, hurried: bool, stretch: float) -> tuple[Plan, Cost]:
        assert self._ends is not None  # noqa: S101  looked before
        part = min(_SLOWEST, (HURRIED if hurried else UNHURRIED) * stretch)
        if part not in self._plans:
            self._plans[part] = plan_for(self._ends, part * self.median)
        return self._plans[part]


def _moved(counts: Mapping[int, float], by: int) -> dict[int, float]:
    moved: dict[int, float] = {}
    for at, weight in counts.items():
        to = min(LAST, max(1, at + by))
        moved[to] = moved.get(to, 0.0) + weight
    return moved
