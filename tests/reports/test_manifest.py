"""Manifest and metadata files: appended, rewritten, read back."""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from unittest import mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from batchgen.model import Record, State
from batchgen.reports.column_types import Type
from batchgen.reports.dataset import file_name, metadata_row
from batchgen.reports.lines import as_line
from batchgen.reports.manifest import ManifestWriter, read_manifest
from batchgen.reports.rows import manifest_row
from reports.records import attempt, delivered, record


def lines(path: Path) -> list[dict[str, object]]:
    """The rows of a JSONL file."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_rows_are_appended_as_jobs_end(tmp_path: Path) -> None:
    """Each is a line of its own, in the order of the ends."""
    writer = ManifestWriter(tmp_path)
    for job in (delivered("狐狸"), record(attempt(State.FAILED))):
        writer.append([job])
    assert lines(tmp_path / "manifest.jsonl") == [
        manifest_row(delivered("狐狸")),
        manifest_row(record(attempt(State.FAILED))),
    ]


def test_a_torn_last_line_spoils_no_other(tmp_path: Path) -> None:
    """A row that follows a crash begins on a line of its own; the reader skips the torn one and says so."""
    path = tmp_path / "manifest.jsonl"
    writer = ManifestWriter(tmp_path)
    writer.append([delivered("a")])
    path.write_bytes(path.read_bytes() + b'{"id": "b", "sta')
    writer.append([delivered("c")])
    torn: list[int] = []
    assert [row["id"] for row in read_manifest(path, torn=torn.append)] == ["a", "c"]
    assert torn == [2]


def test_an_append_is_a_single_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two writers' rows cannot mix, and a crash tears one line at most."""
    written: list[bytes] = []
    write = os.write

    def counting(descriptor: int, data: bytes) -> int:
        written.append(data)
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", counting)
    ManifestWriter(tmp_path).append([delivered("a")])
    assert [data[-1:] for data in written] == [b"\n"]


def test_the_manifest_is_not_followed_out_of_the_folder(tmp_path: Path) -> None:
    """A symlink planted under its name is not written through."""
    outside = tmp_path / "outside"
    outside.write_text("theirs")
    folder = tmp_path / "output"
    folder.mkdir()
    (folder / "manifest.jsonl").symlink_to(outside)
    with pytest.raises(OSError, match="symbolic"):
        ManifestWriter(folder).append([delivered("a")])
    ManifestWriter(folder).rewrite([delivered("a")])
    assert outside.read_text() == "theirs"
    assert not (folder / "manifest.jsonl").is_symlink()


def test_rewriting_keeps_the_order_and_lists_delivered_clips(tmp_path: Path) -> None:
    """The manifest has every job in the order given; the metadata has the clips that stand in videos/."""
    jobs = [
        delivered("b"),
        record(),
        delivered("a"),
        record(attempt(missing=True), id="gone"),
        record(attempt(file="elsewhere/x.mp4"), id="x"),
        record(attempt(file="videos/ab/y.mp4"), id="y"),
    ]
    (tmp_path / "manifest.jsonl").write_text("old\n")
    contents = ManifestWriter(tmp_path).rewrite(iter(jobs))
    assert lines(tmp_path / "manifest.jsonl") == [manifest_row(job) for job in jobs]
    rows = lines(tmp_path / "videos/metadata.jsonl")
    assert [row["file_name"] for row in rows] == ["b.mp4", "a.mp4", "ab/y.mp4"]
    assert (contents.bytes, round(contents.seconds, 2), contents.metadata) == (9_300_000, 17.64, {})
    assert dict(contents.clips) == {("MiniMax-Hailuo-2.3", "768P", 6): 3}


def test_rewriting_that_fails_leaves_the_old_files(tmp_path: Path) -> None:
    """Readers see the old manifest or the new one, never half of one, and no part is left behind."""
    writer = ManifestWriter(tmp_path)
    writer.rewrite([delivered("a")])
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def breaking() -> Iterator[Record]:
        yield delivered("b")
        raise OSError("the ledger's disk is gone")

    with pytest.raises(OSError, match="gone"):
        writer.rewrite(breaking())
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_part_that_a_crash_left_is_no_obstacle(tmp_path: Path) -> None:
    """It is replaced; ordinary permissions are those of the user's umask."""
    (tmp_path / ".manifest.jsonl.part").write_text("half")
    mask = os.umask(0o022)
    try:
        ManifestWriter(tmp_path).rewrite([delivered("a")])
    finally:
        os.umask(mask)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["manifest.jsonl", "videos"]
    assert stat.S_IMODE((tmp_path / "manifest.jsonl").stat().st_mode) == 0o644


