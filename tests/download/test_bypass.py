"""Clips go past the page cache where that can be; where it can't, and at their ends, nobody sees a difference."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import io
import mmap
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from mp4_builder import build_mp4

from batchgen import mp4
from batchgen.download import disk, sockets
from batchgen.download.fetch import HttpFetcher
from batchgen.download.hashing import HashingFile
from batchgen.download.memory import PIECE_BYTES, Memory
from batchgen.download.places import line_beside
from batchgen.errors import DownloadError, FileTaken
from batchgen.model import Links
from download.host import CLIP, OTHER_CLIP, Host, serve

BLOCK = 4096


def page_aligned(data: bytes) -> memoryview:
    """The bytes, in memory as bodies are gathered in."""
    piece = Memory().lending().take()[: len(data)]
    piece[:] = data
    return piece


def on_disk(path: Path) -> bytes | None:
    """What stands in a file; ``None`` when there is none."""
    return path.read_bytes() if path.exists() else None


def is_clip(data: bytes | None, sha256: str) -> bool:
    """Whether a file holds what a clip says of itself."""
    return data is not None and hashlib.sha256(data).hexdigest() == sha256


def system_calls(monkeypatch: pytest.MonkeyPatch, **calls: Callable[..., int]) -> None:
    """Other system calls for the way past the cache, and for nobody else in this process."""
    for name, call in calls.items():
        others = {"fcntl": vars(fcntl), "write": vars(os)}[name]
        module = "fcntl" if name == "fcntl" else "os"
        monkeypatch.setattr(f"batchgen.download.bypass.{module}", SimpleNamespace(**{**others, name: call}))


def noise(count: int) -> bytes:
    """So many bytes, each time the same."""
    return hashlib.shake_256(b"hare").digest(count)


@pytest.fixture
def past(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of what was written past the cache."""
    sizes: list[int] = []

    def write(descriptor: int, data: memoryview) -> int:
        if not fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_DIRECT:
            raise AssertionError("this went through the cache")
        sizes.append(len(data))
        return true_write(descriptor, data)

    true_write = os.write
    system_calls(monkeypatch, write=write)
    return sizes


def takes_direct(folder: Path) -> bool:
    """Whether the file system of this folder can do it."""
    descriptor = disk.open_new(folder / "probe")
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETFL, os.O_DIRECT)
        os.write(descriptor, page_aligned(bytes(BLOCK)))
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has O_DIRECT")
@pytest.mark.parametrize("over", [0, 1, BLOCK - 1, BLOCK, 300_000], ids=str)
def test_whole_blocks_go_past_the_cache(tmp_path: Path, past: list[int], over: int) -> None:
    """All but what is no whole block, or too little to wait for; hash, size and check see all of it."""
    if not takes_direct(tmp_path):
        pytest.skip("the file system of the temporary folder can't write past its cache")
    past.clear()
    data = build_mp4(payload=noise(2 * PIECE_BYTES + over - len(build_mp4(payload=b""))))
    with HashingFile(disk.open_new(tmp_path / "fox.part"), cached=False) as file:
        pieces = [page_aligned(data[at : at + PIECE_BYTES]) for at in range(0, len(data), PIECE_BYTES)]
        for piece in pieces:
            file.writelines([piece])
        clip = file.sealed(pieces[-1:])
    assert (clip.bytes, clip.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert (tmp_path / "fox.part").read_bytes() == data
    assert sum(past) == 2 * PIECE_BYTES + (over // BLOCK * BLOCK if over >= 256 * 1024 else 0)


def refused(number: int) -> Callable[..., int]:
    """What a system call does that can't be had."""

    def refuse(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    return refuse


@pytest.mark.parametrize("what", ["fcntl", "write"])
@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP])
def test_a_file_system_that_can_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, number: int
) -> None:
    """Whether it says so at once or at the first write: the ordinary way brings every byte."""
    data = build_mp4(payload=noise(PIECE_BYTES))
    asked: list[bool] = []

    def fcntl_(_descriptor: int, _command: int, flags: int) -> int:
        asked.append(bool(flags & os.O_DIRECT))
        return refused(number)() if what == "fcntl" else 0

    system_calls(monkeypatch, fcntl=fcntl_)
    system_calls(monkeypatch, write=refused(number))
    with HashingFile(disk.open_new(tmp_path / "fox.part"), cached=False) as file:
        for at in range(0, len(data), 300_000):
            file.writelines([page_aligned(data[at : at + 300_000])])
        assert file.sealed().sha256 == hashlib.sha256(data).hexdigest()
    assert (tmp_path / "fox.part").read_bytes() == data
    if sys.platform == "linux":
        assert asked.count(True) == 1  # it is not asked again for each piece


