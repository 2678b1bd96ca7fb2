"""A night in which much goes wrong at once, and nothing is lost."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from batchgen.simulator import (
    Act,
    Call,
    Close,
    Code,
    Conditions,
    Cut,
    Expired,
    Gateway,
    Limits,
    Raw,
    Shape,
    Times,
    Truncate,
    WrongLength,
)
from whole.house import House

JOBS = 200

#: What goes wrong, at which call, how often.  A fifth of all questions, half of all downloads.
GETS: list[tuple[Act, float]] = [
    (Gateway(http_status=502, shape=Shape.HTML), 0.03),
    (Gateway(http_status=500, shape=Shape.OBJECT), 0.03),
    (Gateway(http_status=503, shape=Shape.FLAT), 0.03),
    (Code(code=1000), 0.03),
    (Code(code=1033), 0.03),
    (Close(), 0.03),
    (Raw(body='{"status": "Proc', content_type="application/json"), 0.03),
]
VIDEOS: list[tuple[Act, float]] = [
    (Cut(), 0.2),
    (Truncate(), 0.1),
    (Expired(), 0.1),
    (Raw(body="<html>busy</html>", http_status=503), 0.1),
    (WrongLength(), 0.05),
]


@pytest.mark.timeout(240)
async def test_a_storm_costs_time_and_nothing_else(house: House) -> None:
    """200 of 200 jobs end whole, 200 tasks made, no POST repeated that was not proven refused."""
    behaviour = house.sim.behaviour
    house.sim.behaviour = replace(
        behaviour, times=Times(median=0.3, sigma=0.5), limits=Limits(tasks_at_once=25)
    )
    for call in (Call.QUERY, Call.RETRIEVE):
        for seed, (act, probability) in enumerate(GETS):
            house.sim.fault(call, act, Conditions(probability=probability, seed=seed))
    for seed, (act, probability) in enumerate(VIDEOS):
        house.sim.fault(Call.VIDEO, act, Conditions(probability=probability, seed=100 + seed))
    jobs: list[dict[str, object]] = [
        {
            "id": f"storm-{number}",
            "prompt": f"storm {number} [推进]",
            "resolution": ("768P", "1080P")[number % 2],
        }
        for number in range(JOBS)
    ]
    limits = {"submits_per_minute": None, "min_free_bytes": 0, "in_flight": 60}
    house.write(jobs, limits=limits)
    ended = await (await house.start("jobs.yaml")).ended(patience=200.0)
    assert ended.code == 0, ended.err + ended.out
    house.check_clips(JOBS)
    assert len(house.sim.tasks) == JOBS
    assert set(Counter(task.prompt for task in house.sim.tasks).values()) == {1}
    assert f"{JOBS} ordered, {JOBS} delivered; " in ended.out
    assert "nothing paid twice" in ended.out
