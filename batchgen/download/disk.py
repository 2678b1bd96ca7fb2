"""Careful handling of files in a folder that others can write to; errors of the disk become ours.

Everything here blocks: it is called in threads.
"""

from __future__ import annotations

import asyncio
import errno
import os
import stat
import sys
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import copy_context
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

from batchgen.errors import DiskFull, DownloadError

P = ParamSpec("P")
T = TypeVar("T")

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
#: Never follow a symbolic link in the last place, never wait for the other end of a pipe.
_CAREFUL = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


#: By how much threads for files stand behind the rest of the process, as ``nice`` has it.
_NICE = 5


def _behind_the_loop() -> None:
    """Let the loop come first where it and these threads want a processor: it has everybody's work to hand on."""
    if sys.platform == "linux":  # elsewhere it would be the whole process that stands back
        with suppress(OSError):
            os.nice(_NICE)


#: For what mostly computes, copying and hashing: more of them than processors would only get into the way of each
#: other and of the loop.
COPIERS = ThreadPoolExecutor(
    min(4, max(2, os.cpu_count() or 2)), thread_name_prefix="batchgen-copy", initializer=_behind_the_loop
)
#: For what mostly waits for the disk: the flush of one clip should hold up no other.
WAITERS = ThreadPoolExecutor(8, thread_name_prefix="batchgen-disk", initializer=_behind_the_loop)
#: For names, which are given in company, one batch after the other: they need not wait behind the flushes of clips.
NAMER = ThreadPoolExecutor(1, thread_name_prefix="batchgen-names", initializer=_behind_the_loop)


async def in_thread(call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a blocking call in a thread, ``to_its_end``."""
    work = partial(copy_context().run, call, *args, **kwargs)
    return await to_its_end(asyncio.get_running_loop().run_in_executor(WAITERS, work))


async def to_its_end(work: Awaitable[T]) -> T:
    """Await work on a file; a cancellation waits for its end, and is raised then.

    So nobody closes, replaces or continues a file while a thread that was given up still works on it.
    """
    running = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        while not running.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([running])
        with suppress(Exception):  # the cancellation is what counts now
            running.result()
        raise


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn errors of the operating system into DiskFull and DownloadError that name the file.

    So too a name that its encoding lacks: that is told before anything is paid for, and what slips through must
    harm no other clip.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        if error.errno in _NO_ROOM:
            raise DiskFull(f"{path}: {reason}") from error
        raise DownloadError(f"{path}: {reason}") from error
    except UnicodeError as error:
        raise DownloadError(f"{path}: no file can have this name here: {error}") from error


def kind_of(path: Path) -> str | None:
    """``None`` when nothing stands there, ``"file"`` for an ordinary file, else what it is in words."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISLNK(mode):
        return "a symbolic link"
    return "a folder" if stat.S_ISDIR(mode) else "no ordinary file"


def size_of(path: Path) -> int | None:
    """The bytes of an ordinary file; ``None`` when nothing stands there, -1 for what is none."""
    try:
        there = path.lstat()
    except FileNotFoundError:
        return None
    return there.st_size if stat.S_ISREG(there.st_mode) else -1


def open_existing(path: Path, flags: int) -> int:
    """A descriptor of an ordinary file that is there; raises OSError, also for anything else."""
    if kind_of(path) not in {None, "file"}:
        raise OSError(errno.EINVAL, f"{kind_of(path)} stands there", str(path))
    descriptor = os.open(path, flags | _CAREFUL)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "no ordinary file stands there", str(path))
    return descriptor


def open_new(path: Path) -> int:
    """A descriptor of a file made just now, with ordinary permissions; raises OSError if anything is there."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _CAREFUL, 0o666)


def make_folders(folder: Path) -> None:
    """Make a folder and those above it, durably."""
    if folder.is_dir():
        return
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for parent in missing:
        sync_folder(parent.parent)


def sync_folder(folder: Path) -> None:
    """Make names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: Path) -> bool:
    """Remove a file of ours if it is there; whether it was.  A folder in its place is left alone."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True
