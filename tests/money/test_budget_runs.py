"""Whole runs under a budget, counted at the service: never past a cap, and every report agrees to the cent."""

from __future__ import annotations

import csv
import io
import sqlite3
from contextlib import closing
from decimal import Decimal
from typing import Any

import pytest
from whole.house import House

from batchgen.simulator import Call, Close, Code, Conditions, Ending

MODEL = "MiniMax-Hailuo-2.3"
PRICES = {MODEL: {"768P": {6: 2.0, 10: 4.0}, "1080P": {6: 3.5}}}


def jobs(number: int, **keys: object) -> list[dict[str, object]]:
    return [{"id": f"j{n}", "prompt": f"clip {n}", **keys} for n in range(number)]


def spent(house: House) -> list[tuple[Any, ...]]:
    """What the ledger has counted, and the same from the submissions; they must be equal."""
    with closing(sqlite3.connect(house.output / "ledger.sqlite3")) as db:
        counted = db.execute(
            "SELECT run, day, currency, failed, clips, micros FROM spent WHERE clips > 0 ORDER BY 1, 2, 3, 4"
        ).fetchall()
        truth = db.execute(
            "SELECT run, day, coalesce(currency, ''), state = 'failed', count(*), coalesce(sum(price), 0) "
            "FROM submissions WHERE charged <> 'no' GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"
        ).fetchall()
    assert counted == truth
    return counted


# --- each cap -------------------------------------------------------------------------------------------

#: A budget, options, how many of six clips at 2.00 are made by the first run and by all of three.
CAPS: list[tuple[dict[str, object], tuple[str, ...], int, int]] = [
    ({"total": {"cost": 7.99}}, (), 3, 3),
    ({"total": {"cost": "8.00"}}, (), 4, 4),
    ({"total": {"cost": 0}}, (), 0, 0),
    ({"total": {"clips": 2}}, (), 2, 2),
    ({"per_day": {"cost": 4}}, (), 2, 2),
    ({"per_run": {"clips": 1}}, (), 1, 3),
    ({"total": {"cost": 10}, "per_run": {"clips": 2}}, (), 2, 5),
    ({}, ("--max-cost", "4"), 2, 6),
    ({"per_run": {"cost": 2}}, ("--max-cost", "6.00"), 3, 6),
    ({"total": {"cost": 4}}, ("--max-cost", "100"), 2, 2),
]


@pytest.mark.parametrize(("budget", "options", "first", "three"), CAPS)
async def test_a_run_ends_at_its_cap(
    house: House, budget: dict[str, object], options: tuple[str, ...], first: int, three: int
) -> None:
    """Exactly at the cap is allowed; exit 3 with what is under way finished; the next run has what is left."""
    house.write(jobs(6), budget={"prices": PRICES, **budget})
    for made in (first, min(2 * first, three), three):
        ended = await house.run("jobs.yaml", *options)
        assert len(house.sim.tasks) == made
        assert ended.code == (0 if made == 6 else 3), ended.err
        assert ("the budget" in ended.err) is (made < 6)
        house.check_clips(made)
    spent(house)


async def test_a_cap_is_used_to_its_last_clip(house: House) -> None:
    """Refusals and rate limits give back what they held, also when the cap was reached meanwhile."""
    house.sim.fault(Call.SUBMIT, Code(code=1002, retry_after=0.1), Conditions(times=4))
    house.sim.fault(Call.SUBMIT, Code(code=1026), Conditions(prompt="clip 3"))
    house.write(jobs(12), budget={"prices": PRICES, "total": {"cost": 10}})
    ended = await house.run("jobs.yaml")
    assert ended.code == 3, ended.err
    assert len(house.sim.tasks) == 5
    assert sum(row[5] for row in spent(house)) == 10_000_000


@pytest.mark.parametrize(("free", "made"), [(False, 3), (True, 5)])
async def test_what_failed_counts_unless_it_is_free(house: House, free: bool, made: int) -> None:  # noqa: FBT001  a column
    """Two of three clips fail at the service: they are paid for, unless the user knows better."""
    for number in (0, 1):
        house.sim.fault(Call.SUBMIT, Ending(code=1000), Conditions(prompt=f"clip {number}"))
    budget = {"prices": PRICES, "total": {"clips": 3}, "failed_clips_are_free": free}
    house.write(jobs(6), budget=budget)
    await house.run("jobs.yaml", "--in-flight", "1")
    await house.run("jobs.yaml", "--in-flight", "1")
    assert len(house.sim.tasks) == made


async def test_what_is_unknown_counts(house: House) -> None:
    """Lost, and made or not: two of three clips are used up, and ordering one again needs room as well."""
    house.sim.fault(Call.SUBMIT, Close(made=False), Conditions(times=2))
    house.write(jobs(3), budget={"prices": PRICES, "total": {"cost": 6}})
    assert (await house.run("jobs.yaml")).code == 1
    assert (await house.run("retry", "jobs.yaml", "--unknown", key=None)).code == 0
    ended = await house.run("jobs.yaml")
    assert ended.code == 3, ended.err
    assert house.calls()["submit"] == 3


