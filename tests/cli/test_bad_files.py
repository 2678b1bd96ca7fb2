"""A job file with anything wrong in it ends every command in 2, with help, and nothing else happens."""

from __future__ import annotations

import pytest
from jobfile.test_bad_files import BAD
from whole.house import House


@pytest.mark.parametrize(("content", "line", "column", "job", "message", "remedy"), BAD)
async def test_a_bad_job_file_ends_in_2(
    house: House, content: str | bytes, line: int, column: int, job: str | None, message: str, remedy: str
) -> None:
    """The problem stands on standard error with its place and remedy; nothing is sent and nothing written."""
    path = house.folder / "jobs.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    before = {entry: entry.stat().st_mtime_ns for entry in house.folder.rglob("*")}
    ended = await house.run("run", "jobs.yaml")
    assert ended.code == 2
    assert ended.out == ""
    assert f"jobs.yaml:{line}:{column}:" in ended.err
    assert message.split("`", maxsplit=1)[0].strip() in ended.err
    assert (job or "") in ended.err
    assert remedy.split("`", maxsplit=1)[0].strip() in ended.err
    assert "1 problem in the job file; nothing was sent" in ended.err
    assert {entry: entry.stat().st_mtime_ns for entry in house.folder.rglob("*")} == before
    assert house.sim.records == []


async def test_all_commands_refuse_a_bad_file(house: House) -> None:
    """Looking, collecting and ordering as well; several problems are counted."""
    (house.folder / "jobs.yaml").write_text("jobs:\n- {promt: x}\n- {prompt: y, duration: 7}\n")
    for words in (["check"], ["status"], ["collect"], ["retry", "--failed"], ["run", "--dry-run"]):
        ended = await house.run(words[0], "jobs.yaml", *words[1:])
        assert ended.code == 2, words
        assert "did you mean `prompt`?" in ended.err
        assert "must be 6 or 10, not 7" in ended.err
        assert "problems in the job file; nothing was sent" in ended.err
    assert not house.output.exists()
