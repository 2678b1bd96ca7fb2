"""Clocks that jump: by days, forward and back, during a run and between two."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from whole.house import KEY, QUICK, House

import batchgen
from batchgen.app import running
from batchgen.app.steady import SteadyTime
from batchgen.simulator import Behaviour, Call, Code, Conditions, Times

JOBS = 4
#: Days by which the wall's clock is wrong.
JUMPS = [-3650.0, -2.0, 2.0, 3650.0]


def _write(house: House, **head: Any) -> None:  # noqa: ANN401  what may stand above the jobs
    house.write([{"id": f"j{n}", "prompt": f"even {n}"} for n in range(JOBS)], **head)


def _off(days: float) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


async def _run(
    house: House,
    monkeypatch: pytest.MonkeyPatch,
    now: Callable[[], datetime],
    **options: object,
) -> batchgen.RunResult:
    monkeypatch.setenv("DMXAPI_API_KEY", KEY)
    given = batchgen.Options(base_url=house.sim.base_url, **options)  # type: ignore[arg-type]
    return await running.run(house.folder / "jobs.yaml", given, now=now)


def test_the_time_of_a_run_only_passes() -> None:
    """From the wall's time at the beginning on, by the seconds that have passed, whatever the wall says then."""
    wall = datetime(2026, 3, 1, tzinfo=UTC)
    seconds = iter([100.0, 100.0, 160.5])
    times = itertools.chain([wall], itertools.repeat(wall + timedelta(days=9)))
    steady = SteadyTime(lambda: next(times), lambda: next(seconds))
    assert steady() == wall
    assert steady() == wall + timedelta(seconds=60.5)


@pytest.mark.parametrize("days", JUMPS[1:3])
async def test_a_jump_during_a_run_changes_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch, days: float
) -> None:
    """No task ages, nothing is given up, and the stamps stay in order."""
    _write(house)
    house.sim.fault(Call.QUERY, Code(code=2013), Conditions(prompt="even 0", times=1))
    calls = itertools.count()
    result = await _run(house, monkeypatch, lambda: _off(days if next(calls) else 0))
    assert result.exit_code == 0, result.sentence
    assert house.submitted_prompts() == {f"even {n}": 1 for n in range(JOBS)}
    for row in house.rows():
        stamps = [row["submitted_at"], row["generated_at"], row["finished_at"]]
        assert stamps == sorted(stamps)
        assert abs(datetime.fromisoformat(stamps[0]) - datetime.now(UTC)) < timedelta(minutes=5)


@pytest.mark.parametrize("days", JUMPS)
async def test_a_jump_between_two_runs_loses_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch, days: float
) -> None:
    """Tasks of a run whose clock was wrong are fetched, pending jobs are sent at once, each is paid for once."""
    house.sim.behaviour = Behaviour(times=Times(median=30.0, sigma=0.0))
    _write(house, limits={"submits_per_minute": 3, "min_free_bytes": 0})
    first = await _run(house, monkeypatch, lambda: _off(days), max_clips=2, drain=0.0)
    assert first.exit_code == 4
    house.later(60)
    house.sim.behaviour = QUICK
    _write(house)
    second = await _run(house, monkeypatch, lambda: _off(0))
    assert second.exit_code == 0, second.attention
    assert house.submitted_prompts() == {f"even {n}": 1 for n in range(JOBS)}
    house.check_clips(JOBS)


async def test_a_pace_that_was_kept_in_the_future_holds_up_nobody(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Submissions noted for tomorrow by a clock that was ahead don't count into this minute."""
    _write(house, limits={"submits_per_minute": 2, "min_free_bytes": 0})
    assert (await _run(house, monkeypatch, lambda: _off(1), max_clips=2)).exit_code == 4
    again = await _run(house, monkeypatch, lambda: _off(0))
    assert again.exit_code == 0, again.attention
    house.check_clips(JOBS)


async def test_a_jump_does_not_make_a_task_gone(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not found, the clock jumps by two days, other tasks answer: within a run it takes a day that has passed."""
    house.sim.fault(Call.QUERY, Code(code=2013), Conditions(prompt="even 0"))
    _write(house)

    def jumping() -> datetime:
        return _off(2 if house.calls().get("retrieve") else 0)  # once another task has answered

    result = await _run(house, monkeypatch, jumping, drain=3.0, max_clips=JOBS - 1)
    assert house.calls()["query"] >= JOBS + 1
    assert result.exit_code in {1, 4}
    assert house.row("j0")["status"] == "submitted"
    house.sim.clear_faults()
    assert (await house.run("jobs.yaml")).code == 0
    assert house.submitted_prompts() == {f"even {n}": 1 for n in range(JOBS)}


async def test_a_day_of_the_budget_is_not_had_twice_by_setting_the_clock_in_a_run(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cap of a day holds for the day on which the run began, and another day has a budget of its own."""
    _write(house, budget={"per_day": {"clips": 2}})
    calls = itertools.count()
    capped = await _run(house, monkeypatch, lambda: _off(2 if next(calls) else 0))
    assert (capped.exit_code, len(house.sim.tasks)) == (3, 2)
    back = await _run(house, monkeypatch, lambda: _off(-2))
    assert back.exit_code == 0, back.attention
    house.check_clips(JOBS)
