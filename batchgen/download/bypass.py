"""Writing past the page cache, where the system and the file system can.

A clip that has just come is read by nobody soon.  In the cache it pushes out what others read, and on the way there
each byte is copied once more, into memory that a virtual machine may have to ask its host for: that can cost more
than all the rest of a download.  Linux calls it O_DIRECT, and wants offset, length and memory in whole blocks; the
rest of a file, and every file elsewhere, goes the ordinary way.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sys
from collections.abc import Sequence

#: What offsets, lengths and addresses must be multiples of: no common disk has larger blocks.
_BLOCK_BYTES = 4096
#: Fewer bytes are cheaper to copy than to wait for.
_LEAST_BYTES = 256 * 1024


class CacheBypass:
    """The way to the disk for one file that is written from its beginning on.  All methods block."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._able = sys.platform == "linux"
        self._open = False

    def writev(self, pieces: Sequence[memoryview], at: int) -> int:
        """Write as much as the system takes at once at the file's position, which is ``at``; how many bytes."""
        blocks = len(pieces[0]) // _BLOCK_BYTES * _BLOCK_BYTES if pieces else 0
        if self._able and blocks >= _LEAST_BYTES and at % _BLOCK_BYTES == 0:
            written = self._past_the_cache(pieces[0][:blocks])
            if written is not None:
                return written
        self.close()
        return os.writev(self._descriptor, pieces)

    def close(self) -> None:
        """From now on the ordinary way, for writing and for reading."""
        if self._open:
            self._open = False
            self._set(direct=False)

    def _past_the_cache(self, blocks: memoryview) -> int | None:
        """How many bytes were written; ``None`` when it can't be done here."""
        try:
            if not self._open:
                self._set(direct=True)
                self._open = True
            return os.write(self._descriptor, blocks)
        except OSError as error:
            if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
                raise
            self._able = False
            return None

    def _set(self, *, direct: bool) -> None:
        if sys.platform == "linux":  # pragma: no branch
            fcntl.fcntl(self._descriptor, fcntl.F_SETFL, os.O_DIRECT if direct else 0)
