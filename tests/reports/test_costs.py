"""What it has cost: kept apart by what it was spent for, exact by the user's prices, about by the vendor's list."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen.model import Attempt, Charged, State
from batchgen.reports.costs import Costs, Spending
from reports.records import attempt, record


def priced(
    state: State, price: str | None = "2.00", currency: str | None = "CNY", **changes: object
) -> Attempt:
    """A submission that was noted to cost so much."""
    return attempt(state, price=price, currency=currency if price else None, **changes)


def about(state: State, resolution: str | None = None, duration: int | None = None) -> Attempt:
    """A submission whose price is not known."""
    keys = {"resolution": resolution, "duration": duration}
    request = {
        "model": "MiniMax-Hailuo-2.3",
        "prompt": "p",
        **{k: v for k, v in keys.items() if v is not None},
    }
    return attempt(state, request=request)


S, G, U, Q, F = State.SUCCEEDED, State.SUBMITTED, State.UNKNOWN, State.GENERATED, State.FAILED
ON_ITS_WAY = State.SUBMITTING
FREE = priced(F, charged=Charged.NO)
PERHAPS = priced(F, charged=Charged.PERHAPS)

#: Submissions, each of a job of its own; the total; the details.
TABLE: list[tuple[list[Attempt], str | None, str | None]] = [
    ([], None, None),
    ([FREE], None, None),
    ([priced(State.NOT_ACCEPTED)], None, None),
    ([priced(S)], "2 CNY", "cost: 2 CNY delivered; 2 CNY per delivered clip"),
    ([priced(S), priced(S, "3.50")], "5.50 CNY", "cost: 5.50 CNY delivered; 2.75 CNY per delivered clip"),
    (
        [priced(S, "0.10"), priced(S, "0.10"), priced(S, "0.10")],
        "0.30 CNY",
        "cost: 0.30 CNY delivered; 0.10 CNY per delivered clip",
    ),
    ([priced(G)], "2 CNY", "cost: 2 CNY under way"),
    ([priced(Q)], "2 CNY", "cost: 2 CNY under way"),
    ([priced(ON_ITS_WAY)], "2 CNY", "cost: 2 CNY under way"),
    ([priced(U)], "2 CNY", "cost: 2 CNY of unknown outcome"),
    ([PERHAPS], "2 CNY", "cost: 2 CNY failed, perhaps charged"),
    (
        [priced(S), priced(S), priced(G, "4.00"), priced(U), PERHAPS, FREE],
        "12 CNY",
        (
            "cost: 4 CNY delivered, 4 CNY under way, 2 CNY of unknown outcome, 2 CNY failed, perhaps charged; "
            "6 CNY per delivered clip"
        ),
    ),
    (
        [priced(S, "2.00"), priced(S, "0.28", "USD")],
        "2 CNY and 0.28 USD",
        "cost: 2 CNY and 0.28 USD delivered",
    ),
    ([about(S)], "about 2 CNY", "cost: about 2 CNY delivered; about 2 CNY per delivered clip"),
    (
        [about(S, "768P", 10), about(U, "1080P", 6)],
        "about 7.50 CNY",
        "cost: about 4 CNY delivered, about 3.50 CNY of unknown outcome; about 7.50 CNY per delivered clip",
    ),
    ([priced(S, "1.90"), about(S)], "1.90 CNY and about 2 CNY", "cost: 1.90 CNY and about 2 CNY delivered"),
    ([about(S, "4K", 60)], None, None),  # a service of tomorrow: no price is invented
    ([priced(S, "0.00")], None, None),
    (
        [priced(S), priced(S), priced(S, "1.00")],
        "5 CNY",
        "cost: 5 CNY delivered; 1.67 CNY per delivered clip",
    ),
]


@pytest.mark.parametrize(("attempts", "total", "details"), TABLE)
def test_what_it_has_cost(attempts: list[Attempt], total: str | None, details: str | None) -> None:
    """What is delivered, under way, unknown and failed stands apart, and nothing that was free is told."""
    costs = Costs()
    for one in attempts:
        costs.add(record(one))
    assert (costs.total(), costs.details()) == (total, details)


def test_a_job_has_cost_what_all_its_submissions_have() -> None:
    """The earlier clip of a regenerated job, the lost answer of one ordered again, and of one that has left."""
    costs = Costs()
    costs.add(record(priced(S), priced(S, "3.50")))
    costs.add(record(priced(U), priced(State.NOT_ACCEPTED), priced(G), in_job_file=False))
    assert costs.total() == "9.50 CNY"
    assert costs.details() == (
        "cost: 5.50 CNY delivered, 2 CNY under way, 2 CNY of unknown outcome; 4.75 CNY per delivered clip"
    )


def test_failed_clips_that_are_free_cost_nothing() -> None:
    """By the user's word; a clip in doubt is not one of them."""
    costs = Costs(failed_are_free=True)
    for one in (priced(S), PERHAPS, priced(F, charged=Charged.YES), priced(U)):
        costs.add(record(one))
    assert costs.total() == "4 CNY"
    assert costs.clips == {Spending.DELIVERED: 1, Spending.UNKNOWN: 1}


@given(
    st.lists(
        st.tuples(st.sampled_from(list(State)), st.integers(0, 10**8), st.sampled_from(list(Charged))),
        max_size=30,
    )
)
def test_the_sum_is_exact(clips: list[tuple[State, int, Charged]]) -> None:
    """Every submission that counts is in one part, none is in two, and no micro-unit is rounded away."""
    costs = Costs()
    for state, micros, charged in clips:
        price = str(Decimal(micros).scaleb(-6))
        costs.add(record(attempt(state, price=price, currency="CNY", charged=charged)))
    counted = [micros for state, micros, charged in clips if state != "not_accepted" and charged != "no"]
    assert sum(costs.clips.values()) == len(counted)
    assert sum(costs.exact.get("CNY", {}).values()) == Decimal(sum(counted)).scaleb(-6)
