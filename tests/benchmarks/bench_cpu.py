"""A job's whole cost in client CPU, all calls included, against a thread for each job with ``requests``.

Both are processes, and the service is a third one.  Times are a twentieth of the field's: tasks of 6 s, and half a
second between two polls, as scripts ask every 10 s about tasks of two minutes.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.clients import Used, batchgen, used_by, write_jobs
from benchmarks.frame import Finding
from benchmarks.service import serving

MEDIAN = 6.0  # seconds that a task takes
INTERVAL = 0.5  # seconds between two polls of the script


def measure(repeats: int, *, quick: bool) -> Iterator[Finding]:
    """Take both in turn."""
    jobs = 50 if quick else 1000
    ours: list[Used] = []
    theirs: list[Used] = []
    # Nothing is removed before the end: a file system may be slow to make files where many have just gone.
    with tempfile.TemporaryDirectory() as name, serving(median=MEDIAN) as base_url:
        for number in range(repeats):
            theirs.append(_script(base_url, jobs, Path(name) / f"script-{number}"))
            ours.append(_batchgen(base_url, jobs, Path(name) / f"batchgen-{number}"))
    ratios = [mine.cpu / other.cpu for mine, other in zip(ours, theirs, strict=True)]
    yield Finding(what="client CPU a job", measured=ratios, against="a thread for each job", limit=1 / 3)
    for name, used in (("batchgen", ours), ("a thread for each job", theirs)):
        yield Finding(what=f"client CPU, {name}", measured=[1000 * one.cpu / jobs for one in used], unit="ms")
        yield Finding(what=f"peak memory, {name}", measured=[one.memory for one in used], unit="MiB")


def _script(base_url: str, jobs: int, folder: Path) -> Used:
    folder.mkdir()
    command = [sys.executable, "-m", "benchmarks.thread_per_job"]
    used = used_by([*command, base_url, str(folder), str(jobs), str(INTERVAL)], folder)
    _check(folder, jobs)
    return used


def _batchgen(base_url: str, jobs: int, folder: Path) -> Used:
    folder.mkdir()
    write_jobs(folder, jobs, in_flight=jobs)
    used = used_by(batchgen("jobs.yaml", "--base-url", base_url, "--progress", "plain"), folder)
    _check(folder / "output" / "videos", jobs)
    return used


def _check(folder: Path, jobs: int) -> None:
    assert len(list(folder.rglob("*.mp4"))) == jobs
