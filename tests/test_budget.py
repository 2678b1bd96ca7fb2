"""What clips cost and when spending ends: exact amounts, prices, caps."""

from __future__ import annotations

from decimal import Decimal, localcontext

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from batchgen.budget import (
    LIST_PRICES,
    Kind,
    Spent,
    about,
    from_micros,
    per_clip,
    plain,
    price_of,
    reached,
    room,
    shown,
    to_micros,
    told_unpriced,
    unpriced,
    with_run_limits,
)
from batchgen.jobfile.offers import OFFERED
from batchgen.model import Request
from batchgen.settings import Budget, Cap

NEW, OLD = "MiniMax-Hailuo-2.3", "MiniMax-Hailuo-02"
SHORT: Kind = (NEW, "768P", 6)
LONG: Kind = (NEW, "768P", 10)
BUDGET = Budget(prices={SHORT: Decimal("2.0"), (OLD, "1080P", 6): Decimal("3.5")})
MICROS = st.integers(-(2**63) + 1, 2**63 - 1)
AMOUNTS = st.integers(0, 10**15).map(from_micros)


# --- amounts ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "micros", "form", "words"),
    [
        ("0", 0, "0.00", "0 CNY"),
        ("2", 2_000_000, "2.00", "2 CNY"),
        ("2.0", 2_000_000, "2.00", "2 CNY"),
        ("2.0000000", 2_000_000, "2.00", "2 CNY"),
        ("22.5", 22_500_000, "22.50", "22.50 CNY"),
        ("398", 398_000_000, "398.00", "398 CNY"),
        ("400", 400_000_000, "400.00", "400 CNY"),
        ("1e3", 1_000_000_000, "1000.00", "1000 CNY"),
        ("0.125", 125_000, "0.125", "0.125 CNY"),
        ("0.000001", 1, "0.000001", "0.000001 CNY"),
        ("1000000000", 10**15, "1000000000.00", "1000000000 CNY"),
        ("-2.5", -2_500_000, "-2.50", "-2.50 CNY"),
    ],
)
def test_an_amount_has_one_form_for_programs_and_one_for_people(
    text: str, micros: int, form: str, words: str
) -> None:
    """Programs read two decimals or as many more as it takes; people read whole amounts without any."""
    amount = Decimal(text)
    assert (to_micros(amount), plain(amount), shown(amount, "CNY")) == (micros, form, words)


@pytest.mark.parametrize(
    "text",
    ["0.0000001", "1.9999999", "1e-99", "1e-999999", "1e13", "1e99", "1e999999", "NaN", "sNaN", "-Infinity"],
)
def test_what_six_decimals_or_the_ledger_cannot_hold_is_refused(text: str) -> None:
    """Nothing is rounded, and nothing overflows: such amounts raise ValueError."""
    with pytest.raises(ValueError, match=r"exactly|too large"):
        to_micros(Decimal(text))


@given(micros=MICROS)
def test_micros_and_amounts_are_the_same_to_the_last_digit(micros: int) -> None:
    """Whatever the ledger sums comes back, also under another precision of the decimal module."""
    with localcontext() as context:
        context.prec = 3
        amount = from_micros(micros)
        assert to_micros(amount) == micros
        assert to_micros(Decimal(plain(amount))) == micros
    assert amount * 10**6 == micros


@given(amounts=st.lists(st.decimals(0, 10**6, places=6), max_size=30))
def test_sums_of_micros_are_sums_of_amounts(amounts: list[Decimal]) -> None:
    """Adding up integers in the ledger loses nothing."""
    assert from_micros(sum(map(to_micros, amounts))) == sum(amounts, Decimal(0))


@pytest.mark.parametrize(
    ("cost", "clips", "each"),
    [("398", 197, "2.02"), ("0.01", 2, "0.01"), ("0", 3, "0.00"), ("10", 3, "3.33"), ("20", 3, "6.67")],
)
def test_the_cost_of_a_clip_is_rounded_half_up(cost: str, clips: int, each: str) -> None:
    """The quotient is told to the hundredth, so that it can be shown."""
    quotient = per_clip(Decimal(cost), clips)
    assert quotient is not None
    assert plain(quotient) == each


