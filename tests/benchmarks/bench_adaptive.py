"""A limit on tasks at once that nobody told: what learning it costs, and how soon it is found when it is raised.

Each repeat runs real processes side by side, each against a service of its own on loopback: one whose job file
knows the limit, one whose job file says 40, and one that says 40 and whose service raises its limit in between.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from whole.house import Clock, House

from batchgen.simulator import Behaviour, Limits, Record, Simulator, Times
from benchmarks.frame import Finding

ADMITS = 8  # tasks at once, by the service
SAID = 40  # by the job file
RAISED = 24
TASK = 4.0  # seconds, the median


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How much is done, and when; times are seconds."""

    jobs: int
    learnt_after: float  # from then on refusals are counted
    raised_after: float

    @property
    def jobs_when_raised(self) -> int:
        """What keeps a service busy whose limit is raised until the others have ended, and a little longer."""
        return self.jobs * 2


FULL = Load(jobs=220, learnt_after=60.0, raised_after=60.0)
QUICK = Load(jobs=60, learnt_after=10.0, raised_after=15.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One run: how long its tasks took from the first to the last, and its submissions in order."""

    seconds: float
    posts: list[Record]

    def refused_after(self, seconds: float) -> float:
        """The share of refused submissions among those that left later than this."""
        began = self.posts[0].at
        late = [post for post in self.posts if post.at >= began + seconds]
        return sum(not post.task_id for post in late) / len(late) if late else 0.0


async def run_of(house: House, jobs: int, in_flight: int) -> Taken:
    """Run a job file of so many clips to its end.  Raises AssertionError unless every clip is made once."""
    house.write(
        [{"id": f"j{n}", "prompt": f"clip {n}"} for n in range(jobs)],
        limits={"in_flight": in_flight, "submits_per_minute": None, "min_free_bytes": 0},
    )
    ended = await (await house.start("jobs.yaml")).ended(patience=600.0)
    assert ended.code == 0, ended.err
    tasks = house.sim.tasks
    assert len(tasks) == jobs
    posts = [record for record in house.sim.records if record.call == "submit"]
    return Taken(seconds=max(task.ended_at for task in tasks) - tasks[0].made_at, posts=posts)


async def found_again(house: House, load: Load) -> float:
    """Seconds from the raise until all but one of the new places were taken."""
    running = asyncio.create_task(run_of(house, load.jobs_when_raised, SAID))
    await asyncio.sleep(load.raised_after)
    behaviour, raised_at = house.sim.behaviour, house.clock.read().timestamp()
    house.sim.behaviour = replace(behaviour, limits=Limits(tasks_at_once=RAISED))
    await running
    tasks = house.sim.tasks
    for task in tasks:
        at_once = sum(other.made_at <= task.made_at < other.ended_at for other in tasks)
        if task.made_at > raised_at and at_once >= RAISED - 1:
            return task.made_at - raised_at
    return float("inf")


async def once(load: Load) -> tuple[Taken, Taken, float]:
    """One repeat: knowing the limit, learning it, and finding a raised one."""
    behaviour = Behaviour(times=Times(median=TASK, sigma=0.4), limits=Limits(tasks_at_once=ADMITS))
    async with AsyncExitStack() as stack:
        houses = []
        for _ in range(3):
            clock = Clock()
            sim = await stack.enter_async_context(Simulator(behaviour, now=clock.read))
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            houses.append(House(Path(folder), sim, clock))
        return await asyncio.gather(
            run_of(houses[0], load.jobs, ADMITS),
            run_of(houses[1], load.jobs, SAID),
            found_again(houses[2], load),
        )


def measure(repeats: int, *, quick: bool) -> Iterator[Finding]:
    """Run it all so often."""
    load = QUICK if quick else FULL
    taken = [asyncio.run(once(load)) for _ in range(repeats)]
    yield Finding(
        what=f"throughput where the service admits {ADMITS} and the file says {SAID}",
        measured=[knowing.seconds / learning.seconds for knowing, learning, _ in taken],
        against=f"in_flight: {ADMITS}",
        limit=None if quick else 0.95,
        at_least=True,
    )
    yield Finding(
        what=f"submissions refused after {load.learnt_after:.0f} s",
        measured=[learning.refused_after(load.learnt_after) for _, learning, _ in taken],
        unit="of all",
        limit=None if quick else 0.05,
    )
    yield Finding(
        what=f"time until a limit raised from {ADMITS} to {RAISED} is used",
        measured=[found / TASK for _, _, found in taken],
        unit="task times",
        limit=None if quick else 10.0,
    )
