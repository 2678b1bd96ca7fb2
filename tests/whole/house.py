"""A folder with a job file, a simulated service, and batchgen as a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from batchgen.simulator import Behaviour, Simulator, Task, Times

#: Nobody's key; it must never be found anywhere.
KEY = "sk-nobodys-key-7f3a9c"
QUICK = Behaviour(times=Times(median=0.2, sigma=0.3, long_factor=1.2, large_factor=1.2))
#: Nothing waits longer than this, in seconds.
PATIENCE = 30.0
#: A run must have ended so long after a signal, by the contract; a busy machine gets a little more.
SIGNAL_BOUND = 15.0
_NOT_OURS = {"DMXAPI_API_KEY", "CREDENTIALS_DIRECTORY", "NO_COLOR", "FORCE_COLOR"}
HEAD: dict[str, object] = {
    "limits": {"submits_per_minute": None, "min_free_bytes": 0},
    "polling": {"interval": 0.1, "max_per_second": None},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a process ended and what it said."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def events(self) -> list[dict[str, Any]]:
        """The lines of ``--progress json``."""
        return [json.loads(line) for line in self.out.splitlines()]


class Running:
    """A batchgen that runs."""

    def __init__(self, process: asyncio.subprocess.Process, said: list[str]) -> None:
        self.process = process
        self._said = said
        self._began = time.monotonic()

    def send(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended already."""
        if self.process.returncode is None:
            self.process.send_signal(number)

    async def line(self) -> bytes:
        """The next line of its standard output; empty at the end."""
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            return await self.process.stdout.readline()

    async def ended(self, patience: float = PATIENCE) -> Ended:
        """Wait for its end; a process that does not end is killed, and the test fails."""
        try:
            async with asyncio.timeout(patience):
                out, err = await self.process.communicate()
        except TimeoutError:
            self.process.kill()
            out, err = await self.process.communicate()
            raise AssertionError(f"no end within {patience} s:\n{out.decode()}\n{err.decode()}") from None
        text, problems = out.decode(), err.decode()
        self._said += [text, problems]
        assert self.process.returncode is not None
        seconds = time.monotonic() - self._began
        return Ended(code=self.process.returncode, out=text, err=problems, seconds=seconds)


@dataclass(slots=True)
class Clock:
    """The service's clock: it goes with the wall's, and can be put forward so that long tasks end."""

    ahead: timedelta = timedelta()

    def read(self) -> datetime:
        """The moment."""
        return datetime.now(UTC) + self.ahead


async def until(true: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
    """Look again and again until a condition holds."""
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline, f"{what}: not within {patience} s"
        await asyncio.sleep(0.01)


@dataclass(slots=True)
class House:
    """Everything of one test."""

    folder: Path
    sim: Simulator
    clock: Clock
    said: list[str] = field(default_factory=list)
    secrets: tuple[str, ...] = (KEY, "Signature=")

    @property
    def output(self) -> Path:
        """Where the clips go."""
        return self.folder / "output"

    # --- the job file -----------------------------------------------------------------------------------

    def write(self, jobs: Sequence[dict[str, object]], name: str = "jobs.yaml", **head: object) -> Path:
        """Write a job file; what stands above the jobs is quick unless it is given."""
        path = self.folder / name
        text = yaml.safe_dump({**HEAD, **head, "jobs": list(jobs)}, allow_unicode=True, sort_keys=False)
        path.write_text(text, "utf-8")
        return path

    # --- processes --------------------------------------------------------------------------------------

    async def start(
        self,
        *arguments: str,
        key: str | None = KEY,
        service: bool = True,
        python: Sequence[str] = (),
        env: dict[str, str] | None = None,
        before: Callable[[], None] | None = None,
    ) -> Running:
        """Start batchgen in the folder."""
        words = [*arguments, *(["--base-url", self.sim.base_url] if service else [])]
        given = {name: value for name, value in os.environ.items() if name not in _NOT_OURS}
        given |= {"TMPDIR": str(self.temporary), **(env or {})}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *python,
            "-m",
            "batchgen",
            *words,
            cwd=self.folder,
            env=given if key is None else {**given, "DMXAPI_API_KEY": key},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            preexec_fn=before,
        )
        return Running(process, self.said)

    async def run(self, *arguments: str, **options: Any) -> Ended:  # noqa: ANN401  those of start
        """Start batchgen and wait for its end."""
        return await (await self.start(*arguments, **options)).ended()

    @property
    def temporary(self) -> Path:
        """Where its temporary files go."""
        path = self.folder / "tmp"
        path.mkdir(exist_ok=True)
        return path

    def later(self, seconds: float) -> None:
        """Let time pass at the service."""
        self.clock.ahead += timedelta(seconds=seconds)

    # --- what came of it --------------------------------------------------------------------------------

    def rows(self, output: Path | None = None) -> list[dict[str, Any]]:
        """The manifest."""
        text = ((output or self.output) / "manifest.jsonl").read_text("utf-8")
        return [json.loads(line) for line in text.splitlines()]

    def row(self, id_: str) -> dict[str, Any]:
        """One job's row."""
        (row,) = [row for row in self.rows() if row["id"] == id_]
        return row

    def statuses(self) -> dict[str, int]:
        """How many jobs have each status."""
        return dict(Counter(row["status"] for row in self.rows()))

    def task(self, task_id: str) -> Task:
        """A task of the service."""
        (task,) = [task for task in self.sim.tasks if str(task.task_id) == task_id]
        return task

    def calls(self) -> dict[str, int]:
        """How often the service was asked what."""
        return dict(Counter(record.call for record in self.sim.records))

    def submitted_prompts(self) -> Counter[str]:
        """How many tasks there are of each prompt."""
        return Counter(task.prompt for task in self.sim.tasks)

    def clips(self) -> dict[str, bytes]:
        """Every file that stands under a final name."""
        return {path.name: path.read_bytes() for path in self.output.rglob("*.mp4")}

    def check_clips(self, number: int) -> None:
        """So many clips are delivered, each of them is the file of its own job's task."""
        delivered = [row for row in self.rows() if row["status"] == "succeeded"]
        assert len(delivered) == number
        for row in delivered:
            task = self.task(row["task_id"])
            assert task.prompt == row["prompt"]
            assert (self.output / row["file"]).read_bytes() == self.sim.clip_bytes(task)

    def check_no_secret(self) -> None:
        """Neither the key nor a link's signature was printed or left in any file, also not in its name."""
        for secret in self.secrets:
            assert not any(secret in text for text in self.said), secret
            for path in self.folder.rglob("*"):
                assert secret not in path.name
                if path.is_file():
                    assert secret.encode() not in path.read_bytes(), path


def tree(folder: Path) -> dict[str, tuple[int, int, int, bytes]]:
    """Everything in a folder to the byte, with its times."""
    found = {}
    for path in sorted(folder.rglob("*")):
        state = path.lstat()
        content = path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(folder))] = (state.st_ino, state.st_mode, state.st_mtime_ns, content)
    return found
