"""How long tasks took, kept from one run to the next: a few hundred rows a kind of task, whatever the history."""

from __future__ import annotations

import sqlite3
from collections import defaultdict

from batchgen.model import TaskKind, TaskTimes


def read(db: sqlite3.Connection, origin: str) -> dict[TaskKind, dict[float, float]]:
    """Counts of tasks by the seconds that they took at this service."""
    rows = db.execute(
        "SELECT model, resolution, duration, seconds, tasks FROM task_times WHERE origin = ?", (origin,)
    )
    found: defaultdict[TaskKind, dict[float, float]] = defaultdict(dict)
    for model, resolution, duration, seconds, tasks in rows:
        found[model, resolution, duration][seconds] = tasks
    return dict(found)


def write(db: sqlite3.Connection, origin: str, news: TaskTimes) -> None:
    """Take these counts in the place of what was known of their kinds."""
    for kind, counts in news.items():
        db.execute(
            "DELETE FROM task_times WHERE (origin, model, resolution, duration) = (?, ?, ?, ?)",
            (origin, *kind),
        )
        db.executemany(
            "INSERT INTO task_times VALUES (?, ?, ?, ?, ?, ?)",
            [(origin, *kind, seconds, tasks) for seconds, tasks in counts.items()],
        )
