"""Clients as processes of their own, with what each has cost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

KEY = "sk-nobodys-key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What a process has used; times in seconds, memory in MiB at its highest."""

    wall: float
    cpu: float
    memory: float


def used_by(command: list[str], folder: Path, *, good: Collection[int] = (0,)) -> Used:
    """Run a process to its end.  Raises RuntimeError when its exit code is not a good one."""
    environment = {**os.environ, "DMXAPI_API_KEY": KEY, "PYTHONPATH": str(Path(__file__).parents[1])}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # what is installed has been compiled
    began = time.perf_counter()
    with (folder / "said.txt").open("wb") as said:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in good:
        said_last = (folder / "said.txt").read_text("utf-8", "replace")[-2000:]
        raise RuntimeError(f"{command} ended with {process.returncode}: {said_last}")
    memory = usage.ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)
    return Used(wall=time.perf_counter() - began, cpu=usage.ru_utime + usage.ru_stime, memory=memory)


def write_jobs(folder: Path, jobs: int, *, in_flight: int, **head: object) -> Path:
    """A job file of so many prompts, with no limit but that on tasks at once."""
    settings = {
        "limits": {"in_flight": in_flight, "submits_per_minute": None, "min_free_bytes": 0},
        "polling": {"max_per_second": None},
        **head,
    }
    path = folder / "jobs.yaml"
    with path.open("w", encoding="utf-8") as file:
        for name, value in settings.items():
            file.write(f"{name}: {json.dumps(value)}\n")
        file.write("jobs:\n")
        for number in range(jobs):
            file.write(f"  - id: fox-{number}\n    prompt: A fox walks through the snow, take {number}\n")
    return path


def batchgen(*arguments: str) -> list[str]:
    """The command that starts it."""
    return [sys.executable, "-m", "batchgen", *arguments]
