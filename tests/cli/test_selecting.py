"""Parts of a job file: selections for a canary, shards for several machines."""

from __future__ import annotations

import json
import tarfile

import pytest
from whole.house import House

from batchgen.ledger.portions import Shard
from batchgen.simulator import Call, Code, Conditions

JOBS: list[dict[str, object]] = [
    {"id": f"fox{n}", "prompt": f"Fox {n}", "metadata": {"scene": "sea" if n % 2 else "land"}}
    for n in range(12)
]


async def test_a_canary_is_the_beginning_of_the_whole(house: House) -> None:
    """A sample that succeeds exits with 0, a larger one pays for the rest of it only, and so does the whole."""
    house.write(JOBS)
    plan = await house.run("check", "jobs.yaml", "--sample", "3")
    assert "3 jobs (9 jobs not selected)" in plan.out
    assert "would submit 3 clips" in plan.out
    canary = await house.run("jobs.yaml", "--sample", "3")
    assert canary.code == 0
    assert "3 ordered, 3 delivered; 9 jobs not selected; " in canary.out
    assert house.statuses() == {"succeeded": 3, "pending": 9}
    assert all(row["in_job_file"] for row in house.rows())
    larger = await house.run("jobs.yaml", "--sample", "5")
    assert (larger.code, house.calls()["submit"]) == (0, 5)
    assert (await house.run("jobs.yaml")).code == 0
    assert (house.statuses(), house.calls()["submit"]) == ({"succeeded": 12}, 12)


async def test_a_selection_by_id_and_by_value(house: House) -> None:
    """Every part must hold, and what is not selected is neither sent nor counted."""
    house.write(JOBS)
    ended = await house.run("jobs.yaml", "--only", "fox1*", "--only", "fox2", "--where", "scene=land")
    assert ended.code == 0
    assert {row["id"] for row in house.rows() if row["status"] == "succeeded"} == {"fox10", "fox2"}
    status = await house.run("status", "jobs.yaml", "--where", "scene=sea")
    assert "6 ordered, 0 delivered, 6 not submitted; 6 jobs not selected; " in status.out
    assert "--where scene=sea" in status.out  # in the command that carries on, with no more than that


@pytest.mark.parametrize(
    "command",
    [("run",), ("check",), ("status",), ("retry",), ("dismiss", "--reason", "x")],
    ids=lambda c: c[0],
)
async def test_a_selection_that_matches_nothing_is_a_mistake(house: House, command: tuple[str, ...]) -> None:
    """It is named, and nothing is sent."""
    house.write(JOBS)
    name, *options = command
    ended = await house.run(name, "jobs.yaml", "--only", "cat*", *options)
    assert (ended.code, house.calls()) == (2, {})
    assert "no job matches --only 'cat*'" in ended.err


async def test_jobs_that_were_never_sent_are_told_with_the_command_for_them(house: House) -> None:
    """The first of them by name, the others by number, whatever was sent before them."""
    house.write(JOBS)
    await house.run("jobs.yaml", "--only", "fox3")
    status = await house.run("status", "jobs.yaml")
    assert "11 jobs not submitted\n    fox0 " in status.out
    assert "    fox10 " in status.out
    assert "    and 1 more: see " in status.out
    assert "  Carry on:\n    batchgen jobs.yaml" in status.out
    few = await house.run("status", "jobs.yaml", "--only", "fox3", "--only", "fox5")
    assert "1 job not submitted\n    fox5 " in few.out
    assert "more: see" not in few.out
    none = await house.run("status", "jobs.yaml", "--only", "fox3")
    assert "not submitted" not in none.out


async def test_jobs_are_ordered_again_or_dismissed_by_selection(house: House) -> None:
    """Only those selected, and of them only those that it can be done with."""
    house.sim.fault(Call.SUBMIT, Code(code=1026), Conditions())
    house.write(JOBS)
    assert (await house.run("jobs.yaml", "--only", "fox[0-5]")).code == 1
    house.sim.clear_faults()
    named = await house.run("retry", "jobs.yaml", "--where", "status=failed", "--only", "fox[13]")
    assert "--only fox1 --only fox3" in named.out  # their status is another one now
    again = await house.run("retry", "jobs.yaml", "--where", "scene=sea")
    assert "1 job is ordered again" in again.out
    assert "--where scene=sea" in again.out
    done = await house.run("dismiss", "jobs.yaml", "--where", "scene=land", "--reason", "not worth it")
    assert "3 jobs dismissed" in done.out
    assert {row["id"] for row in house.rows() if row["dismissed"]} == {"fox0", "fox2", "fox4"}
    none = await house.run("dismiss", "jobs.yaml", "--only", "fox9", "--reason", "x")
    assert (none.code, "no job was dismissed" in none.out) == (0, True)
    named = await house.run("retry", "jobs.yaml", "--where", "status=pending", "--only", "fox1")
    assert named.code == 0  # it is pending already
    both = await house.run("retry", "jobs.yaml", "fox1", "--only", "fox1")
    assert (both.code, "not both" in both.err) == (2, True)


