"""Job files that are edited between runs, counted at the service: nothing that is paid for is paid again or lost."""

from __future__ import annotations

import pytest
from whole.house import QUICK, House

from batchgen.simulator import Behaviour, Times

Jobs = list[dict[str, object]]


def prompts(*texts: str) -> Jobs:
    """Jobs without ids."""
    return [{"prompt": text} for text in texts]


def named(**texts: str) -> Jobs:
    """Jobs with ids."""
    return [{"id": id_, "prompt": text} for id_, text in texts.items()]


FOXES = prompts("fox 1", "fox 2", "fox 3")
SHOTS = named(s1="dawn", s2="noon", s3="dusk")

#: What the file says first and then, how many clips that buys besides, the exit code, and which jobs are held.
EDITS: list[tuple[str, Jobs, Jobs, int, int]] = [
    ("added", FOXES, [*prompts("hare"), *FOXES, *prompts("owl")], 2, 0),
    ("removed", FOXES, FOXES[1:], 0, 0),
    ("reordered", FOXES, FOXES[::-1], 0, 0),
    ("edited without an id", FOXES, [*FOXES[1:], *prompts("a red fox")], 1, 0),
    ("edited with an id", SHOTS, named(s1="dawn", s2="noon", s3="night"), 0, 1),
    ("renamed", SHOTS, named(a="dawn", b="noon", c="dusk"), 0, 0),
    ("an id given", FOXES, named(a="fox 1", b="fox 2", c="fox 3"), 0, 0),
    ("ids taken away", SHOTS, prompts("dawn", "noon", "dusk"), 0, 0),
    ("two swapped", SHOTS, named(s1="noon", s2="dawn", s3="dusk"), 0, 0),
    ("kept as old", SHOTS, named(s1="new dawn", s2="noon", s3="dusk", s1_old="dawn"), 1, 0),
    ("one put first", SHOTS, named(s1="night", s2="dawn", s3="noon", s4="dusk"), 1, 0),
    ("the first one cut", SHOTS, named(s1="noon", s2="dusk"), 0, 0),
    ("repeat raised", [{"id": "fox", "prompt": "f", "repeat": 2}], [{"id": "fox", "prompt": "f", "repeat": 4}], 2, 0),
    ("repeat lowered", [{"id": "fox", "prompt": "f", "repeat": 3}], [{"id": "fox", "prompt": "f"}], 0, 0),
    ("repeat of the nameless", [{"prompt": "f"}], [{"prompt": "f", "repeat": 3}], 2, 0),
    ("repeated under a name", [{"prompt": "f", "repeat": 2}], [{"id": "fox", "prompt": "f", "repeat": 3}], 1, 0),
    ("a default written out", FOXES, [{**job, "duration": 6, "resolution": "768P"} for job in FOXES], 0, 0),
    ("metadata", SHOTS, [{**job, "metadata": {"take": 2}} for job in SHOTS], 0, 0),
]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "bought", "code"), [row[1:] for row in EDITS], ids=[row[0] for row in EDITS]
)
async def test_an_edit_buys_what_is_new_and_nothing_else(
    house: House, before: Jobs, after: Jobs, bought: int, code: int
) -> None:
    """So many tasks and no more; every clip is that of its row's request; and back again costs nothing."""
    house.write([dict(job) for job in before])
    assert (await house.run("jobs.yaml")).code == 0
    clips, first = house.clips(), len(house.sim.tasks)
    house.write([dict(job) for job in after])
    checked = await house.run("check", "jobs.yaml")
    assert f"A run would submit {bought} clip{'' if bought == 1 else 's'}" in checked.out
    ended = await house.run("jobs.yaml")
    assert ended.code == code, ended.err
    assert len(house.sim.tasks) == first + bought
    for row in house.rows():
        if not row["changed"]:
            task = house.task(row["task_id"])
            assert task.prompt == row["prompt"]
            assert (house.output / row["file"]).read_bytes() == house.sim.clip_bytes(task)
    assert clips.items() <= house.clips().items(), "no clip was moved or overwritten"
    house.write([dict(job) for job in before])
    assert (await house.run("jobs.yaml")).code == 0
    assert len(house.sim.tasks) == first + bought
    assert (await house.run("jobs.yaml")).code == 0


