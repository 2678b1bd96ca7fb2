"""Which clips go into which shard, and what a shard is to the byte."""

from __future__ import annotations

import gc
import os
import tarfile
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen.export import KEY_DOT, Limits, Sample, Shard
from batchgen.export.local import LocalFolder
from batchgen.export.packing import plan
from export.clips import FEW, IDS, contents, pack, sample, samples


def made(number: int, size: int) -> Sample:
    """A sample that is only planned with."""
    return Sample(id=f"{number:04d}", clip=Path("x"), size=size, sha256="ab", facts=b"{}")


@given(
    sizes=st.lists(st.integers(0, 5000), max_size=40),
    clips=st.none() | st.integers(1, 7),
    most=st.integers(1, 40000),
)
def test_every_clip_is_in_one_shard_and_no_shard_is_larger_than_asked(
    sizes: list[int], clips: int | None, most: int
) -> None:
    """In order; only a clip that is too large for any shard stands alone in a larger one."""
    given_ = [made(number, size) for number, size in enumerate(sizes)]
    shards = list(plan(given_, Limits(size=most, clips=clips), "n"))
    assert sum(shard.clips for shard in shards) == len(given_)
    rest = iter(given_)
    for number, shard in enumerate(shards):
        inside = [next(rest) for _ in range(shard.clips)]
        assert shard.file == f"n-{number:06d}.tar"
        assert (shard.first, shard.last) == (inside[0].key, inside[-1].key)
        assert clips is None or shard.clips <= clips
        assert shard.clips == 1 or shard.bytes <= most
        assert shard.bytes % tarfile.RECORDSIZE == 0


@pytest.mark.parametrize("id_", [*IDS, "a..b.", "x.mp4", "é.1"])
def test_a_key_has_no_dot_and_gives_the_id_back(id_: str) -> None:
    """WebDataset ends a key at the first dot; two ids never have one key."""
    key = Sample(id=id_, clip=Path(), size=0, sha256="", facts=b"").key
    assert "." not in key
    assert unquote(key) == id_
    assert key.replace(KEY_DOT, ".") == id_


def test_the_same_clips_make_the_same_bytes(tmp_path: Path) -> None:
    """Whatever their files' times and owners' rights, and wherever they go."""
    one, other = LocalFolder(tmp_path / "one"), LocalFolder(tmp_path / "other")
    pack(samples(tmp_path / "clips"), one)
    again = samples(tmp_path / "clips")
    for number, clip in enumerate(again):
        os.utime(clip.clip, (number, number))
        clip.clip.chmod(0o600)
    pack(again, other)
    assert contents(one) == contents(other)


def test_an_archive_is_what_tar_takes_for_one(tmp_path: Path) -> None:
    """Facts first, keys in order, names of any script and length, no time and nobody's."""
    clips = [
        *samples(tmp_path / "clips"),
        sample(tmp_path / "clips", "长" * 40, b""),
        sample(tmp_path / "clips", "长." * 30),
    ]
    clips.sort(key=lambda clip: clip.key)
    pack(clips, LocalFolder(tmp_path / "out"), Limits(size=1 << 30))
    (path,) = (tmp_path / "out").glob("*.tar")
    with tarfile.open(path) as archive:
        members = archive.getmembers()
        told = {one.name: archive.extractfile(one) for one in members}
        assert [one.name for one in members] == [
            f"{clip.key}.{ending}" for clip in clips for ending in ("json", "mp4")
        ]
        assert {(one.mtime, one.uid, one.gid, one.mode, one.uname) for one in members} == {
            (0, 0, 0, 0o644, "")
        }
        for clip in clips:
            file = told[f"{clip.key}.mp4"]
            assert file is not None
            assert file.read() == clip.clip.read_bytes()


def test_what_was_planned_is_what_is_written(tmp_path: Path) -> None:
    """To the byte: by it a shard that is there is recognised."""
    clips = samples(tmp_path / "clips")
    target = LocalFolder(tmp_path / "out")
    packed, heard = pack(clips, target)
    shards: list[Shard] = list(plan(clips, FEW, "set"))
    assert {shard.file: shard.bytes for shard in shards}.items() <= target.sizes().items()
    assert heard.bytes == heard.planned_bytes == packed.bytes == sum(shard.bytes for shard in shards)
    assert heard.clips == heard.planned_clips == packed.clips == len(clips)


def test_a_recipe_changes_with_a_clip_and_with_its_facts(tmp_path: Path) -> None:
    """Two different shards of one size are told apart."""
    recipes = set()
    for content, facts in ((b"one", b"{}"), (b"two", b"{}"), (b"one", b"[]")):
        clip = sample(tmp_path, "x", content)
        changed = Sample(id="x", clip=clip.clip, size=clip.size, sha256=clip.sha256, facts=facts)
        (shard,) = plan([changed], FEW, "set")
        recipes.add(shard.recipe)
    assert len(recipes) == 3


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_the_files_are_read_by_the_real_library(tmp_path: Path) -> None:
    """``webdataset`` finds every clip with its own facts, under its own key, in order."""
    webdataset = pytest.importorskip(
        "webdataset", reason="the library `webdataset` is not installed (extra `test`)"
    )
    clips = samples(tmp_path / "clips")
    pack(clips, LocalFolder(tmp_path / "out"))
    urls = sorted(map(str, (tmp_path / "out").glob("*.tar")))
    assert len(urls) == 3
    found = list(webdataset.WebDataset(urls, shardshuffle=False, empty_check=False).decode())
    gc.collect()  # the library leaves its last file to be closed by chance
    assert [one["__key__"] for one in found] == [clip.key for clip in clips]
    for one, clip in zip(found, clips, strict=True):
        assert one["mp4"] == clip.clip.read_bytes()
        assert one["json"] == {"id": clip.id, "prompt": f"a {clip.id} 奔跑"}
