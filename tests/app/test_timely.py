"""A walk that would come too late is given up early, and reports are left as they were."""

from __future__ import annotations

import itertools
import math

import pytest
from faults.conftest import house
from whole.house import KEY, House

import batchgen
from batchgen.app import running
from batchgen.app.stopper import Stopper
from batchgen.app.timely import NoTime, in_time

__all__ = ["house"]


def walk(total: int, left: float, *, passes: float = 1.0) -> int:
    """How many items come by, a millisecond each."""
    ticks = itertools.count()
    clock = lambda: next(ticks) * 0.256  # noqa: E731  a look each 256 items
    return sum(1 for _ in in_time(range(total), total, lambda: left, passes=passes, clock=clock))


def test_there_is_time_while_nobody_asks() -> None:
    """However long it takes."""
    assert walk(10_000, math.inf) == 10_000


@pytest.mark.parametrize(
    ("left", "passes", "done"), [(11.0, 1.0, True), (5.0, 1.0, False), (11.0, 2.0, False)]
)
def test_what_would_come_too_late_is_given_up(left: float, passes: float, *, done: bool) -> None:
    """At the first look at the clock, not when the time is over."""
    if done:
        assert walk(10_000, left, passes=passes) == 10_000
    else:
        with pytest.raises(NoTime):
            walk(10_000, left, passes=passes)


async def test_a_run_without_time_leaves_the_rows_as_they_came(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a signal the rows that were appended stand; the next run puts the manifest in order."""
    monkeypatch.setenv("DMXAPI_API_KEY", KEY)
    monkeypatch.setattr("batchgen.app.timely._EVERY", 1)
    house.write([{"id": f"j{n}", "prompt": f"even {n}"} for n in range(6)])
    stopper = Stopper()
    monkeypatch.setattr(Stopper, "time_left", lambda _: 0.0)
    options = batchgen.Options(base_url=house.sim.base_url)
    result = await running.run(house.folder / "jobs.yaml", options, stopper=stopper)
    assert result.sentence.startswith("6 ordered: 6 delivered")
    assert sorted(row["id"] for row in house.rows()) == [f"j{n}" for n in range(6)]
    assert not (house.output / "README.md").exists()
    monkeypatch.undo()
    monkeypatch.setenv("DMXAPI_API_KEY", KEY)
    again = await running.run(house.folder / "jobs.yaml", options)
    assert again.sentence.startswith("6 ordered, 6 delivered")
    assert [row["id"] for row in house.rows()] == [f"j{n}" for n in range(6)]
    assert (house.output / "README.md").exists()
