"""Exports that are interrupted, repeated, and kept from what is not theirs; in a folder and at an address."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from batchgen.errors import BatchgenError, ConfigError, DiskFull, FolderNotWritable
from batchgen.export import Target, open_target, shown
from batchgen.export.destination import Sink
from batchgen.export.local import LocalFolder
from batchgen.export.packing import plan
from export.clips import FEW, IDS, contents, pack, samples

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed (extra `export`)")

SHARDS = ["set-000000.tar", "set-000001.tar", "set-000002.tar"]


@pytest.fixture(params=["folder", "memory"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Target]:
    """A place of either kind."""
    if request.param == "folder":
        yield LocalFolder(tmp_path / "new" / "out")
    else:
        yield open_target("memory://bucket/out", tmp_path / "output")
        fsspec.filesystem("memory").store.clear()


class PowerCut(BaseException):
    """What ends a process without a word."""


@dataclass
class Breaking:
    """A place that breaks within a shard."""

    behind: Target
    at: str
    how: BaseException

    def sizes(self) -> dict[str, int]:
        """As behind."""
        return self.behind.sizes()

    def read(self, name: str, /) -> Iterator[bytes]:
        """As behind."""
        return self.behind.read(name)

    def put(self, name: str, content: bytes, /) -> None:
        """As behind."""
        self.behind.put(name, content)

    @contextmanager
    def new(self, name: str, /) -> Iterator[Sink]:
        """As behind, but for one."""
        with self.behind.new(name) as sink:
            yield sink
            if name == self.at:
                raise self.how


@pytest.mark.parametrize("how", [PowerCut(), KeyboardInterrupt(), DiskFull("full")])
def test_an_interrupted_export_carries_on(tmp_path: Path, target: Target, how: BaseException) -> None:
    """What was written is kept, what was not is added, and in the end it is as if nothing had been."""
    clips = samples(tmp_path / "clips")
    with pytest.raises(type(how)):
        pack(clips, Breaking(target, SHARDS[1], how))
    assert sorted(target.sizes()) == [SHARDS[0], "set.index"]
    packed, heard = pack(clips, target)
    assert (heard.kept, heard.written) == (SHARDS[:1], SHARDS[1:])
    assert (packed.clips, heard.clips) == (len(IDS), len(IDS))
    whole = LocalFolder(tmp_path / "whole")
    pack(clips, whole)
    assert contents(target) == contents(whole)


def test_a_whole_export_is_not_written_again(tmp_path: Path, target: Target) -> None:
    """The same command once more changes nothing."""
    clips = samples(tmp_path / "clips")
    pack(clips, target)
    before = contents(target)
    packed, heard = pack(clips, target, verify=True)
    assert (packed.kept, packed.written, heard.written) == (3, 0, [])
    assert contents(target) == before


def test_a_shard_that_was_named_just_before_the_end_is_recognised(tmp_path: Path, target: Target) -> None:
    """Its hash was not noted yet: it is compared with what would be written, and noted."""
    clips = samples(tmp_path / "clips")
    pack(clips, target)
    before = contents(target)
    index = json.loads(before["set.index"])
    index["shards"][1]["sha256"] = None
    target.put("set.index", json.dumps(index).encode())
    _, heard = pack(clips, target)
    assert heard.kept == SHARDS
    assert contents(target) == before


def test_a_shard_whose_hash_was_never_noted_is_not_trusted(tmp_path: Path, target: Target) -> None:
    """Nor replaced: of the right size, but with another content, it is somebody else's."""
    clips = samples(tmp_path / "clips")
    with pytest.raises(PowerCut):
        pack(clips, Breaking(target, SHARDS[0], PowerCut()))
    (planned, *_) = plan(clips, FEW, "set")
    target.put(SHARDS[0], b"x" * planned.bytes)
    with pytest.raises(ConfigError, match=f"{SHARDS[0]}: its content is another"):
        pack(clips, target)
    assert contents(target)[SHARDS[0]] == b"x" * planned.bytes


def test_a_damaged_clip_keeps_only_its_own_shard_away(tmp_path: Path, target: Target) -> None:
    """All that are damaged are told; once they are mended the same command adds the shard."""
    clips = samples(tmp_path / "clips")
    spoiled = clips[3].clip, clips[5].clip
    good = [path.read_bytes() for path in spoiled]
    spoiled[0].write_bytes(b"!" + good[0][1:])
    spoiled[1].unlink()
    packed, _ = pack(clips, target)
    assert (packed.written, packed.spoiled, packed.damaged, packed.clips) == (2, 1, 2, 5)
    assert [one.sample.id for one in packed.examples] == [clips[3].id, clips[5].id]
    assert SHARDS[1] not in target.sizes()
    for path, content in zip(spoiled, good, strict=True):
        path.write_bytes(content)
    packed, heard = pack(clips, target)
    assert (heard.written, packed.clips) == ([SHARDS[1]], len(IDS))


