"""Shards, samples and folders: parts of the jobs that depend on nothing but the ids."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen.ledger.portions import Shard, clip_name, rank, superseded_name

IDS = [f"job-{n}" for n in range(2000)]
SHARD_1_OF_3 = ["job-5", "job-7", "job-8", "job-9"]
JOB_0 = "videos/7d/job-0.mp4"
FIRST_3 = ["job-5", "job-1", "job-0"]


@given(id_=st.text(min_size=1, max_size=20), of=st.integers(1, 40))
def test_every_id_is_in_exactly_one_shard(id_: str, of: int) -> None:
    """The parts are disjoint and complete."""
    assert sum(Shard(number=number, of=of).has(id_) for number in range(1, of + 1)) == 1


def test_shards_are_of_one_size_as_far_as_chance_allows() -> None:
    """No part is much larger than another."""
    sizes = [sum(map(Shard(number=number, of=4).has, IDS)) for number in range(1, 5)]
    assert sum(sizes) == len(IDS)
    assert min(sizes) > 430


def test_a_shard_is_the_same_on_every_machine_for_ever() -> None:
    """Folders that exist were made by this rule."""
    assert [id_ for id_ in IDS[:12] if Shard(number=1, of=3).has(id_)] == SHARD_1_OF_3
    assert clip_name("job-0", None, fanned=True) == JOB_0
    assert sorted(IDS[:12], key=rank)[:3] == FIRST_3


def test_case_changes_no_part() -> None:
    """Two ids that some file system can't tell apart are in one part."""
    shards = [Shard(number=number, of=7) for number in range(1, 8)]
    assert all(shard.has("Straße") == shard.has("STRASSE") for shard in shards)


def test_a_sample_of_a_shard_is_a_fair_one() -> None:
    """The hashes of different purposes have nothing to do with each other."""
    sample = sorted(IDS, key=rank)[:400]
    in_shard = sum(map(Shard(number=1, of=2).has, sample))
    assert 150 < in_shard < 250
    folders = Counter(clip_name(id_, None, fanned=True).split("/")[1] for id_ in sample)
    assert len(folders) > 180


@pytest.mark.parametrize(
    "text", ["0/3", "4/3", "1/0", "1", "a/b", "1/3/5", " 1/3", "1/-3", "-1/3", "1/3\n", "١/٣"]
)
def test_what_is_no_shard(text: str) -> None:
    """I goes from 1 to N."""
    with pytest.raises(ValueError, match="1/3"):
        Shard.parse(text)


def test_a_shard_reads_as_it_is_written() -> None:
    """So it can stand in a command."""
    assert str(Shard.parse("2/10")) == "2/10"


@pytest.mark.parametrize(
    ("filename", "fanned", "number", "name"),
    [
        (None, False, 1, "videos/a.mp4"),
        (None, False, 2, "videos/a~2.mp4"),
        ("m/a.mp4", False, 1, "videos/m/a.mp4"),
        ("m/a.mp4", True, 1, "videos/m/a.mp4"),
        ("m/a.mp4", True, 3, "videos/m/a~3.mp4"),
    ],
)
def test_the_name_of_a_clip(filename: str | None, fanned: bool, number: int, name: str) -> None:  # noqa: FBT001  a column
    """By the job file, or made of the id."""
    assert clip_name("a", filename, fanned=fanned, number=number) == name


def test_folders_are_fanned_out_alike() -> None:
    """A clip and what is kept of it earlier lie in folders of one name."""
    folder = clip_name("a", None, fanned=True).split("/")[1]
    assert clip_name("a", None, fanned=True, number=2) == f"videos/{folder}/a~2.mp4"
    assert superseded_name("a", 7, fanned=True) == f"superseded/{folder}/a.7.mp4"
    assert superseded_name("a", 7, fanned=False) == "superseded/a.7.mp4"