async def test_an_order_again_by_itself_stays_within_the_cap(house: House) -> None:
    """``on_unknown: resubmit`` is no way around the budget."""
    house.sim.fault(Call.SUBMIT, Close(made=True))
    house.write(jobs(3), budget={"total": {"clips": 4}}, on_unknown="resubmit")
    assert (await house.run("jobs.yaml")).code == 3
    assert house.calls()["submit"] == 4
    assert (await house.run("jobs.yaml")).code == 3
    assert house.calls()["submit"] == 4


async def test_a_new_take_is_paid_for_and_a_restored_clip_is_not(house: House) -> None:
    """``--regenerate-changed`` needs room in the budget; ``--restore-missing`` sends nothing."""
    budget = {"prices": PRICES, "total": {"cost": 4}}
    house.write(jobs(1), budget=budget)
    assert (await house.run("jobs.yaml")).code == 0
    house.write([{"id": "j0", "prompt": "another"}], budget=budget)
    assert (await house.run("jobs.yaml", "--regenerate-changed")).code == 0
    (house.output / "videos" / "j0.mp4").unlink()
    assert (await house.run("jobs.yaml", "--restore-missing")).code == 0
    assert [row[4:] for row in spent(house)] == [(1, 2_000_000), (1, 2_000_000)]
    house.write([{"id": "j0", "prompt": "a third"}], budget=budget)
    assert (await house.run("jobs.yaml", "--regenerate-changed")).code == 3
    assert len(house.sim.tasks) == 2


# --- prices that are missing ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("budget", "options"),
    [
        ({"total": {"cost": 100}}, ()),
        ({"per_day": {"cost": 100}}, ()),
        ({"per_run": {"cost": 100}}, ()),
        ({}, ("--max-cost", "100")),
        ({"prices": {MODEL: {"768P": {10: 4}}}, "total": {"cost": 100}}, ()),
        ({"prices": {"MiniMax-Hailuo-02": {"768P": {6: 2}}}, "total": {"cost": 100}}, ()),
    ],
)
async def test_a_cap_in_cost_needs_every_price(
    house: House, budget: dict[str, object], options: tuple[str, ...]
) -> None:
    """Before anything is sent: a run and its dry run end in 2 and say what to write."""
    house.write(jobs(2), budget=budget)
    for command in (["run", "jobs.yaml", *options], ["run", "jobs.yaml", "--dry-run", *options]):
        ended = await house.run(*command)
        assert ended.code == 2, ended
        assert f"no price for {MODEL} at 768P, 6 s" in ended.err.replace("there is none for", "no price for")
    if not options:
        assert (await house.run("check", "jobs.yaml")).code == 2
    assert house.sim.records == []


async def test_what_is_made_already_needs_no_price(house: House) -> None:
    """Clips that are not ordered any more are nothing that a cap must cover; looking needs no prices at all."""
    house.write(jobs(2), budget={"total": {"clips": 5}})
    assert (await house.run("jobs.yaml")).code == 0
    assert "about 4 CNY" in (await house.run("status", "jobs.yaml")).out
    house.write(jobs(2), budget={"total": {"cost": 1}})
    assert (await house.run("jobs.yaml")).code == 0
    assert (await house.run("collect", "jobs.yaml")).code == 0
    house.write(jobs(3), budget={"total": {"cost": 1}})
    assert (await house.run("status", "jobs.yaml")).code == 0
    assert (await house.run("jobs.yaml")).code == 2
    assert len(house.sim.tasks) == 2


# --- every report agrees --------------------------------------------------------------------------------


async def audit(house: House) -> list[dict[str, str]]:
    """The lines of ``batchgen audit``."""
    ended = await house.run("audit", "jobs.yaml", key=None)
    assert ended.code == 0, ended.err
    return list(csv.DictReader(io.StringIO(ended.out)))


def cost_of(body: object) -> Decimal:
    """What a task costs, from the body that made it."""
    assert isinstance(body, dict)
    prices = {("768P", 6): "0.10", ("768P", 10): "4.00", ("1080P", 6): "3.333333"}
    return Decimal(prices[body.get("resolution", "768P"), body.get("duration", 6)])


