"""What outlives the service: an append-only file with a line for each task that was made."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path

from batchgen.simulator import plain
from batchgen.simulator.tasks import Task

NAME = "tasks.jsonl"


class Journal:
    """Appends tasks; a line is with the operating system when ``keep`` returns, so a kill loses nothing.

    Not synced to the disk: simulated tasks need not survive a power loss.
    """

    def __init__(self, path: Path, size: int) -> None:
        self._file = path.open("ab", buffering=0)
        self._size = size

    def keep(self, task: Task) -> None:
        """Append a task whole, or not at all.  Raises OSError."""
        line = json.dumps(plain.dump(task), separators=(",", ":")).encode() + b"\n"
        try:
            written = self._file.write(line)
        except OSError:
            os.ftruncate(self._file.fileno(), self._size)
            raise
        if written != len(line):
            os.ftruncate(self._file.fileno(), self._size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._size += len(line)

    def close(self) -> None:
        """No more tasks."""
        self._file.close()


def open_journal(folder: Path) -> tuple[Journal, list[Task]]:
    """The journal of a state folder, made if need be, and the tasks in it.

    A last line without its end was never answered to anyone and is dropped.  Raises OSError, and
    ``plain.Unreadable`` for a line that no simulated service wrote.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    path.touch()
    data = path.read_bytes()
    whole = data.rfind(b"\n") + 1
    tasks = list(_tasks(path, data[:whole]))
    if whole < len(data):
        os.truncate(path, whole)
    return Journal(path, whole), tasks


def _tasks(path: Path, data: bytes) -> Iterator[Task]:
    for number, line in enumerate(data.splitlines(), start=1):
        try:
            yield plain.build(Task, json.loads(line))
        except ValueError as error:
            raise plain.Unreadable(f"{path}:{number}: not a line of a simulated service: {error}") from error
