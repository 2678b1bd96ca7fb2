"""The standard streams and the log file of our own process: whatever becomes of them, its exit code is the run's.

They may be closed, full, or pipes that nobody reads any more.  Python itself ends in 120 when it can't hand on at
the exit what is left of them, and a stream that is closed at the start is ``None``.
"""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class Sink(io.FileIO):
    """A file to write to, by its path or its descriptor, that never raises for it: what it does not take is lost.

    Each write is tried anew, as a full disk may have room again.  A descriptor is left open.
    """

    def __init__(self, file: Path | int) -> None:
        if isinstance(file, Path):
            super().__init__(file, "a")
        else:  # where it stands, and not at the end: others may write there too
            super().__init__(file, "w", closefd=False)
        self.trouble: OSError | None = None  # by which something was lost first

    def write(self, data: ReadableBuffer, /) -> int:
        """Write all of it, or what can be."""
        rest = memoryview(data).cast("B")
        length = len(rest)
        try:
            while rest:
                rest = rest[self._write_some(rest) :]
        except OSError as error:
            self.trouble = self.trouble or error
        return length

    def _write_some(self, data: memoryview) -> int:
        """Whoever gave us the descriptor may have made it one that does not wait; we do."""
        try:
            return os.write(self.fileno(), data)
        except BlockingIOError:
            select.select((), (self,), ())
            return 0

    def close(self) -> None:
        """Close it; some file systems tell only now that they have not taken everything."""
        try:
            super().close()
        except OSError as error:
            self.trouble = self.trouble or error


def secure() -> None:
    """Let standard output and standard error take everything.  Call it before any file is opened."""
    # No file, such as the ledger, may get the number of a standard stream that is closed: what libraries write to
    # that number would end up in it.
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    # ``sys.stdin`` stays ``None`` when it was closed: who wants to read it tells that there is none.
    sys.stdout = _stream(sys.stdout, 1)
    sys.stderr = _stream(sys.stderr, 2)


def _stream(before: object, number: int) -> io.TextIOWrapper:
    """With no buffer of bytes: at the exit a thread that waits for a reader could hold its lock, and Python abort."""
    if not isinstance(before, io.TextIOWrapper):
        return io.TextIOWrapper(Sink(number), encoding="utf-8", errors="backslashreplace")
    return io.TextIOWrapper(
        Sink(number),
        encoding=before.encoding,
        errors=before.errors,
        line_buffering=before.line_buffering,
        write_through=before.write_through,
    )


def lost() -> str | None:
    """Why standard output did not take everything; ``None`` where it did, or nobody wanted it."""
    sys.stdout.flush()
    trouble = sys.stdout.buffer.trouble if isinstance(sys.stdout.buffer, Sink) else None
    return trouble.strerror if trouble is not None and trouble.errno in _NO_ROOM else None


_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EIO}
