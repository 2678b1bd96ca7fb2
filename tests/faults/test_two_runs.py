"""Two runs at once: in one folder the second waits or goes; in two folders they do not meet."""

from __future__ import annotations

import asyncio
from typing import Any

from whole.house import QUICK, House, tree, until

from batchgen.simulator import Behaviour, Times

JOBS = 3
SLOW = Behaviour(times=Times(median=60.0, sigma=0.0))


def _write(house: House, **head: Any) -> None:  # noqa: ANN401  what may stand above the jobs
    house.write([{"id": f"j{n}", "prompt": f"even {n}"} for n in range(JOBS)], **head)


async def test_the_second_run_touches_nothing(household: House) -> None:
    """Exit 5 for every command that writes; clips, ledger, log, manifest and reserve are to the byte as they were."""
    house = household
    house.sim.behaviour = SLOW
    _write(house)
    running = await house.start("jobs.yaml", "--in-flight", "2")
    await until(lambda: house.calls().get("query", 0) >= 2, "two tasks at the service")
    before = tree(house.output)
    sent = len(house.sim.tasks)
    for command in (["run"], ["collect"], ["retry", "--failed"], ["adopt", "j0", "1"]):
        ended = await house.run(command[0], "jobs.yaml", *command[1:])
        assert ended.code == 5, ended
        assert "nothing was sent" in ended.err
    after = tree(house.output)
    assert {name: state[3] for name, state in after.items()} == {
        name: state[3] for name, state in before.items()
    }
    assert len(house.sim.tasks) == sent
    house.later(120)
    house.sim.behaviour = QUICK
    assert (await running.ended()).code == 0
    assert house.submitted_prompts() == {f"even {n}": 1 for n in range(JOBS)}


async def test_two_folders_are_two_orders(household: House) -> None:
    """The same job file runs into two folders at once: each gets its own clips."""
    house = household
    _write(house)
    ended = await asyncio.gather(*(house.run("jobs.yaml", "-o", name) for name in ("one", "two")))
    assert [one.code for one in ended] == [0, 0], ended
    assert house.submitted_prompts() == {f"even {n}": 2 for n in range(JOBS)}
    tasks = [row["task_id"] for name in ("one", "two") for row in house.rows(house.folder / name)]
    assert len(set(tasks)) == 2 * JOBS


async def test_one_ledger_is_not_for_two_folders_at_once(household: House) -> None:
    """The ledger lies elsewhere and is named by both: the second run ends in 5, and later in 2."""
    house = household
    house.sim.behaviour = SLOW
    _write(house, ledger="state/ledger.db")
    running = await house.start("jobs.yaml", "-o", "one")
    await until(lambda: len(house.sim.tasks) == JOBS, "tasks")
    assert (await house.run("jobs.yaml", "-o", "two")).code == 5
    house.later(120)
    assert (await running.ended()).code == 0
    refused = await house.run("jobs.yaml", "-o", "two")
    assert refused.code == 2, refused.err
    assert len(house.sim.tasks) == JOBS


async def test_a_reserve_that_a_killed_run_left_is_used_and_removed(household: House) -> None:
    """Lock and reserve of a dead run hold nobody up."""
    house = household
    house.sim.behaviour = SLOW
    _write(house)
    running = await house.start("jobs.yaml", "--in-flight", "1")
    await until(lambda: house.calls().get("query"), "a task")
    running.process.kill()
    await running.ended()
    assert "ledger.sqlite3-reserve" in tree(house.output)
    house.later(120)
    house.sim.behaviour = QUICK
    assert (await house.run("jobs.yaml")).code == 0
    assert house.submitted_prompts() == {f"even {n}": 1 for n in range(JOBS)}
    assert "ledger.sqlite3-reserve" not in tree(house.output)
