"""Signals: a run that is asked to end does so in time, loses nothing, and the same command carries on."""

from __future__ import annotations

import re
import signal
from dataclasses import replace

import pytest

from batchgen.simulator import Behaviour, Call, Conditions, Hang, Times, Video
from whole.house import QUICK, SIGNAL_BOUND, House, Running, until

#: What Python and asyncio say of tasks, sockets and files that were left open.
_LEFT_OPEN = re.compile(
    r"Traceback|never (awaited|retrieved)|was destroyed|unclosed|Unclosed|ResourceWarning|Exception ignored"
)
DEV = ("-X", "dev")


async def test_a_signal_ends_the_run_in_time_and_the_same_command_carries_on(house: House) -> None:
    """Tasks stay submitted, a POST in the air ends unknown, nothing is sent twice, the summary is printed."""
    house.sim.behaviour = Behaviour(times=Times(median=30.0, sigma=0.0))
    house.sim.fault(Call.SUBMIT, Hang(seconds=60.0, made=True), Conditions(prompt="hanging"))
    house.write([{"id": f"job{n}", "prompt": f"{'hanging' if n == 4 else 'quick'} {n}"} for n in range(9)])
    running = await house.start("jobs.yaml", "--in-flight", "6", python=DEV)
    await until(lambda: len(house.sim.tasks) == 6, "six tasks")
    running.send(signal.SIGTERM)
    ended = await running.ended(SIGNAL_BOUND)
    assert ended.code == 4, ended.err
    assert "SIGTERM received" in ended.err
    assert not _LEFT_OPEN.search(ended.err), ended.err
    assert "9 ordered, 0 delivered" in ended.out
    assert house.statuses() == {"submitted": 5, "unknown": 1, "pending": 3}
    assert house.row("job4")["error"]["code"] == "lost"
    assert house.row("job4")["charged"] == "perhaps"
    house.sim.clear_faults()
    house.later(60)
    house.sim.behaviour = QUICK
    again = await house.run("jobs.yaml")
    assert again.code == 1, again.err
    assert house.statuses() == {"succeeded": 8, "unknown": 1}
    assert set(house.submitted_prompts().values()) == {1}
    house.check_clips(8)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
async def test_other_signals_do_the_same(
    house: House, number: signal.Signals, request: pytest.FixtureRequest
) -> None:
    """Ctrl-C and the end of the terminal: what is at the service stays there, and exit 4 comes at once."""
    before = signal.signal(number, signal.default_int_handler)  # else one that nohup ignores stays ignored
    request.addfinalizer(lambda: signal.signal(number, before))
    house.sim.behaviour = Behaviour(times=Times(median=30.0, sigma=0.0))
    house.write([{"id": f"job{n}", "prompt": f"quick {n}"} for n in range(3)])
    running = await house.start("jobs.yaml", "--in-flight", "2", python=DEV)
    await until(lambda: len(house.sim.tasks) == 2, "two tasks")
    running.send(number)
    ended = await running.ended(SIGNAL_BOUND)
    assert ended.code == 4, ended.err
    assert f"{number.name} received" in ended.err
    assert not _LEFT_OPEN.search(ended.err), ended.err
    assert house.statuses() == {"submitted": 2, "pending": 1}


async def test_a_download_in_progress_is_left_resumable(house: House) -> None:
    """The next run asks the host for the rest only."""
    video = Video(bytes_per_second=100_000, padding_min=900_000, padding_max=900_000)
    house.sim.behaviour = replace(QUICK, video=video)
    house.write([{"id": "fox", "prompt": "A fox"}])
    running = await house.start("jobs.yaml", python=DEV)
    await until(lambda: sent(house) > 50_000, "bytes on their way")
    running.send(signal.SIGTERM)
    ended = await running.ended(SIGNAL_BOUND)
    assert ended.code == 4, ended.err
    assert not _LEFT_OPEN.search(ended.err), ended.err
    assert house.statuses() == {"generated": 1}
    assert not (house.output / "videos" / "fox.mp4").exists()
    kept = (house.output / "videos" / "fox.mp4.part").stat().st_size
    assert kept > 0
    house.sim.reset()
    house.sim.behaviour = replace(QUICK, video=replace(video, bytes_per_second=None))
    again = await house.run("jobs.yaml")
    assert again.code == 0, again.err
    house.check_clips(1)
    assert sent(house) == house.row("fox")["bytes"] - kept
    assert house.calls() == {"retrieve": 1, "video": 1}


def sent(house: House) -> int:
    """Bytes that have left the video host."""
    return int(str(house.sim.stats()["video_bytes"]))