def test_another_error_of_the_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only "not here" has another way; and nothing is written behind a failure."""
    system_calls(monkeypatch, fcntl=lambda *_: 0)
    system_calls(monkeypatch, write=refused(errno.EIO))
    with HashingFile(disk.open_new(tmp_path / "fox.part"), cached=False) as file:
        if sys.platform == "linux":
            with pytest.raises(OSError, match="Input/output error"):
                file.writelines([page_aligned(noise(PIECE_BYTES))])
            file.writelines([page_aligned(noise(PIECE_BYTES))])
            assert file.size == 0


@pytest.mark.parametrize("written", [BLOCK, 70_000, PIECE_BYTES - 1])
def test_a_short_write_past_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: int) -> None:
    """What it left over is written next, wherever it stopped."""
    data = build_mp4(payload=noise(PIECE_BYTES + 5))
    true_write, calls = os.write, 0

    def write(descriptor: int, piece: memoryview) -> int:
        nonlocal calls
        calls += 1
        return true_write(descriptor, piece[:written] if calls == 1 else piece)

    system_calls(monkeypatch, fcntl=lambda *_: 0)
    system_calls(monkeypatch, write=write)
    with HashingFile(disk.open_new(tmp_path / "fox.part"), cached=False) as file:
        file.writelines([page_aligned(data[:PIECE_BYTES]), page_aligned(data[PIECE_BYTES:])])
        assert file.sealed().sha256 == hashlib.sha256(data).hexdigest()
    assert (tmp_path / "fox.part").read_bytes() == data


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has O_DIRECT")
def test_a_check_that_looks_where_memory_does_not_reach(tmp_path: Path, past: list[int]) -> None:
    """An index amid a clip that went past the cache to its last byte is read from the disk."""
    if not takes_direct(tmp_path):
        pytest.skip("the file system of the temporary folder can't write past its cache")
    plain = build_mp4(payload=b"")
    ftyp = int.from_bytes(plain[:4], "big")
    gap = PIECE_BYTES.to_bytes(4, "big") + b"free" + bytes(PIECE_BYTES - 8)
    clip = build_mp4(payload=noise(2 * PIECE_BYTES - len(plain)))
    data = clip[:ftyp] + gap + clip[ftyp:]
    assert len(data) == 3 * PIECE_BYTES
    with HashingFile(disk.open_new(tmp_path / "fox.part"), cached=False) as file:
        pieces = [page_aligned(data[at : at + PIECE_BYTES]) for at in range(0, len(data), PIECE_BYTES)]
        for piece in pieces:
            file.writelines([piece])
        assert sum(past) == len(data)
        assert file.sealed(pieces[-1:]).video == mp4.probe(io.BytesIO(data), len(data))


# --- memory and sockets ----------------------------------------------------------------------------------


def test_memory_is_lent_once_at_a_time() -> None:
    """What was given back by hand does not come back again at the end: two clips would be gathered in one place."""
    memory = Memory()
    with memory.lending() as loan:
        first, second = loan.take(), loan.take()
        loan.give_back(first)
        assert loan.take() is first
        loan.give_back(second)
    with memory.lending() as one, memory.lending() as other:
        taken = [one.take(), other.take(), one.take(), other.take()]
        assert len({id(piece.obj) for piece in taken}) == len(taken)


async def test_memory_is_used_again(
    fetcher: HttpFetcher, host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One clip after the other needs no more than one of them, also when fetches fail; and they stay apart."""
    made: list[int] = []
    true_mmap = mmap.mmap

    def make(descriptor: int, size: int, flags: int) -> object:
        made.append(size)
        return true_mmap(descriptor, size, flags)

    monkeypatch.setattr(mmap, "mmap", make)
    large = build_mp4(payload=noise(4 * PIECE_BYTES + 99))
    for number, content in enumerate([large, CLIP, large, OTHER_CLIP]):
        host.script = [serve(content, cut=len(content) - 10), serve(content)]
        part = tmp_path / f"{number}.part"
        with pytest.raises(DownloadError):
            await fetcher.fetch(Links(url=host.url), part)
        clip = await fetcher.fetch(Links(url=host.url), part)
        assert on_disk(part) == content
        assert is_clip(content, clip.sha256)
    assert len(made) <= 3


