"""A file that is hashed as it is written, and flushed and checked at its end.  All of it blocks: for threads only."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from batchgen import mp4
from batchgen.download.bypass import CacheBypass
from batchgen.download.memory import PIECE_BYTES
from batchgen.errors import DownloadError
from batchgen.model import Clip

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

#: Buffers that one call may write, on every common system (IOV_MAX).
_MOST_PIECES = 1024
#: Bytes that the check reads at once: mostly the head, and all of the index of a clip of seconds.
_LOOK_BYTES = 16 * 1024
#: Bytes of the beginning that are kept in memory for it.
_HEAD_BYTES = 2 * _LOOK_BYTES


class HashingFile(io.FileIO):
    """A file that hashes what is written, in the thread that writes it.

    aiofiles carries it: one hop to a thread writes and hashes some megabytes.
    """

    def __init__(self, descriptor: int, *, cached: bool = True) -> None:
        """``cached``: whether what is written may stay in the page cache; otherwise it goes past it where it can."""
        super().__init__(descriptor, "r+b")
        self.hash = hashlib.sha256()
        self.size = 0  # bytes written and hashed
        self._torn = False  # a write failed: what would come behind it has no place
        self._way = CacheBypass(descriptor) if not cached else None
        self._head = b""  # what the check looks at first

    def writelines(self, pieces: Iterable[Any], /) -> None:
        """Write the pieces in order, all of each; after a failure nothing more is written.

        They are written in one call of the system, not copied together and not one by one: each call gives the
        interpreter away, and to get it back from a busy loop takes longer than the call.
        """
        if self._torn:
            return
        rest = [memoryview(piece) for piece in pieces]
        if not self.size and rest:
            self._head = bytes(rest[0][:_HEAD_BYTES])
        try:
            while rest:
                rest = self._behind(rest, self.writev(rest[:_MOST_PIECES]))
        except OSError:
            self._torn = True
            raise

    def writev(self, pieces: Sequence[memoryview]) -> int:
        """Write as much as the system takes at once; how many bytes that was."""
        if self._way is not None:
            return self._way.writev(pieces, self.size)
        return os.writev(self.fileno(), pieces)

    def _behind(self, pieces: Sequence[memoryview], written: int) -> list[memoryview]:
        """Hash what was written; what is left."""
        self.size += written
        for number, piece in enumerate(pieces):
            self.hash.update(piece[:written])
            if written < len(piece):
                return [piece[written:], *pieces[number + 1 :]]
            written -= len(piece)
        return []

    def take_up(self, size: int) -> None:
        """Hash the first ``size`` bytes, which are there already, and go on behind them."""
        while self.size < size:
            piece = self.read(min(PIECE_BYTES, size - self.size))
            if not piece:
                raise DownloadError("the partial file has become shorter")
            self.hash.update(piece)
            self.size += len(piece)
        self.truncate(size)

    def sealed(self, last: Sequence[memoryview] = ()) -> Clip:
        """The clip, flushed to disk and checked; raises NotAVideo.

        ``last``: what was written last and is still in memory; what the check wants of it is not read again.
        """
        os.fsync(self.fileno())
        remembered = {0: memoryview(self._head)}
        at = self.size
        for piece in reversed(last):
            at -= len(piece)
            remembered[at] = piece
        video = mp4.probe(io.BufferedReader(_Recollection(self, remembered), _LOOK_BYTES), self.size)
        return Clip(bytes=self.size, sha256=self.hash.hexdigest(), video=video)

    def read_at(self, at: int, into: memoryview) -> int:
        """Read what stands at this offset; how many bytes that were."""
        if self._way is not None:
            self._way.close()
        return os.preadv(self.fileno(), [into], at)


class _Recollection(io.RawIOBase):
    """A file as a stream, of which some stretches are still in memory."""

    def __init__(self, file: HashingFile, remembered: Mapping[int, memoryview]) -> None:
        self._file, self._remembered = file, remembered
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Only from the beginning."""
        if whence != io.SEEK_SET:
            raise io.UnsupportedOperation("seek from elsewhere than the beginning")
        self._at = offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        into = memoryview(buffer)
        for start, piece in self._remembered.items():
            found = piece[self._at - start :] if self._at >= start else piece[:0]
            if found:
                count = min(len(found), len(into))
                into[:count] = found[:count]
                break
        else:
            count = self._file.read_at(self._at, into)
        self._at += count
        return count
