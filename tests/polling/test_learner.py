"""What is learnt from polls alone is good enough to plan with, and never fatal when it is wrong."""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchgen.model import TaskKind
from batchgen.polling import Timetable
from batchgen.polling.learner import Learner
from batchgen.polling.rules import enough, rounds
from polling.nights import list_scheduled, night, times_of
from polling.optimum import CASES, Case, Point, cost_of, known_curve, lognormal, questions_at

LOGNORMAL = CASES[0]
HD: TaskKind = ("MiniMax-Hailuo-2.3", "1080P", 6)
SD: TaskKind = ("MiniMax-Hailuo-2.3", "768P", 6)


def after_a_night(case: Case, *, jobs: int = 60, seed: int = 1) -> dict[float, float]:
    """What a first night of so many jobs in fifty slots leaves in the ledger."""
    learner = Learner()
    night(learner, times_of(case, jobs, seed), 50)
    return learner.export()


# --- the first night -------------------------------------------------------------------------------------


@pytest.mark.parametrize("median", [0.8, 3.0, 120.0, 2000.0])
def test_a_service_of_any_speed_is_learnt_in_one_wave(median: float) -> None:
    """The mean lag of fifty tasks that begin together, of which nothing is known, is under a tenth of the median."""
    case = Case("", median, lognormal(median, 0.4))
    learner = Learner()
    first = night(learner, times_of(case, 50, 3), 50)
    assert first.lag < 0.1 * median
    assert learner.median == pytest.approx(median, rel=0.2)


def test_while_nothing_is_known_ages_grow_by_a_fifth() -> None:
    """The first question comes within half a second, and those of many tasks are spread over the step before it."""
    learner = Learner()
    for _ in range(20):
        learner.begin()
    firsts = sorted(learner.next_age(0.0, 0.0, hurried=True) for _ in range(20))
    assert 0.4 < firsts[0] < firsts[-1] <= 0.5
    assert max(later - earlier for earlier, later in pairwise(firsts)) < 0.02
    ages = [0.5]
    while ages[-1] < 40.0:
        ages.append(learner.next_age(ages[-1], 0.0, hurried=True))
    assert all(later == pytest.approx(1.2 * earlier) for earlier, later in pairwise(ages))


def test_of_very_many_unknown_tasks_some_are_asked_about_at_each_age() -> None:
    """Each time while few run, every eighth time however many there are, each time once enough is known."""
    assert [rounds(watched) for watched in (0, 1, 64, 65, 128, 129, 320, 10**6)] == [1, 1, 1, 2, 2, 3, 5, 8]
    learner = Learner()
    marks = [learner.begin() for _ in range(200)]
    assert learner.rounds == 4
    for mark in marks[:5]:
        learner.ended(mark, 0.7)
    assert learner.rounds == 4
    learner.ended(marks[5], 0.7)
    assert learner.rounds == 1


def test_the_first_of_very_many_to_end_are_too_few_to_plan_the_others_by() -> None:
    """Three are enough for some dozens, one in 32 for more, 32 for any number; those of another day for all."""
    assert [enough(watched) for watched in (0, 50, 127, 128, 1000, 1024, 10**6)] == [3, 3, 3, 4, 31, 32, 32]
    learner = Learner()
    marks = [learner.begin() for _ in range(1000)]
    known = []
    for mark in marks[:31]:
        learner.ended(mark, 3.0)
        known.append(learner.is_known)
    assert known.index(True) == 29
    later = Learner({3.0: 3.0})
    for _ in range(1000):
        later.begin()
    assert later.is_known


def test_what_is_known_is_not_forgotten_for_those_who_come_later() -> None:
    """Three of fifty were enough; with hundreds more they still are."""
    learner = Learner()
    marks = [learner.begin() for _ in range(50)]
    for mark in marks[:3]:
        learner.ended(mark, 3.0)
    for _ in range(900):
        learner.begin()
    learner.ended(marks[3], 3.0)
    assert learner.is_known


def test_tasks_that_still_run_count() -> None:
    """Three early ends among fifty tasks don't make the median: the others have outlived it."""
    learner = Learner()
    marks = [learner.begin() for _ in range(50)]
    for mark in marks[:3]:
        learner.ended(mark, 50.0)
    for mark in marks[3:]:
        learner.runs(mark, 60.0)
    learner.next_age(60.0, 0.0, hurried=True)
    assert learner.median > 60.0


# --- the second ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_a_night_of_sixty_taught_is_near_the_optimum(case: Case, seed: int) -> None:
    """At most 1.3 times the optimum's questions at the same lag, before anything of the second night is seen."""
    learner = Learner(after_a_night(case, seed=seed))
    cost = cost_of(lambda age: learner.next_age(age, 0.0, hurried=True), case.ended)
    assert cost.questions <= 1.3 * questions_at(known_curve(case), cost.lag)
    assert 0.015 < cost.lag / case.median < 0.045