async def test_all_reports_agree_with_the_service(house: House) -> None:
    """Plan, sentence, status, manifest and audit, over deliveries, failures, refusals, limits and lost answers."""
    prices = {MODEL: {"768P": {6: "0.10", 10: "4.00"}, "1080P": {6: "3.333333"}}}
    orders: list[dict[str, object]] = [
        *jobs(7),
        {"id": "long", "prompt": "long", "duration": 10},
        {"id": "large", "prompt": "large", "resolution": "1080P"},
        {"id": "large-2", "prompt": "large 2", "resolution": "1080P"},
        {"id": "refused", "prompt": "refused"},
        {"id": "failed", "prompt": "failed", "duration": 10},
        {"id": "lost", "prompt": "lost"},
    ]
    house.sim.fault(Call.SUBMIT, Code(code=1026), Conditions(prompt="refused"))
    house.sim.fault(Call.SUBMIT, Ending(code=1000), Conditions(prompt="failed"))
    house.sim.fault(Call.SUBMIT, Close(made=True), Conditions(prompt="lost"))
    house.sim.fault(Call.SUBMIT, Code(code=1002, retry_after=0.1), Conditions(prompt="clip 2", times=1))
    house.write(orders, budget={"prices": prices, "total": {"cost": 100}})
    plan = await house.run("check", "jobs.yaml")
    assert "A run would submit up to 13 clips: 15.566666 CNY." in plan.out
    assert (await house.run("jobs.yaml")).code == 1
    told = await house.run("status", "jobs.yaml")
    tasks = sum((cost_of(record.json) for record in _made(house)), Decimal(0))
    assert tasks == Decimal("15.466666")
    assert "; 15.466666 CNY; nothing paid twice." in told.out
    assert (
        "cost: 11.366666 CNY delivered, 0.10 CNY of unknown outcome, 4 CNY failed, perhaps charged; "
        "1.55 CNY per delivered clip"
    ) in told.out
    rows = await audit(house)
    assert len(rows) == 14
    assert {row["task_id"] for row in rows if row["task_id"]} <= {
        str(task.task_id) for task in house.sim.tasks
    }
    assert sum(Decimal(row["price"]) for row in rows if row["charged"] != "no") == tasks
    attempts = [attempt for row in house.rows() for attempt in row["attempts"]]
    assert sum(Decimal(one["price"]) for one in attempts if one["charged"] != "no") == tasks
    assert {one["currency"] for one in attempts} == {"CNY"}
    assert sum(row[5] for row in spent(house)) == int(tasks * 10**6)
    assert house.row("refused")["charged"] == "no"
    assert [row["intended_at"] for row in rows] == sorted(row["intended_at"] for row in rows)


def _made(house: House) -> list[Any]:
    """The requests that made a task."""
    return [record for record in house.sim.records if record.call == "submit" and record.task_id]


async def test_prices_and_currencies_of_different_days(house: House) -> None:
    """Each submission keeps what it was noted to cost; a cap in cost counts its own currency, one in clips all."""
    house.write(jobs(1), budget={"prices": {MODEL: {"768P": {6: 2}}}})
    assert (await house.run("jobs.yaml")).code == 0
    house.write(jobs(2), budget={"prices": {MODEL: {"768P": {6: "2.50"}}}, "total": {"cost": "4.50"}})
    ended = await house.run("jobs.yaml")
    assert (ended.code, "4.50 CNY" in ended.out) == (0, True), ended.err
    dollars = {"currency": "USD", "prices": {MODEL: {"768P": {6: "0.28"}}}}
    house.write(jobs(4), budget={**dollars, "total": {"cost": "0.28"}})
    ended = await house.run("jobs.yaml")
    assert ended.code == 3, ended.err
    assert "0.28 USD of 0.28 USD" in ended.err
    assert "; 4.50 CNY and 0.28 USD; nothing paid twice." in ended.out
    house.write(jobs(4), budget={**dollars, "total": {"clips": 3}})
    assert (await house.run("jobs.yaml")).code == 3
    house.write(jobs(4))
    ended = await house.run("jobs.yaml")
    assert "; 4.50 CNY and 0.28 USD and about 2 CNY; nothing paid twice." in ended.out
    assert [row["price"] for row in await audit(house)] == ["2.00", "2.50", "0.28", ""]
    spent(house)


async def test_a_simulated_clip_costs_nothing(house: House) -> None:
    """Neither the plan nor the sentence of a simulated run speaks of money, whatever the prices."""
    house.write(jobs(1), budget={"prices": PRICES, "total": {"cost": 2}})
    plan = await house.run("check", "jobs.yaml", "--simulate", service=False)
    assert "which cost nothing" in plan.out
    assert "CNY" not in plan.out


async def test_the_plan_keeps_apart_what_was_spent(house: House) -> None:
    """Delivered, lost and failed clips each with their cost, and what is left of a cap."""
    house.sim.fault(Call.SUBMIT, Close(made=True), Conditions(prompt="clip 0"))
    house.sim.fault(Call.SUBMIT, Ending(code=1027), Conditions(prompt="clip 1"))
    house.write(jobs(4), budget={"prices": PRICES, "total": {"cost": 20, "clips": 9}})
    await house.run("jobs.yaml")
    plan = await house.run("check", "jobs.yaml")
    assert "A run would submit 0 clips." in plan.out
    assert "Spent so far (budget.total): 8 CNY of 20 CNY, 4 of 9 clips." in plan.out
    assert (
        "Cost so far: 4 CNY delivered, 2 CNY of unknown outcome, 2 CNY failed, perhaps charged; "
        "4 CNY per delivered clip."
    ) in plan.out
