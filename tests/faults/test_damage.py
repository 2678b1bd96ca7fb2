"""What may be damaged between two runs: the ledger, its log, the manifest, the clips."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from ledger.workshop import NOON, ORIGIN
from whole.house import QUICK, House, tree, until

from batchgen.ledger import Ledger, log
from batchgen.simulator import Behaviour, Times

JOBS = 4


def _jobs(number: int = JOBS) -> list[dict[str, object]]:
    return [{"id": f"j{n}", "prompt": f"even {n}"} for n in range(number)]


async def _carries_on(house: House, number: int = JOBS) -> None:
    ended = await house.run("jobs.yaml")
    assert ended.code == 0, ended.err
    assert house.submitted_prompts() == {f"even {n}": 1 for n in range(number)}
    house.check_clips(number)


async def _killed_with_tasks_at_the_service(house: House) -> None:
    """A run dies by SIGKILL when the task ids of two jobs stand in its write-ahead log alone."""
    house.sim.behaviour = Behaviour(times=Times(median=30.0, sigma=0.0))
    house.write(_jobs())
    running = await house.start("jobs.yaml", "--in-flight", "2")
    await until(lambda: house.calls().get("query", 0) >= 2, "two tasks at the service")
    running.process.kill()
    await running.ended()
    house.later(60)
    house.sim.behaviour = QUICK


# --- the ledger and its log -----------------------------------------------------------------------------


def _empty(path: Path) -> None:
    os.truncate(path, 0)


async def test_a_log_that_was_taken_away_is_missed(household: House) -> None:
    """Without it the ledger has forgotten two paid tasks: exit 2 for every command until it is back."""
    house = household
    await _killed_with_tasks_at_the_service(house)
    ledger = house.output / "ledger.sqlite3"
    wal, aside = Path(f"{ledger}-wal"), house.folder / "aside"
    shutil.copyfile(wal, aside)
    for harm in (Path.unlink, _empty):
        harm(wal)
        before = ledger.read_bytes()
        for command in ("run", "collect", "check"):
            ended = await house.run(command, "jobs.yaml")
            assert ended.code == 2, (harm, command, ended)
            assert "ledger.sqlite3-wal, which is gone" in ended.err
        assert ledger.read_bytes() == before
        shutil.copyfile(aside, wal)
    assert len(house.sim.tasks) == 2
    await _carries_on(house)


async def test_a_log_that_another_program_folded_back_is_not_missed(household: House) -> None:
    """Who looks into the ledger after a crash with a tool of SQLite's takes the log away lawfully."""
    house = household
    await _killed_with_tasks_at_the_service(house)
    ledger = house.output / "ledger.sqlite3"
    with closing(sqlite3.connect(ledger)) as tool:
        assert tool.execute("SELECT count(*) FROM submissions").fetchone() == (2,)
    assert "ledger.sqlite3-wal" not in tree(house.output)
    await _carries_on(house)


def _note(db: sqlite3.Connection, name: str) -> None:
    db.execute("INSERT INTO facts VALUES (?, 'x')", (name,))