@pytest.mark.parametrize("change", ["longer", "shorter", "link", "folder"])
def test_a_clip_that_is_no_longer_that_file_is_damaged(tmp_path: Path, change: str) -> None:
    """Whatever stands in its place."""
    clips = samples(tmp_path / "clips")
    path = clips[0].clip
    content = path.read_bytes()
    path.unlink()
    match change:
        case "longer":
            path.write_bytes(content + b"!")
        case "shorter":
            path.write_bytes(content[:-1])
        case "link":
            (tmp_path / "elsewhere").write_bytes(content)
            path.symlink_to(tmp_path / "elsewhere")
        case "folder":
            path.mkdir()
    packed, _ = pack(clips, LocalFolder(tmp_path / "out"))
    assert (packed.damaged, packed.spoiled) == (1, 1)


def test_nothing_of_another_is_overwritten(tmp_path: Path, target: Target) -> None:
    """Another set of clips, other shards, a shard or an index that nobody knows: refused, with nothing written."""
    clips = samples(tmp_path / "clips")
    pack(clips, target)
    before = contents(target)
    with pytest.raises(ConfigError, match=r"another export stands there: 8 clips in 3 shards.* 7 in 3"):
        pack(clips[1:], target)
    target.put("set.index", b'{"format": "else"}')
    with pytest.raises(ConfigError, match="no index of an export"):
        pack(clips, target)
    target.put("set.index", before["set.index"])
    target.put("set-000007.tar", b"mine")
    with pytest.raises(ConfigError, match=r"set-000007\.tar: no export that was begun here"):
        pack(clips, target)
    assert contents(target) == before | {"set-000007.tar": b"mine"}


def test_a_shard_without_an_index_is_the_users(tmp_path: Path, target: Target) -> None:
    """Files of other names do not matter."""
    target.put("set-a-000000.tar", b"other")
    target.put(SHARDS[0], b"mine")
    with pytest.raises(ConfigError, match="left alone"):
        pack(samples(tmp_path / "clips"), target)
    assert contents(target) == {"set-a-000000.tar": b"other", SHARDS[0]: b"mine"}


def test_a_shard_that_was_changed_is_told(tmp_path: Path, target: Target) -> None:
    """By its size always, by its content when asked to verify; it is not replaced."""
    clips = samples(tmp_path / "clips")
    pack(clips, target)
    content = contents(target)[SHARDS[1]]
    target.put(SHARDS[1], content[:-1])
    with pytest.raises(ConfigError, match=rf"{SHARDS[1]}: it has \d+ bytes, and should have {len(content)}"):
        pack(clips, target)
    target.put(SHARDS[1], content[:-1] + b"!")
    with pytest.raises(ConfigError, match=f"{SHARDS[1]}: its content is another"):
        pack(clips, target, verify=True)
    assert contents(target)[SHARDS[1]].endswith(b"!")


def test_a_file_is_never_half_there(target: Target) -> None:
    """While it is written nothing has its name, and a second one of that name is refused."""
    with target.new("x") as sink:
        sink.write(b"a" * 5000)
        assert "x" not in target.sizes()
    with pytest.raises(ConfigError, match="stands there already"), target.new("x") as sink:
        sink.write(b"b")
    assert contents(target) == {"x": b"a" * 5000}
    with pytest.raises(PowerCut), target.new("y") as sink:
        sink.write(b"half")
        raise PowerCut
    assert contents(target) == {"x": b"a" * 5000}


def test_what_a_crash_left_is_replaced(tmp_path: Path) -> None:
    """A partial file without a process that holds it is of no use to anybody."""
    (tmp_path / f".{SHARDS[0]}.part").write_bytes(b"x" * (1 << 20))
    pack(samples(tmp_path / "clips"), LocalFolder(tmp_path))
    assert not list(tmp_path.glob(".*"))
    assert (tmp_path / SHARDS[0]).stat().st_size < 1 << 20


