"""The gallery: what a hundred times as many jobs cost to write, in time for each and in memory."""

from __future__ import annotations

import resource
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter

from reports.records import NOON, attempt, record

from batchgen.model import Record
from batchgen.reports.gallery import Heading, gallery_line, write_gallery
from benchmarks.frame import Finding

PROMPT = "A man picks up a book [Pedestal up], then reads [Static shot], 镜头缓慢推进 "
#: Bytes in a unit of ``ru_maxrss``.
_UNIT = 1 if sys.platform == "darwin" else 1024


def measure(repeats: int, *, quick: bool) -> Iterator[Finding]:
    """Ratios of many jobs to a thousand, alternating; each page by a process of its own."""
    many = 10_000 if quick else 100_000
    few, all_ = [], []
    for _ in range(repeats):
        few.append(_built(1_000))
        all_.append(_built(many))
    pairs = list(zip(all_, few, strict=True))
    yield Finding(
        what=f"gallery of {many:,} jobs, time for each job",
        measured=[(one[0] / many) / (other[0] / 1_000) for one, other in pairs],
        against="one of 1,000",
        limit=1.5,
    )
    yield Finding(
        what=f"gallery of {many:,} jobs, peak memory beyond that of 1,000",
        measured=[(one[1] - other[1]) / 1e6 for one, other in pairs],
        unit="MB",
        limit=30,
    )
    yield Finding(
        what=f"gallery of {many:,} jobs, time for each job",
        measured=[one[0] / many * 1e3 for one in all_],
        unit="ms",
    )


def _built(number: int) -> tuple[float, float]:
    """Seconds and peak memory in bytes."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_build, number).result()


def _build(number: int) -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as folder:
        began = perf_counter()
        write_gallery(Path(folder), map(gallery_line, _jobs(number)), _heading)
        seconds = perf_counter() - began
    return seconds, float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT)


def _jobs(number: int) -> Iterator[Record]:
    """Delivered jobs, each with a prompt and metadata of its own."""
    for n in range(number):
        at = NOON + timedelta(seconds=n)
        made = attempt(file=f"videos/clip-{n}.mp4", submitted_at=at, price="2.00", currency="CNY")
        yield record(made, id=f"clip-{n}", prompt=f"{PROMPT} {n}", metadata={"scene": "library", "take": n})


def _heading() -> Heading:
    return Heading(job_file="jobs.yaml", sentence="so many ordered", simulated=False)
