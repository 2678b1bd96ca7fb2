"""Killed at any moment, and carried on: nothing is paid twice, and everything paid is on disk."""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from batchgen.simulator import Latency, Times, Video
from whole.house import QUICK, House, until

JOBS = 30
KILLS = 12
SLOW_ENOUGH = replace(
    QUICK,
    times=Times(median=0.3, sigma=0.4),
    latency=Latency(submit=0.03, query=0.005),
    video=Video(bytes_per_second=1_500_000),
)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_run_killed_again_and_again_pays_each_job_once(house: House, seed: int) -> None:
    """At most one task a job; a POST cut off by the kill is unknown; every other job is delivered whole."""
    house.sim.behaviour = SLOW_ENOUGH
    house.write([{"id": f"job{n}", "prompt": f"fox {n}"} for n in range(JOBS)])
    draw = random.Random(seed)  # noqa: S311  repeatable moments, no secret
    cut_off = kills = 0
    for _ in range(KILLS):
        if await _killed(house, draw.random() * 0.45):
            kills += 1
        cut_off += _submitting(house)
        _check_final_names(house)
    last = await house.run("jobs.yaml", "--in-flight", "30")
    assert kills >= 3, "killed too late to say anything"
    assert last.code == (1 if cut_off else 0), last.err
    statuses = house.statuses()
    assert statuses.get("unknown", 0) <= cut_off
    assert statuses["succeeded"] + statuses.get("unknown", 0) == JOBS
    house.check_clips(statuses["succeeded"])
    assert max(house.submitted_prompts().values()) == 1
    assert not list(house.output.rglob("*.part"))


async def _killed(house: House, after: float) -> bool:
    """Kill a run so long after its first word to the service; false when it ended before."""
    before = len(house.sim.records)
    running = await house.start("jobs.yaml", "--in-flight", "6", "--progress", "none")
    process = running.process
    await until(lambda: len(house.sim.records) > before or process.returncode is not None, "a first word")
    await asyncio.sleep(after)  # a moment of the draw, not a hope
    if process.returncode is None:
        process.kill()
    return (await running.ended()).code == -9


def _submitting(house: House) -> int:
    """How many POSTs the kill cut off, read from a copy so that the next run finds what the kill left."""
    copies = house.temporary / "copy"
    copies.mkdir(exist_ok=True)
    for path in house.output.glob("ledger.sqlite3*"):
        shutil.copy(path, copies)
    with closing(sqlite3.connect(copies / "ledger.sqlite3")) as ledger:
        (number,) = ledger.execute("SELECT count(*) FROM submissions WHERE state = 'submitting'").fetchone()
    shutil.rmtree(copies)
    return int(number)


def _check_final_names(house: House) -> None:
    """Every file under a final name is whole, and the clip of a task of its own job."""
    for path in Path(house.output / "videos").glob("*.mp4"):
        prompt = f"fox {path.stem.removeprefix('job')}"
        (task,) = [task for task in house.sim.tasks if task.prompt == prompt]
        assert path.read_bytes() == house.sim.clip_bytes(task)