async def test_paid_tasks_of_jobs_that_left_are_finished_and_listed_last(house: House) -> None:
    """They are told in ``status`` and in the sentence; ``collect`` brings them as a run does."""
    house.sim.behaviour = Behaviour(times=Times(median=30.0, sigma=0.0))
    house.write(named(a="A", b="B", c="C"))
    assert (await house.run("jobs.yaml", "--max-clips", "2", "--drain", "0s")).code == 4
    house.write(named(d="D", c="C"))
    told = await house.run("status", "jobs.yaml")
    assert "no longer in the job file" in told.out
    assert "2 jobs sent earlier have left the job file (2 under way)" in told.out
    house.later(60)
    house.sim.behaviour = QUICK
    collected = await house.run("collect", "jobs.yaml")
    assert collected.code == 1, "two are not submitted"
    assert [(row["id"], row["in_job_file"], row["status"]) for row in house.rows()] == [
        ("d", True, "pending"),
        ("c", True, "pending"),
        ("a", False, "succeeded"),
        ("b", False, "succeeded"),
    ]
    ended = await house.run("jobs.yaml")
    assert ended.code == 0, ended.err
    assert "2 jobs sent earlier have left the job file (2 delivered)" in ended.out
    house.check_clips(4)
    assert set(house.submitted_prompts().values()) == {1}


async def test_a_shift_in_the_middle_of_a_batch(house: House) -> None:
    """Half of a numbered list is made when a scene is put first: every scene is paid for once."""
    scenes = [f"scene {n}" for n in range(8)]
    house.write([{"id": f"s{n}", "prompt": text} for n, text in enumerate(scenes)])
    assert (await house.run("jobs.yaml", "--max-clips", "4")).code == 4
    house.write([{"id": f"s{n}", "prompt": text} for n, text in enumerate(["prologue", *scenes])])
    assert (await house.run("jobs.yaml")).code == 0
    assert house.submitted_prompts() == dict.fromkeys(["prologue", *scenes], 1)
    house.check_clips(9)


async def test_defaults_changed_with_ids_hold_everything(house: House) -> None:
    """Nothing is paid until the user says so; undone, all is as it was."""
    house.write([dict(job) for job in SHOTS])
    assert (await house.run("jobs.yaml")).code == 0
    house.write([dict(job) for job in SHOTS], defaults={"prompt_optimizer": False})
    assert (await house.run("jobs.yaml")).code == 1
    assert [row["changed"] for row in house.rows()] == [True] * 3
    house.write([dict(job) for job in SHOTS])
    assert (await house.run("jobs.yaml")).code == 0
    assert len(house.sim.tasks) == 3


@pytest.mark.parametrize(("number", "code"), [(19, 0), (20, 2)])
async def test_defaults_changed_without_ids_meet_the_brake(house: House, number: int, code: int) -> None:
    """Below twenty paid jobs the edit is taken at its word; from there on it needs ``--accept-new``."""
    jobs = prompts(*(f"fox {n}" for n in range(number)))
    house.write([dict(job) for job in jobs])
    assert (await house.run("jobs.yaml")).code == 0
    house.write([dict(job) for job in jobs], defaults={"prompt_optimizer": False})
    assert (await house.run("jobs.yaml")).code == code
    assert len(house.sim.tasks) == (number if code else 2 * number)
    house.write([dict(job) for job in jobs])
    assert (await house.run("jobs.yaml")).code == 0, "undone: nothing is new"
    assert len(house.sim.tasks) == (number if code else 2 * number)
