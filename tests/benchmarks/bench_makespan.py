"""How long a batch takes at the service, against list scheduling of the very times that the service drew.

Each repeat runs real processes against a service on loopback: a night of sixty jobs that teaches how long tasks
take, then the batch.  List scheduling, which starts the next task in the moment in which one ends, is what no
client can be quicker than; the optimum's questions come from the dynamic program of the tests.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from polling.nights import list_scheduled
from polling.optimum import CASES, known_curve, questions_at
from whole.house import Clock, House

from batchgen.simulator import Behaviour, Simulator, Task, Times, Video
from benchmarks.frame import Finding

LOGNORMAL = CASES[0]  # sigma 0.4, as the service's times here
NIGHT = 60  # jobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How much is done."""

    jobs: int
    slots: int
    median: float  # seconds that a task takes


FULL = Load(jobs=400, slots=50, median=4.0)
QUICK = Load(jobs=100, slots=25, median=2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What came of a batch."""

    makespan: float  # seconds from the first submission to the last task's end
    listed: float  # the same by list scheduling
    filled: float  # seconds until all slots were taken
    lag: float  # on average, in seconds from a task's end to the question that saw it
    questions: float  # a task, on average


def batch_of(house: House, tasks: Sequence[Task], slots: int) -> Batch:
    """What the service saw of these tasks."""
    asked: defaultdict[str, list[float]] = defaultdict(list)
    for record in house.sim.records:
        if record.call == "query":
            asked[record.query.removeprefix("task_id=")].append(record.at)
    noticed = [max(asked[str(task.task_id)][-1], task.ended_at) for task in tasks]  # then it is asked no more
    began = tasks[0].made_at
    return Batch(
        makespan=max(task.ended_at for task in tasks) - began,
        listed=list_scheduled([task.ended_at - task.made_at for task in tasks], slots),
        filled=tasks[slots - 1].made_at - began,
        lag=fmean(at - task.ended_at for at, task in zip(noticed, tasks, strict=True)),
        questions=fmean(len(asked[str(task.task_id)]) for task in tasks),
    )


async def run(house: House, name: str, jobs: int, slots: int) -> None:
    """Run a job file of so many clips to its end.  Raises AssertionError unless every clip is made."""
    house.write(
        [{"id": f"{name}-{n}", "prompt": f"{name} {n}"} for n in range(jobs)],
        f"{name}.yaml",
        limits={"in_flight": slots, "submits_per_minute": None, "min_free_bytes": 0},
        polling={"max_per_second": None},
    )
    ended = await (await house.start(f"{name}.yaml", "-q")).ended(patience=600.0)
    assert ended.code == 0, ended.err


async def once(load: Load, seed: int) -> Batch:
    """A night that teaches, then the batch."""
    clock = Clock()
    behaviour = Behaviour(
        seed=seed,
        times=Times(median=load.median, sigma=0.4),
        video=Video(padding_max=1000),
        records_kept=50 * (load.jobs + NIGHT),
    )
    async with Simulator(behaviour, now=clock.read) as sim:
        with tempfile.TemporaryDirectory() as folder:
            house = House(Path(folder), sim, clock)
            await run(house, "night", NIGHT, load.slots)
            await run(house, "batch", load.jobs, load.slots)
            return batch_of(house, sim.tasks[NIGHT:], load.slots)


def measure(repeats: int, *, quick: bool) -> Iterator[Finding]:
    """Run it so often, each time with other times."""
    load = QUICK if quick else FULL
    batches = [asyncio.run(once(load, seed)) for seed in range(repeats)]
    what, points = f"{load.jobs} jobs in {load.slots} slots", known_curve(LOGNORMAL)
    yield Finding(
        what=f"{what}: first submission to last task's end",
        measured=[batch.makespan / batch.listed for batch in batches],
        against="list scheduling of the same times",
        limit=None if quick else 1.04,
    )
    yield Finding(
        what=f"{what}: mean lag between a task's end and its discovery",
        measured=[batch.lag / load.median for batch in batches],
        unit="of the median time",
        limit=None if quick else 0.04,
    )
    scale = LOGNORMAL.median / load.median
    yield Finding(
        what=f"{what}: questions a task",
        measured=[batch.questions / questions_at(points, batch.lag * scale) for batch in batches],
        against="the optimum for that lag",
        limit=None if quick else 1.3,
    )
    yield Finding(
        what=f"{what}: questions a task", measured=[batch.questions for batch in batches], unit="questions"
    )
    yield Finding(
        what=f"{load.slots} slots filled at the start",
        measured=[1000 * batch.filled for batch in batches],
        unit="ms",
    )
