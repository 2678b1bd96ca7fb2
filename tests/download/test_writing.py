"""Between the network and the disk no byte is lost or doubled, and the hash is that of the file, whatever breaks."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from unittest import mock

import aiohttp
import pytest
from mp4_builder import build_mp4

from batchgen.download import disk
from batchgen.download.answers import Begun
from batchgen.download.body import Body
from batchgen.download.fetch import HttpFetcher
from batchgen.download.hashing import HashingFile
from batchgen.download.intake import Intake
from batchgen.download.memory import PIECE_BYTES, Memory
from batchgen.download.partfile import PartFile
from batchgen.download.places import line_beside
from batchgen.errors import DiskFull, DownloadError
from batchgen.model import Links
from download.host import CLIP, OTHER_CLIP, Host, serve

LARGE = build_mp4(payload=hashlib.shake_256(b"wolf").digest(3 * PIECE_BYTES + 12_345))
WRITE = "batchgen.download.hashing.HashingFile.writev"
true_write = HashingFile.writev

Pieces = Sequence[memoryview]
Write = Callable[[HashingFile, Pieces], int]


@pytest.fixture
def patient(session: aiohttp.ClientSession) -> HttpFetcher:
    """A fetcher that a slow machine does not hurry."""
    return HttpFetcher(session, silence=20)


def digest(data: bytes) -> str:
    """What the hash of a clip must be."""
    return hashlib.sha256(data).hexdigest()


def on_disk(path: Path) -> bytes:
    """What stands in a file."""
    return path.read_bytes()


def _first(data: Pieces, most: int) -> Pieces:
    """So many bytes at the most, cut inside a piece or between two."""
    taken: list[memoryview] = []
    for piece in data:
        taken.append(piece[:most])
        most -= len(taken[-1])
    return taken


def in_small_bites(file: HashingFile, data: Pieces) -> int:
    """A disk that takes at most 10,000 bytes at a time."""
    return true_write(file, _first(data, 10_000))


def full_after(room: int) -> Write:
    """A disk with so many bytes of room."""

    def write(file: HashingFile, data: Pieces) -> int:
        if file.size >= room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return true_write(file, _first(data, room - file.size))

    return write


async def test_short_writes_lose_nothing(
    patient: HttpFetcher, host: Host, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a write leaves over is written next, and each byte is hashed once."""
    monkeypatch.setattr(WRITE, in_small_bites)
    host.script = [serve(LARGE)]
    clip = await patient.fetch(Links(url=host.url), part)
    assert (clip.bytes, clip.sha256) == (len(LARGE), digest(LARGE))
    assert on_disk(part) == LARGE


def test_nothing_is_written_behind_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that has room again does not get what comes later: there would be a gap before it."""
    with HashingFile(disk.open_new(tmp_path / "fox.mp4.part")) as file:
        with monkeypatch.context() as patched:
            patched.setattr(WRITE, full_after(5))
            with pytest.raises(OSError, match="No space left"):
                file.writelines([b"abc", b"defg"])
        file.writelines([b"hij"])
        assert (file.size, file.hash.hexdigest()) == (5, digest(b"abcde"))
    assert on_disk(tmp_path / "fox.mp4.part") == b"abcde"


def test_more_pieces_than_one_call_takes(tmp_path: Path) -> None:
    """A body that drips in thousands of pieces is written whole, empty pieces and all."""
    pieces = [bytes([number % 251]) * (number % 7) for number in range(5000)]
    with HashingFile(disk.open_new(tmp_path / "fox.mp4.part")) as file:
        file.writelines(pieces)
        assert (file.size, file.hash.hexdigest()) == (len(b"".join(pieces)), digest(b"".join(pieces)))
    assert on_disk(tmp_path / "fox.mp4.part") == b"".join(pieces)


@pytest.mark.parametrize(
    "room", [0, 700, PIECE_BYTES + 1, len(LARGE) - 1], ids=["at once", "head", "middle", "last byte"]
)
async def test_a_disk_that_fills_up_keeps_a_beginning(
    patient: HttpFetcher, host: Host, part: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    """What is on disk is the clip's beginning, to the last byte that fitted, and the next try goes on behind it."""
    host.script = [serve(LARGE)]
    with monkeypatch.context() as patched:
        patched.setattr(WRITE, full_after(room))
        with pytest.raises(DiskFull, match="No space left"):
            await patient.fetch(Links(url=host.url), part)
    assert on_disk(part) == LARGE[:room]
    clip = await patient.fetch(Links(url=host.url), part)
    assert clip.sha256 == digest(LARGE) == digest(on_disk(part))
    assert host.asked[1].headers.get("Range") == (f"bytes={room}-" if room else None)


