"""What is there after a kill, read without batchgen: the ledger by ``sqlite3`` from a copy, the service's tasks."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
import threading
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from batchgen.simulator import Simulator, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A submission as the ledger has it."""

    key: int
    job: str
    prompt: str  # that was sent
    state: str
    task_id: str | None
    file: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The ledger at one moment."""

    verdict: str = "ok"  # of SQLite's own check
    sent: tuple[Sent, ...] = ()
    statuses: dict[str, str] = field(default_factory=dict)  # of each job by id

    def keys(self, state: str) -> set[int]:
        """The submissions in a state."""
        return {one.key for one in self.sent if one.state == state}

    def jobs(self, *statuses: str) -> set[str]:
        """The jobs of these statuses."""
        return {job for job, status in self.statuses.items() if status in statuses}


def read_ledger(output: Path) -> Ledger:
    """A copy of the ledger, with its log, is opened and read; no ledger is an empty one."""
    path = output / "ledger.sqlite3"
    if not path.exists():
        return Ledger()
    with tempfile.TemporaryDirectory() as folder:
        for suffix in ("", "-wal"):
            if (beside := path.with_name(path.name + suffix)).exists():
                shutil.copy(beside, folder)
        with closing(sqlite3.connect(Path(folder) / path.name)) as db:
            (verdict,) = db.execute("PRAGMA integrity_check(1)").fetchone()
            if db.execute("PRAGMA foreign_key_check").fetchone():
                verdict = "a row without the one that it refers to"
            rows = db.execute(_SENT).fetchall()
            statuses = dict(db.execute("SELECT id, status FROM standing").fetchall())
    sent = [
        Sent(key=key, job=job, prompt=json.loads(body)["prompt"], state=state, task_id=task, file=file)
        for key, job, body, state, task, file in rows
    ]
    return Ledger(verdict=verdict, sent=tuple(sent), statuses=statuses)


_SENT = """SELECT s.key, j.id, s.request, s.state, s.task_id, s.file
FROM submissions AS s JOIN jobs AS j ON j.key = s.job ORDER BY s.key"""


class Tasks:
    """The service's own count of what it was paid for.  May be asked from several threads."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self._by_prompt: dict[str, list[Task]] = defaultdict(list)
        self._by_id: dict[str, Task] = {}
        self._lock = threading.Lock()

    def of(self, prompts: Sequence[str]) -> list[Task]:
        """The tasks that were made for these prompts."""
        self._look()
        return [task for prompt in prompts for task in self._by_prompt.get(prompt, ())]

    def get(self, task_id: str | None) -> Task | None:
        """The task of this id."""
        self._look()
        return self._by_id.get(task_id or "")

    def clip(self, task: Task) -> bytes:
        """The clip of a task, as it must be on disk."""
        return self.simulator.clip_bytes(task)

    def _look(self) -> None:
        with self._lock:
            for task in self.simulator.tasks[len(self._by_id) :]:
                self._by_prompt[task.prompt].append(task)
                self._by_id[str(task.task_id)] = task
