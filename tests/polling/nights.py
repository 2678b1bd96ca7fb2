"""Nights of tasks on a clock of our own: a learner is asked when to look, and told what is seen."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from batchgen.polling.learner import Learner
from polling.optimum import Case

Draw = Callable[[random.Random], float]


def times_of(case: Case, number: int, seed: int) -> list[float]:
    """So many times, drawn by turning the distribution around."""
    draws = random.Random(seed)  # noqa: S311  repeatable draws, no secret
    return [_inverse(case, draws.random()) for _ in range(number)]


def _inverse(case: Case, part: float) -> float:
    low, high = 0.0, case.median * 50
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if case.ended(middle) < part else (low, middle)
    return high


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """What came of it: for each task in order its lag in seconds, and its questions; when the last one ended."""

    lags: Sequence[float]
    questions: Sequence[int]
    seconds: float

    @property
    def lag(self) -> float:
        """On average."""
        return fmean(self.lags)

    @property
    def asked(self) -> float:
        """Questions a task, on average."""
        return fmean(self.questions)


def night(learner: Learner, times: Sequence[float], slots: int, *, hurried: bool | None = None) -> Night:
    """Tasks one after the other in so many slots; without ``hurried`` they are while jobs wait for a slot."""
    agenda: list[tuple[float, int]] = []
    begun: dict[int, float] = {}
    marks: dict[int, int] = {}
    lags, asked, last = [0.0] * len(times), [0] * len(times), 0.0

    def begin(now: float) -> None:
        task = len(begun)
        begun[task], marks[task] = now, learner.begin()
        heapq.heappush(agenda, (now + learner.next_age(0.0, now, hurried=hurries()), task))

    def hurries() -> bool:
        return len(begun) < len(times) if hurried is None else hurried

    for _ in range(min(slots, len(times))):
        begin(0.0)
    while agenda:
        now, task = heapq.heappop(agenda)
        age = now - begun[task]
        asked[task] += 1
        if age >= times[task]:
            learner.ended(marks[task], age)
            lags[task] = age - times[task]
            last = max(last, begun[task] + times[task])
            if len(begun) < len(times):
                begin(now)
            continue
        marks[task] = learner.runs(marks[task], age)
        following = learner.next_age(age, now, hurried=hurries())
        assert following > age
        heapq.heappush(agenda, (begun[task] + following, task))
    return Night(lags=lags, questions=asked, seconds=last)


def list_scheduled(times: Sequence[float], slots: int) -> float:
    """When the last task would end if every end was seen at once."""
    free = [0.0] * slots
    for seconds in times:
        heapq.heapreplace(free, free[0] + seconds)
    return max(free)
