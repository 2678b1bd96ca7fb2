"""The output folder as a data set of Hugging Face ``datasets``, read with the library itself."""

from __future__ import annotations

import datetime as dt
import io
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from reports.records import attempt, delivered, record

from batchgen.export.local import LocalFolder
from batchgen.model import Record
from batchgen.reports import flat
from batchgen.reports.card import write_card
from batchgen.reports.column_types import Type, type_of, wider
from batchgen.reports.dataset import clip_facts
from batchgen.reports.lines import as_line
from batchgen.reports.manifest import ManifestWriter
from batchgen.reports.rows import manifest_row
from export.clips import pack, sample

os.environ["HF_HUB_OFFLINE"] = "1"  # read once, when the library is loaded
datasets = pytest.importorskip("datasets", reason="the library `datasets` is not installed (extra `test`)")
pyarrow_json = pytest.importorskip("pyarrow.json", reason="pyarrow is not installed (extra `test`)")

Load = Callable[[Path], Any]

NAMES = ["train-1", "test_2", "validation", "eval", "狐狸-test", "白马", "dev.3"]


def folder(path: Path, records: Iterable[Record]) -> Path:
    """An output folder with these jobs and a file for each clip, and with much that is no part of the set."""
    kept = list(records)
    contents = ManifestWriter(path).rewrite(kept)
    write_card(path, contents, simulated=False)
    others = ("superseded/train-1.mp4", "simulated/videos/x.mp4", "videos/y.mp4.part", "index.html")
    clips = (job.newest.file for job in kept if job.newest is not None and job.newest.file)
    for name in (*clips, *others):
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(name.encode())
    return path


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load a folder as a user does, without decoding, without a network, with a cache of the test's own."""
    datasets.disable_progress_bars()

    def loaded(path: Path) -> Any:  # noqa: ANN401  the library has no types
        found = datasets.load_dataset(str(path), cache_dir=str(tmp_path / "cache"))
        assert list(found) == ["train"]
        return found["train"].cast_column("video", datasets.Video(decode=False))

    return loaded


def test_all_clips_are_in_one_split_whatever_their_names(tmp_path: Path, load: Load) -> None:
    """Names of splits in ids mean nothing; each row has its own file, and no other file is in the set."""
    clips = load(folder(tmp_path / "out", [*map(delivered, NAMES), record()]))
    assert clips["id"] == NAMES
    for name, video in zip(NAMES, clips["video"], strict=True):
        assert Path(video["path"]).read_bytes() == f"videos/{name}.mp4".encode()


def test_clips_may_stand_in_folders(tmp_path: Path, load: Load) -> None:
    """Fanned out by hash, or where the job file says: the rows name them, whatever the folders are called."""
    places = {"a": "videos/7f/a.mp4", "b": "videos/train/b.mp4", "c": "videos/test/模型 2/c.mp4"}
    jobs = [record(attempt(file=file), id=name) for name, file in places.items()]
    clips = load(folder(tmp_path / "out", jobs))
    told = {row["id"]: Path(row["video"]["path"]).read_bytes().decode() for row in clips}
    assert told == places


def test_each_column_has_one_type_and_missing_values_are_null(tmp_path: Path, load: Load) -> None:
    """Also where the first rows would tell a loader something else."""
    jobs = [
        delivered("a", metadata={"n": 1, "mixed": 1, "late": None, "on": True}),
        delivered("b", metadata={"n": 2.5, "mixed": "x", "nested": {"深": [1]}, "big": 2**70}),
        delivered("c", metadata={"late": "here", "mixed": False, "my_file_name": "x.png"}),
    ]
    clips = load(folder(tmp_path / "out", jobs))
    told = {name: clips[f"metadata.{name}"] for name in ("n", "mixed", "late", "on", "nested", "big")}
    assert told == {
        "n": [1.0, 2.5, None],
        "mixed": ["1", "x", "false"],
        "late": [None, None, "here"],
        "on": [True, None, None],
        "nested": [None, '{"深": [1]}', None],
        "big": [None, str(2**70), None],
    }
    assert clips["metadata.my_file_name"] == [None, None, "x.png"]
    assert clips.features["aigc_watermark"].dtype == "bool"
    assert (clips.features["duration"].dtype, clips["duration"]) == ("int64", [6, 6, 6])


def test_texts_that_look_like_times_keep_their_value(tmp_path: Path, load: Load) -> None:
    """The loader would take all texts of such a column for times, and write them differently."""
    days = ["2026-07-01", "2026-07-02"]
    jobs = [
        delivered(day, metadata={"day": day, "at": f"{day}T10:00:00Z", "partly": text})
        for day, text in zip(days, ["2026-07-01", "none"], strict=True)
    ]
    clips = load(folder(tmp_path / "out", jobs))
    assert [str(day) for day in clips["id"]] == days
    assert clips["metadata.day"] == [dt.date(2026, 7, 1), dt.date(2026, 7, 2)]
    assert clips["metadata.at"][0] == dt.datetime(2026, 7, 1, 10, tzinfo=dt.UTC)
    assert clips["metadata.partly"] == ["2026-07-01", "none"]


