"""The true optimum, found in another way than the product's: the plain recursion, over evenly spaced ages."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

Ended = Callable[[float], float]  # the part of tasks that have ended by an age
NextAge = Callable[[float], float]

STEPS = 600
TOP = 6.0  # medians


def lognormal(median: float, sigma: float) -> Ended:
    """Times whose logarithm is normal."""

    def ended(age: float) -> float:
        return 0.5 * math.erfc(-math.log(age / median) / sigma / math.sqrt(2.0)) if age > 0.0 else 0.0

    return ended


def mixed(one: Ended, other: Ended, share: float) -> Ended:
    """Times of two kinds; ``share`` of them are the first."""
    return lambda age: share * one(age) + (1.0 - share) * other(age)


@dataclass(frozen=True, slots=True)
class Point:
    """Questions a task and mean lag in seconds."""

    questions: float
    lag: float


def optimum(ended: Ended, median: float, price: float) -> Point:
    """The least of ``price * questions + lag`` that any ages can have, of those on the grid."""
    step = TOP * median / STEPS
    runs = [1.0 - ended(k * step) for k in range(STEPS)] + [0.0]
    best = [(0.0, 0.0, 0.0)] * (STEPS + 1)  # cost, questions, lag of a task still running at this age
    for here in range(STEPS - 1, -1, -1):
        if runs[here] <= 1e-12:
            continue
        found, lag = (math.inf, 0.0, 0.0), 0.0
        for there in range(here + 1, STEPS + 1):
            ends = (runs[there - 1] - runs[there]) / runs[here]
            gone = 1.0 - runs[there - 1] / runs[here]
            lag += gone * step + ends * step / 2.0  # all that ended before wait a step longer
            later, go_on = best[there], runs[there] / runs[here]
            cost = price + lag + go_on * later[0]
            if cost < found[0]:
                found = (cost, 1.0 + go_on * later[1], lag + go_on * later[2])
            if lag > found[0]:
                break
        best[here] = found
    return Point(best[0][1], best[0][2])


def curve(ended: Ended, median: float) -> list[Point]:
    """The optimum from many questions to few, by rising lag."""
    prices = (0.0008, 0.0015, 0.0025, 0.004, 0.007, 0.013, 0.025, 0.05, 0.1)
    return sorted((optimum(ended, median, price * median) for price in prices), key=lambda point: point.lag)


def questions_at(points: Sequence[Point], lag: float) -> float:
    """The optimum's questions at this mean lag; its curve is straight on logarithmic axes."""
    below = max((point for point in points if point.lag <= lag), key=lambda point: point.lag)
    above = min((point for point in points if point.lag > lag), key=lambda point: point.lag)
    share = math.log(lag / below.lag) / math.log(above.lag / below.lag)
    return below.questions * math.pow(above.questions / below.questions, share)


def cost_of(next_age: NextAge, ended: Ended) -> Point:
    """What these ages cost for tasks that end like this, by the definition of both."""
    age = questions = lag = 0.0
    while (runs := 1.0 - ended(age)) > 1e-7:
        following = next_age(age)
        assert following > age
        questions += runs
        piece = (following - age) / 40
        lag += sum(ended(age + (k + 0.5) * piece) - ended(age) for k in range(40)) * piece
        age = following
    return Point(questions, lag)


@dataclass(frozen=True, slots=True)
class Case:
    """A distribution that tests know."""

    name: str
    median: float
    ended: Ended

    def __str__(self) -> str:
        return self.name


CASES = (
    Case("lognormal", 120.0, lognormal(120.0, 0.4)),
    Case("narrow", 120.0, lognormal(120.0, 0.2)),
    Case("two modes", 120.0, mixed(lognormal(60.0, 0.2), lognormal(180.0, 0.2), 0.5)),
    Case("few slow ones", 60.0, mixed(lognormal(55.0, 0.2), lognormal(150.0, 0.25), 0.75)),
)


@cache
def known_curve(case: Case) -> list[Point]:
    """The curve of a case, once."""
    return curve(case.ended, case.median)
