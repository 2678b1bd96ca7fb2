"""Clips that another folder has paid for, on the command line."""

from __future__ import annotations

import json

from whole.house import House

FOXES: list[dict[str, object]] = [{"id": f"fox{n}", "prompt": f"Fox {n}"} for n in range(3)]
MORE: list[dict[str, object]] = [{"id": f"f{n}", "prompt": f"Fox {n}"} for n in range(5)]


async def test_clips_of_equal_requests_are_not_paid_for_again(house: House) -> None:
    """The plan tells it, the run does it before anything is sent, and the manifest says where they came from."""
    house.write(FOXES, "first.yaml", output="one")
    assert (await house.run("first.yaml")).code == 0
    house.write(MORE)
    plan = await house.run("check", "jobs.yaml", "--reuse-from", "one")
    assert "3 clips would be reused from ../one, nothing paid." in plan.out
    assert "A run would submit 2 clips" in plan.out
    assert not (house.output / "ledger.sqlite3").exists()
    ended = await house.run("jobs.yaml", "--reuse-from", "one")
    assert (ended.code, house.calls()["submit"]) == (0, 5)
    assert "reused: 3 clips from ../one, nothing paid" in ended.out
    assert "5 ordered, 5 delivered (3 reused); " in ended.out
    assert house.row("f0")["attempts"][0]["reused_from"] == "../one"
    house.check_clips(5)
    again = await house.run("jobs.yaml")
    assert (again.code, house.calls()["submit"]) == (0, 5)


async def test_a_budget_does_not_hear_of_reused_clips(house: House) -> None:
    """A cap of two clips lets two be made beside three that were reused."""
    house.write(FOXES, "first.yaml", output="one")
    await house.run("first.yaml")
    house.write(MORE, budget={"total": {"clips": 2}})
    assert (await house.run("jobs.yaml", "--reuse-from", "one")).code == 0
    assert house.statuses() == {"succeeded": 5}


async def test_reuse_is_an_event(house: House) -> None:
    """For programs that read along."""
    house.write(FOXES, "first.yaml", output="one")
    await house.run("first.yaml")
    house.write(MORE[:3])
    ended = await house.run("jobs.yaml", "--reuse-from", "one", "--progress", "json")
    events = [json.loads(line) for line in ended.out.splitlines()]
    assert [(event["clips"], event["folder"]) for event in events if event["event"] == "reused"] == [
        (3, "../one")
    ]
    assert events[-1]["counts"]["succeeded"] == 3


async def test_a_folder_that_is_none_is_a_mistake(house: House) -> None:
    """Before the ledger is begun."""
    house.write(FOXES)
    ended = await house.run("jobs.yaml", "--reuse-from", "nowhere")
    ledger = house.output / "ledger.sqlite3"
    assert (ended.code, house.calls(), ledger.exists()) == (2, {}, False)
    assert "--reuse-from takes an output folder of batchgen" in ended.err


async def test_clips_that_were_lost_there_are_told_and_paid_for(house: House) -> None:
    """Nothing that is not whole is taken."""
    house.write(FOXES, "first.yaml", output="one")
    await house.run("first.yaml")
    (house.folder / "one/videos/fox1.mp4").write_bytes(b"cut")
    house.write(MORE[:3])
    ended = await house.run("jobs.yaml", "--reuse-from", "one")
    assert (ended.code, house.calls()["submit"]) == (0, 4)
    assert "1 clip of ../one can't be reused" in ended.err
    house.check_clips(3)


async def test_restoring_a_reused_clip_asks_the_folder_that_it_came_from(house: House) -> None:
    """The service may not know the task as ours."""
    house.write(FOXES, "first.yaml", output="one")
    await house.run("first.yaml")
    house.write(MORE[:3])
    await house.run("jobs.yaml", "--reuse-from", "one")
    calls = house.calls()
    (house.output / "videos/f1.mp4").unlink()
    ended = await house.run("jobs.yaml", "--restore-missing")
    assert (ended.code, house.calls()) == (0, calls)
    house.check_clips(3)