def test_two_exports_do_not_write_one_file(tmp_path: Path) -> None:
    """The second is told, and the first is not disturbed."""
    with LocalFolder(tmp_path).new("x") as sink:
        sink.write(b"first")
        with (
            pytest.raises(ConfigError, match="another export is writing there"),
            LocalFolder(tmp_path).new("x"),
        ):
            pass
    assert (tmp_path / "x").read_bytes() == b"first"


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told as such, so that the command can end with its own code."""

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with (
        pytest.raises(DiskFull, match="the same command carries on"),
        LocalFolder(tmp_path / "out").new("x") as sink,
    ):
        sink.write(b"content")
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("missing", ["locks", "links"])
def test_a_file_system_without_locks_or_hard_links_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    """As on some network and card file systems; what is there still is not overwritten."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(*((fcntl, "flock") if missing == "locks" else (os, "link")), refuse)
    target = LocalFolder(tmp_path)
    with target.new("x") as sink:
        sink.write(b"content")
    with pytest.raises(ConfigError, match="stands there already"), target.new("x"):
        pass
    assert contents(target) == {"x": b"content"}


def test_a_folder_that_takes_nothing_is_told(tmp_path: Path) -> None:
    """A file in the place of the folder, or of one above it."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigError, match="this is no folder"):
        pack(samples(tmp_path / "clips"), LocalFolder(tmp_path / "file"))
    with pytest.raises(BatchgenError):
        pack(samples(tmp_path / "clips"), LocalFolder(tmp_path / "file" / "below"))


def test_nothing_to_pack_leaves_no_trace(tmp_path: Path) -> None:
    """Not even a folder."""
    packed, _ = pack([], LocalFolder(tmp_path / "out"))
    assert packed.clips == 0
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("to", ["output", "output/x/y", "link", "file://{}/output/x", "local://{}/output"])
def test_the_output_folder_is_no_place_for_an_export(tmp_path: Path, to: str) -> None:
    """It is a data set itself; an address or a link that leads there changes nothing."""
    (tmp_path / "output").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "output")
    path = to.format(tmp_path) if "://" in to else str(tmp_path / to)
    with pytest.raises(ConfigError, match="lies in the output folder"):
        open_target(path, tmp_path / "output")


def test_an_address_of_this_machine_is_a_folder(tmp_path: Path) -> None:
    """So that it gets what a folder gets: durable files, and no overwriting."""
    target = open_target(f"file://{tmp_path}/x", tmp_path / "output")
    assert isinstance(target, LocalFolder)
    assert target.path == tmp_path / "x"


def test_an_address_that_nobody_knows_is_told() -> None:
    """With what is wrong."""
    with pytest.raises(ConfigError, match=r"nowhere://x: this address can't be used.*nowhere"):
        open_target("nowhere://x", Path("output"))


@pytest.mark.parametrize(
    ("absent", "to", "remedy"),
    [("fsspec", "memory://x", r"batchgen\[export\]"), ("s3fs", "s3://bucket/x", r"batchgen\[s3\]")],
)
def test_a_missing_library_is_told_with_the_command(
    monkeypatch: pytest.MonkeyPatch, absent: str, to: str, remedy: str
) -> None:
    """What the core does not need is in an extra."""
    monkeypatch.delitem(sys.modules, "batchgen.export.remote", raising=False)
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, "s3", raising=False)
    monkeypatch.setitem(sys.modules, absent, None)
    with pytest.raises(ConfigError, match=f"pip install '{remedy}'"):
        open_target(to, Path("output"))


@pytest.mark.parametrize(
    ("to", "told"),
    [
        ("/data/a?b@c#d", "/data/a?b@c#d"),
        ("s3://bucket/a b", "s3://bucket/a b"),
        ("ftp://me:secret@host:21/x", "ftp://host:21/x"),
        ("https://host/x?sig=secret#y", "https://host/x"),
        ("simplecache::ftp://me:secret@host/x", "simplecache::ftp://host/x"),
    ],
)
def test_no_secret_of_an_address_is_shown(to: str, told: str) -> None:
    """Passwords and signatures stay where they are."""
    assert shown(to) == told


def test_a_place_that_fails_is_told_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever kind of exception the libraries below raise."""
    target = open_target("memory://x", tmp_path)

    def fail(*_: object, **__: object) -> None:
        raise LookupError("no such bucket")

    monkeypatch.setattr(type(fsspec.filesystem("memory")), "ls", fail)
    with pytest.raises(FolderNotWritable, match=r"memory://x: LookupError: no such bucket"):
        target.sizes()