async def test_only_selected_clips_are_regenerated(house: House) -> None:
    """An edit of the defaults holds every job; a canary of the new ones leaves the others held."""
    house.write(JOBS[:4])
    await house.run("jobs.yaml")
    house.write([{**job, "prompt": f"{job['prompt']} at night"} for job in JOBS[:4]])
    ended = await house.run("jobs.yaml", "--regenerate-changed", "--only", "fox1")
    assert (ended.code, house.calls()["submit"]) == (0, 5)
    assert {row["id"]: row["changed"] for row in house.rows()} == {
        "fox0": True, "fox1": False, "fox2": True, "fox3": True,
    }  # fmt: skip


# --- shards ----------------------------------------------------------------------------------------------


async def test_shards_are_disjoint_and_complete(house: House) -> None:
    """Each folder has its own jobs alone, and together they are the job file, once."""
    house.write(JOBS)
    found: list[str] = []
    for number in (1, 2, 3):
        shard = f"{number}/3"
        house.write(JOBS if number != 2 else JOBS[::-1])  # whatever the order
        assert (await house.run("jobs.yaml", "--shard", shard, "-o", f"s{number}")).code == 0
        ids = [str(row["id"]) for row in house.rows(house.folder / f"s{number}")]
        assert all(Shard.parse(shard).has(id_) for id_ in ids)
        found += ids
    assert sorted(found) == sorted(str(job["id"]) for job in JOBS)
    assert house.submitted_prompts().total() == 12


async def test_a_folder_remembers_its_shard(house: House) -> None:
    """Another one, or none, would mix two parts: nothing is sent, by whatever command."""
    house.write(JOBS)
    await house.run("jobs.yaml", "--shard", "1/3", "--max-clips", "1")
    calls = house.calls()
    for command in ("run", "check", "status", "collect"):
        for words in (["--shard", "2/3"], ["--shard", "1/4"], []):
            ended = await house.run(command, "jobs.yaml", *words)
            assert (ended.code, "give --shard 1/3" in ended.err) == (2, True), command
    assert house.calls() == calls
    status = await house.run("status", "jobs.yaml", "--shard", "1/3")
    assert "--shard 1/3" in status.out  # in the command that carries on


async def test_a_folder_of_all_jobs_becomes_no_shard(house: House) -> None:
    """Its other jobs would be orphans."""
    house.write(JOBS)
    await house.run("jobs.yaml", "--max-clips", "1")
    ended = await house.run("jobs.yaml", "--shard", "1/3")
    assert (ended.code, "begun without --shard" in ended.err) == (2, True)


async def test_a_mistake_in_another_shard_is_told_too(house: House) -> None:
    """The whole job file is checked before anything is sent, on each machine."""
    for shard in ("1/2", "2/2"):
        house.write([*JOBS, {"id": "fox3", "prompt": "the same id"}])
        ended = await house.run("jobs.yaml", "--shard", shard, "-o", shard[0])
        assert (ended.code, "the same id as job fox3" in ended.err) == (2, True)


async def test_a_ledger_restored_for_a_shard_keeps_to_it(house: House) -> None:
    """And a manifest of another shard is refused."""
    house.write(JOBS)
    assert (await house.run("jobs.yaml", "--shard", "1/3")).code == 0
    ledger = house.output / "ledger.sqlite3"
    ledger.unlink()
    wrong = await house.run("jobs.yaml", "--shard", "2/3", "--rebuild-ledger")
    assert (wrong.code, "is not in shard 2/3" in wrong.err, ledger.exists()) == (2, True, False)
    assert (await house.run("jobs.yaml", "--shard", "1/3", "--rebuild-ledger")).code == 0
    assert (await house.run("jobs.yaml")).code == 2


