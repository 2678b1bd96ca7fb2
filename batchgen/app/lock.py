"""One run at a time in an output folder; the lock is free again at once when its holder dies."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from batchgen.errors import ConfigError, FolderBusy

_LOCK = ".batchgen.lock"
_HOLDER = ".batchgen.run.json"
_AGAIN = 0.2  # seconds between two tries


@asynccontextmanager
async def hold(
    output: Path, *, wait: float, now: Callable[[], datetime], give_up: Callable[[], bool] = lambda: False
) -> AsyncIterator[None]:
    """Hold the folder.  Raises FolderBusy when another run still has it after ``wait`` seconds."""
    try:
        await asyncio.to_thread(output.mkdir, parents=True, exist_ok=True)
        lock = FileLock(output / _LOCK, thread_local=False)
        await _acquire(lock, output, wait, now, give_up)
    except OSError as error:
        raise ConfigError(f"{output}: the output folder can't be used: {error.strerror or error}") from error
    try:
        _write_holder(output, now())
        yield
    finally:
        with suppress(OSError):
            (output / _HOLDER).unlink()
        lock.release()


async def _acquire(
    lock: FileLock, output: Path, wait: float, now: Callable[[], datetime], give_up: Callable[[], bool]
) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + wait
    while True:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            if loop.time() >= until or give_up():
                raise busy(output, now()) from None
            await asyncio.sleep(_AGAIN)
        else:
            return


def _write_holder(output: Path, at: datetime) -> None:
    part = output / f"{_HOLDER}.part"
    part.write_text(json.dumps({"pid": os.getpid(), "since": at.isoformat()}), "utf-8")
    part.replace(output / _HOLDER)


def busy(output: Path, now: datetime) -> FolderBusy:
    """The error that names the holder, as far as it can be told."""
    try:
        holder = json.loads((output / _HOLDER).read_text("utf-8"))
        pid, since = int(holder["pid"]), datetime.fromisoformat(holder["since"])
    except (OSError, ValueError, KeyError, TypeError):
        return FolderBusy(output, pid=None, since=None, age=None)
    return FolderBusy(output, pid=pid, since=since, age=max(0.0, (now - since).total_seconds()))


def holder(output: Path, now: datetime) -> FolderBusy | None:
    """Who holds the folder at this moment, without taking it; ``None`` when nobody does."""
    path = output / _LOCK
    if not path.exists():
        return None
    lock = FileLock(path, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return busy(output, now)
    except OSError:
        return None
    lock.release()
    return None
