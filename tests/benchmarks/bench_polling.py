"""Questions against lag: batchgen's plans, fixed intervals, and the optimum that no plan can beat.

The optimum is the dynamic program of the tests, which is not the product's.  Nights are played on a clock of
their own, with nothing in between, so that the figures are those of the plan alone; ``makespan`` has the same
with real processes.  Not in ``--quick``, the plot beside this file is drawn anew.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from polling.nights import Night, night, times_of
from polling.optimum import CASES, Case, Point, cost_of, known_curve, questions_at

from batchgen.polling.ages import EDGES, nearest
from batchgen.polling.learner import Learner
from batchgen.polling.plan import Ends, plan_for
from benchmarks.frame import Finding
from benchmarks.plot import Axis, Panel, Series, svg

PLOT = Path(__file__).with_name("polling.svg")
LOGNORMAL, TWO_MODES = CASES[0], CASES[2]
LAGS = (0.03, 0.04, 0.06, 0.08, 0.12)  # of the median
TAUGHT, BATCH, SLOTS = 60, 400, 50
LAG = Axis(label="mean lag, % of the median time", low=1.5, high=25.0, ticks=(2, 4, 8, 16))
QUESTIONS = Axis(label="questions a task", low=1.0, high=64.0, ticks=(1, 2, 4, 8, 16, 32))


def known(case: Case, lag: float) -> Point:
    """The plan at this lag, when the distribution is known."""
    ages = (0.0, *EDGES[nearest(case.median / 12) : nearest(case.median * 12)])
    ends = Ends.of(ages, [*(case.ended(age) for age in ages[:-1]), 1.0])
    plan, _ = plan_for(ends, lag * case.median)
    return cost_of(lambda age: plan.next_age(age) or 2 * age, case.ended)


def fixed(case: Case, lag: float) -> Point:
    """A question every so many seconds."""
    return cost_of(lambda age: age + 2 * lag * case.median, case.ended)


def nights(case: Case, seed: int) -> tuple[Night, Night]:
    """The first night, of which nothing is known before, and the batch of the second."""
    learner = Learner()
    first = night(learner, times_of(case, TAUGHT, seed), SLOTS)
    return first, night(Learner(learner.export()), times_of(case, BATCH, seed + 1000), SLOTS)


def learnt(case: Case, seed: int, *, hurried: bool) -> Point:
    """What the second night begins with."""
    learner = Learner()
    night(learner, times_of(case, TAUGHT, seed), SLOTS)
    again = Learner(learner.export())
    return cost_of(lambda age: again.next_age(age, 0.0, hurried=hurried), case.ended)


def over(case: Case, point: Point) -> float:
    """Its questions, held against the optimum's at the same lag."""
    return point.questions / questions_at(known_curve(case), point.lag)


def planning_time(seed: int) -> float:
    """Milliseconds of work to take in what was seen and to plan anew, at the end of a batch."""
    learner = Learner()
    night(learner, times_of(LOGNORMAL, BATCH, seed), SLOTS)
    learner.begin()
    began = time.process_time()
    for number in range(20):
        learner.next_age(0.0, 1e9 * (number + 1), hurried=True)
    return 50.0 * (time.process_time() - began)


def panel(case: Case, title: str, seeds: Sequence[int]) -> Panel:
    """The plot of one distribution."""

    def placed(points: Iterator[Point]) -> list[tuple[float, float]]:
        return [(100 * point.lag / case.median, point.questions) for point in points]

    played = [nights(case, seed) for seed in seeds]
    series = (
        Series(
            name="the optimum, distribution known",
            points=placed(iter(known_curve(case))),
            colour="#222",
            line=True,
        ),
        Series(
            name="fixed intervals",
            points=placed(fixed(case, share / 100) for share in range(1, 25)),
            colour="#c0392b",
            line=True,
        ),
        Series(
            name="batchgen's plan, distribution known",
            points=placed(known(case, lag) for lag in LAGS),
            colour="#2471a3",
            hollow=True,
        ),
        Series(
            name="planned from a night of 60, jobs waiting or not",
            points=placed(learnt(case, seed, hurried=hurried) for seed in seeds for hurried in (True, False)),
            colour="#e67e22",
            hollow=True,
        ),
        Series(
            name="the second night as it went, 400 jobs",
            points=placed(Point(second.asked, second.lag) for _, second in played),
            colour="#1e8449",
        ),
        Series(
            name="the first night as it went, 60 jobs",
            points=placed(Point(first.asked, first.lag) for first, _ in played),
            colour="#8e44ad",
        ),
    )
    return Panel(title=title, series=series)


def measure(repeats: int, *, quick: bool) -> Iterator[Finding]:
    """Play so many nights, each with other times."""
    seeds = range(2 if quick else max(repeats, 5))
    for case in (LOGNORMAL, TWO_MODES):
        against = "the optimum at the same lag"
        yield Finding(
            what=f"questions, {case} times, distribution known",
            measured=[over(case, known(case, lag)) for lag in LAGS[:4]],
            against=against,
            limit=1.15,
        )
        yield Finding(
            what=f"questions, {case} times, learnt from a night of {TAUGHT}",
            measured=[over(case, learnt(case, seed, hurried=True)) for seed in seeds],
            against=against,
            limit=1.3,
        )
        yield Finding(
            what=f"questions, {case} times, fixed intervals at 4 % lag",
            measured=[over(case, fixed(case, 0.04))],
            against=against,
        )
    yield Finding(
        what="taking in what was seen, planning anew", measured=[*map(planning_time, seeds)], unit="ms"
    )
    if not quick:
        panels = [
            panel(LOGNORMAL, "Lognormal times, sigma 0.4", seeds),
            panel(TWO_MODES, "Two modes, at 60 s and 180 s", seeds),
        ]
        PLOT.write_text(svg(panels, LAG, QUESTIONS), encoding="utf-8")
