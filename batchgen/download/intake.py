"""Takes a body from the network to the partial file, a megabyte at a time, within bounds.

A task of its own reads the body: what has come when a connection breaks is kept only if somebody was
reading, and while one megabyte is written the next one comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from io import FileIO
from typing import cast

import aiohttp
from aiofiles.threadpool.binary import AsyncFileIO

from batchgen import mp4
from batchgen.download import disk
from batchgen.download.partfile import PIECE_BYTES, PartFile
from batchgen.errors import DownloadError, LinkUnusable

#: A body that brings fewer bytes in a whole window of time than this drips.
DRIP_BYTES = 4096
#: Seconds of fetching that are not worth a second file beside the first.
NOTE_AFTER = 1.0
#: Bytes that may wait for the disk.
_MOST_WAITING = 2 * PIECE_BYTES


class TooLarge(LinkUnusable):
    """The clip is larger than a clip may be; no other host could change that."""


class Intake:
    """One body on its way to disk.

    ``before`` is what is on disk already, ``total`` the size of the whole clip if the host told it, ``most``
    what a clip may have, all in bytes; ``window`` is in seconds.  Raises TooLarge.
    """

    def __init__(
        self, *, before: int, total: int | None, most: int, window: float, progress: Callable[[int], None]
    ) -> None:
        if total is not None and total > most:
            raise TooLarge(f"the clip is too large: {total} bytes, at most {most} are allowed")
        self._total, self._most, self._progress = total, most, progress
        self._size = before  # bytes of the clip that have come so far
        self._may_write = (
            before > 0
        )  # from the beginning only what begins as a video, and nothing after a gap
        self._pace = _Pace(window)
        self._waiting: list[bytes] = []  # pieces that have come and are not on disk
        self._waiting_bytes = 0
        self._began, self._noted = asyncio.get_running_loop().time(), False
        self._news, self._room = asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def reading(self, body: aiohttp.StreamReader) -> AsyncIterator[asyncio.Task[None]]:
        """Read the body for as long as this lasts.  Nothing may be awaited between the answer and this."""
        already = body.read_nowait()
        reader = asyncio.create_task(self._read(already, body))
        try:
            yield reader
        finally:
            reader.cancel()
            await asyncio.wait([reader])

    async def put(self, reader: asyncio.Task[None], part: PartFile) -> list[bytes]:
        """Put the body at the end of the partial file; the last pieces are left to who seals it.

        When the body breaks off, all that has come is on disk.  Raises NotAVideo before a byte is written when it
        does not begin as a video, DownloadError when it is too short, DiskFull.
        """
        try:
            await self._a_piece()
            while not reader.done():
                await self._write(part)
                await self._note(part)
                await self._a_piece()
            await reader
            self._check_end()
        except BaseException:
            await self._write(part)
            raise
        return self._waiting

    def _check_end(self) -> None:
        if self._total is not None and self._size != self._total:
            raise DownloadError(f"the clip came with {self._size} of {self._total} bytes")

    async def _a_piece(self) -> None:
        """Until there is enough to write, or the body is over."""
        await self._news.wait()
        self._news.clear()

    async def _note(self, part: PartFile) -> None:
        """What has taken long to fetch should not be lost in a crash."""
        if not self._noted and part.is_open and asyncio.get_running_loop().time() - self._began >= NOTE_AFTER:
            self._noted = True
            await disk.in_thread(part.note)

    async def _read(self, already: bytes, body: aiohttp.StreamReader) -> None:
        try:
            if already:
                self._accept(already)
            async for piece in body.iter_any():
                self._accept(piece)
                if self._waiting_bytes >= PIECE_BYTES:
                    self._news.set()
                while self._waiting_bytes >= _MOST_WAITING:
                    self._room.clear()
                    await self._room.wait()
            self._check_beginning(at_end=True)
        finally:
            self._news.set()

    def _accept(self, piece: bytes) -> None:
        self._progress(len(piece))
        self._pace.came(len(piece))
        self._waiting.append(piece)
        self._waiting_bytes += len(piece)
        self._size += len(piece)
        if self._size > self._most:
            self._may_write = False
            raise TooLarge(f"the clip is too large: more than {self._most} bytes")
        self._check_beginning(at_end=False)

    def _check_beginning(self, *, at_end: bool) -> None:
        """Only the beginning of a clip can be waiting while nothing may be written."""
        if not self._may_write and (at_end or self._waiting_bytes >= mp4.HEAD_BYTES):
            mp4.check_head(b"".join(self._waiting)[: mp4.HEAD_BYTES])
            self._may_write = True

    async def _write(self, part: PartFile) -> None:
        if not self._may_write or not self._waiting:
            return
        pieces, self._waiting, self._waiting_bytes = self._waiting, [], 0
        self._room.set()
        file = AsyncFileIO(cast("FileIO", part), asyncio.get_running_loop(), disk.COPIERS)
        await disk.to_its_end(file.writelines(pieces))


class _Pace:
    """Notices a body that comes, but so slowly that it would hold its place for ever."""

    def __init__(self, window: float) -> None:
        self._window, self._bytes = window, 0
        self._since = asyncio.get_running_loop().time()

    def came(self, count: int) -> None:
        self._bytes += count
        now = asyncio.get_running_loop().time()
        if now - self._since < self._window:
            return
        if self._bytes < DRIP_BYTES:
            raise DownloadError(f"the clip drips: {self._bytes} bytes in {now - self._since:.0f} s")
        self._since, self._bytes = now, 0
