"""A submission whose answer never came, and a service that is not there yet."""

from __future__ import annotations

import pytest

from batchgen.simulator import Call, Close, Conditions, Simulator
from whole.house import QUICK, House, until

ONE = Conditions(prompt="odd")


def _mixed(number: int = 6) -> list[dict[str, object]]:
    """Jobs of which one, ``odd``, meets the fault."""
    even: list[dict[str, object]] = [{"id": f"j{n}", "prompt": f"even {n}"} for n in range(number)]
    return [{"id": "odd", "prompt": "odd one"}, *even]


@pytest.mark.parametrize("made", [False, True])
async def test_a_lost_answer_is_unknown_and_never_sent_again(house: House, made: bool) -> None:  # noqa: FBT001  a table's column
    """The run goes on; the task that was made is adopted by its id and brings the clip without a POST."""
    house.sim.fault(Call.SUBMIT, Close(made=made), ONE)
    house.write(_mixed())
    ended = await house.run("jobs.yaml")
    assert ended.code == 1, ended.err
    assert house.statuses() == {"unknown": 1, "succeeded": 6}
    assert "1 job with an unknown outcome, perhaps charged" in ended.out
    assert "batchgen adopt jobs.yaml odd TASK_ID" in ended.out
    house.sim.clear_faults()
    again = await house.run("jobs.yaml")
    assert again.code == 1
    assert house.calls()["submit"] == 7
    row = house.row("odd")
    assert (row["status"], row["charged"], row["error"]["stage"]) == ("unknown", "perhaps", "submit")
    if made:
        await _adopt(house)


async def _adopt(house: House) -> None:
    (task,) = [task for task in house.sim.tasks if task.prompt == "odd one"]
    adopted = await house.run("adopt", "jobs.yaml", "odd", str(task.task_id), key=None)
    assert adopted.code == 0, adopted.err
    collected = await house.run("collect", "jobs.yaml")
    assert collected.code == 0, collected.err
    assert house.calls()["submit"] == 7
    house.check_clips(7)


async def test_a_service_that_is_down_at_first(house: House) -> None:
    """What never connected is not sent; the run waits for the service and then makes every clip once."""
    port = int(house.sim.base_url.rsplit(":", 1)[1])
    async with Simulator(QUICK) as other:
        free = int(other.base_url.rsplit(":", 1)[1])
    assert free != port
    house.write(_mixed(3))
    running = await house.start(
        "jobs.yaml", "--log-file", "log", "--base-url", f"http://127.0.0.1:{free}", service=False
    )
    log = house.folder / "log"
    await until(lambda: log.exists() and "don't get through" in log.read_text(), "the warning")
    async with Simulator(QUICK, port=free) as late:
        house.sim = late
        ended = await running.ended()
        assert ended.code == 0, ended.err
        house.check_clips(4)
        assert set(house.submitted_prompts().values()) == {1}
