"""Reading: a large YAML file against the bare events of its parser, rows of JSON a second, and flat memory.

Times are processor time, so that what else runs on the machine counts for little; the YAML's two passes alternate.
Memory is the peak of a process of its own that does what `check` does.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import yaml

from batchgen.jobfile import open_job_file
from batchgen.jobfile.source import open_source
from batchgen.jobfile.walk import LOADER, walk
from benchmarks.frame import Finding

FEW = 1_000
PROMPTS = (
    "一只狐狸在雪地里奔跑 [跟随]，停下来回头看 [推进]",
    "A man picks up a book [Pedestal up], then reads [Static shot].",
    "海浪拍打礁石，浪花飞溅",
)

_CHECK = """
import json, resource, sys, time
from datetime import UTC, datetime
from pathlib import Path
from batchgen.app import Options, inspecting
began = time.monotonic()
plan = inspecting.check(Path(sys.argv[1]), Options(), datetime.now(UTC))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"seconds": time.monotonic() - began, "peak": peak, "plan": plan.text}))
"""


def yaml_jobs(path: Path, number: int) -> None:
    """A job file of so many written-out jobs."""
    with path.open("w", encoding="utf-8") as file:
        file.write("defaults: {model: MiniMax-Hailuo-2.3, duration: 6, resolution: 768P}\njobs:\n")
        for n in range(number):
            prompt = f"{PROMPTS[n % 3]} {n}"
            file.write(
                f'  - id: clip-{n}\n    prompt: "{prompt}"\n    metadata: {{scene: library, take: {n % 7}}}\n'
            )


def json_rows(path: Path, number: int) -> None:
    """A table of so many rows, half of them without an id."""
    with path.open("w", encoding="utf-8") as file:
        for n in range(number):
            row = {"prompt": f"{PROMPTS[n % 3]} {n}", "scene": "library", "take": n % 7}
            file.write(json.dumps({"id": f"clip-{n}", **row} if n % 2 else row, ensure_ascii=False) + "\n")


def seconds(work: Callable[[Path], None], path: Path) -> float:
    """The processor time that this takes."""
    began = time.process_time()
    work(path)
    return time.process_time() - began


def bare_events(path: Path) -> None:
    """What the parser alone needs."""
    with path.open("rb") as file:
        events = LOADER(file)
        while not isinstance(events.get_event(), yaml.StreamEndEvent):
            pass


def composed(path: Path) -> None:
    """Every job as it is written, with the place of each value, and nothing checked."""
    with open_source(path) as file:
        for _ in walk(file):
            pass


def read(path: Path) -> None:
    """Every job, checked."""
    for _ in open_job_file(path).entries():
        pass


def checked(path: Path, jobs: int) -> tuple[float, float]:
    """Seconds and peak bytes of a process that checks this file.  Raises AssertionError if it misses jobs."""
    command = [sys.executable, "-c", _CHECK, str(path)]
    ended = subprocess.run(command, check=True, capture_output=True, text=True, env=dict(os.environ))
    told = json.loads(ended.stdout)
    assert f"{jobs} jobs" in told["plan"], told["plan"]
    return told["seconds"], told["peak"]


def measure(repeats: int, *, quick: bool) -> Iterator[Finding]:
    """Reading is near the parser's own speed, and memory does not grow with the file."""
    many_jobs, many_rows = (10_000, 100_000) if quick else (100_000, 1_000_000)
    with tempfile.TemporaryDirectory(prefix="batchgen-bench-") as folder:
        home = Path(folder)
        yaml_jobs(home / "many.yaml", many_jobs)
        yaml_jobs(home / "few.yaml", FEW)
        json_rows(home / "many.jsonl", many_rows)
        json_rows(home / "few.jsonl", FEW)
        yield from _yaml(home / "many.yaml", many_jobs, repeats)
        yield from _whole(home, many_jobs, many_rows, min(repeats, 3))


def _yaml(path: Path, jobs: int, repeats: int) -> Iterator[Finding]:
    taken = [
        (seconds(bare_events, path), seconds(composed, path), seconds(read, path)) for _ in range(repeats)
    ]
    against = "the bare events of the parser in C"
    yield Finding(
        what=f"{jobs:,} jobs of YAML read, before they are checked",
        measured=[whole / bare for bare, whole, _ in taken],
        against=against,
        limit=3.0,
    )
    yield Finding(
        what=f"{jobs:,} jobs of YAML read and checked",
        measured=[all_ / bare for bare, _, all_ in taken],
        against=against,
    )
    yield Finding(
        what="checking a job", measured=[(all_ - whole) / jobs * 1e6 for _, whole, all_ in taken], unit="µs"
    )


def _whole(home: Path, jobs: int, rows: int, repeats: int) -> Iterator[Finding]:
    for name, number in (("jsonl", rows), ("yaml", jobs)):
        few = [checked(home / f"few.{name}", FEW) for _ in range(repeats)]
        many = [checked(home / f"many.{name}", number) for _ in range(repeats)]
        yield Finding(
            what=f"check of {number:,} jobs in {name.upper()}",
            measured=[taken for taken, _ in many],
            unit="s",
            limit=60.0,
        )
        yield Finding(
            what=f"jobs of {name.upper()} a second through check",
            measured=[number / taken for taken, _ in many],
            unit="/s",
        )
        yield Finding(
            what=f"peak memory of {number:,} jobs in {name.upper()} above that of {FEW:,}",
            measured=[(peak - least) / 1024**2 for (_, peak), (_, least) in zip(many, few, strict=True)],
            unit="MiB",
            limit=30.0,
        )
