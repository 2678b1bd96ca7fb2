"""When to ask about a task, at the least cost in questions and in lag.

Barlow, Hunter and Proschan, "Optimum Checking Procedures", Journal of SIAM 11 (1963): with a price for each
check and one for each second between the end and its discovery, the ages at which to check follow from the
distribution of the end.  Here by dynamic programming over a grid of ages.  The cost of being asked next at age
``x_j`` after a question at ``x_i`` is, for all tasks that are still running then,

    price * (1 - F_i)  +  x_j * (F_j - F_i)  -  (M_j - M_i)

with F the part of tasks ended by an age and M the sum of their times.  For each ``j`` that is a line in F_i, and
both slopes and queries are monotone, so that the lower envelope gives all answers in linear time.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from operator import mul

_REFINEMENTS = 3
_SHORTEST = 0.01  # of the age: the least between two questions


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """When tasks end."""

    ages: Sequence[float]  # seconds, from 0
    ended: Sequence[float]  # the part that has ended by each of them; at last all
    sums: Sequence[float]  # the times of these, together

    @classmethod
    def of(cls, ages: Sequence[float], ended: Sequence[float]) -> Ends:
        """Within a step they end evenly."""
        parts = (later - earlier for earlier, later in pairwise(ended))
        middles = ((below + above) / 2 for below, above in pairwise(ages))
        sums = accumulate(map(mul, middles, parts), initial=0.0)
        return cls(ages=ages, ended=ended, sums=list(sums))

    def quantile(self, part: float) -> float:
        """The age by which this part has ended, seconds."""
        return self.ages[min(bisect.bisect_left(self.ended, part), len(self.ages) - 1)]

    @property
    def mean(self) -> float:
        """Seconds that a task takes."""
        return self.sums[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a plan costs for each task: questions, and seconds from its end to its discovery."""

    questions: float
    lag: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """For a task still running at ``ages[k]``: the number of the age at which to ask next."""

    ages: Sequence[float]
    following: Sequence[int]

    def next_age(self, age: float) -> float | None:
        """The age of the next question, after ``age``; ``None`` past the end of what the plan knows."""
        ages, last = self.ages, len(self.ages) - 1
        if not 0.0 <= age < ages[last]:
            return None
        here = bisect.bisect_right(ages, age) - 1
        below, above = ages[self.following[here]], ages[self.following[here + 1]]
        share = (age - ages[here]) / (ages[here + 1] - ages[here])
        return max(below + share * (above - below), age * (1 + _SHORTEST))

    def cost(self, ends: Ends) -> Cost:
        """What it costs from age 0 on, for tasks that end like these (on the same ages)."""
        sums, ended = ends.sums, ends.ended
        questions = lag = 0.0
        here, last = 0, len(self.ages) - 1
        while here < last:
            there = self.following[here]
            questions += 1.0 - ended[here]
            lag += self.ages[there] * (ended[there] - ended[here]) - (sums[there] - sums[here])
            here = there
        return Cost(questions=questions, lag=lag)


def cheapest(ends: Ends, price: float) -> Plan:
    """The plan of least cost when a question costs as much as ``price`` seconds of lag."""
    ages, ended, sums = ends.ages, ends.ended, ends.sums
    last = len(ages) - 1
    following = [last] * (last + 1)
    lines = [(last, ages[last] * ended[last] - sums[last])]  # (j, intercept); the slope is -ages[j]
    head = 0
    for here in range(last - 1, -1, -1):
        part = ended[here]
        while head + 1 < len(lines) and _at(ages, lines[head + 1], part) <= _at(ages, lines[head], part):
            head += 1
        following[here] = lines[head][0]
        total = price * (1.0 - part) + sums[here] + _at(ages, lines[head], part)
        line = (here, total + ages[here] * part - sums[here])
        while len(lines) - head >= 2 and _is_hidden(ages, lines[-2], lines[-1], line):
            lines.pop()
        lines.append(line)
    return Plan(ages=ages, following=following)


Line = tuple[int, float]


def _at(ages: Sequence[float], line: Line, part: float) -> float:
    return line[1] - ages[line[0]] * part


def _is_hidden(ages: Sequence[float], low: Line, middle: Line, high: Line) -> bool:
    """Whether the middle line is nowhere the lowest; slopes ascend."""
    meets_low = (low[1] - middle[1]) * (ages[middle[0]] - ages[high[0]])
    meets_high = (middle[1] - high[1]) * (ages[low[0]] - ages[middle[0]])
    return meets_low <= meets_high


def plan_for(ends: Ends, lag: float) -> tuple[Plan, Cost]:
    """The cheapest plan whose mean lag is about ``lag`` seconds, and what it costs.

    With the price of a question the mean lag grows like its root, so a few corrections find it; the first guess
    is the limit for dense checks, in which their density is the root of ``f / (2 * price * (1 - F))``.
    """
    price = 2.0 * (lag / max(_spread(ends), 1e-12)) ** 2
    best: tuple[float, Plan, Cost] | None = None
    for _ in range(_REFINEMENTS):
        plan = cheapest(ends, price)
        cost = plan.cost(ends)
        miss = abs(math.log(max(cost.lag, 1e-9) / lag))
        if best is None or miss < best[0]:
            best = (miss, plan, cost)
        if miss < 0.03:
            break
        price *= (lag / max(cost.lag, 1e-9)) ** 2
    assert best is not None  # noqa: S101  there is at least one round
    return best[1], best[2]


def _spread(ends: Ends) -> float:
    """The integral of the root of f * (1 - F), seconds to the half."""
    total = 0.0
    for k in range(1, len(ends.ages)):
        mass = ends.ended[k] - ends.ended[k - 1]
        running = 1.0 - (ends.ended[k] + ends.ended[k - 1]) / 2
        total += math.sqrt(max(0.0, mass * running * (ends.ages[k] - ends.ages[k - 1])))
    return total
