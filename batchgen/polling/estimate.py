"""What is to be expected of task times, from what was seen of them.  Pure functions of numbers.

A poll does not see when a task ends: it had not at one age, and had at the next.  Tasks that still run say
something as well: without them the early ones alone would be believed.  Both enter by self-consistency (B. W.
Turnbull, "The empirical distribution function with arbitrarily grouped, censored and truncated data", Journal of
the Royal Statistical Society B 38, 1976): each interval's mass is shared out as the estimate has it, and the shares
make the next estimate.  What was known before stands beside it as so many earlier observations.

All is counted on the bins of ``ages``: the window's bin ``k`` is the grid's bin ``start + k``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from batchgen.polling.ages import EDGES, LAST, steps
from batchgen.polling.plan import Ends

Interval = tuple[int, int]  # running at the first edge, ended by the second; LAST: not yet ended

_ROUNDS = 4  # of self-consistency: more would only fit the noise
_REACH = round(steps(math.log(8.0)))  # bins around the data in which surprises are thought of
_SURPRISE = 0.7  # the scale of surprises, of the logarithm: a double exponential around what is known
_SURPRISES = 1.0  # observations that they count as
#: By how many bins all tasks may take longer today: up to about five times as long, or as short.
_SHIFTS = tuple((3 * abs(k) + round(0.18 * k * k)) * (1 if k > 0 else -1) for k in range(-14, 15))
_SHIFT_SCALE = steps(0.15)  # bins: how much the service's speed is thought to differ from last time's
_NARROW = 0.7  # of the rule of thumb's width: two modes are worth more than smoothness
_GROUPS = 5  # in which observations are held against what was expected
_FAIR = 8.0  # their chi-square while there is no contradiction: four degrees of freedom, nine times in ten


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """The belief: counts by bin of the window from ``start``, and what it took to get there."""

    start: int
    counts: Sequence[float]  # all of it, together ``weight``
    shift: int  # bins by which what was kept fits best today
    trust: float  # in what was kept, 0 to 1

    @property
    def weight(self) -> float:
        """Observations that it stands on."""
        return sum(self.counts)

    def share(self, low: int, high: int) -> dict[int, float]:
        """An observation, shared out over the bins of its interval as the belief has it."""
        first, last = max(0, low - self.start), min(len(self.counts), high - self.start)
        parts = self.counts[first:last]
        total = sum(parts)
        if total <= 0.0:
            return {high: 1.0}
        return {self.start + first + k + 1: part / total for k, part in enumerate(parts)}

    def ends(self) -> Ends:
        """When tasks end, for a plan."""
        total, stop = self.weight, self.start + len(self.counts) + 1
        ended = [0.0, *(count / total for count in accumulate(self.counts))]
        ended[-1] = 1.0
        if self.start:
            return Ends.of(ages=(0.0, *EDGES[self.start : stop]), ended=[0.0, *ended])
        return Ends.of(ages=EDGES[:stop], ended=ended)


def estimate(
    kept: Mapping[int, float], recent: Mapping[Interval, float], running: Mapping[int, int]
) -> Estimate:
    """The belief from counts by bin of earlier tasks, intervals of recent ones, and where others still run."""
    window = _Window.around(kept, recent, running)
    seen = window.seen(recent, running)
    surprise = window.surprise()
    shift, trust = 0, 1.0
    before = [kept.get(window.start + k + 1, 0.0) for k in range(window.size)]
    if any(before) and seen:
        shifts = _shifts(smoothed(before, _bandwidth(before, sum(before))), seen)
        shift = round(sum(by * chance for by, chance in shifts.items()))
        before = _moved(before, shifts)
        expected = _plus(smoothed(before, _bandwidth(before, sum(before))), surprise)
        trust = _trust(expected, _shared(expected, seen))
        before = [trust * count for count in before]
    total = sum(before) + sum(seen.values())
    prior = _plus(smoothed(before, _bandwidth(before, total)), surprise)
    belief = prior
    for _ in range(_ROUNDS):
        belief = _plus(prior, _shared(belief, seen))
    found = _plus(before, _shared(belief, seen))
    counts = _plus(smoothed(found, _bandwidth(found, total)), surprise)
    return Estimate(start=window.start, counts=counts, shift=shift, trust=trust)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Window:
    """The bins that matter, and where their middle is."""

    start: int
    size: int
    middle: float  # in bins of the window

    @classmethod
    def around(
        cls, kept: Mapping[int, float], recent: Mapping[Interval, float], running: Mapping[int, int]
    ) -> _Window:
        points: dict[float, float] = {}
        for at, weight in kept.items():
            points[float(at)] = points.get(at, 0.0) + weight
        for (low, high), weight in recent.items():
            middle = (low + high) / 2 if low else float(high)
            points[middle] = points.get(middle, 0.0) + weight
        oldest = max(running, default=0)
        first = min(points, default=float(oldest))
        last = max(max(points, default=0.0), max((high for _, high in recent), default=0), oldest)
        start = max(0, math.floor(first) - _REACH)
        stop = min(LAST, math.ceil(last) + _REACH)
        total = sum(points.values())
        centre = sum(at * weight for at, weight in points.items()) / total if total else float(oldest)
        return cls(start=start, size=stop - start, middle=centre - start)

    def seen(self, recent: Mapping[Interval, float], running: Mapping[int, int]) -> dict[Interval, float]:
        """Intervals of the window: from the first number up to the second, which is within."""
        found: dict[Interval, float] = {}
        for (low, high), weight in recent.items():
            key = (max(0, low - self.start), high - self.start)
            found[key] = found.get(key, 0.0) + weight
        for low, number in running.items():
            if low > self.start:
                key = (min((low - self.start) // 3 * 3, self.size - 1), self.size)
                found[key] = found.get(key, 0.0) + number
        return found

    def surprise(self) -> list[float]:
        """What is thought of besides: little, but everywhere."""
        scale = steps(_SURPRISE)
        middle = self.middle
        masses = [math.exp(-abs(k + 0.5 - middle) / scale) for k in range(self.size)]
        factor = _SURPRISES / sum(masses)
        return [mass * factor for mass in masses]


def _plus(one: Sequence[float], other: Sequence[float]) -> list[float]:
    return [a + b for a, b in zip(one, other, strict=True)]


def _shared(belief: Sequence[float], seen: Mapping[Interval, float]) -> list[float]:
    """The mass of every interval, shared out as the belief has it."""
    ended = [0.0, *accumulate(belief)]
    change = [0.0] * (len(belief) + 1)
    for (low, high), weight in seen.items():
        mass = ended[high] - ended[low]
        if mass > 0.0:
            change[low] += weight / mass
            change[high] -= weight / mass
    return [part * max(0.0, rate) for part, rate in zip(belief, accumulate(change), strict=False)]


def smoothed(counts: Sequence[float], width: float) -> list[float]:
    """The counts, spread with this standard deviation in bins: three moving averages are nearly a Gaussian."""
    radius = max(0, round((math.sqrt(4.0 * width * width + 1.0) - 1.0) / 2.0))
    result = list(counts)
    for _ in range(3):
        result = _averaged(result, radius)
    return result


def _averaged(counts: Sequence[float], radius: int) -> list[float]:
    """A moving average; what would fall over an end stays at the end."""
    size, length = len(counts), 2 * radius + 1
    sums = [*[0.0] * (radius + 1), *accumulate(counts)]
    sums += [sums[-1]] * radius
    result = [(above - below) / length for below, above in zip(sums, sums[length:], strict=False)]
    result[0] += sum(counts[k] * (radius - k) / length for k in range(min(radius, size)))
    result[-1] += sum(counts[size - 1 - k] * (radius - k) / length for k in range(min(radius, size)))
    return result


def _bandwidth(counts: Sequence[float], weight: float) -> float:
    """Silverman's rule of thumb (Density Estimation, 1986), in bins."""
    total = sum(counts)
    if total <= 0.0:
        return 0.0
    deviation = total * total / (2.0 * math.sqrt(math.pi) * sum(count * count for count in counts))
    return _NARROW * deviation / math.pow(max(1.0, weight), 0.2)


