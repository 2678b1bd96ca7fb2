"""Takes a body from the network to the partial file, a megabyte at a time, within bounds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import aiohttp
from aiofiles.threadpool import wrap
from aiofiles.threadpool.binary import AsyncFileIO

from batchgen import mp4
from batchgen.download import disk
from batchgen.download.partfile import PIECE_BYTES, PartFile
from batchgen.errors import DownloadError, LinkUnusable

#: A body that brings fewer bytes in a whole window of time than this drips.
DRIP_BYTES = 4096


class TooLarge(LinkUnusable):
    """The clip is larger than a clip may be; no other host could change that."""


class Intake:
    """One body on its way to disk.

    ``total`` is the size of the whole clip if the host told it, ``most`` what a clip may have, both in bytes;
    ``window`` is in seconds.  Raises TooLarge.
    """

    def __init__(
        self, *, total: int | None, most: int, window: float, progress: Callable[[int], None]
    ) -> None:
        if total is not None and total > most:
            raise TooLarge(f"the clip is too large: {total} bytes, at most {most} are allowed")
        self._total, self._most, self._progress = total, most, progress
        self._pace = _Pace(window)
        self._waiting: list[bytes] = []  # pieces that have come and are not on disk
        self._waiting_bytes = 0
        self._begins_well = False

    async def take(self, body: aiohttp.StreamReader, part: PartFile) -> None:
        """Put the body to the end of the partial file.

        What has come is on disk also when the body breaks off; raises NotAVideo before a byte is written
        when it does not begin as a video, DownloadError when it is too short, DiskFull.
        """
        self._begins_well = part.size > 0
        try:
            async for piece in body.iter_any():
                self._accept(piece, part.size)
                if self._waiting_bytes >= PIECE_BYTES:
                    await self._write(part)
            self._check_beginning(at_end=True)
        finally:
            if self._begins_well and self._waiting:
                await self._write(part)
        if self._total is not None and part.size != self._total:
            raise DownloadError(f"the clip came with {part.size} of {self._total} bytes")

    def _accept(self, piece: bytes, on_disk: int) -> None:
        self._progress(len(piece))
        self._pace.came(len(piece))
        self._waiting.append(piece)
        self._waiting_bytes += len(piece)
        if on_disk + self._waiting_bytes > self._most:
            self._waiting.clear()
            raise TooLarge(f"the clip is too large: more than {self._most} bytes")
        self._check_beginning(at_end=False)

    def _check_beginning(self, *, at_end: bool) -> None:
        if not self._begins_well and (at_end or self._waiting_bytes >= mp4.HEAD_BYTES):
            mp4.check_head(b"".join(self._waiting)[: mp4.HEAD_BYTES])
            self._begins_well = True

    async def _write(self, part: PartFile) -> None:
        pieces, self._waiting, self._waiting_bytes = self._waiting, [], 0
        with disk.disk_errors(part.path):
            await cast(AsyncFileIO, wrap(part.file)).writelines(pieces)


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
