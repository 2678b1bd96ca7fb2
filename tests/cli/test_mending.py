"""Clips that are gone, and what a person orders between runs."""

from __future__ import annotations

import os
from dataclasses import replace

from whole.house import KEY, House

from batchgen.simulator import Call, Code, Conditions, Ending


async def _made(house: House, jobs: list[dict[str, object]]) -> None:
    """A folder with these clips in it."""
    house.write(jobs)
    ended = await house.run("jobs.yaml")
    assert ended.code == 0, ended.err


FOX: list[dict[str, object]] = [{"id": "fox", "prompt": "A fox"}]

# --- clips that are gone --------------------------------------------------------------------------------


async def test_a_clip_that_is_gone_is_told_and_fetched_again_on_request(house: House) -> None:
    """Deleted or cut: exit 1, never generated again; ``--restore-missing`` fetches it and keeps what stood there."""
    await _made(house, [{"id": name, "prompt": name} for name in ("gone", "cut", "whole")])
    videos = house.output / "videos"
    (videos / "gone.mp4").unlink()
    os.truncate(videos / "cut.mp4", 1000)
    told = await house.run("jobs.yaml")
    assert told.code == 1, told.err
    assert "2 stored clips are missing or damaged (" in told.err
    assert "--restore-missing" in told.out
    assert house.row("gone")["file"] is None
    restored = await house.run("jobs.yaml", "--restore-missing")
    assert restored.code == 0, restored.err
    house.check_clips(3)
    assert [path.stat().st_size for path in (house.output / "superseded").iterdir()] == [1000]
    assert house.calls()["submit"] == 3


async def test_reports_that_are_gone_are_written_anew(house: House) -> None:
    """Manifest, metadata and card come from the ledger; a card of the user's own is left alone."""
    await _made(house, FOX)
    names = ["manifest.jsonl", "videos/metadata.jsonl", "README.md"]
    before = [(house.output / name).read_bytes() for name in names]
    (house.output / names[0]).write_bytes(b"torn {")
    (house.output / names[1]).unlink()
    (house.output / names[2]).write_text("mine")
    assert (await house.run("jobs.yaml")).code == 0
    after = [(house.output / name).read_bytes() for name in names]
    assert after == [*before[:2], b"mine"]


# --- retry, adopt, dismiss ------------------------------------------------------------------------------


async def test_what_a_person_may_order(house: House) -> None:
    """Each refusal names its reason and changes nothing; what is allowed is done by the next run."""
    house.sim.fault(Call.SUBMIT, Ending(code=1000), Conditions(prompt="bad", times=2))
    house.sim.fault(Call.SUBMIT, replace(Code(code=1000), made=True), Conditions(prompt="odd"))
    names = ("good", "bad", "bad2", "odd")
    house.write([{"id": name, "prompt": f"a {name} one"} for name in names])
    assert (await house.run("jobs.yaml")).code == 1
    assert house.statuses() == {"succeeded": 1, "failed": 2, "unknown": 1}
    refused: list[tuple[list[str], str]] = [
        (["retry", "jobs.yaml"], "which jobs"),
        (["retry", "jobs.yaml", "good", "bad"], "good: it has succeeded"),
        (["retry", "jobs.yaml", "odd"], "--unknown"),
        (["retry", "jobs.yaml", "nobody"], "there is no job nobody"),
        (["adopt", "jobs.yaml", "bad", "1"], "only a job of unknown outcome"),
        (["adopt", "jobs.yaml", "odd", house.row("good")["task_id"]], "belongs to job good already"),
        (["adopt", "jobs.yaml", "odd", "a b"], "a task id is"),
        (["dismiss", "jobs.yaml", "good", "--reason", "x"], "only failed, unknown and held"),
        (["dismiss", "jobs.yaml", "bad", "--reason", " "], "give a reason"),
        (["dismiss", "jobs.yaml", "bad"], "--reason"),
    ]
    rows = house.rows()
    for command, words in refused:
        ended = await house.run(*command, key=None)
        assert (ended.code, words in ended.err) == (2, True), (command, ended.err)
    assert house.rows() == rows
    house.sim.clear_faults()
    assert (await house.run("dismiss", "jobs.yaml", "bad2", "--reason", "no use", key=None)).code == 0
    assert house.row("bad2")["dismissed"] == "no use"
    assert (await house.run("retry", "jobs.yaml", "--failed", key=None)).code == 0
    assert (await house.run("retry", "jobs.yaml", "odd", "--unknown", key=None)).code == 0
    assert house.statuses() == {"succeeded": 1, "pending": 2, "failed": 1}
    done = await house.run("jobs.yaml")
    assert done.code == 0, done.err
    assert house.submitted_prompts() == {"a good one": 1, "a bad one": 2, "a bad2 one": 1, "a odd one": 2}
    house.check_clips(3)
    assert KEY not in done.out
