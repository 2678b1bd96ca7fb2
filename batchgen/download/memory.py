"""Memory that bodies are gathered in: in whole pages, as writing past the page cache wants it, and used again.

To get fresh memory from the system and give it back costs more than to copy into memory that is there.
"""

from __future__ import annotations

import ctypes
import mmap
import sys
from functools import cache
from types import TracebackType
from typing import Self

#: Bytes that are written and hashed in one go: fewer cost more hops between threads, more cost memory.
PIECE_BYTES = 2 * 1024**2


#: What ``mallopt`` of the GNU C library calls them, and bytes: all that comes from a socket at once is smaller.
_TRIM_THRESHOLD, _KEPT_BYTES = -1, 16 * 1024**2
_MMAP_THRESHOLD, _LARGE_BYTES = -3, 320 * 1024


@cache
def keep_freed_memory() -> bool:
    """Let the C library keep what was freed for the next piece from the network; whether it can be told so.

    By itself it gives each quarter of a megabyte back to the system and gets it anew, empty, page by page: a sixth
    of what the loop does in a download.  It holds for the whole process, so it is for a program to say, not for a
    library.  Kept are 16 MiB at the end of the heap, and what was freed before something that is still in use.
    """
    if sys.platform != "linux":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return False
    return bool(mallopt(_TRIM_THRESHOLD, _KEPT_BYTES) and mallopt(_MMAP_THRESHOLD, _LARGE_BYTES))


class Memory:
    """As many pieces of memory as were ever in use at once."""

    def __init__(self) -> None:
        self._free: list[memoryview] = []

    def lending(self) -> Loan:
        """For one clip; a context manager at whose end all that was taken is back."""
        return Loan(self._free)


def _fresh() -> memoryview:
    """Of this process alone: mmap's own default is memory to share, which costs more at each first touch."""
    return memoryview(mmap.mmap(-1, PIECE_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))


class Loan:
    """What one clip has of the memory."""

    def __init__(self, free: list[memoryview]) -> None:
        self._free = free
        self._taken: list[memoryview] = []

    def take(self) -> memoryview:
        """``PIECE_BYTES`` of memory, with whatever stood there."""
        piece = self._free.pop() if self._free else _fresh()
        self._taken.append(piece)
        return piece

    def give_back(self, piece: memoryview) -> None:
        """Nobody reads or writes it any more."""
        self._taken = [one for one in self._taken if one is not piece]
        self._free.append(piece)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._free += self._taken
        self._taken = []