@pytest.mark.parametrize("seed", range(3))
def test_a_batch_ends_hardly_later_than_if_all_was_known(seed: int) -> None:
    """400 jobs in 50 slots: within 1.04 of list scheduling, lag and questions as promised."""
    learner = Learner(after_a_night(LOGNORMAL, seed=seed))
    times = times_of(LOGNORMAL, 400, seed + 100)
    second = night(learner, times, 50)
    assert second.seconds <= 1.035 * list_scheduled(times, 50)
    assert second.lag <= 0.04 * LOGNORMAL.median
    assert second.asked <= 1.3 * questions_at(known_curve(LOGNORMAL), second.lag)


def test_fewer_questions_while_no_job_waits() -> None:
    """Then lag costs nobody a slot."""
    kept, times = after_a_night(LOGNORMAL), times_of(LOGNORMAL, 200, 9)
    waited = night(Learner(kept), times, 50, hurried=True)
    idle = night(Learner(kept), times, 50, hurried=False)
    assert idle.asked < 0.75 * waited.asked
    assert idle.lag > 1.3 * waited.lag


def test_tasks_that_begin_together_are_not_asked_about_together() -> None:
    """First questions of a wave are spread over the time between two questions."""
    learner = Learner(after_a_night(LOGNORMAL))
    firsts = sorted(learner.next_age(0.0, 0.0, hurried=True) for _ in range(50))
    assert firsts[-1] - firsts[0] > 3.0
    assert max(later - earlier for earlier, later in pairwise(firsts)) < 1.0


# --- another night than expected -------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [0.25, 0.5, 2.0, 4.0])
@pytest.mark.parametrize("seed", range(2))
def test_a_service_of_another_speed_is_learnt_again(factor: float, seed: int) -> None:
    """The first wave pays for the surprise, with bounds; from the second wave on all is as it should be."""
    case = Case("", 120.0 * factor, lognormal(120.0 * factor, 0.4))
    learner = Learner(after_a_night(LOGNORMAL, seed=seed))
    shifted = night(learner, times_of(case, 300, seed + 50), 50)
    points = known_curve(LOGNORMAL)
    assert fmean(shifted.lags[:50]) < 0.5 * LOGNORMAL.median
    assert fmean(shifted.questions[:50]) < 30
    lag, asked = fmean(shifted.lags[100:]), fmean(shifted.questions[100:])
    assert lag / case.median < 0.05
    assert asked < 1.5 * questions_at(points, lag / factor)


def test_another_shape_is_learnt_as_well() -> None:
    """Two modes where there was one: what was known is weighed down, and a night later the plan fits."""
    two = CASES[2]
    learner = Learner(after_a_night(Case("", 120.0, lognormal(120.0, 0.1))))
    night(learner, times_of(two, 300, 1), 50)
    cost = cost_of(lambda age: learner.next_age(age, 1e9, hurried=True), two.ended)
    assert cost.questions <= 1.4 * questions_at(known_curve(two), cost.lag)


def test_stragglers_are_noticed_in_time() -> None:
    """One in forty takes twenty times as long: its lag stays a small part of its time, its questions are few."""
    times = times_of(LOGNORMAL, 200, 4)
    for straggler in range(20, 200, 40):
        times[straggler] = 2400.0
    found = night(Learner(after_a_night(LOGNORMAL)), times, 50)
    for straggler in range(20, 200, 40):
        assert found.lags[straggler] < 0.1 * times[straggler]
        assert found.questions[straggler] < 150


@pytest.mark.parametrize(("median", "wait"), [(8.0, 10.0), (120.0, 30.0)])
def test_a_straggler_is_not_forgotten(median: float, wait: float) -> None:
    """It is asked about every ten seconds or every quarter of the median, and not ever more rarely."""
    learner = Learner(after_a_night(Case("", median, lognormal(median, 0.3))))
    for age in (5.0 * median, 8.0 * median, 12.0 * median, 15.0 * median, 3600.0, 360_000.0):
        assert learner.next_age(age, 0.0, hurried=False) - age <= wait * 1.15


def test_nights_of_one_service_add_up() -> None:
    """What is kept stays small, whatever the history, and later nights count for more than earlier ones."""
    kept = after_a_night(LOGNORMAL)
    slow = Case("", 240.0, lognormal(240.0, 0.4))
    for seed in range(3):
        learner = Learner(kept)
        night(learner, times_of(slow, 200, seed), 50)
        kept = learner.export()
    assert len(kept) < 400
    assert sum(kept.values()) < 300.0
    learner = Learner(kept)
    learner.next_age(0.0, 0.0, hurried=True)
    assert learner.median == pytest.approx(240.0, rel=0.15)


# --- the timetable ---------------------------------------------------------------------------------------