async def test_no_room_for_the_line_costs_a_fresh_download(
    fetcher: HttpFetcher, host: Host, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cut is what is told, and what cannot be proven to fit is not continued."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    host.script = [serve(cut=200_000), serve()]
    with monkeypatch.context() as patched:
        patched.setattr("batchgen.download.partfile.json.dump", refuse)
        with pytest.raises(DownloadError, match="cut"):
            await fetcher.fetch(Links(url=host.url), part)
    assert (await fetcher.fetch(Links(url=host.url), part)).sha256 == digest(CLIP)
    assert "Range" not in host.asked[1].headers


@pytest.mark.parametrize("hop", [1, 2])
async def test_cancelled_while_a_thread_writes(
    patient: HttpFetcher, host: Host, part: Path, monkeypatch: pytest.MonkeyPatch, hop: int
) -> None:
    """The write that is under way comes to its end before the file is let go, and its bytes count once."""
    reached, go_on = threading.Event(), threading.Event()
    calls = 0

    def slow(file: HashingFile, data: Pieces) -> int:
        nonlocal calls
        calls += 1
        if file.size >= (hop - 1) * PIECE_BYTES and not reached.is_set():
            reached.set()
            go_on.wait(20)
        return true_write(file, data)

    host.script = [serve(LARGE)]
    with monkeypatch.context() as patched:
        patched.setattr(WRITE, slow)
        running = asyncio.create_task(patient.fetch(Links(url=host.url), part))
        await asyncio.to_thread(reached.wait, 20)
        running.cancel()
        await asyncio.sleep(0)
        assert not running.done()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await running
    there = on_disk(part)
    assert LARGE.startswith(there)
    assert len(there) >= hop * PIECE_BYTES
    clip = await patient.fetch(Links(url=host.url), part)
    assert clip.sha256 == digest(LARGE) == digest(on_disk(part))
    if len(there) < len(LARGE):
        assert host.asked[1].headers["Range"] == f"bytes={len(there)}-"


async def test_what_could_not_be_flushed_is_fetched_anew(
    fetcher: HttpFetcher, host: Host, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a failed fsync a reader may see bytes that the disk never got (PostgreSQL's "fsyncgate", 2018)."""

    def fail(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    host.script = [serve(cut=200_000), serve()]
    with pytest.raises(DownloadError, match="cut"):
        await fetcher.fetch(Links(url=host.url), part)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail)
        with pytest.raises(DownloadError, match="Input/output error"):
            await fetcher.fetch(Links(url=host.url), part)
    assert (await fetcher.fetch(Links(url=host.url), part)).sha256 == digest(CLIP)
    assert ["Range" in request.headers for request in host.asked] == [False, True, False]


# --- the line beside the partial file --------------------------------------------------------------------


@pytest.mark.parametrize(("after", "noted"), [(0.0, True), (3600.0, False)])
async def test_a_transfer_that_lasts_is_noted(
    patient: HttpFetcher,
    host: Host,
    part: Path,
    monkeypatch: pytest.MonkeyPatch,
    after: float,
    *,
    noted: bool,
) -> None:
    """A process that is killed loses only what took no time to fetch: the line of the rest stands meanwhile."""
    seen: list[bool] = []

    def look(file: HashingFile, data: Pieces) -> int:
        seen.append(line_beside(part).exists())
        return true_write(file, data)

    monkeypatch.setattr("batchgen.download.intake.NOTE_AFTER", after)
    monkeypatch.setattr(WRITE, look)
    host.script = [serve(LARGE)]
    await patient.fetch(Links(url=host.url), part)
    assert seen[0] is False
    assert seen[-1] is noted


async def test_a_line_of_other_bytes_is_gone_before_the_first_byte(
    fetcher: HttpFetcher, host: Host, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process killed in the midst of another clip must not leave it beside the line of the first."""
    host.script = [serve(cut=200_000), serve(OTHER_CLIP, ranges=False)]
    with pytest.raises(DownloadError, match="cut"):
        await fetcher.fetch(Links(url=host.url), part)
    assert line_beside(part).exists()
    seen: list[bool] = []

    def look(file: HashingFile, data: Pieces) -> int:
        seen.append(line_beside(part).exists())
        return true_write(file, data)

    monkeypatch.setattr(WRITE, look)
    await fetcher.fetch(Links(url=host.url), part)
    assert not any(seen)
    assert on_disk(part) == OTHER_CLIP


@pytest.mark.parametrize(
    "size",
    [len(CLIP), PIECE_BYTES, 2 * PIECE_BYTES, len(LARGE)],
    ids=["less than a piece", "one piece", "two", "many pieces"],
)
async def test_more_than_was_told_is_no_clip(tmp_path: Path, size: int) -> None:
    """A body longer than its host said is told as such, and nothing of its end is kept."""
    body = aiohttp.StreamReader(mock.Mock(), 2**24, loop=asyncio.get_running_loop())
    body.feed_data((CLIP if size == len(CLIP) else LARGE)[:size] + bytes(PIECE_BYTES + 1))
    body.feed_eof()
    answer = mock.Mock(content=body, headers={}, content_length=None, connection=None)
    part = PartFile(tmp_path / "fox.mp4.part")
    part.opens_by(partial(part.start, Begun(size=0, place="", validator=None, total=size)))
    with Memory().lending() as loan:
        intake = Intake(before=0, total=size, most=2**30, window=10.0, progress=lambda _: None, loan=loan)
        with pytest.raises(DownloadError, match=f"more than its {size} bytes"):
            await asyncio.wait_for(intake.take(Body(answer, 10.0), part), 10.0)
    part.close()
    assert part.size <= size


@pytest.mark.parametrize("cut", [None, 5, 1], ids=["whole", "broken off late", "broken off early"])
@pytest.mark.parametrize("size", [PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 2 * PIECE_BYTES])
async def test_clips_of_just_about_a_piece_or_two(
    patient: HttpFetcher, host: Host, part: Path, size: int, cut: int | None
) -> None:
    """They come whole, and nobody waits for room that nobody makes; a rest that fits in one piece does too."""
    bare = len(build_mp4(payload=b""))
    clip = build_mp4(payload=hashlib.shake_256(b"lynx").digest(size - bare))
    assert len(clip) == size
    if cut is not None:
        host.script = [serve(clip, cut=size * cut // 6)]
        with pytest.raises(DownloadError):
            await asyncio.wait_for(patient.fetch(Links(url=host.url), part), 30.0)
    host.script = [serve(clip)]
    came = await asyncio.wait_for(patient.fetch(Links(url=host.url), part), 30.0)
    assert came.sha256 == digest(clip) == digest(on_disk(part))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread has no priority of its own")
async def test_threads_for_files_stand_behind_the_loop() -> None:
    """They alone: the loop has everybody's work to hand on."""
    before = os.nice(0)
    assert await disk.in_thread(os.nice, 0) == min(before + 5, 19)
    assert disk.COPIERS.submit(os.nice, 0).result() == min(before + 5, 19)
    assert os.nice(0) == before
