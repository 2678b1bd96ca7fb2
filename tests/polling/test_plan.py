"""The plan costs what the best plan costs."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchgen.polling.ages import EDGES, nearest
from batchgen.polling.plan import Cost, Ends, Plan, cheapest, plan_for
from polling.optimum import CASES, Case, cost_of, known_curve, questions_at

masses = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=12).filter(lambda parts: sum(parts) > 1e-6)


def ends_of(parts: list[float]) -> Ends:
    """Tasks that end in the seconds 1, 2, 3, ... by these parts."""
    total = sum(parts)
    ended = [0.0, *(min(1.0, part / total) for part in itertools.accumulate(parts))]
    ended[-1] = 1.0
    return Ends.of([float(k) for k in range(len(ended))], ended)


def known(case: Case) -> Ends:
    """A case on the product's grid."""
    ages = (0.0, *EDGES[nearest(case.median / 12) : nearest(case.median * 12)])
    ended = [case.ended(age) for age in ages]
    ended[-1] = 1.0
    return Ends.of(ages, ended)


def every_plan(last: int) -> list[Plan]:
    """All ways to ask at some of the ages 1 to ``last``, the last one among them."""
    ages = [float(k) for k in range(last + 1)]
    plans = []
    for chosen in itertools.product((False, True), repeat=last - 1):
        asked = [k for k, is_asked in enumerate(chosen, 1) if is_asked] + [last]
        following = [next((k for k in asked if k > here), last) for here in range(last + 1)]
        plans.append(Plan(ages=ages, following=following))
    return plans


@settings(max_examples=60)
@given(masses, st.floats(0.001, 10.0))
def test_no_other_ages_are_cheaper(parts: list[float], price: float) -> None:
    """Of all sets of ages on the grid the plan's is one of the cheapest."""
    ends = ends_of(parts)

    def total(cost: Cost) -> float:
        return price * cost.questions + cost.lag

    least = min(total(plan.cost(ends)) for plan in every_plan(len(parts)))
    assert total(cheapest(ends, price).cost(ends)) <= least + 1e-9


def test_what_a_plan_costs() -> None:
    """Half of the tasks end in the first second, half in the third; asked at 1 and 3 the lag is half a second."""
    ends = ends_of([1.0, 0.0, 1.0])
    assert Plan(ages=ends.ages, following=[1, 3, 3, 3]).cost(ends) == Cost(questions=1.5, lag=0.5)
    assert Plan(ages=ends.ages, following=[3, 3, 3, 3]).cost(ends) == Cost(questions=1.0, lag=1.5)
    assert (ends.mean, ends.quantile(0.5), ends.quantile(0.51)) == (1.5, 1.0, 3.0)


@pytest.mark.parametrize("lag", [0.03, 0.04, 0.08])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_known_distribution_needs_hardly_more_questions_than_the_optimum(case: Case, lag: float) -> None:
    """At most 1.15 times as many as the true optimum has at the lag that the plan has."""
    ends = known(case)
    plan, told = plan_for(ends, lag * case.median)

    def next_age(age: float) -> float:
        following = plan.next_age(age)
        assert following is not None
        return following

    cost = cost_of(next_age, case.ended)
    assert cost.questions <= 1.15 * questions_at(known_curve(case), cost.lag)
    assert cost.lag == pytest.approx(lag * case.median, rel=0.15)
    assert (told.questions, told.lag) == pytest.approx((cost.questions, cost.lag), rel=0.05)


def test_the_next_question_depends_on_the_age() -> None:
    """A young task waits for the times at which tasks end; then questions are close, and rarer for stragglers."""
    ends = known(CASES[0])
    plan, _ = plan_for(ends, 0.04 * 120.0)
    waits = {age: (plan.next_age(age) or math.inf) - age for age in (0.0, 5.0, 100.0, 600.0)}
    assert 50.0 < waits[0.0] < 80.0
    assert waits[5.0] == pytest.approx(waits[0.0] - 5.0, abs=2.0)
    assert waits[100.0] < 10.0
    assert waits[600.0] > 1.3 * waits[100.0]


@given(st.floats(0.0, 1e5), st.floats(0.005, 0.4))
def test_the_next_age_is_later(age: float, lag: float) -> None:
    """Whatever the age, also between and beyond those of the grid."""
    plan, _ = plan_for(known(CASES[0]), lag * 120.0)
    following = plan.next_age(age)
    if age < plan.ages[-1]:
        assert following is not None
        assert age < following < math.inf
    else:
        assert following is None
