"""Symbolic links planted in the output folder lead no byte out of it."""

from __future__ import annotations

import os
import stat
from dataclasses import replace

import pytest
from whole.house import QUICK, House, tree, until

from batchgen.simulator import Times

FOX: dict[str, object] = {"id": "fox", "prompt": "A fox"}
HORSE: dict[str, object] = {"id": "horse", "prompt": "A horse"}

#: Everything that a run may write, and the exit code when a link stands there.
NAMES: dict[str, set[int]] = {
    "videos": {2},
    "superseded": {2},
    "videos/horse.mp4": {1},
    "videos/horse.mp4.part": {1},
    "videos/horse.mp4.from.part": {0},
    "videos/metadata.jsonl": {0},
    "videos/.metadata.jsonl.part": {0},
    "manifest.jsonl": {0},
    ".manifest.jsonl.part": {0},
    "README.md": {0},
    ".README.md.part": {0},
    "index.html": {0},
    ".index.html.part": {0},
    "ledger.sqlite3": {2},
    "ledger.sqlite3-wal": {2},
    "ledger.sqlite3-shm": {2},
    "ledger.sqlite3-journal": {2},
    "ledger.sqlite3-reserve": {0},
    ".batchgen.lock": {2},
    ".batchgen.run.json": {0},
    "..batchgen.run.json.part": {0},
}


@pytest.mark.parametrize("there", [True, False], ids=["to a file", "to nothing"])
@pytest.mark.parametrize("name", NAMES)
async def test_no_link_leads_out(house: House, name: str, there: bool) -> None:  # noqa: FBT001  a column
    """What lies outside is neither changed nor made; where the run can't do without the name, it says so."""
    house.write([FOX])
    assert (await house.run("jobs.yaml")).code == 0
    outside = house.folder / "outside"
    outside.mkdir()
    path, target = house.output / name, outside / "target"
    if path.is_symlink() or path.exists():
        path.rename(target if there else house.folder / "elsewhere")
    elif there:
        target.write_bytes(b"theirs")
    path.symlink_to(target)
    before = tree(outside)
    house.write([FOX, HORSE])
    house.sim.reset()
    ended = await house.run("jobs.yaml")
    assert tree(outside) == before
    assert ended.code in NAMES[name], ended.err
    assert "Traceback" not in ended.err
    if ended.code == 2:
        assert name in ended.err
        assert house.calls().get("submit", 0) == 0


async def test_a_link_that_is_planted_while_a_run_waits(house: House) -> None:
    """No clip is made or removed where it leads; what was paid for is brought by a later run."""
    house.sim.behaviour = replace(QUICK, times=Times(median=2.0, sigma=0.0))
    house.write([FOX])
    running = await house.start("jobs.yaml")
    await until(lambda: house.sim.tasks, "a task")
    outside, videos = house.folder / "outside", house.output / "videos"
    outside.mkdir()
    theirs = [outside / "fox.mp4.from.part", outside / "fox.mp4.part"]
    for path in theirs:
        path.write_bytes(b"theirs")
    if videos.exists():
        videos.rename(house.folder / "elsewhere")
    videos.symlink_to(outside)
    ended = await running.ended()
    assert sorted(outside.glob("*.mp4*")) == theirs
    assert [path.read_bytes() for path in theirs] == [b"theirs"] * 2
    assert ended.code == 1, ended.err
    assert "Traceback" not in ended.err
    videos.unlink()
    again = await house.run("jobs.yaml")
    assert (again.code, house.statuses()) == (0, {"succeeded": 1}), again.err
    assert set(house.submitted_prompts().values()) == {1}


async def test_the_simulated_folder_is_not_followed_out(house: House) -> None:
    """``--simulate`` writes below the output folder, or not at all."""
    outside = house.folder / "outside"
    outside.mkdir()
    house.output.mkdir()
    (house.output / "simulated").symlink_to(outside)
    house.write([FOX])
    ended = await house.run("jobs.yaml", "--simulate", service=False)
    assert ended.code == 2
    assert "simulated" in ended.err
    assert tree(outside) == {}


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
async def test_files_have_ordinary_permissions(house: House, mask: int) -> None:
    """What the umask leaves of read and write, for clips and for all that people and programs read beside them."""
    before = os.umask(mask)
    try:
        house.write([FOX])
        assert (await house.run("jobs.yaml")).code == 0
    finally:
        os.umask(before)
    names = ("videos/fox.mp4", "videos/metadata.jsonl", "manifest.jsonl", "README.md", "index.html")
    for name in names:
        assert stat.S_IMODE((house.output / name).stat().st_mode) == 0o666 & ~mask, name
    assert stat.S_IMODE((house.output / "videos").stat().st_mode) == 0o777 & ~mask
