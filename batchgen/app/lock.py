"""One run at a time in an output folder; the lock is free again at once when its holder dies."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from datetime import datetime
from pathlib import Path

import psutil

from batchgen.errors import BatchgenError, ConfigError, FolderBusy, FolderNotWritable, JobFileError
from batchgen.ledger.refusals import NOT_WRITABLE
from batchgen.reports.atomic import AtomicText

_LOCK = ".batchgen.lock"
_HOLDER = ".batchgen.run.json"
_AGAIN = 0.2  # seconds between two tries


@asynccontextmanager
async def hold(
    output: Path,
    ledger: Path,
    *,
    wait: float,
    now: Callable[[], datetime],
    give_up: Callable[[], bool] = lambda: False,
) -> AsyncIterator[None]:
    """Hold the folder, and the ledger where it lies elsewhere.

    Raises FolderBusy when another run still has either after ``wait`` seconds, FolderNotWritable when the disk
    takes nothing, ConfigError when the folder can't be used.
    """
    with ExitStack() as held:
        try:
            for name in _names(output, ledger):
                await asyncio.to_thread(name.parent.mkdir, parents=True, exist_ok=True)
                held.callback(await _acquire(name, output, wait, now, give_up))
            held.callback(_remove_holder, output)
            _write_holder(output, now())
        except OSError as error:
            raise _unusable(output, error) from error
        yield


@contextmanager
def busy_first(output: Path, ledger: Path, *, wait: float, now: Callable[[], datetime]) -> Iterator[None]:
    """Before the folder is held: FolderBusy goes before what is wrong with the job file or the key.

    Not for one who would ``wait``: by then the folder may be free, and what is wrong would be so still.
    """
    try:
        yield
    except (ConfigError, JobFileError) as error:
        if not wait and any(map(_is_held, _names(output, ledger))):
            raise busy(output, now()) from error
        raise


def _names(output: Path, ledger: Path) -> list[Path]:
    """The lock of the folder, and that of a ledger which lies elsewhere."""
    names = [output / _LOCK]
    if ledger.parent != output:
        names.append(ledger.with_name(ledger.name + ".lock"))
    return names


def _is_held(name: Path) -> bool:
    """Whether another run has this lock.  Makes nothing: a lock that is not there is nobody's."""
    with suppress(OSError):  # it can't be told then; what is wrong can
        if name.exists():
            let_go = _taken(name)
            if let_go is None:
                return True
            let_go()
    return False


def _taken(name: Path) -> Callable[[], None] | None:
    """Take a lock; what lets it go, or ``None`` when someone else has it."""
    from filelock import FileLock, Timeout  # noqa: PLC0415  commands that look take no lock

    lock = FileLock(name, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return None
    return lock.release


def _unusable(output: Path, error: OSError) -> BatchgenError:
    message = f"{error.filename or output}: the output folder can't be used: {error.strerror or error}"
    return FolderNotWritable(message) if error.errno in NOT_WRITABLE else ConfigError(message)


def _remove_holder(output: Path) -> None:
    with suppress(OSError):
        (output / _HOLDER).unlink()


async def _acquire(
    name: Path, output: Path, wait: float, now: Callable[[], datetime], give_up: Callable[[], bool]
) -> Callable[[], None]:
    """Take one lock, in two tries at least, as it may only be looked at; returns what lets it go."""
    loop = asyncio.get_running_loop()
    until = loop.time() + max(wait, _AGAIN)
    while (let_go := _taken(name)) is None:
        if loop.time() >= until or give_up():
            raise busy(output, now())
        await asyncio.sleep(_AGAIN)
    return let_go


def _write_holder(output: Path, at: datetime) -> None:
    with AtomicText(output / _HOLDER) as holder:
        holder.write(json.dumps({"pid": os.getpid(), "since": at.isoformat()}))


def busy(output: Path, now: datetime) -> FolderBusy:
    """The error that names the holder, as far as it can be told."""
    try:
        holder = json.loads((output / _HOLDER).read_text("utf-8"))
        pid, since = int(holder["pid"]), datetime.fromisoformat(holder["since"])
    except (OSError, ValueError, KeyError, TypeError):
        return FolderBusy(output, pid=None, since=None, age=None)
    return FolderBusy(output, pid=pid, since=since, age=max(0.0, (now - since).total_seconds()))


def holder(output: Path, now: datetime) -> FolderBusy | None:
    """Who holds the folder at this moment, by its own word and without taking it; ``None``: nobody.

    A run that was killed leaves its word behind: its process is gone, or another one has its number.
    """
    found = busy(output, now)
    if found.pid is None or found.since is None:
        return None
    try:
        began = psutil.Process(found.pid).create_time()
    except psutil.Error:
        return None
    return found if began <= found.since.timestamp() + 1 else None