def test_no_clips_cost_nothing_each() -> None:
    """There is no cost of a clip while none was delivered."""
    assert per_clip(Decimal(4), 0) is None


# --- prices ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "price"),
    [
        (Request(prompt="x"), "2.00"),
        (Request(prompt="x", duration=6, resolution="768P", prompt_optimizer=False), "2.00"),
        (Request(prompt="x", model=OLD, resolution="1080P"), "3.50"),
        (Request(prompt="x", model=OLD), None),
        (Request(prompt="x", duration=10), None),
    ],
)
def test_the_price_is_that_of_model_resolution_and_seconds(request_: Request, price: str | None) -> None:
    """What a request leaves out counts as the API fills it in; nothing is taken from the list prices."""
    found = price_of(BUDGET, request_)
    assert (None if found is None else plain(found)) == price


@pytest.mark.parametrize(
    ("budget", "max_cost", "missing"),
    [
        (Budget(), None, ()),
        (Budget(total=Cap(clips=3), per_day=Cap(clips=1), per_run=Cap(clips=0)), None, ()),
        (Budget(total=Cap(cost=Decimal(5))), None, (SHORT, LONG)),
        (Budget(per_day=Cap(cost=Decimal(5))), None, (SHORT, LONG)),
        (Budget(per_run=Cap(cost=Decimal(0))), None, (SHORT, LONG)),
        (Budget(), Decimal(0), (SHORT, LONG)),
        (BUDGET, Decimal(5), (LONG,)),
        (Budget(prices={SHORT: Decimal(0), LONG: Decimal(1)}), Decimal(5), ()),
    ],
)
def test_only_a_cap_in_cost_needs_prices(
    budget: Budget, max_cost: Decimal | None, missing: tuple[Kind, ...]
) -> None:
    """A kind is missing, once and in order, when any cap is in cost and the user gave it no price; 0 is one."""
    assert unpriced(budget, [SHORT, LONG, SHORT], max_cost=max_cost) == missing


def test_missing_prices_are_told_with_what_to_write() -> None:
    """Every kind is named, and the first stands in an example."""
    told = told_unpriced([LONG, (OLD, "1080P", 6)])
    assert f"{NEW} at 768P, 10 s, {OLD} at 1080P, 6 s" in told
    assert f"prices: {{{NEW}: {{768P: {{10: AMOUNT}}}}}}" in told


def test_there_is_a_list_price_for_all_that_is_offered() -> None:
    """What can be ordered can be told as "about"."""
    assert set(LIST_PRICES) == {(size, seconds) for size, lengths in OFFERED.items() for seconds in lengths}


def test_about_is_the_sum_by_the_list() -> None:
    """Each kind counts as often as it is ordered; nothing ordered is nothing."""
    assert shown(about([("768P", 6, 3), ("768P", 10, 1), ("1080P", 6, 1)]), "CNY") == "13.50 CNY"
    assert about([]) == 0


# --- caps ------------------------------------------------------------------------------------------------

COST = Cap(cost=Decimal(10))