async def test_an_export_of_some_of_the_jobs(house: House) -> None:
    """Only the selected clips and rows are exported."""
    house.write(JOBS)
    assert (await house.run("jobs.yaml")).code == 0
    words = ("--to", "packed", "--where", "scene=sea", "--only", "fox[0-4]")
    assert (await house.run("export", "jobs.yaml", *words)).code == 0
    (shard,) = (house.folder / "packed").glob("*.tar")
    with tarfile.open(shard) as archive:
        assert sorted(name for name in archive.getnames() if name.endswith(".mp4")) == [
            "fox1.mp4",
            "fox3.mp4",
        ]
    table = await house.run("export", "jobs.yaml", "--to", "table", "--format", "csv", "--only", "fox7")
    assert table.code == 0
    (file,) = (house.folder / "table").glob("*.csv")
    assert [line.split(",")[0] for line in file.read_text("utf-8").splitlines()] == ["id", "fox7"]


async def test_merged_shards_are_the_whole(house: House) -> None:
    """Nothing is sent for what the parts have paid for, and the new folder needs no shard any more."""
    house.write(JOBS)
    for number in (1, 2):
        assert (await house.run("jobs.yaml", "--shard", f"{number}/2", "-o", f"s{number}")).code == 0
    calls = house.calls()
    done = await house.run("merge", "s1", "s2", "--to", "output", service=False)
    assert (done.code, "2 folders merged into output: 12 jobs, 12 clips" in done.out) == (0, True)
    ended = await house.run("jobs.yaml")
    assert (ended.code, house.calls()) == (0, calls)
    house.check_clips(12)
    part = await house.run("merge", "s1", "--to", "other", service=False)
    assert (part.code, "shard 2/2 is missing" in part.err) == (2, True)


async def test_a_part_that_was_merged_unfinished_sends_nothing_more(house: House) -> None:
    """Its pending jobs are the new folder's now; what it has at the service can still be collected."""
    house.write(JOBS)
    await house.run("jobs.yaml", "--shard", "1/2", "-o", "s1", "--max-clips", "1")
    await house.run("jobs.yaml", "--shard", "2/2", "-o", "s2")
    merged = await house.run("merge", "s1", "s2", "--to", "output", service=False)
    assert "carry on in the new folder only" in merged.out
    calls = house.calls()
    refused = await house.run("jobs.yaml", "--shard", "1/2", "-o", "s1")
    assert (refused.code, "was merged into" in refused.err, house.calls()) == (2, True, calls)
    assert (await house.run("collect", "jobs.yaml", "--shard", "1/2", "-o", "s1")).code == 1
    assert (await house.run("jobs.yaml")).code == 0
    assert house.submitted_prompts().total() == 12
    house.check_clips(12)


async def test_a_folder_below_videos_must_not_lead_out(house: House) -> None:
    """A clip would be paid for and could not be put there."""
    house.write([{"id": "fox", "prompt": "Fox", "filename": "away/{id}.mp4"}])
    (house.output / "videos").mkdir(parents=True)
    (house.folder / "elsewhere").mkdir()
    (house.output / "videos/away").symlink_to(house.folder / "elsewhere")
    ended = await house.run("jobs.yaml")
    assert (ended.code, house.calls(), "leads out" in ended.err) == (2, {}, True)


async def test_clips_named_by_the_job_file(house: House) -> None:
    """In folders below videos/; the data set names them from there."""
    named = [{**job, "filename": "{model}/{id}.mp4"} for job in JOBS[:2]]
    house.write(named)
    ended = await house.run("jobs.yaml")
    assert ended.code == 0, ended.err
    file = "MiniMax-Hailuo-2.3/fox0.mp4"
    assert house.row("fox0")["file"] == f"videos/{file}"
    rows = (house.output / "videos/metadata.jsonl").read_text("utf-8").splitlines()
    assert json.loads(rows[0])["file_name"] == file
    house.check_clips(2)
    (house.output / "videos" / file).unlink()
    assert (await house.run("check", "jobs.yaml", "--verify")).code == 1
    assert (await house.run("jobs.yaml", "--restore-missing")).code == 0
    house.check_clips(2)
    (house.output / "ledger.sqlite3").unlink()
    assert (await house.run("jobs.yaml", "--rebuild-ledger")).code == 0
    again = [{**job, "prompt": f"{job['prompt']} at night"} for job in named]
    house.write(again)
    assert (await house.run("jobs.yaml", "--regenerate-changed")).code == 0
    assert house.row("fox0")["file"] == f"videos/{file}"
    assert len(list((house.output / "superseded").rglob("*.mp4"))) == 2
