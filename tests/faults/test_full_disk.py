"""A disk that is full, at each moment at which a run writes."""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from ledger.workshop import NOON, ORIGIN, Desk
from whole.house import HEAD, QUICK, Ended, House, until

from batchgen.errors import LedgerNotWritable
from batchgen.ledger import Ledger, log
from batchgen.ledger.reserve import SIZE, SLICE, Reserve
from batchgen.simulator import Behaviour, Call, Conditions, Gateway, Hang, Times, Video
from faults.disks import Disk, RealDisk, model_disk

MEGABYTE = 1024**2


def _jobs(number: int) -> list[dict[str, object]]:
    return [{"id": f"j{n}", "prompt": f"even {n}"} for n in range(number)]


def _tree(folder: Path) -> list[Path]:
    """Everything in a folder."""
    return list(folder.rglob("*"))


def _states(output: Path) -> list[str]:
    with closing(sqlite3.connect(output / "ledger.sqlite3")) as db:
        return [state for (state,) in db.execute("SELECT state FROM submissions ORDER BY key")]


async def _carries_on(house: House, output: Path, number: int) -> None:
    """The same command brings every job to disk; no prompt was paid for twice, and nothing is left lying."""
    ended = await house.run("jobs.yaml", "-o", str(output))
    assert ended.code == 0, ended.err
    assert house.submitted_prompts() == {f"even {n}": 1 for n in range(number)}
    rows = house.rows(output)
    assert [row["status"] for row in rows] == ["succeeded"] * number
    for row in rows:
        assert (output / row["file"]).read_bytes() == house.sim.clip_bytes(house.task(row["task_id"]))
    assert not {path.name for path in _tree(output) if path.name.endswith((".part", "-reserve"))}


# --- before anything is sent ----------------------------------------------------------------------------


