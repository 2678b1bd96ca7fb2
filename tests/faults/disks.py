"""Disks that become full: a small real one, where the system lets a test mount it, and a model of one."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol
from unittest import mock

import pytest

from batchgen.ledger.reserve import Reserve

_SIZE = 24 * 1024**2  # bytes
#: What a commit takes of the model, in bytes.
_COMMIT = 32 * 1024
#: Less than this is no room for the log to be folded back, in bytes.
_LAST = 8 * 1024**2


class Disk(Protocol):
    """Something with an output folder on it, which can be filled."""

    output: Path

    def fill(self, left: int = 0) -> None:
        """Let so many bytes be free."""

    def free(self) -> None:
        """Make room again."""


class RealDisk:
    """A file system of its own in memory."""

    def __init__(self, root: Path) -> None:
        self.root, self.output = root, root / "output"
        self._ballast = root / "ballast"

    def fill(self, left: int = 0) -> None:
        """Take all that is there, then give some back."""
        with self._ballast.open("ab", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))
        if left:
            os.truncate(self._ballast, max(0, self._ballast.stat().st_size - left))

    def free(self) -> None:
        """Nothing of ours is in the way any more."""
        self._ballast.unlink(missing_ok=True)

    def remount(self, how: str) -> None:
        """``ro`` or ``rw``."""
        _mount("-o", f"remount,{how}", str(self.root))


def _mount(*arguments: str) -> None:
    subprocess.run(["/bin/mount", *arguments], check=True, capture_output=True)


@contextmanager
def real_disk(root: Path) -> Iterator[RealDisk]:
    """Mount one, or skip the test."""
    root.mkdir()
    try:
        _mount("-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", str(root))
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"mounting a small file system is not allowed here: {error}")
    try:
        yield RealDisk(root)
    finally:
        subprocess.run(["/bin/umount", "-l", str(root)], check=False, capture_output=True)


class ModelDisk:
    """The ledger of this process meets a full disk, on which only what the reserve lets go is free."""

    def __init__(self, output: Path) -> None:
        self.output = output
        self.left: float = float("inf")

    def fill(self, left: int = 0) -> None:
        """So many bytes for commits."""
        self.left = left

    def free(self) -> None:
        """No bound again."""
        self.left = float("inf")

    def take(self, more: int = 0) -> None:
        """A commit wants room; folding the log back wants more."""
        if self.left < _COMMIT + more:
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        self.left -= _COMMIT


@contextmanager
def model_disk(output: Path) -> Iterator[ModelDisk]:
    """Every connection of this process is on that disk."""
    disk = ModelDisk(output)
    connect, draw = sqlite3.connect, Reserve.draw

    class Connection(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:  # noqa: ANN401  as the class has it
            if sql == "COMMIT" or (sql == "PRAGMA wal_checkpoint(FULL)" and disk.left <= _LAST):
                disk.take(0 if sql == "COMMIT" else _LAST)
            return super().execute(sql, *values)

    def connected(*arguments: Any, **options: Any) -> sqlite3.Connection:  # noqa: ANN401  likewise
        return connect(*arguments, **options, factory=Connection)

    def drawn(reserve: Reserve) -> bool:
        before = reserve.path.stat().st_size if reserve.path.exists() else 0
        gave = draw(reserve)
        if gave:
            disk.left += before - reserve.path.stat().st_size
        return gave

    with mock.patch.object(sqlite3, "connect", connected), mock.patch.object(Reserve, "draw", drawn):
        yield disk
