"""How a run grows from 100 jobs to 20,000, and to 100,000 when BATCHGEN_BENCH_LARGE is set: all beside 1,000 jobs.

The simulated service answers at once and its tasks take next to no time, so what is seen is our own cost, and the
service's, which shares the machine.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.clients import Used, batchgen, used_by, write_jobs
from benchmarks.frame import Finding
from benchmarks.service import serving

_BESIDE = 1_000
_IN_FLIGHT = 200


def measure(repeats: int, *, quick: bool) -> Iterator[Finding]:
    """Each size in turn, from the smallest."""
    sizes = [100, _BESIDE] if quick else [100, _BESIDE, 20_000]
    sizes += [100_000] * bool(os.environ.get("BATCHGEN_BENCH_LARGE"))
    used: dict[int, list[Used]] = {size: [] for size in sizes}
    with serving(median=0.05) as base_url:
        for _ in range(repeats):
            for size in sizes:
                used[size].append(_run(base_url, size))
    for size in sizes:
        yield from _told(size, used[size], used[_BESIDE])


def _run(base_url: str, jobs: int) -> Used:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_jobs(folder, jobs, in_flight=_IN_FLIGHT)
        used = used_by(batchgen("jobs.yaml", "--base-url", base_url, "--progress", "none"), folder)
        assert sum(1 for _ in (folder / "output" / "videos").rglob("*.mp4")) == jobs
        return used


def _told(size: int, used: list[Used], beside: list[Used]) -> Iterator[Finding]:
    what = f"{size:,} jobs"
    yield Finding(what=f"{what}: a job", measured=[1000 * one.wall / size for one in used], unit="ms")
    yield Finding(
        what=f"{what}: a job, processors", measured=[1000 * one.cpu / size for one in used], unit="ms"
    )
    yield Finding(what=f"{what}: peak memory", measured=[one.memory for one in used], unit="MiB")
    if size == _BESIDE:
        return
    against = f"{_BESIDE:,} jobs"
    pairs = list(zip(used, beside, strict=True))
    costs = [(one.cpu / size) / (other.cpu / _BESIDE) for one, other in pairs]
    limit = 1.2 if size > _BESIDE else None
    yield Finding(what=f"{what}: processors a job", measured=costs, against=against, limit=limit)
    yield Finding(
        what=f"{what}: peak memory", measured=[a.memory / b.memory for a, b in pairs], against=against
    )