@pytest.mark.parametrize("left", [0, 200_000, SIZE // 2])
async def test_a_run_on_a_full_disk_sends_nothing(house: House, small: RealDisk, left: int) -> None:
    """Exit 3 and the reason: no room at all, none for the ledger, none for the reserve."""
    house.write(_jobs(3))
    small.fill(left)
    ended = await house.run("jobs.yaml", "-o", str(small.output))
    assert ended.code == 3, ended
    assert re.search(r"No space left|disk is full", ended.err), ended.err
    assert "Traceback" not in ended.err
    assert house.calls() == {}
    small.free()
    await _carries_on(house, small.output, 3)


async def test_no_intent_no_submission(house: House, disk: Disk) -> None:
    """When the disk fills before the intent of a job, that job is not sent, and keeps its free place."""
    house.sim.behaviour = Behaviour(times=Times(median=30.0, sigma=0.0))
    house.write(_jobs(3))
    running = asyncio.create_task(
        house.run("jobs.yaml", "-o", str(disk.output), "--in-flight", "1", "--drain", "1s")
    )
    await until(lambda: house.calls().get("query"), "a task at the service")
    disk.fill()
    house.later(60)
    ended = await running
    assert ended.code == 3, ended.err
    assert "full" in ended.err
    assert len(house.sim.tasks) == 1
    disk.free()
    house.sim.behaviour = QUICK
    await _carries_on(house, disk.output, 3)


async def test_temporary_files_have_no_room(
    house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The job file is staged in TMPDIR: a full one is told as what it is, exit 3."""
    house.write(_jobs(1))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    for command in ("run", "check", "status"):
        ended = await house.run(command, "jobs.yaml")
        assert (ended.code, "TMPDIR" in ended.err) == (3, True), ended
    assert house.calls() == {}


# --- after the POST -------------------------------------------------------------------------------------


async def _full_after_posts(house: House, disk: Disk, posts: int, *, left: int = 0) -> Ended:
    """The disk fills while POSTs wait for their answers; those come within a second."""
    house.sim.fault(Call.SUBMIT, Hang(seconds=0.6, made=True))
    words = ("jobs.yaml", "-o", str(disk.output), "--in-flight", str(posts), "--drain", "2s")
    running = asyncio.create_task(house.run(*words))
    await until(lambda: len(house.sim.tasks) == posts, "tasks")
    disk.fill(left)
    ended = await running
    house.sim.clear_faults()
    return ended


async def test_a_task_id_is_written_on_the_reserve(house: House, disk: Disk) -> None:
    """The disk fills after the POSTs: their task ids are written at once, and nothing else is sent."""
    house.write(_jobs(8), limits={**_limits(), "halt_after_unknown": 100})
    ended = await _full_after_posts(house, disk, 1)
    assert ended.code == 3, ended.err
    assert "full" in ended.err
    assert len(house.sim.tasks) == 1
    (state,) = _states(disk.output)
    assert state in {"submitted", "generated", "succeeded"}
    assert "not yet written down" not in ended.err
    disk.free()
    await _carries_on(house, disk.output, 8)


async def test_without_a_reserve_the_task_id_is_told_and_kept_until_there_is_room(
    house: House, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What does not reach the disk is printed, held, and written down as soon as there is room."""
    monkeypatch.setattr(Reserve, "draw", lambda _: False)
    house.sim.fault(Call.SUBMIT, Hang(seconds=0.5, made=True), Conditions(times=1))
    house.write(_jobs(3))
    words = ("jobs.yaml", "-o", str(disk.output), "--in-flight", "1", "--drain", "20s")
    running = asyncio.create_task(house.run(*words))
    await until(lambda: house.sim.tasks, "a task")
    disk.fill()
    await asyncio.sleep(1.2)  # the answer has come, and a try or two to write it have failed
    assert not running.done()
    disk.free()
    ended = await running
    assert ended.code == 3, ended.err
    assert f"job j0 has task id {house.sim.tasks[0].task_id}" in ended.err
    assert _states(disk.output) == ["succeeded"]
    await _carries_on(house, disk.output, 3)


async def test_only_what_never_reached_the_disk_is_unknown(
    house: House, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No room until the end: exit 3, the id was told; the next run calls the job unknown, and a person adopts it."""
    monkeypatch.setattr(Reserve, "draw", lambda _: False)
    house.write(_jobs(2))
    ended = await _full_after_posts(house, disk, 1)
    assert ended.code == 3, ended.err
    (task,) = house.sim.tasks
    assert f"job j0 has task id {task.task_id}" in ended.err
    disk.free()
    output = ("-o", str(disk.output))
    assert (await house.run("jobs.yaml", *output)).code == 1
    assert [row["status"] for row in house.rows(disk.output)] == ["unknown", "succeeded"]
    assert (await house.run("adopt", "jobs.yaml", "j0", str(task.task_id), *output)).code == 0
    await _carries_on(house, disk.output, 2)


# --- clips and reports ----------------------------------------------------------------------------------


async def test_no_room_for_a_clip(house: House, small: RealDisk) -> None:
    """Exit 3, the clip stays generated, what has come of it is kept, and it is not paid for again."""
    house.sim.behaviour = replace(QUICK, video=Video(padding_min=6 * MEGABYTE, padding_max=6 * MEGABYTE))
    house.write(_jobs(1))
    house.sim.fault(Call.RETRIEVE, Hang(seconds=0.5))
    running = asyncio.create_task(house.run("jobs.yaml", "-o", str(small.output)))
    await until(lambda: house.calls().get("query"), "a task")
    small.fill(3 * MEGABYTE)
    ended = await running
    assert ended.code == 3, ended.err
    assert "No space left" in ended.err
    assert _states(small.output) == ["generated"]
    assert not list(small.output.rglob("*.mp4"))
    small.free()
    await _carries_on(house, small.output, 1)


@pytest.fixture
def no_room_for_reports() -> Iterator[pytest.MonkeyPatch]:
    """Everything reaches the disk but the manifest and its like, as if the last byte had gone to the clips."""
    true = os.fsync

    def fsync(descriptor: int) -> None:
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        if name in {".manifest.jsonl.part", ".metadata.jsonl.part"}:
            raise OSError(28, os.strerror(28))
        true(descriptor)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        yield patch


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the name of a descriptor is needed")
async def test_no_room_for_the_manifest(house: House, no_room_for_reports: pytest.MonkeyPatch) -> None:
    """Exit 3; the clips are there, the old manifest is untouched, and the next run writes it from the ledger."""
    house.write(_jobs(2))
    ended = await house.run("jobs.yaml")
    assert ended.code == 3, ended.err
    assert "nothing is lost, the next run rebuilds it from the ledger" in ended.err
    assert len(house.clips()) == 2
    no_room_for_reports.undo()
    await _carries_on(house, house.output, 2)


# --- free space is watched ------------------------------------------------------------------------------


def _limits(**more: object) -> dict[str, object]:
    given = HEAD["limits"]
    assert isinstance(given, dict)
    return {**given, **more}


async def test_little_room_stops_submissions_and_nothing_else(house: House) -> None:
    """Below ``min_free_bytes`` nothing new is sent; what is under way, and a run with nothing to send, go on."""
    scarce = _limits(min_free_bytes=2**62)
    house.sim.fault(Call.QUERY, Gateway(http_status=502))
    house.write(_jobs(2))
    halfway = await house.run("jobs.yaml", "--max-clips", "1", "--drain", "1s")
    assert halfway.code == 4, halfway.err
    house.sim.clear_faults()
    house.write(_jobs(2), limits=scarce)
    low = await house.run("jobs.yaml")
    assert low.code == 3, low.err
    assert "limits.min_free_bytes" in low.err
    assert house.statuses() == {"succeeded": 1, "pending": 1}
    collected = await house.run("collect", "jobs.yaml")
    assert collected.code == 1, collected.err  # the other job is not over, and the disk is no reason to halt
    house.write(_jobs(1), limits=scarce)
    done = await house.run("jobs.yaml")
    assert done.code == 0, done.err
    house.write(_jobs(2))
    await _carries_on(house, house.output, 2)


async def test_the_last_clip_is_awaited_whatever_the_room(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that has sent everything does not halt when the disk gets low."""
    looks: list[int] = []

    def free(_: Path) -> SimpleNamespace:
        looks.append(len(house.sim.tasks))
        return SimpleNamespace(free=0 if house.sim.tasks else 1)

    monkeypatch.setattr(shutil, "disk_usage", free)
    house.sim.behaviour = Behaviour(times=Times(median=2.5, sigma=0.0))
    house.write(_jobs(1), limits=_limits(min_free_bytes=1))
    await _carries_on(house, house.output, 1)
    assert looks[-1] == 1


# --- the reserve itself ---------------------------------------------------------------------------------


async def test_nothing_begins_on_the_last_room(tmp_path: Path) -> None:
    """What may wait is refused, alone or in company; what has happened is written, to the last slice."""
    path = tmp_path / "output" / "ledger.sqlite3"
    with model_disk(path.parent) as disk:
        ledger = Ledger.open(path, origin=ORIGIN, now=NOON)
        await ledger.start_writing(reserve=True)
        reserve = path.with_name("ledger.sqlite3-reserve")
        names = itertools.count()

        async def write(*kinds: str) -> list[str]:
            """Several changes of one moment: which of them were written."""
            changes = [
                ledger.write(partial(_note, name=f"note {next(names)}"), may_wait=kind == "intent")
                for kind in kinds
            ]
            done = await asyncio.gather(*changes, return_exceptions=True)
            assert all(one is None or isinstance(one, LedgerNotWritable) for one in done), done
            return [kind for kind, one in zip(kinds, done, strict=True) if one is None]

        disk.fill()
        assert await write("intent") == []
        assert reserve.stat().st_size == SIZE, "an intent costs none of it"
        assert await write("intent", "fact", "intent", "fact") == ["fact", "fact"]
        assert reserve.stat().st_size == SIZE - SLICE
        assert await write("intent") == [], "there is room, and it is not for this"
        written = 0
        while await write("fact"):
            written += 1
        assert written >= SIZE // SLICE * 2
        assert reserve.stat().st_size == 0
        disk.free()
        assert await write("fact") == ["fact"]
        await ledger.stop_writing()
        ledger.close()
    assert not reserve.exists()


async def test_the_intent_to_pay_is_what_waits(tmp_path: Path) -> None:
    """With the disk full no payment is begun, and what became of an earlier one is written down."""
    path = tmp_path / "output" / "ledger.sqlite3"
    with model_disk(path.parent) as disk:
        desk = Desk(path)
        desk.has("a", "b")
        await desk.ledger.start_writing(reserve=True)
        submission = await desk.intend("a")
        (order,) = desk.orders()
        disk.fill()
        with pytest.raises(LedgerNotWritable):
            await desk.book.intend(order)
        assert (await desk.book.accepted(submission, "t1")).task_id == "t1"
        assert path.with_name("ledger.sqlite3-reserve").stat().st_size < SIZE
        with pytest.raises(LedgerNotWritable):
            await desk.book.intend(order)
        disk.free()
        await desk.ledger.stop_writing()
        desk.ledger.close()


async def test_a_log_that_can_not_be_folded_back_holds_up_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is room for what is to be written down and none for more: it is written, and costs no reserve."""
    monkeypatch.setattr(log, "FOLD_AFTER", 1)
    path = tmp_path / "output" / "ledger.sqlite3"
    with model_disk(path.parent) as disk:
        ledger = Ledger.open(path, origin=ORIGIN, now=NOON)
        await ledger.start_writing(reserve=True)
        disk.fill(MEGABYTE)
        for n in range(5):
            await ledger.write(partial(_note, name=f"note {n}"))
        assert path.with_name("ledger.sqlite3-reserve").stat().st_size == SIZE
        disk.free()
        await ledger.stop_writing()
        ledger.close()


def _note(db: sqlite3.Connection, name: str) -> None:
    db.execute("INSERT INTO facts VALUES (?, 'x')", (name,))


def test_a_reserve_is_let_go_in_slices(tmp_path: Path) -> None:
    """Each draw frees a slice on the disk until nothing is left; a whole one that a kill left is used as it is."""
    reserve = Reserve(tmp_path / "ledger.sqlite3")
    reserve.keep()
    kept = reserve.path.stat()
    assert (kept.st_size, kept.st_blocks * 512 >= SIZE, reserve.drawn) == (SIZE, True, False)
    Reserve(tmp_path / "ledger.sqlite3").keep()
    assert reserve.path.stat().st_mtime_ns == kept.st_mtime_ns
    draws = 0
    while reserve.draw():
        draws += 1
    assert (draws, reserve.drawn, reserve.path.stat().st_size) == (SIZE // SLICE, True, 0)
    Reserve(tmp_path / "ledger.sqlite3").keep()
    assert reserve.path.stat().st_size == SIZE
    reserve.release()
    assert not reserve.path.exists()
    assert not reserve.draw()


def test_a_reserve_writes_through_no_link(tmp_path: Path) -> None:
    """A file of the user's behind a link of that name keeps its bytes."""
    mine = tmp_path / "mine"
    mine.write_bytes(b"mine")
    reserve = Reserve(tmp_path / "ledger.sqlite3")
    reserve.path.symlink_to(mine)
    assert not reserve.draw()
    reserve.keep()
    assert mine.read_bytes() == b"mine"
    assert not reserve.path.is_symlink()