@pytest.mark.parametrize(
    "text",
    [
        *("2026-07-01", "2026-07-01 10", "2026-07-01T10:00", "2026-07-01 10:00:59+0800", "2026-07-01 10Z"),
        *("2026-02-30", "2026-7-1", "20260701", "2026-07-01 24:00", "2026-07-01 10:00:00.5", "2026-07-01Z"),
        *("2026-07-01 10:00 Z", "2026-07-01T", "2026", "２０２６-07-01", "2026-07-01 10:00:60", ""),
    ],
)
def test_what_counts_as_a_time_is_what_the_reader_takes_for_one(text: str) -> None:
    """A column that we call a time and the reader calls text would not load, and the other way round change."""
    found = pyarrow_json.read_json(io.BytesIO(json.dumps({"a": text}).encode())).schema.field("a").type
    assert (type_of(text) is not Type.STRING) == (str(found) == "timestamp[s]")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([None, 1, 2.5], Type.NUMBER),
        ([True, 1], Type.STRING),
        (["2026-07-01", "2026-07-01 10:00"], Type.TIME),
        (["2026-07-01 10:00Z", "2026-07-01"], Type.TIME),
        (["2026-07-01 10:00Z", None], Type.UTC_TIME),
        (["2026-07-01", 5], Type.STRING),
        (["2026-07-01", ""], Type.STRING),
        ([[1], {"a": 1}], Type.STRING),
        ([None], None),
    ],
)
def test_a_column_has_the_narrowest_type_that_holds_all(values: list[object], kind: Type | None) -> None:
    """Whatever the order in which they come."""
    for order in (values, values[::-1]):
        found: Type | None = None
        for value in order:
            found = wider(found, type_of(value))
        assert found is kind


def test_half_a_character_does_not_spoil_the_set(tmp_path: Path, load: Load) -> None:
    """The reader refuses a file with half a surrogate pair in it; a sign stands in its place."""
    clips = load(folder(tmp_path / "out", [delivered("a", prompt="x\ud800", metadata={"k\udc00": "\ud800"})]))
    assert (clips["prompt"], clips["metadata.k\ufffd"]) == (["x\ufffd"], ["\ufffd"])


def test_a_set_of_one_and_of_a_thousand(tmp_path: Path, load: Load) -> None:
    """A key that only the last clip has is a column of all."""
    assert load(folder(tmp_path / "one", [delivered("only")]))["id"] == ["only"]
    jobs = (
        delivered(f"train-{n}", metadata={"n": n} | ({"last": "x"} if n == 999 else {})) for n in range(1000)
    )
    clips = load(folder(tmp_path / "out", jobs))
    assert clips["metadata.n"] == list(range(1000))
    assert clips["metadata.last"] == [None] * 999 + ["x"]


def test_an_empty_set_streams(tmp_path: Path) -> None:
    """The library loads no empty split; streamed, the folder has its columns and no row."""
    path = folder(tmp_path / "out", [record()])
    clips = datasets.load_dataset(str(path), split="train", streaming=True, cache_dir=str(tmp_path / "cache"))
    assert list(clips) == []
    assert "prompt" in clips.features


def test_rows_written_after_the_card_load_too(tmp_path: Path, load: Load) -> None:
    """A crash between the two leaves a card that knows less; its columns are filled all the same."""
    path = folder(tmp_path / "out", [delivered("a", metadata={"old": 1})])
    ManifestWriter(path).rewrite([delivered("a", metadata={"old": 1}), delivered("b", metadata={"new": "x"})])
    (path / "videos/b.mp4").write_bytes(b"b")
    clips = load(path)
    assert (clips["id"], clips["metadata.old"]) == (["a", "b"], [1, None])


def test_exported_shards_load_too(tmp_path: Path) -> None:
    """The library's own reader of WebDataset infers types from the facts, and so finds one of each key."""
    jobs = [
        delivered("a", metadata={"n": 1, "mixed": [1, {"x": 2}]}),
        delivered("b", metadata={"n": 2.5, "mixed": "text", "more": True}),
        delivered("c.d"),
    ]
    kinds = flat.metadata_kinds(jobs)
    packed = [
        replace(
            sample(tmp_path / "clips", job.id), facts=as_line(clip_facts(manifest_row(job), kinds)).encode()
        )
        for job in jobs
    ]
    pack(packed, LocalFolder(tmp_path / "shards"))
    found = datasets.load_dataset(str(tmp_path / "shards"), split="train", cache_dir=str(tmp_path / "cache"))
    facts = found.remove_columns("mp4")["json"]
    assert [one["id"] for one in facts] == ["a", "b", "c.d"]
    assert [one["metadata"] for one in facts] == [
        {"mixed": '[1, {"x": 2}]', "more": None, "n": 1.0},
        {"mixed": "text", "more": True, "n": 2.5},
        {"mixed": None, "more": None, "n": None},
    ]