async def test_a_second_interrupt_ends_at_once_and_loses_nothing(house: House) -> None:
    """130, within the grace of the hanging POST; the next run finds that POST as unknown."""
    house.sim.behaviour = Behaviour(times=Times(median=30.0, sigma=0.0))
    house.sim.fault(Call.SUBMIT, Hang(seconds=60.0), Conditions(prompt="hanging"))
    house.write([{"id": "a", "prompt": "quick"}, {"id": "b", "prompt": "hanging"}])
    log = house.folder / "log"
    running = await house.start("jobs.yaml", "--log-file", "log", python=DEV)
    await until(lambda: house.calls().get("submit") == 2 and len(house.sim.tasks) == 1, "both are sent")
    running.send(signal.SIGINT)
    await until(lambda: "SIGINT received" in log.read_text(), "the first is heard")
    running.send(signal.SIGINT)
    ended = await running.ended(SIGNAL_BOUND)
    assert ended.code == 130, ended.err
    assert ended.seconds < 8.0
    house.sim.clear_faults()
    house.later(60)
    again = await house.run("jobs.yaml")
    assert again.code == 1, again.err
    assert "the last run ended while b was being submitted" in again.err
    assert house.statuses() == {"succeeded": 1, "unknown": 1}
    assert house.submitted_prompts() == {"quick": 1}
    house.check_clips(1)


async def _begun_by_a_shell_that_ignores(house: House, number: signal.Signals) -> Running:
    """A run whose one task takes half a minute."""
    house.sim.behaviour = Behaviour(times=Times(median=30.0, sigma=0.0))
    house.write([{"id": "fox", "prompt": "A fox"}])

    def ignore() -> None:
        signal.signal(number, signal.SIG_IGN)

    running = await house.start("jobs.yaml", before=ignore)
    await until(lambda: len(house.sim.tasks) == 1, "a task")
    return running


async def test_a_hangup_that_was_ignored_stays_ignored(house: House) -> None:
    """Under ``nohup`` the end of the terminal ends no run."""
    running = await _begun_by_a_shell_that_ignores(house, signal.SIGHUP)
    running.send(signal.SIGHUP)
    before = house.calls().get("query", 0)
    await until(lambda: house.calls().get("query", 0) > before + 3, "it goes on")
    house.later(60)
    ended = await running.ended()
    assert ended.code == 0, ended.err
    house.check_clips(1)


async def test_an_interrupt_is_heeded_in_the_background_of_a_script(house: House) -> None:
    """A shell has it ignored there; whoever sends it wants the spending to end all the same."""
    running = await _begun_by_a_shell_that_ignores(house, signal.SIGINT)
    running.send(signal.SIGINT)
    ended = await running.ended(SIGNAL_BOUND)
    assert ended.code == 4, ended.err
    assert "SIGINT received" in ended.err
    assert house.statuses() == {"submitted": 1}


async def test_a_signal_during_start_up_ends_before_anything_is_sent(house: House) -> None:
    """While the job file is still being read: nothing sent, nothing wrong said, exit 4."""
    jobs = [{"id": f"j{n}", "prompt": f"A fox runs through the snow, number {n}"} for n in range(20_000)]
    path = house.folder / "jobs.yaml"
    lines = "".join(f"- {{id: {job['id']}, prompt: '{job['prompt']}'}}\n" for job in jobs)
    path.write_text("limits: {submits_per_minute: null}\njobs:\n" + lines)
    running = await house.start("jobs.yaml", python=DEV)
    await until(lambda: list(house.temporary.glob("batchgen-*/staged.sqlite3")), "reading has begun")
    running.send(signal.SIGTERM)
    ended = await running.ended(SIGNAL_BOUND)
    assert ended.code == 4, ended.err
    assert not _LEFT_OPEN.search(ended.err), ended.err
    assert "stopped before anything was sent" in ended.out + ended.err
    assert house.sim.records == []
    assert not house.output.exists()
    assert list(house.temporary.iterdir()) == []


async def test_a_signal_after_a_halt_changes_no_exit_code(house: House) -> None:
    """No balance still needs a person, however the run ended: 3 goes before 4."""
    house.sim.behaviour = Behaviour(
        times=Times(median=30.0, sigma=0.0), limits=replace(QUICK.limits, balance_clips=1)
    )
    house.write([{"prompt": f"fox {number}"} for number in range(4)])
    running = await house.start("jobs.yaml", "--log-file", "log")
    log = house.folder / "log"
    await until(lambda: log.exists() and "halt: " in log.read_text(), "the halt")
    running.send(signal.SIGTERM)
    ended = await running.ended(SIGNAL_BOUND)
    assert ended.code == 3, ended.err
    assert "SIGTERM received" in ended.err
    assert house.statuses() == {"submitted": 1, "pending": 3}
