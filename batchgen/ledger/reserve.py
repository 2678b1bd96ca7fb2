"""Room on the ledger's disk that is kept back while a run sends, so that a full disk loses no task id.

What was paid for must be written down after the payment, when the disk may have become full.  So a run makes a
file of some size before it sends anything, and shortens it, slice by slice, when a write finds no room.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from batchgen.errors import LedgerNotWritable

#: Bytes.  A commit of one submission takes some 30 KiB of the log, and 32 of them may be on their way at once.
SIZE = 4 * 1024**2
#: Bytes that are let go at a time: other writers on the same disk, downloads among them, take what is free.
SLICE = 256 * 1024
_PIECE = 1024**2  # bytes; random ones, as some file systems store a row of zeros in no room at all
_FLAGS = os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC


class Reserve:
    """The reserve of one ledger, in a file beside it.  All methods block."""

    def __init__(self, ledger: Path) -> None:
        self.path = ledger.with_name(ledger.name + "-reserve")
        self.drawn = False  # some of it was needed: nothing new may be paid for

    def keep(self) -> None:
        """Make the file, unless a run that was killed has left it whole.

        Raises LedgerNotWritable when there is no room for it: then nothing may be sent.
        """
        try:
            if not self.path.is_symlink() and self.path.exists() and self.path.stat().st_size >= SIZE:
                return
            self.path.unlink(missing_ok=True)
            self._fill()
        except OSError as error:
            with suppress(OSError):
                self.path.unlink(missing_ok=True)
            raise LedgerNotWritable(
                f"{self.path}: no room for the {SIZE // 1024**2} MiB that are kept for writing down what was paid "
                f"for: {error.strerror or error}"
            ) from error

    def _fill(self) -> None:
        with os.fdopen(os.open(self.path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600), "wb", buffering=0) as file:
            left = SIZE
            while left:
                left -= file.write(os.urandom(min(left, _PIECE)))
            os.fsync(file.fileno())

    def draw(self) -> bool:
        """Let a slice go, so that its room is free when this returns; false when nothing is left."""
        try:
            with os.fdopen(os.open(self.path, _FLAGS), "wb", buffering=0) as file:
                size = os.fstat(file.fileno()).st_size
                if size == 0:
                    return False
                os.ftruncate(file.fileno(), max(0, size - SLICE))
                os.fsync(file.fileno())  # some file systems hand freed room out only then
        except OSError:
            return False
        self.drawn = True
        return True

    def release(self) -> None:
        """Remove the file: the run is over."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)