def test_a_fixed_interval_is_the_users() -> None:
    """Whatever is known; and still something is learnt for the day on which it is taken out."""
    timetable = Timetable(interval=7.0, kept={SD: after_a_night(LOGNORMAL)})
    mark = timetable.begin(SD, 0.0)
    assert {timetable.wait(SD, asked, asked + 1.0, 0.0, hurried=True) for asked in (0.0, 7.0, 500.0)} == {7.0}
    assert timetable.news() == {}
    timetable.ended(SD, mark, 91.0)
    assert timetable.news().keys() == {SD}
    assert timetable.news() == {}


def test_what_an_answer_takes_delays_no_question() -> None:
    """The plan counts from question to question; an answer that came late lets the next one leave at once."""
    timetable = Timetable()
    timetable.begin(SD, 0.0)
    assert timetable.wait(SD, 10.0, 10.5, 0.0, hurried=True) == pytest.approx(1.5)
    assert timetable.wait(SD, 10.0, 30.0, 0.0, hurried=True) == 0.0


def test_kinds_are_learnt_apart() -> None:
    """What is known of one resolution says nothing of another."""
    timetable = Timetable(kept={SD: after_a_night(LOGNORMAL)})
    assert timetable.next_age(SD, 0.0, 0.0, hurried=True) > 30.0
    assert timetable.next_age(HD, 0.0, 0.0, hurried=True) <= 0.5


@pytest.mark.parametrize(
    ("tasks", "ceiling", "spared"), [(50, 20.0, False), (1000, 20.0, True), (1000, None, False)]
)
def test_questions_are_planned_under_the_ceiling(tasks: int, ceiling: float | None, spared: bool) -> None:  # noqa: FBT001  a column
    """So many tasks that their questions would pass the ceiling are each asked about more rarely."""
    timetable = Timetable(max_per_second=ceiling, kept={SD: after_a_night(LOGNORMAL)})
    for _ in range(tasks):
        timetable.begin(SD, 0.0)
    cost = cost_of(lambda age: timetable.next_age(SD, age, 0.0, hurried=True), LOGNORMAL.ended)
    rate = tasks * cost.questions / (130.0 + cost.lag)
    if ceiling is not None:
        assert rate <= ceiling
    assert (cost.lag > 0.04 * LOGNORMAL.median) is spared


def test_a_crowd_is_asked_about_less_while_no_job_waits() -> None:
    """Nobody waits for any one of very many clips; where slots are wanted, each second of one is as dear as ever."""

    def cost(tasks: int, *, hurried: bool) -> Point:
        timetable = Timetable(kept={SD: after_a_night(LOGNORMAL)})
        for _ in range(tasks):
            timetable.begin(SD, 0.0)
        return cost_of(lambda age: timetable.next_age(SD, age, 0.0, hurried=hurried), LOGNORMAL.ended)

    few, many = cost(50, hurried=False), cost(800, hurried=False)
    assert many.questions < 0.7 * few.questions
    assert 1.7 * few.lag < many.lag < 2.3 * few.lag
    assert cost(50, hurried=True) == cost(800, hurried=True)
    assert cost(1, hurried=False) == few


# --- garbage ---------------------------------------------------------------------------------------------

numbers = st.floats(allow_nan=True, allow_infinity=True) | st.sampled_from([0.0, -1.0, 1e-300, 1e300])


@pytest.mark.parametrize(
    ("age", "weight"),
    [
        (0.0, 9.0),
        (-5.0, 9.0),
        (math.inf, 9.0),
        (math.nan, 9.0),
        (60.0, math.inf),
        (60.0, math.nan),
        (60.0, -9.0),
    ],
)
def test_numbers_that_mean_nothing_teach_nothing(age: float, weight: float) -> None:
    """The first question is that of a service of which nothing is known."""
    assert Learner({age: weight}).next_age(0.0, 0.0, hurried=True) <= 0.5


@settings(max_examples=80, deadline=None)
@given(
    st.dictionaries(numbers, numbers, max_size=8),
    st.lists(st.tuples(st.floats(0.0, 1e6), st.floats(0.0, 1e6)), max_size=12),
    st.lists(st.floats(0.0, 1e6), min_size=1, max_size=5),
)
def test_garbage_is_survived(
    kept: dict[float, float], seen: list[tuple[float, float]], ages: list[float]
) -> None:
    """Whatever stands in the ledger and whatever clocks say, the next age is a number, and later."""
    learner = Learner(kept)
    for one, other in seen:
        learner.ended(learner.begin(min(one, other)), max(one, other))
    for number, age in enumerate(ages):
        mark = learner.begin(age)
        following = learner.next_age(age, 10.0 * number, hurried=bool(number % 2))
        assert age < following < math.inf
        learner.leave(mark)
    assert all(0.0 < age < math.inf and 0.0 < weight < math.inf for age, weight in learner.export().items())
