"""Editions: every night's clips beside those of the nights before, and the morning after a night."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from whole.house import KEY, QUICK

import batchgen
from batchgen import Options
from batchgen.app import inspecting
from batchgen.app.ordering import retry
from batchgen.errors import Braked, ConfigError
from batchgen.model import Status
from batchgen.reports.commands import Commands
from batchgen.simulator import Simulator

FIRST = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(days=1)
TWO = 'edition: "{date}"\njobs:\n  - {id: fox, prompt: a fox}\n  - {prompt: a cat}\n'


def job_file(folder: Path, content: str = TWO) -> Path:
    """A job file in the folder."""
    path = folder / "jobs.yaml"
    path.write_text(content, encoding="utf-8")
    return path


@pytest.fixture
async def options(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Options]:
    """Options for a service whose tasks take a fifth of a second."""
    monkeypatch.setenv("DMXAPI_API_KEY", KEY)
    async with Simulator(QUICK) as sim:
        yield Options(base_url=sim.base_url, submits_per_minute=10_000)


async def night(path: Path, options: Options, at: datetime) -> batchgen.RunResult:
    """A run that starts at this moment."""
    return await batchgen.run(path, options, now=lambda: at)


async def test_each_night_orders_everything_afresh_beside_the_nights_before(
    tmp_path: Path, options: Options
) -> None:
    """Explicit ids end in the edition; nobody's clip goes, and nothing is paid twice."""
    path = job_file(tmp_path)
    first = await night(path, options, FIRST)
    again = await night(path, options, FIRST + timedelta(hours=1))
    second = await night(path, options, FIRST + DAY)
    assert (first.counts[Status.SUCCEEDED], second.counts[Status.SUCCEEDED]) == (2, 2)
    rows = list(second.rows())
    explicit = sorted(str(row["id"]) for row in rows if str(row["id"]).startswith("fox"))
    assert explicit == ["fox-2026-11-23", "fox-2026-11-24"]
    assert [row["edition"] for row in rows] == ["2026-11-24"] * 2 + ["2026-11-23"] * 2
    assert [row["submissions"] for row in rows] == [1] * 4
    assert len({row["file"] for row in rows}) == 4
    assert again.sentence.startswith("2 ordered, 2 delivered")
    assert len(list((second.output / "videos").glob("*.mp4"))) == 4


async def test_in_the_morning_the_night_is_looked_at(tmp_path: Path, options: Options) -> None:
    """`status` and what is ordered by hand go by the last run; `check` by the day that it is."""
    path = job_file(tmp_path)
    await night(path, options, FIRST)
    await night(path, options, FIRST + DAY)
    morning = FIRST + 2 * DAY
    found = inspecting.status(path, options, lambda: morning, Commands(job_file=str(path)))
    assert found.findings.sentence.startswith("2 ordered, 2 delivered")
    assert "would submit 2 clips" in inspecting.check(path, options, morning).text
    with pytest.raises(ConfigError, match="it has succeeded"):
        await retry(
            path,
            options,
            ["fox-2026-11-24"],
            failed=False,
            unknown=False,
            now=lambda: morning,
            warn=lambda _: None,
        )


async def test_a_night_can_be_carried_on_with_on_the_next_day(tmp_path: Path, options: Options) -> None:
    """By naming its edition."""
    path = job_file(tmp_path)
    await night(path, options, FIRST)
    result = await night(path, replace(options, edition="2026-11-23"), FIRST + DAY)
    assert {row["edition"] for row in result.rows()} == {"2026-11-23"}
    assert [row["submissions"] for row in result.rows()] == [1, 1]


async def test_an_edition_needs_one_in_the_job_file(tmp_path: Path, options: Options) -> None:
    """Else the next command would not find its jobs."""
    path = job_file(tmp_path, "jobs: [{prompt: x}]\n")
    with pytest.raises(ConfigError, match="needs an edition in the job file"):
        await night(path, replace(options, edition="v2"), FIRST)


async def test_a_new_edition_is_no_edit_and_losing_it_is_one(tmp_path: Path, options: Options) -> None:
    """Twenty paid jobs of yesterday do not stop tonight's run; that they shall all be paid for anew does."""
    jobs = "jobs:\n" + "".join(f"  - {{prompt: fox {number}}}\n" for number in range(20))
    path = job_file(tmp_path, 'edition: "{date}"\n' + jobs)
    await night(path, options, FIRST)
    second = await night(path, options, FIRST + DAY)
    assert second.counts[Status.SUCCEEDED] == 20
    job_file(tmp_path, jobs)
    with pytest.raises(Braked):
        await night(path, options, FIRST + 2 * DAY)


async def test_what_a_table_was_given_is_remembered(tmp_path: Path, options: Options) -> None:
    """So that the commands after a run are about the same jobs."""
    path = tmp_path / "prompts.txt"
    path.write_text("a fox\n", encoding="utf-8")
    await night(path, replace(options, defaults=(("duration", "10"),)), FIRST)
    result = await night(path, options, FIRST)
    (row,) = result.rows()
    assert (row["duration"], row["submissions"]) == (10, 1)


@pytest.mark.parametrize("hours", [-12, 14])
def test_without_a_run_the_edition_is_that_of_the_users_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    """Not of the day that it is in Greenwich: in one of these places it is another."""
    zone = timezone(timedelta(hours=hours))
    monkeypatch.setenv("TZ", f"<{hours:+03d}>{-hours}")
    time.tzset()
    try:
        before = datetime.now(zone).date()
        ids = [job.id for job in batchgen.read_jobs(job_file(tmp_path))]
        after = datetime.now(zone).date()
    finally:
        monkeypatch.undo()
        time.tzset()
    assert ids[0] in {f"fox-{before}", f"fox-{after}"}
