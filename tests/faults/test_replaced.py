"""What a run stands on is taken away under its feet: it notices, pays no more, and touches nothing of others."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from whole.house import QUICK, Ended, House, until

from batchgen.app import ground
from batchgen.errors import ConfigError
from batchgen.simulator import Behaviour, Call, Hang, Times

JOBS = 6
SLOW = Behaviour(times=Times(median=30.0, sigma=0.0))


async def _struck(house: House, strike: Callable[[], None]) -> Ended:
    """A run is struck while one task is at the service; then the task ends, and room for others is there."""
    house.sim.behaviour = SLOW
    house.write([{"id": f"j{n}", "prompt": f"even {n}"} for n in range(JOBS)])
    running = asyncio.create_task(house.run("jobs.yaml", "--in-flight", "1", "--drain", "0s"))
    await until(lambda: house.calls().get("query"), "a task at the service")
    strike()
    house.later(60)
    house.sim.behaviour = QUICK
    ended = await running
    assert ended.code == 3, ended
    assert "Traceback" not in ended.err
    assert len(house.sim.tasks) == 1, "nothing was paid for on into the void"
    return ended


async def _carries_on(house: House) -> None:
    ended = await house.run("jobs.yaml")
    assert ended.code == 0, ended.err
    assert house.submitted_prompts() == {f"even {n}": 1 for n in range(JOBS)}
    house.check_clips(JOBS)


async def test_the_output_folder_is_moved_away(house: House) -> None:
    """Exit 3; when it is back the same command carries on."""
    aside = house.folder / "aside"

    def strike() -> None:
        house.output.rename(aside)

    ended = await _struck(house, strike)
    assert "not there any more" in ended.err
    shutil.rmtree(house.output, ignore_errors=True)
    aside.rename(house.output)
    await _carries_on(house)


async def test_the_output_folder_is_replaced(house: House) -> None:
    """Exit 3, and what stands in its place is not touched: the manifest there is somebody else's."""
    aside = house.folder / "aside"

    def strike() -> None:
        house.output.rename(aside)
        shutil.copytree(aside, house.output)
        (house.output / "manifest.jsonl").write_text('{"id": "theirs"}\n')

    ended = await _struck(house, strike)
    assert "has taken" in ended.err
    assert (house.output / "manifest.jsonl").read_text() == '{"id": "theirs"}\n'
    assert not list(house.output.rglob("*.mp4"))
    shutil.rmtree(house.output)
    aside.rename(house.output)
    await _carries_on(house)


async def test_the_ledger_is_replaced_by_a_copy(house: House) -> None:
    """Writes would go to a file without a name: exit 3 before the next one."""
    ledger, aside = house.output / "ledger.sqlite3", house.folder / "aside"

    def strike() -> None:
        ledger.rename(aside)
        shutil.copyfile(aside, ledger)

    ended = await _struck(house, strike)
    assert "another file has taken the place of the ledger" in ended.err
    aside.replace(ledger)
    await _carries_on(house)


async def test_the_ledger_is_deleted(house: House) -> None:
    """Exit 3; after that no run begins afresh beside what is there."""
    ledger = house.output / "ledger.sqlite3"
    kept: list[bytes] = []

    def strike() -> None:
        kept.append(b"")
        shutil.copyfile(ledger, house.folder / "backup")
        shutil.copyfile(f"{ledger}-wal", house.folder / "backup-wal")
        ledger.unlink()

    ended = await _struck(house, strike)
    assert "the ledger is not there any more" in ended.err
    again = await house.run("jobs.yaml")
    assert again.code == 2, again.err
    assert len(house.sim.tasks) == 1
    for left in house.output.glob("ledger.sqlite3*"):
        left.unlink()
    (house.folder / "backup").rename(ledger)
    (house.folder / "backup-wal").rename(f"{ledger}-wal")
    await _carries_on(house)


async def test_the_log_is_deleted(house: House) -> None:
    """The newest changes would be lost with this process: exit 3; closing still folds them back."""
    log = house.output / "ledger.sqlite3-wal"
    ended = await _struck(house, log.unlink)
    assert "ledger.sqlite3-wal: the ledger is not there any more" in ended.err
    await _carries_on(house)


