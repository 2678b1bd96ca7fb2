"""Takes a body from the network to the partial file, some megabytes at a time, within bounds.

A body of many pieces is read by a task of its own: while one is written the next one comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from io import FileIO
from typing import cast

from aiofiles.threadpool.binary import AsyncFileIO

from batchgen import mp4
from batchgen.download import disk
from batchgen.download.body import Body
from batchgen.download.memory import PIECE_BYTES, Loan
from batchgen.download.partfile import PartFile
from batchgen.errors import DownloadError, TooLarge

#: A body that brings fewer bytes in a whole window of time than this drips.
DRIP_BYTES = 4096
#: Seconds of fetching that are not worth a second file beside the first.
NOTE_AFTER = 1.0


class Intake:
    """One body on its way to disk.

    ``before`` is what is on disk already, ``total`` the size of the whole clip if the host told it, ``most``
    what a clip may have, all in bytes; ``window`` is in seconds; ``loan`` is where the memory comes from: three
    pieces of it at the most.  Raises TooLarge.
    """

    def __init__(
        self,
        *,
        before: int,
        total: int | None,
        most: int,
        window: float,
        progress: Callable[[int], None],
        loan: Loan,
    ) -> None:
        if total is not None and total > most:
            raise TooLarge(f"the clip is too large: {total} bytes, at most {most} are allowed")
        self._total, self._most, self._progress, self._loan = total, most, progress, loan
        self._size = before  # bytes of the clip that have come so far
        self._may_write = (
            before > 0
        )  # from the beginning only what begins as a video, and nothing after a gap
        self._pace = _Pace(window)
        self._full: list[memoryview] = []  # pieces that wait for the disk
        self._piece = loan.take()
        self._filled = 0  # bytes of it
        self._began, self._noted = asyncio.get_running_loop().time(), False
        self._news, self._room = asyncio.Event(), asyncio.Event()

    async def take(self, body: Body, part: PartFile) -> list[memoryview]:
        """Put the body at the end of the partial file; the last pieces are left to who seals it.

        Nothing may be awaited between the answer and this: what has come when a connection breaks is kept only if
        somebody was reading.  When the body breaks off, all that has come is on disk.
        Raises NotAVideo before a byte is written when it does not begin as a video, DownloadError when it is too
        short, DiskFull.
        """
        if self._total is not None and self._total - self._size <= PIECE_BYTES:
            return await self._take_one(body, part)
        body.hold()
        reader = asyncio.create_task(self._read(body))
        try:
            return await self._take_many(reader, part)
        finally:
            reader.cancel()
            await asyncio.wait([reader])
            if not reader.cancelled():
                reader.exception()  # seen: what goes wrong with the disk is told before it

    async def _take_one(self, body: Body, part: PartFile) -> list[memoryview]:
        """What fits in one piece: there is nothing to write while it comes, so no task of its own reads it."""
        try:
            await self._read(body)  # it would wait for room if a second piece began: none can
            self._check_end()
        except BaseException:
            await self._write(part, self._take_all())
            raise
        return self._take_all()

    async def _take_many(self, reader: asyncio.Task[None], part: PartFile) -> list[memoryview]:
        try:
            await self._news.wait()
            while not reader.done():
                self._news.clear()
                full = self._take_full()
                await self._write(part, full)
                for piece in full:
                    self._loan.give_back(piece)
                await self._note(part)
                await self._news.wait()
            await reader
            self._check_end()
        except BaseException:
            reader.cancel()  # nothing more is gathered where the thread reads
            await self._write(part, self._take_all())
            raise
        return self._take_all()

    def _check_end(self) -> None:
        if self._total is not None and self._size != self._total:
            raise DownloadError(f"the clip came with {self._size} of {self._total} bytes")

    async def _note(self, part: PartFile) -> None:
        """What has taken long to fetch should not be lost in a crash."""
        if not self._noted and part.is_open and asyncio.get_running_loop().time() - self._began >= NOTE_AFTER:
            self._noted = True
            await disk.in_thread(part.note)

    # --- what comes -------------------------------------------------------------------------------------

    async def _read(self, body: Body) -> None:
        try:
            while await body.fill(self._piece[self._filled :], self._came):
                if self._size == self._total:
                    raise self._surplus()
                self._full.append(self._piece)
                self._piece, self._filled = self._loan.take(), 0
                while self._full:
                    self._room.clear()
                    self._news.set()
                    await self._room.wait()
            self._check_beginning(at_end=True)
        finally:
            self._news.set()

    def _came(self, count: int) -> None:
        """So many bytes are in the piece, behind those that were there."""
        self._progress(count)
        self._pace.came(count)
        self._size += count
        if self._size > self._most:
            self._may_write = False
            raise TooLarge(f"the clip is too large: more than {self._most} bytes")
        if self._total is not None and self._size > self._total:
            raise self._surplus()
        self._filled += count
        self._check_beginning(at_end=False)

    def _surplus(self) -> DownloadError:
        """What is there is no part of any clip: nothing of the last piece is written."""
        self._may_write = False
        return DownloadError(f"the clip came with more than its {self._total} bytes")

    def _check_beginning(self, *, at_end: bool) -> None:
        """Only the beginning of a clip can be waiting while nothing may be written."""
        if self._may_write:
            return
        first = self._full[0] if self._full else self._piece[: self._filled]
        if at_end or len(first) >= mp4.HEAD_BYTES:
            mp4.check_head(bytes(first[: mp4.HEAD_BYTES]))
            self._may_write = True

    # --- what goes to the disk --------------------------------------------------------------------------

    def _take_full(self) -> list[memoryview]:
        full, self._full = self._full, []
        self._room.set()
        return full

    def _take_all(self) -> list[memoryview]:
        last, self._filled = self._piece[: self._filled], 0
        return [*self._take_full(), *([last] if last else [])]

    async def _write(self, part: PartFile, pieces: list[memoryview]) -> None:
        if not self._may_write or not pieces:
            return
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
