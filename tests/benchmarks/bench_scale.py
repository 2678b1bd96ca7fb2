"""Very many jobs: the loop with 10,000 tasks at the service, waiting jobs in memory, the start over finished ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.clients import KEY, batchgen, used_by, write_jobs
from benchmarks.finished import finish
from benchmarks.frame import Finding
from benchmarks.service import serving

_NOWHERE = "http://127.0.0.1:9"  # nobody is asked there, as there is nothing to do


def measure(repeats: int, *, quick: bool) -> Iterator[Finding]:
    """Take the three in turn."""
    yield from _crowd(1_000 if quick else 10_000, repeats, seconds=2.0 if quick else 10.0)
    yield from _memory(1_000, 5_000 if quick else 100_000, repeats)
    yield from _start(2_000 if quick else 100_000, repeats)


def _crowd(in_flight: int, repeats: int, seconds: float) -> Iterator[Finding]:
    waiting = 5 * in_flight
    command = [sys.executable, "-m", "benchmarks.crowd", str(in_flight), str(waiting), str(seconds)]
    told = [
        json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout) for _ in range(repeats)
    ]
    what = f"{in_flight:,} tasks in flight, {waiting:,} waiting: the loop is late by"
    for name, words in (("p50", "half the time"), ("p99", "99 % of the time"), ("most", "at the most")):
        limit = 20.0 if name == "p99" else None
        yield Finding(what=f"{what}, {words}", measured=[one[name] for one in told], unit="ms", limit=limit)
    yield Finding(
        what="an idle loop beside it, 99 % of the time", measured=[one["quiet"] for one in told], unit="ms"
    )


def _memory(few: int, many: int, repeats: int) -> Iterator[Finding]:
    """Peak memory of a run that orders one clip and leaves the others waiting."""
    growth = []
    with serving(median=0.2) as base_url:
        for _ in range(repeats):
            small, large = (_one_of(number, base_url) for number in (few, many))
            growth.append((large - small) * 100_000 / (many - few))
    yield Finding(what="memory for each 100,000 waiting jobs", measured=growth, unit="MiB", limit=50.0)


def _one_of(jobs: int, base_url: str) -> float:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_jobs(folder, jobs, in_flight=50)
        arguments = ("jobs.yaml", "--base-url", base_url, "--max-clips", "1", "--progress", "none")
        return used_by(batchgen(*arguments), folder, good=(0, 4)).memory


def _start(jobs: int, repeats: int) -> Iterator[Finding]:
    """From the start of the process to that of the run, its clips looked at."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        finish(write_jobs(folder, jobs, in_flight=50), _NOWHERE)
        first = _until_started(folder)
        again = [_until_started(folder) for _ in range(repeats)]
    what = f"start over {jobs:,} finished jobs"
    yield Finding(what=what, measured=again, unit="s", limit=2.0)
    yield Finding(what=f"{what}, job file just edited", measured=[first], unit="s")


def _until_started(folder: Path) -> float:
    command = batchgen("jobs.yaml", "--base-url", _NOWHERE, "--progress", "json")
    environment = {**os.environ, "DMXAPI_API_KEY": KEY}
    began = time.perf_counter()
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        seconds = time.perf_counter() - began
        process.stdout.read()
    assert json.loads(line)["event"] == "run_started", line
    return seconds