def _shifts(expected: Sequence[float], seen: Mapping[Interval, float]) -> dict[int, float]:
    """How likely it is that today all tasks take so many bins longer."""
    size, total, reach = len(expected), sum(expected), _SHIFTS[-1]
    doubt = 1.0 / (total + 1.0)
    floor = doubt / size
    ended = [0.0] * (reach + 1)
    ended += [count / total * (1.0 - doubt) for count in accumulate(expected)]
    ended += [ended[-1]] * reach
    found = [
        (low + reach, high + reach, floor * (high - low), weight) for (low, high), weight in seen.items()
    ]
    end = size + reach
    logs: dict[int, float] = {}
    for by in _SHIFTS:
        logs[by] = -abs(by) / _SHIFT_SCALE + sum(
            weight * math.log(ended[high if high == end else high - by] - ended[low - by] + least)
            for low, high, least, weight in found
        )
    best = max(logs.values())
    chances = {by: math.exp(found - best) for by, found in logs.items() if found > best - 12.0}
    total = sum(chances.values())
    return {by: chance / total for by, chance in chances.items()}


def _moved(counts: Sequence[float], shifts: Mapping[int, float]) -> list[float]:
    """The counts, as they would be with each shift, by its chance."""
    size, result = len(counts), [0.0] * len(counts)
    for by, chance in shifts.items():
        moved = [0.0] * by + list(counts[: size - by]) if by >= 0 else list(counts[-by:]) + [0.0] * -by
        result = [sum_ + chance * count for sum_, count in zip(result, moved, strict=True)]
    return result


def _trust(expected: Sequence[float], found: Sequence[float]) -> float:
    """What earlier observations count for today: less, the more the recent ones contradict them.

    As for overdispersed counts: chi-square over groups of equal expectation, held against what is fair.
    """
    total, number = sum(expected), sum(found)
    bound, chi, was, is_, reached = total / _GROUPS, 0.0, 0.0, 0.0, 0.0
    for awaited, came in zip(expected, found, strict=True):
        was += awaited
        is_ += came
        reached += awaited
        if reached >= bound - 1e-9:
            fair = was / total * number
            chi += (is_ - fair) ** 2 / max(fair, 1e-9)
            was = is_ = 0.0
            bound += total / _GROUPS
    return min(1.0, _FAIR / max(chi, 1e-9))