def test_every_row_of_the_data_set_has_every_column(tmp_path: Path) -> None:
    """Loaders take one type for a column: numbers widen, mixed values become text, absent ones null."""
    jobs = [
        delivered("a", metadata={"scene": "library", "take": 1, "mixed": 1, "deep": {"x": [1]}}),
        delivered("b", metadata={"take": 2.5, "mixed": "one", "never": None, "flag": True}),
        record(id="c", metadata={"unsold": 1}),
    ]
    contents = ManifestWriter(tmp_path).rewrite(jobs)
    assert contents.metadata == {
        "scene": Type.STRING,
        "take": Type.NUMBER,
        "mixed": Type.STRING,
        "deep": Type.STRING,
        "never": None,
        "flag": Type.BOOL,
    }
    first, second = lines(tmp_path / "videos/metadata.jsonl")
    assert list(first) == list(second) == ["file_name", *contents.columns()]
    assert {key: value for key, value in first.items() if key.startswith("metadata.")} == {
        "metadata.scene": "library",
        "metadata.take": 1.0,
        "metadata.mixed": "1",
        "metadata.deep": '{"x": [1]}',
        "metadata.never": None,
        "metadata.flag": None,
    }
    assert (second["metadata.mixed"], second["metadata.take"]) == ("one", 2.5)
    assert first["prompt_optimizer"] is None


VALUES = st.sampled_from(
    [None, 1, 2.5, math.nan, True, "library", "2026-07-01", "2026-07-01T12:00:00Z", [1, {"a": "狐狸"}]]
)


@given(
    metadata=st.lists(st.dictionaries(st.sampled_from("abc"), VALUES), max_size=4),
    common=st.booleans(),
    first=st.integers(1, 5),
)
def test_it_does_not_matter_when_a_column_or_its_type_comes_up(
    tmp_path_factory: pytest.TempPathFactory, *, metadata: list[dict[str, object]], common: bool, first: int
) -> None:
    """Each row is to the letter what it is when all columns are known before; ``first`` clips settle them."""
    if common:
        metadata = [dict.fromkeys("abc") | values for values in metadata]
    folder = tmp_path_factory.mktemp("output")
    jobs = [delivered(f"clip-{n}", metadata=values) for n, values in enumerate(metadata)]
    with mock.patch("batchgen.reports.manifest._FIRST_CLIPS", first):
        contents = ManifestWriter(folder).rewrite(jobs)
    told = [metadata_row(row, contents.metadata) for row in lines(folder / "manifest.jsonl")]
    text = (folder / "videos/metadata.jsonl").read_text("utf-8")
    assert text == "".join(as_line(row) + "\n" for row in told if row is not None)


@given(st.lists(st.sampled_from(["videos", "/", "//", ".", "..", "a", "狐狸.mp4"]), max_size=6).map("".join))
@example("videos/./a.mp4")
@example("videos/.a.mp4")
@example("videos//a.mp4")
@example("videos/a/")
def test_a_clip_is_named_by_its_path_below_the_folder(file: str) -> None:
    """As pathlib has it, however the path is written."""
    path = PurePosixPath(file)
    below = str(path.relative_to("videos")) if path.parts[:1] == ("videos",) else None
    assert file_name({"file": file}) == below


def test_a_request_key_that_was_named_is_a_value_of_its_column(tmp_path: Path) -> None:
    """Null stands only for what was left to the service."""
    request = {"model": "m", "prompt": "p", "prompt_optimizer": False}
    job = record(attempt(request=request), request=request)
    ManifestWriter(tmp_path).rewrite([job])
    (row,) = lines(tmp_path / "videos/metadata.jsonl")
    assert (row["prompt_optimizer"], row["aigc_watermark"]) == (False, None)


def test_a_clip_keeps_the_prompt_that_it_was_made_from(tmp_path: Path) -> None:
    """After an edit the job asks for something else; its clip, until it is made anew, shows the old."""
    before = {"model": "MiniMax-Hailuo-02", "prompt": "before", "duration": 10}
    ManifestWriter(tmp_path).rewrite([record(attempt(request=before), prompt="after", changed=True)])
    (row,) = lines(tmp_path / "videos/metadata.jsonl")
    told = {key: row[key] for key in ("id", "prompt", "model", "duration", "resolution")}
    assert told == {**before, "id": "book", "resolution": "768P"}


def test_reading_keeps_the_last_row_of_each_id(tmp_path: Path) -> None:
    """A job that ended twice is as it was at the last."""
    writer = ManifestWriter(tmp_path)
    for job in (record(attempt(State.FAILED), id="a"), delivered("b"), delivered("a")):
        writer.append([job])
    told = [(row["id"], row["status"]) for row in read_manifest(tmp_path / "manifest.jsonl")]
    assert told == [("b", "succeeded"), ("a", "succeeded")]


@given(junk=st.lists(st.binary(max_size=40), max_size=5), cut=st.integers(0, 400))
def test_reading_survives_any_bytes(
    tmp_path_factory: pytest.TempPathFactory, junk: list[bytes], cut: int
) -> None:
    """Whole rows around damaged lines are found; nothing raises."""
    path = tmp_path_factory.mktemp("m") / "manifest.jsonl"
    row = b'{"id": "whole", "n": 1}\n'
    path.write_bytes(b"\n".join(junk) + b"\n" + row + b'{"id": "torn", "n": 2}'[: cut % 22])
    assert [found for found in read_manifest(path) if found["id"] == "whole"] == [{"id": "whole", "n": 1}]
