"""Tables on the command line: with a job file and without, good and bad."""

from __future__ import annotations

import io
from unittest import mock

import pytest
from whole.house import House

from batchgen.simulator import Call, Conditions, Ending

JOBS = "limits: {submits_per_minute: null}\njobs:\n  - from: prompts.csv\n    prompt: '{caption}'\n    id: '{name}'\n"


def put(house: House, name: str, content: str) -> None:
    """Write a file into the folder."""
    (house.folder / name).write_text(content, encoding="utf-8")


async def test_a_bad_row_sends_nothing(house: House) -> None:
    """All bad rows are told, those of the job file before those of its tables."""
    put(house, "prompts.csv", "name,caption\na,one\nb/c,two\nd,\n")
    put(house, "jobs.yaml", JOBS + "  - {promt: x}\n")
    ended = await house.run("jobs.yaml")
    told = [line for line in ended.err.splitlines() if not line.startswith("batchgen:")]
    assert ended.code == 2
    assert [line.split(" ", 3)[:3][0] for line in told] == ["jobs.yaml:6:6:", "prompts.csv,", "prompts.csv,"]
    assert "row 3" in told[1]
    assert "row 4" in told[2]
    assert house.sim.records == []


async def test_a_table_runs_without_a_job_file_and_is_found_again(house: House) -> None:
    """What it was given holds for the commands after it; the rows of the manifest say where they come from."""
    put(house, "prompts.csv", "id,prompt,split\nfox,一只狐狸,train\ncat,a cat,test\n")
    ended = await house.run("prompts.csv", "--default", "duration=10", "--in-flight", "2")
    assert ended.code == 0
    rows = {row["id"]: row for row in house.rows()}
    assert {name: row["request"]["duration"] for name, row in rows.items()} == {"fox": 10, "cat": 10}
    assert rows["cat"]["source"] == {"file": "prompts.csv", "row": 3}
    assert rows["cat"]["metadata"] == {"split": "test"}
    status = await house.run("status", "prompts.csv")
    assert "2 ordered, 2 delivered" in status.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--default", "duration=7"), "`duration` must be 6 or 10"),
        (("--default", "duration"), "is no KEY=VALUE"),
        (("--default", "durat=6"), "did you mean `duration`?"),
        (("--edition", "v2"), "--edition needs an edition in the job file"),
    ],
)
async def test_what_is_said_of_a_table_is_checked(house: House, words: tuple[str, ...], message: str) -> None:
    """Before anything is sent."""
    put(house, "prompts.txt", "a fox\n")
    ended = await house.run("prompts.txt", *words)
    assert (ended.code, house.sim.records) == (2, [])
    assert message in ended.err


@pytest.mark.parametrize("said", ["{date}", "{dat}", " ", "x" * 61])
async def test_an_edition_that_is_said_is_no_pattern(house: House, said: str) -> None:
    """Taken to the letter, `{date}` would be one edition for all days."""
    house.write([{"id": "fox", "prompt": "a fox"}], edition="{date}")
    ended = await house.run("jobs.yaml", "--edition", said)
    assert (ended.code, house.sim.records) == (2, [])
    assert "write for example 2026-07-31" in ended.err


async def test_an_edition_with_braces_of_its_own_can_be_said(house: House) -> None:
    """As the commands that are shown do."""
    house.write([{"id": "fox", "prompt": "a fox"}], edition="{{v}} {date}")
    assert (await house.run("jobs.yaml", "--edition", "{v} 2026-01-01")).code == 0
    assert house.row("fox-v-2026-01-01")["edition"] == "{v} 2026-01-01"


async def test_rows_come_from_standard_input(house: House) -> None:
    """As JSON lines."""
    put(house, "jobs.yaml", "jobs: [{from: '-'}]\n")
    lines = io.TextIOWrapper(io.BytesIO(b'{"prompt": "a"}\n{"prompt": "b"}\n'), encoding="utf-8")
    with mock.patch("sys.stdin", lines):
        ended = await house.run("check", "jobs.yaml", service=False)
    assert (ended.code, ended.out.splitlines()[0].split(",")[0]) == (0, "jobs.yaml: 2 jobs")


async def test_what_is_ordered_again_is_run_with_its_edition(house: House) -> None:
    """A run of another day would be about other jobs: the command that is shown names the edition."""
    house.write([{"id": "fox", "prompt": "a fox"}], edition="{date}")
    house.sim.fault(Call.SUBMIT, Ending(code=1000), Conditions(times=1))
    night = "2026-01-01"
    assert (await house.run("jobs.yaml", "--edition", night)).code == 1
    ordered = await house.run("retry", "jobs.yaml", "--failed")
    assert ordered.code == 0
    assert f"batchgen jobs.yaml --base-url {house.sim.base_url} --edition {night}" in ordered.out
    assert (await house.run("jobs.yaml", "--edition", night)).code == 0
    assert house.row(f"fox-{night}")["submissions"] == 2
