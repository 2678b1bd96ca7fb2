"""What becomes of the standard streams changes no outcome: the exit code is all that cron has."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest
from cli.test_streams import FULL, needs_full

from batchgen.simulator import Behaviour, Call, Conditions, Hang, Times
from whole.house import SIGNAL_BOUND, House, until

FOX: list[dict[str, object]] = [{"id": "fox", "prompt": "A fox"}]


def _closed(*numbers: int) -> Callable[[], None]:
    """What closes these streams of a process that begins, as ``>&-`` does."""

    def close() -> None:
        for number in numbers:
            os.close(number)

    return close


def _full() -> None:
    full = os.open(FULL, os.O_WRONLY)
    os.dup2(full, 1)
    os.dup2(full, 2)


def _unread() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    os.dup2(writing, 1)
    os.dup2(writing, 2)


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(_closed(0, 1, 2), id="all closed"),
        pytest.param(_closed(1), id="output closed"),
        pytest.param(_closed(2), id="errors closed"),
        pytest.param(_full, id="full", marks=needs_full),
        pytest.param(_unread, id="unread"),
    ],
)
async def test_a_command_does_its_work_and_ends_in_its_own_code(
    house: House, before: Callable[[], None]
) -> None:
    """A run, one that looks, the help, a job file that is not there, an option that there is not."""
    house.write(FOX)
    for code, words in (
        (0, ["jobs.yaml", "-v"]),
        (0, ["status", "jobs.yaml"]),
        (2, ["nope.yaml"]),
        (2, ["jobs.yaml", "--nonsense"]),
    ):
        ended = await house.run(*words, before=before)
        assert (ended.code, words) == (code, words), ended.err
    assert (await house.run("--help", before=before, service=False)).code == 0
    house.check_clips(1)


@needs_full
async def test_output_that_a_full_disk_did_not_take_is_told_of(house: House) -> None:
    """What was to be kept, as a schema, is not whole; what nobody reads any more is nobody's loss."""

    def full() -> None:
        os.dup2(os.open(FULL, os.O_WRONLY), 1)

    ended = await house.run("schema", service=False, before=full)
    assert (ended.code, ended.err) == (
        0,
        "batchgen: warning: standard output did not take everything: No space left on device\n",
    )


@needs_full
async def test_a_log_file_without_room_ends_no_run(house: House) -> None:
    """It is told once that lines are lost."""
    house.write(FOX)
    ended = await house.run("jobs.yaml", "--log-file", str(FULL))
    assert ended.code == 0, ended.err
    assert ended.err == (
        "batchgen: warning: /dev/full: lines of the log file are lost, they could not be written: "
        "No space left on device\n"
    )
    house.check_clips(1)


async def test_a_second_interrupt_ends_at_once_also_when_nobody_can_be_told(house: House) -> None:
    """130 while a POST hangs, with a terminal that is gone."""
    house.sim.behaviour = Behaviour(times=Times(median=30.0, sigma=0.0))
    house.sim.fault(Call.SUBMIT, Hang(seconds=60.0), Conditions(prompt="hanging"))
    house.write([{"id": "a", "prompt": "hanging"}])
    log = house.folder / "log"
    running = await house.start("jobs.yaml", "--log-file", "log", before=_unread)
    await until(lambda: house.calls().get("submit"), "it is sent")
    running.send(signal.SIGINT)
    await until(lambda: "SIGINT received" in log.read_text(), "the first is heard")
    running.send(signal.SIGINT)
    ended = await running.ended(SIGNAL_BOUND)
    assert ended.code == 130
    assert ended.seconds < 8.0
