"""The folder that runs leave behind, loaded by Hugging Face ``datasets`` as it stands."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from whole.house import House

from batchgen.simulator import Call, Code, Conditions

os.environ["HF_HUB_OFFLINE"] = "1"  # read once, when the library is loaded
datasets = pytest.importorskip("datasets", reason="the library `datasets` is not installed (extra `test`)")

JOBS: list[dict[str, object]] = [
    {"id": "train-1", "prompt": "a fox", "metadata": {"n": 1, "set": "a"}},
    {"id": "test_2", "prompt": "狐狸奔跑", "duration": 10, "metadata": {"n": 2.5}},
    {"id": "validation", "prompt": "2026-07-01", "prompt_optimizer": False},
    {"id": "白马", "prompt": "a horse", "metadata": {"n": None, "where": {"x": 1}}},
    {"prompt": "without an id"},
]


def load(folder: Path, cache: Path) -> Any:  # noqa: ANN401  the library has no types
    """The one split that there is."""
    datasets.disable_progress_bars()
    found = datasets.load_dataset(str(folder), cache_dir=str(cache))
    assert list(found) == ["train"]
    return found["train"].cast_column("video", datasets.Video(decode=False))


@pytest.mark.parametrize("filename", [None, "{resolution}/test/{id}.mp4"])
async def test_what_a_run_made_loads_as_it_stands(house: House, filename: str | None) -> None:
    """Every delivered clip, with its own file and its facts; a job that failed is no row of it."""
    house.sim.fault(Call.SUBMIT, Code(code=1026), Conditions(prompt="refused"))
    house.write([{"id": "odd", "prompt": "refused"}, *JOBS], filename=filename)
    assert (await house.run("jobs.yaml")).code == 1
    delivered = [row for row in house.rows() if row["status"] == "succeeded"]
    assert len(delivered) == len(JOBS)
    clips = await asyncio.to_thread(load, house.output, house.folder / "cache")
    assert clips["id"] == [row["id"] for row in delivered]
    for clip, row in zip(clips, delivered, strict=True):
        assert clip["video"]["path"] == str(house.output / row["file"])
        told = {key: clip[key] for key in ("prompt", "model", "duration", "resolution", "bytes", "sha256")}
        assert told == {key: row[key] for key in told}
    by_id = {clip["id"]: clip for clip in clips}
    assert [by_id[job]["metadata.n"] for job in ("train-1", "test_2", "白马")] == [1.0, 2.5, None]
    assert by_id["validation"]["prompt_optimizer"] is False
    assert by_id["白马"]["metadata.where"] == '{"x": 1}'


async def test_a_later_run_with_new_columns_loads_too(house: House) -> None:
    """The card is written anew with the rows, so it knows every key of the metadata."""
    house.write(JOBS[:1])
    assert (await house.run("jobs.yaml")).code == 0
    house.write([JOBS[0], {"id": "more", "prompt": "x", "metadata": {"n": "text", "new": True}}])
    assert (await house.run("jobs.yaml")).code == 0
    clips = await asyncio.to_thread(load, house.output, house.folder / "cache")
    assert clips["metadata.n"] == ["1", "text"]
    assert clips["metadata.new"] == [None, True]