def test_sockets_have_room_or_are_left_to_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where less would be given than is wanted, nothing is asked for: that would end the system's own fitting."""
    monkeypatch.setattr(sockets, "_ROOM_BYTES", 1)
    make = sockets.roomy_sockets()
    assert make is not None
    with make((socket.AF_INET, socket.SOCK_STREAM, 0, "", ())) as made:
        assert (made.family, made.type) == (socket.AF_INET, socket.SOCK_STREAM)
    monkeypatch.setattr(sockets, "_ROOM_BYTES", 2**30)
    assert sockets.roomy_sockets() is None


# --- a first try -----------------------------------------------------------------------------------------


async def test_a_first_try_does_not_look_and_finds_what_is_there(
    fetcher: HttpFetcher, host: Host, part: Path
) -> None:
    """A file of another task that was left under the name is not continued, and its line goes with it."""
    host.script = [serve(OTHER_CLIP, cut=200_000)]
    with pytest.raises(DownloadError, match="cut"):
        await fetcher.fetch(Links(url=host.url), part, "task-1", first=True)
    assert on_disk(part) == OTHER_CLIP[:200_000]
    assert on_disk(line_beside(part))
    host.script = [serve()]
    clip = await fetcher.fetch(Links(url=host.url), part, "task-2", first=True)
    assert on_disk(part) == CLIP
    assert is_clip(CLIP, clip.sha256)
    assert on_disk(line_beside(part)) is None
    assert "Range" not in host.asked[-1].headers


async def test_a_first_try_leaves_alone_what_is_no_partial_file(
    fetcher: HttpFetcher, host: Host, part: Path, tmp_path: Path
) -> None:
    """A link that was planted is not followed, nor removed."""
    secret = tmp_path / "secret"
    plant(part, secret)
    host.script = [serve()]
    with pytest.raises(FileTaken, match="symbolic link"):
        await fetcher.fetch(Links(url=host.url), part, "task-1", first=True)
    assert disk.kind_of(part) == "a symbolic link"
    assert on_disk(secret) == b"mine"


def plant(part: Path, secret: Path) -> None:
    """A symbolic link to what is not ours, under the name of a partial file."""
    secret.write_bytes(b"mine")
    part.parent.mkdir()
    part.symlink_to(secret)


async def test_the_second_link_goes_on_with_what_the_first_has_left(
    fetcher: HttpFetcher, host: Host, backup: Host, part: Path
) -> None:
    """After one link has failed there may be something, also at a first try."""
    host.script = [serve(cut=200_000, etag=None)]
    backup.script = [serve(OTHER_CLIP)]
    clip = await fetcher.fetch(Links(url=host.url, backup_url=backup.url), part, "task-1", first=True)
    assert on_disk(part) == OTHER_CLIP
    assert is_clip(OTHER_CLIP, clip.sha256)