@pytest.mark.parametrize(
    ("cap", "cost", "clips", "price", "reason"),
    [
        (Cap(), "1e9", 10**9, "2", None),
        (Cap(), "0", 0, None, None),
        (COST, "8", 99, "2", None),
        (
            COST,
            "8.000001",
            4,
            "2",
            "8.000001 CNY of 10 CNY are spent or under way, and the next clip costs 2 CNY",
        ),
        (COST, "8", 4, "2.000001", "8 CNY of 10 CNY are spent or under way"),
        (COST, "10", 5, "0", None),
        (COST, "12.5", 5, "0", "12.50 CNY of 10 CNY"),
        (COST, "0", 0, None, "the next clip has no price"),
        (Cap(cost=Decimal(0)), "0", 0, "0.000001", "0 CNY of 0 CNY"),
        (Cap(clips=3), "0", 2, None, None),
        (Cap(clips=3), "0", 3, None, "3 of 3 clips"),
        (Cap(clips=3), "0", 7, "1", "7 of 3 clips"),
        (Cap(clips=0), "0", 0, "0", "0 of 0 clips"),
        (Cap(cost=Decimal(10), clips=3), "8", 2, "2", None),
        (Cap(cost=Decimal(10), clips=3), "2", 3, "2", "3 of 3 clips"),
        (Cap(cost=Decimal(10), clips=3), "9", 2, "2", "9 CNY of 10 CNY"),
    ],
)
def test_one_more_clip_must_fit_below_every_cap(
    cap: Cap, cost: str, clips: int, price: str | None, reason: str | None
) -> None:
    """Exactly at the cap is allowed, a millionth more is not, and the reason tells what was spent of what."""
    spent = Spent(cost=Decimal(cost), clips=clips)
    amount = None if price is None else Decimal(price)
    told = reached(cap, spent, amount, what="the budget", currency="CNY")
    if reason is None:
        assert told is None
    else:
        assert told is not None
        assert told.startswith("the budget is")
        assert reason in told


def assert_is_room(cap: Cap, spent: Spent, price: Decimal) -> None:
    """So many more clips fit, and not one more than that."""
    assert cap.cost is not None
    assert cap.clips is not None
    more = int(room(cap, spent, price))
    for number, fits in ((more, True), (more + 1, False)):
        cost = to_micros(spent.cost) + number * to_micros(price)
        if number > 0:
            assert (cost <= to_micros(cap.cost) and spent.clips + number <= cap.clips) == fits


@given(
    cost=AMOUNTS,
    clips=st.integers(0, 100),
    prices=st.lists(AMOUNTS, max_size=50),
    precision=st.integers(1, 30),
)
@example(cost=Decimal("4.70"), clips=1, prices=[Decimal("4.60")], precision=1)  # 5 when it is rounded
def test_spending_until_it_is_reached_never_goes_past_a_cap(
    cost: Decimal, clips: int, prices: list[Decimal], precision: int
) -> None:
    """Whatever the prices and the precision, what was let through fits, and what was refused did not."""
    cap, spent, taken = Cap(cost=cost, clips=clips), 0, 0
    with localcontext() as context:
        context.prec = precision
        for price in prices:
            so_far = Spent(cost=from_micros(spent), clips=taken)
            fits = spent + to_micros(price) <= to_micros(cost) and taken < clips
            assert (reached(cap, so_far, price, what="it", currency="CNY") is None) == fits
            assert_is_room(cap, so_far, price)
            if fits:
                spent, taken = spent + to_micros(price), taken + 1
    assert spent <= to_micros(cost)
    assert taken <= clips


@pytest.mark.parametrize(
    ("max_cost", "max_clips", "per_run"),
    [
        (None, None, Cap(cost=Decimal(5), clips=3)),
        (Decimal(9), None, Cap(cost=Decimal(9), clips=3)),
        (None, 0, Cap(cost=Decimal(5), clips=0)),
        (Decimal(0), 9, Cap(cost=Decimal(0), clips=9)),
    ],
)
def test_the_command_line_beats_the_caps_of_the_run_alone(
    max_cost: Decimal | None, max_clips: int | None, per_run: Cap
) -> None:
    """`--max-cost` and `--max-clips` stand in for those of `per_run`, zero included; all else stays."""
    total = Cap(cost=Decimal(500))
    budget = Budget(prices=BUDGET.prices, total=total, per_run=Cap(cost=Decimal(5), clips=3))
    expected = Budget(prices=BUDGET.prices, total=total, per_run=per_run)
    assert with_run_limits(budget, max_cost, max_clips) == expected