async def test_a_task_id_waits_for_the_folder_to_come_back(house: House) -> None:
    """The folder is gone when the answer comes: the id is told, held, and written when the folder is there."""
    house.write([{"id": f"j{n}", "prompt": f"even {n}"} for n in range(JOBS)])
    house.sim.fault(Call.SUBMIT, Hang(seconds=0.5, made=True))
    aside = house.folder / "aside"
    running = asyncio.create_task(house.run("jobs.yaml", "--in-flight", "1", "--drain", "20s"))
    await until(lambda: house.sim.tasks, "a task")
    house.output.rename(aside)
    await asyncio.sleep(1.0)  # the answer has come meanwhile
    aside.rename(house.output)
    ended = await running
    house.sim.clear_faults()
    assert ended.code == 3, ended.err
    assert f"not yet written down: job j0 has task id {house.sim.tasks[0].task_id}" in ended.err
    assert len(house.sim.tasks) == 1
    assert house.statuses() == {"succeeded": 1, "pending": JOBS - 1}
    await _carries_on(house)


async def test_an_output_folder_without_the_ledger_in_it_is_watched_too(house: House) -> None:
    """The ledger lies elsewhere and is well: a look at the folder within seconds ends the submissions."""
    house.sim.behaviour = SLOW
    house.write([{"id": f"j{n}", "prompt": f"even {n}"} for n in range(JOBS)], ledger="state/ledger.db")
    running = asyncio.create_task(house.run("jobs.yaml", "--in-flight", "1", "--drain", "1s"))
    await until(lambda: house.calls().get("query"), "a task at the service")
    aside = house.folder / "aside"
    house.output.rename(aside)
    house.output.mkdir()
    ended = await running
    assert ended.code == 3, ended.err
    assert "another folder has taken its place" in ended.err
    assert list(house.output.iterdir()) == []
    house.output.rmdir()
    aside.rename(house.output)
    house.later(60)
    house.sim.behaviour = QUICK
    await _carries_on(house)


def test_a_folder_that_was_made_anew_is_another_one(tmp_path: Path) -> None:
    """Also when the system would give it the number of the one before."""
    folder = tmp_path / "output"
    folder.mkdir()
    with ground.hold(folder) as held:
        held.check()
        folder.rmdir()
        with pytest.raises(FileNotFoundError):
            held.check()
        folder.mkdir()
        with pytest.raises(OSError, match="another folder"):
            held.check()
    with pytest.raises(ConfigError, match="can't be used"), ground.hold(tmp_path / "none"):
        pass


# --- read-only ------------------------------------------------------------------------------------------


@contextmanager
def _read_only(folder: Path) -> Iterator[None]:
    """Take the right to write there away for a while, or skip the test."""
    folder.chmod(0o500)
    try:
        if os.access(folder, os.W_OK):
            pytest.skip("the superuser may write anywhere")
        yield
    finally:
        folder.chmod(0o700)


@pytest.mark.parametrize("which", ["", "videos"])
async def test_a_folder_that_may_not_be_written(house: House, which: str) -> None:
    """Exit 3 before anything is sent; with the right given back the same command carries on."""
    house.write([{"id": f"j{n}", "prompt": f"even {n}"} for n in range(JOBS)])
    folder = house.output / which
    folder.mkdir(parents=True)
    with _read_only(folder):
        ended = await house.run("jobs.yaml")
    assert ended.code == 3, ended.err
    assert house.calls() == {}
    await _carries_on(house)


async def test_clips_that_may_not_be_written_stay_generated(house: House) -> None:
    """The folder of the clips becomes read-only while a task is made: told, kept, and fetched by the next run."""
    with _read_only(house.folder):
        pass  # skipped here, or possible
    house.sim.behaviour = SLOW
    house.write(
        [{"id": f"j{n}", "prompt": f"even {n}"} for n in range(JOBS)],
        limits={"submits_per_minute": None, "min_free_bytes": 0, "download_patience": 1},
    )
    words = ("jobs.yaml", "--in-flight", str(JOBS))
    running = asyncio.create_task(house.run(*words))
    await until(lambda: len(house.sim.tasks) == JOBS, "tasks")
    videos = house.output / "videos"
    videos.mkdir(exist_ok=True)
    house.later(60)
    with _read_only(videos):
        ended = await running
    assert ended.code == 3, ended.err  # the data set's rows can't be written either
    assert "Permission denied" in ended.err
    await _carries_on(house)
