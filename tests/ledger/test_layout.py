"""Large folders are fanned out below videos/, or named by the job file: decided once, and names never move."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from batchgen.ledger import Ledger, layout, portions
from batchgen.ledger.portions import clip_name, superseded_name
from batchgen.ledger.rebuild import restore
from batchgen.model import Job
from batchgen.reports.rows import manifest_row
from ledger.workshop import NOON, ORIGIN, Desk, job, look


@pytest.fixture(autouse=True)
def large_is_three(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than three jobs are many."""
    monkeypatch.setattr(layout, "FAN_OUT_ABOVE", 3)


def jobs(number: int) -> list[Job]:
    """So many jobs."""
    return [job(f"j{n}") for n in range(number)]


def fanned(id_: str) -> str:
    """The name of this job's clip in a folder that is fanned out."""
    return clip_name(id_, None, fanned=True)


def test_ten_thousand_jobs_stand_side_by_side() -> None:
    """The bound is what users were told."""
    assert portions.FAN_OUT_ABOVE == 10_000


@pytest.mark.parametrize(("number", "name"), [(3, "videos/j0.mp4"), (4, fanned("j0"))])
async def test_a_folder_is_fanned_out_by_the_number_of_its_jobs(desk: Desk, number: int, name: str) -> None:
    """Up to the bound clips stand side by side."""
    desk.has(*jobs(number))
    assert (await desk.deliver("j0", "t1")).file == name


async def test_the_decision_is_open_until_a_clip_has_a_name(desk: Desk) -> None:
    """The job file may grow and shrink before the first submission, not after it."""
    desk.has(*jobs(9))
    desk.has(*jobs(2))
    assert desk.ledger.fact("videos") == "flat"
    desk.has(*jobs(5))
    assert desk.ledger.fact("videos") == "fanned"
    await desk.deliver("j0", "t1")
    desk.has(*jobs(2))
    assert (await desk.deliver("j1", "t2", 2)).file == fanned("j1")


async def test_a_small_folder_stays_flat_when_it_grows(desk: Desk) -> None:
    """Names of one folder follow one rule."""
    desk.has(*jobs(1))
    await desk.deliver("j0", "t1")
    desk.has(*jobs(50))
    assert (await desk.deliver("j7", "t2", 2)).file == "videos/j7.mp4"


async def test_earlier_clips_are_fanned_out_too(desk: Desk) -> None:
    """So superseded/ never has a hundred thousand files either."""
    desk.has(*jobs(4))
    await desk.deliver("j0", "t1")
    desk.has(job("j0", "edited"), *jobs(4)[1:], regenerate_changed=True)
    placement = await desk.deliver("j0", "t2", 2)
    assert (placement.file, placement.keep_as) == (fanned("j0"), superseded_name("j0", 1, fanned=True))


async def test_the_job_file_may_name_clips(desk: Desk) -> None:
    """Below videos/, whatever the number of jobs; a name that is taken gets a number."""
    named = replace(job("a"), filename="model/a.mp4")
    desk.has(named, *jobs(4))
    assert (await desk.deliver("a", "t1")).file == "videos/model/a.mp4"
    desk.has(replace(job("b", "a"), filename="model/b.mp4"), replace(job("a", "new"), filename="model/a.mp4"))
    assert (await desk.deliver("a", "t2", 2)).file == "videos/model/a~2.mp4"
    assert desk.record("b").attempts[-1].file == "videos/model/a.mp4"


async def test_a_new_filename_moves_no_clip(desk: Desk) -> None:
    """The name is fixed with the first submission; before it, it follows the job file."""
    desk.has(replace(job("a"), filename="one/a.mp4"))
    desk.has(replace(job("a"), filename="two/a.mp4"))
    await desk.deliver("a", "t1")
    desk.has(replace(job("a"), filename="three/a.mp4"))
    assert desk.look("SELECT file, filename FROM jobs") == [("videos/two/a.mp4", "three/a.mp4")]


async def test_a_restored_ledger_remembers_how_clips_are_named(desk: Desk, tmp_path: Path) -> None:
    """The manifest has the names, from which the rule is seen; a flat folder stays flat."""
    desk.has(*jobs(4), replace(job("named"), filename="x/named.mp4"))
    await desk.deliver("j0", "t1", 1)
    await desk.deliver("named", "t2", 2)
    await desk.lose("j1")
    rows = [json.loads(json.dumps(manifest_row(record))) for record in desk.records()]
    path = tmp_path / "again" / "ledger.sqlite3"
    restore(path, rows, origin=ORIGIN, now=NOON, account="default")
    files = look(path, "SELECT file FROM jobs WHERE file IS NOT NULL ORDER BY position")
    assert files == [(fanned("j0"),), (fanned("j1"),), ("videos/x/named.mp4",)]
    again = Ledger.open(path, origin=ORIGIN, now=NOON)
    assert again.fact("videos") == "fanned"
    again.close()