async def test_the_log_is_folded_back_during_a_long_run_and_still_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After every folding the file by itself says again that newer changes stand elsewhere."""
    monkeypatch.setattr(log, "FOLD_AFTER", 10)
    path = tmp_path / "ledger.sqlite3"
    ledger = Ledger.open(path, origin=ORIGIN, now=NOON)
    await ledger.start_writing()
    for n in range(35):
        await ledger.write(partial(_note, name=f"note {n}"))
    alone, both = tmp_path / "alone", tmp_path / "both"
    for folder, names in ((alone, [path.name]), (both, [path.name, f"{path.name}-wal"])):
        folder.mkdir()
        for name in names:
            shutil.copyfile(tmp_path / name, folder / name)
    with closing(sqlite3.connect(alone / path.name)) as db:
        assert log.is_incomplete(db)
        assert db.execute("SELECT count(*) FROM facts WHERE name LIKE 'note %'").fetchone()[0] >= 30
    await ledger.stop_writing()
    ledger.close()
    for folder in (tmp_path, both):
        again = Ledger.open(folder / path.name, origin=ORIGIN, now=NOON)
        notes = again.ask(
            lambda db: db.execute("SELECT count(*) FROM facts WHERE name LIKE 'note %'").fetchone()
        )
        again.close()
        assert notes[0] == 35
    with closing(sqlite3.connect(path)) as db:
        assert not log.is_incomplete(db)


async def test_a_run_that_wrote_nothing_leaves_a_whole_ledger(tmp_path: Path) -> None:
    """Killed between its start and its first change, with the log folded by another program: nothing is missed."""
    path = tmp_path / "ledger.sqlite3"
    ledger = Ledger.open(path, origin=ORIGIN, now=NOON)
    await ledger.start_writing()
    left = tmp_path / "left" / path.name
    left.parent.mkdir()
    for suffix in ("", "-wal"):
        if os.path.exists(f"{path}{suffix}"):  # noqa: ASYNC240, PTH110  a file of the test's own
            shutil.copyfile(f"{path}{suffix}", f"{left}{suffix}")
    with closing(sqlite3.connect(left)) as tool:
        tool.execute("SELECT count(*) FROM submissions").fetchone()
    Ledger.open(left, origin=ORIGIN, now=NOON).close()
    await ledger.stop_writing()
    ledger.close()


async def test_a_log_that_ends_with_a_folding_is_whole(tmp_path: Path) -> None:
    """A run that ended, or was killed, right behind a folding has lost nothing, and so says its ledger."""
    path = tmp_path / "ledger.sqlite3"
    ledger = Ledger.open(path, origin=ORIGIN, now=NOON)
    await ledger.start_writing()
    await asyncio.to_thread(ledger._log.prepare)
    killed = tmp_path / "killed"
    killed.mkdir()
    for name in (path.name, f"{path.name}-wal"):
        shutil.copyfile(tmp_path / name, killed / name)
    await ledger.stop_writing()
    ledger.close()
    for place in (path, killed / path.name):
        with closing(sqlite3.connect(f"{place.absolute().as_uri()}?mode=ro", uri=True)) as db:
            assert log.is_incomplete(db) == (place != path)
        for _ in range(2):  # a command that only opens and closes it takes the log away
            Ledger.open(place, origin=ORIGIN, now=NOON).close()


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize("harm", [Path.unlink, _empty, _cut])
async def test_a_damaged_ledger_beside_paid_tasks_sends_nothing(
    house: House, harm: Callable[[Path], None]
) -> None:
    """Missing, empty or cut: exit 2, the remedy named, nothing touched; put back, the same command carries on."""
    house.write(_jobs(2))
    assert (await house.run("jobs.yaml")).code == 0
    house.write(_jobs())
    ledger = house.output / "ledger.sqlite3"
    whole = ledger.read_bytes()
    harm(ledger)
    for command in ("run", "collect", "check", "status"):
        ended = await house.run(command, "jobs.yaml")
        assert ended.code == 2, (command, ended)
        assert "--rebuild-ledger" in ended.err
        assert "Traceback" not in ended.err
    assert len(house.sim.tasks) == 2
    ledger.write_bytes(whole)
    await _carries_on(house)


async def test_a_lost_ledger_comes_back_from_the_manifest(house: House) -> None:
    """What the manifest knows is not paid for again, and new jobs are, once the user has looked."""
    house.write(_jobs(2))
    assert (await house.run("jobs.yaml")).code == 0
    (house.output / "ledger.sqlite3").unlink()
    house.write(_jobs())
    ended = await house.run("jobs.yaml", "--rebuild-ledger")
    assert ended.code == 2, ended.err
    assert "the ledger was restored, and nothing was sent: " in ended.err
    assert len(house.sim.tasks) == 2
    await _carries_on(house)


async def test_a_ledger_that_is_restored_whole_needs_no_second_command(house: House) -> None:
    """With nothing to submit the run goes on to its end."""
    house.write(_jobs())
    assert (await house.run("jobs.yaml")).code == 0
    (house.output / "ledger.sqlite3").unlink()
    ended = await house.run("jobs.yaml", "--rebuild-ledger")
    assert ended.code == 0, ended.err
    await _carries_on(house)


# --- the manifest ---------------------------------------------------------------------------------------


async def test_a_torn_last_line_is_left_behind(household: House) -> None:
    """A run that died while it appended a row: the next one writes whole lines, from the ledger."""
    house = household
    await _killed_with_tasks_at_the_service(house)
    with (house.output / "manifest.jsonl").open("a", encoding="utf-8") as manifest:
        manifest.write('{"id": "j0", "status": "succ')
    await _carries_on(house)
    assert [row["id"] for row in house.rows()] == [f"j{n}" for n in range(JOBS)]


async def test_a_rebuild_from_a_torn_manifest_sends_nothing_before_somebody_has_looked(house: House) -> None:
    """The job of the torn line would be paid for again: exit 2, the line is named, and the word is the user's."""
    house.write(_jobs(2))
    assert (await house.run("jobs.yaml")).code == 0
    manifest = house.output / "manifest.jsonl"
    os.truncate(manifest, manifest.stat().st_size - 40)
    (house.output / "ledger.sqlite3").unlink()
    ended = await house.run("jobs.yaml", "--rebuild-ledger")
    assert ended.code == 2, ended.err
    assert "manifest.jsonl:2: this line is damaged" in ended.err
    planned = await house.run("check", "jobs.yaml")
    assert "A run would submit 1 clip" in planned.out
    assert len(house.sim.tasks) == 2


# --- clips ----------------------------------------------------------------------------------------------


def _overwrite(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


async def test_clips_that_were_harmed_are_told_and_fetched_again(house: House) -> None:
    """Deleted, cut, and overwritten by as many bytes: found by ``check --verify``, restored, never paid for again."""
    house.write(_jobs())
    assert (await house.run("jobs.yaml")).code == 0
    verified = await house.run("check", "jobs.yaml", "--verify")
    assert (verified.code, "to the byte: 4 clips" in verified.out) == (0, True), verified
    videos = house.output / "videos"
    harmed = {name: videos / f"{name}.mp4" for name in ("j0", "j1", "j2")}
    harmed["j0"].unlink()
    _cut(harmed["j1"])
    _overwrite(harmed["j2"])
    left = [harmed[name].read_bytes() for name in ("j1", "j2")]
    verified = await house.run("check", "jobs.yaml", "--verify")
    assert verified.code == 1, verified
    assert "3 clips missing or damaged" in verified.out
    told = await house.run("jobs.yaml")
    assert told.code == 1, told.err
    assert "2 stored clips are missing or damaged (j0, j1)" in told.err
    restored = await house.run("jobs.yaml", "--restore-missing")
    assert restored.code == 0, restored.err
    kept = sorted((house.output / "superseded").iterdir())
    assert [path.read_bytes() for path in kept] == left
    assert (await house.run("check", "jobs.yaml", "--verify")).code == 0
    await _carries_on(house)
