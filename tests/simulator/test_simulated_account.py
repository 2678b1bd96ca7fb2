"""Times, limits, balance, and what persists."""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
from contextlib import suppress
from dataclasses import replace
from io import FileIO
from pathlib import Path
from typing import cast

import aiohttp
import pytest

from batchgen.simulator import Behaviour, Crowded, Latency, Limits, Simulator, Times, serve
from batchgen.simulator.behaviour import Video
from batchgen.simulator.journal import NAME, open_journal
from batchgen.simulator.plain import Unreadable
from batchgen.simulator.tasks import Task, Tasks, seconds_needed
from simulator.client import Client, Clock


def limited(sim: Simulator, limits: Limits) -> None:
    """Set the account's limits."""
    sim.behaviour = replace(sim.behaviour, limits=limits)


async def test_submissions_a_minute(client: Client, clock: Clock, sim: Simulator) -> None:
    """In any 60 s so many tasks are made; refused ones do not count."""
    limited(sim, Limits(submits_per_minute=2))
    codes = []
    for _ in range(4):
        codes.append((await client.submit()).code)
        clock.move(20)
    assert codes == [0, 0, 1002, 0]
    assert sim.stats()["most_tasks_made_in_a_minute"] == 2
    assert sim.stats()["most_posts_in_a_minute"] == 3


async def test_the_limit_as_http_429(client: Client, sim: Simulator) -> None:
    """The gateway's way to say it, with the time to wait."""
    limited(sim, Limits(submits_per_minute=0, submits_answer=Crowded.HTTP, retry_after=7))
    got = await client.submit()
    assert (got.status, got.headers["Retry-After"], "error" in got.json) == (429, "7", True)


async def test_tasks_at_once(client: Client, clock: Clock, sim: Simulator) -> None:
    """A slot is free again as soon as a task has ended."""
    limited(sim, Limits(tasks_at_once=2))
    assert [(await client.submit()).code for _ in range(3)] == [0, 0, 1041]
    clock.move(100)
    assert (await client.submit()).code == 0
    assert (sim.stats()["most_tasks_at_once"], sim.stats()["tasks_now"]) == (2, 1)


async def test_gets_have_a_limit_of_their_own(client: Client, sim: Simulator) -> None:
    """Limits met on a GET say nothing about submissions."""
    limited(sim, Limits(gets_per_minute=1))
    task_id = await client.made()
    assert [(await client.query(task_id)).code for _ in range(2)] == [0, 1002]
    assert (await client.submit()).code == 0


async def test_a_balance_runs_out(client: Client, sim: Simulator) -> None:
    """The answer is 1008 with an empty task id; other settings do not fill the balance, another sum does."""
    limited(sim, Limits(balance_clips=1))
    await client.made()
    limited(sim, replace(sim.behaviour.limits, tasks_at_once=50))
    broke = await client.submit()
    assert broke.json == {
        "task_id": "",
        "base_resp": {"status_code": 1008, "status_msg": "insufficient balance"},
    }
    limited(sim, Limits(balance_clips=2))
    assert [(await client.submit()).code for _ in range(3)] == [0, 0, 1008]


async def test_latency(client: Client, sim: Simulator) -> None:
    """Each call has a latency of its own."""
    sim.behaviour = replace(sim.behaviour, latency=Latency(query=0.1))
    loop = asyncio.get_running_loop()
    began = loop.time()
    await client.query("1")
    assert 0.1 <= loop.time() - began < 2


def test_times_are_lognormal_and_repeatable() -> None:
    """Half of the tasks take less than the median; 10 s and 1080P take longer by their factors."""
    behaviour = Behaviour(seed=3, times=Times(median=100, sigma=0.5))
    draws = [seconds_needed(behaviour, number, 6, "768P") for number in range(4000)]
    assert draws == [seconds_needed(behaviour, number, 6, "768P") for number in range(4000)]
    assert 95 < statistics.median(draws) < 105
    assert 1.05 < statistics.fmean(draws) / statistics.median(draws) < 1.22
    assert seconds_needed(behaviour, 5, 10, "768P") == pytest.approx(1.6 * draws[5])
    assert seconds_needed(behaviour, 5, 6, "1080P") == pytest.approx(1.8 * draws[5])
    assert seconds_needed(replace(behaviour, seed=4), 5, 6, "768P") != draws[5]
    assert seconds_needed(Behaviour(times=Times(median=0)), 5, 6, "768P") == 0


async def test_tasks_outlive_the_service(clock: Clock, tmp_path: Path) -> None:
    """A service on the same folder knows earlier tasks, goes on with them, and repeats no id."""
    settings = Behaviour(times=Times(median=100, sigma=0))
    made = []
    async with aiohttp.ClientSession() as session:
        for _ in range(3):
            async with Simulator(settings, state=tmp_path / "state", now=clock.read) as sim:
                client = Client(session, sim)
                made.append(await client.made(prompt="狐狸"))
                assert [str(task.task_id) for task in sim.tasks] == made
                clock.move(60)
        async with Simulator(settings, state=tmp_path / "state", now=clock.read) as sim:
            client = Client(session, sim)
            assert [(await client.query(task_id)).json["status"] for task_id in made] == [
                "Success",
                "Success",
                "Processing",
            ]
            assert (await client.fetch(await client.link(made[0]))).body == sim.clip_bytes(sim.tasks[0])
    assert len(set(made)) == 3


async def test_a_torn_last_line_is_dropped(tmp_path: Path) -> None:
    """A line without its end was answered to nobody; what follows is written after a whole one."""
    for _ in range(2):
        async with Simulator(state=tmp_path) as sim, aiohttp.ClientSession() as session:
            await Client(session, sim).made()
        with (tmp_path / NAME).open("ab") as file:
            file.write(b'{"task_id": 3354')
    journal, tasks = open_journal(tmp_path)
    journal.close()
    assert len(tasks) == 2


def a_task(tasks: Tasks) -> Task:
    """Another task among ``tasks``."""
    return tasks.make(
        body={"prompt": "x"},
        duration=6,
        resolution="768P",
        ending=None,
        now=0.0,
        behaviour=Behaviour(),
    )


def test_ids_do_not_repeat_after_a_restart_at_the_same_moment() -> None:
    """Ids go on from the highest that is remembered, not from the clock alone."""
    earlier, later = Tasks(), Tasks()
    first = a_task(earlier)
    later.restore(first)
    second = a_task(later)
    assert len({first.task_id, first.file_id, second.task_id, second.file_id}) == 4


def test_a_line_that_does_not_fit_leaves_the_journal_as_it_was(tmp_path: Path) -> None:
    """On a full disk a task is written whole or not at all, and the next one that fits is."""
    journal, _ = open_journal(tmp_path)
    disk = journal._file
    journal._file = cast("FileIO", FullDisk(disk.fileno()))
    with pytest.raises(OSError, match="space"):
        a_task(Tasks(journal.keep))
    journal._file = disk
    a_task(Tasks(journal.keep))
    journal.close()
    journal, tasks = open_journal(tmp_path)
    journal.close()
    assert len(tasks) == 1


class FullDisk:
    """Takes ten bytes of a line."""

    def __init__(self, number: int) -> None:
        self._number = number

    def fileno(self) -> int:
        """The file's number."""
        return self._number

    def write(self, data: bytes) -> int:
        """As many bytes as fit."""
        return os.write(self._number, data[:10])


def test_a_foreign_journal_is_refused(tmp_path: Path) -> None:
    """A damaged line in the middle is told with its number."""
    (tmp_path / NAME).write_bytes(b'{"no": "task"}\n')
    with pytest.raises(Unreadable, match=r"tasks\.jsonl:1"):
        open_journal(tmp_path)


async def test_a_task_that_cannot_be_written_down_is_not_made(client: Client, sim: Simulator) -> None:
    """The journal comes before the answer: without it, HTTP 500 and no task."""

    def full(_: object) -> None:
        raise OSError(28, "No space left on device")

    tasks = Tasks(full)
    sim._running.tasks = tasks
    assert (await client.submit()).status == 500
    assert (sim.tasks, sim.stats()["balance"]) == ([], None)


async def test_ports_can_be_chosen_and_are_loopback_only() -> None:
    """A port that is taken is an OSError, and nothing is left listening."""
    async with Simulator() as first:
        port = int(first.base_url.rpartition(":")[2])
        assert first.base_url.startswith("http://127.0.0.1:")
        assert first.video_url not in ("", first.base_url)
        with pytest.raises(OSError, match="in use"):
            await Simulator(port=port).__aenter__()
    async with Simulator(port=port) as second:
        assert second.base_url == first.base_url


async def test_serve_runs_until_cancelled() -> None:
    """It tells when it listens, and leaves nothing behind, also while an exchange hangs."""
    ready: asyncio.Future[Simulator] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(Behaviour(latency=Latency(query=60)), ready=ready.set_result))
    sim = await ready
    async with aiohttp.ClientSession() as session:
        hanging = asyncio.create_task(Client(session, sim).query("1"))
        while not sim.records:  # noqa: ASYNC110  records have no event to wait for
            await asyncio.sleep(0.01)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.wait_for(task, 2)
        with pytest.raises(aiohttp.ClientError):
            await hanging


async def test_a_killed_service_has_kept_every_task_it_answered(tmp_path: Path) -> None:
    """Writing comes before answering: a SIGKILL right after the answer loses nothing."""
    program = (
        "import asyncio, sys; from pathlib import Path; from batchgen.simulator import serve\n"
        "asyncio.run(serve(state=Path(sys.argv[1]), ready=lambda sim: print(sim.base_url, flush=True)))"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    stub = Simulator()
    stub.base_url = (await process.stdout.readline()).decode().strip()
    async with aiohttp.ClientSession() as session:
        client = Client(session, stub)
        made = [await client.made() for _ in range(5)]
    process.kill()
    await process.wait()
    journal, tasks = open_journal(tmp_path)
    journal.close()
    assert [str(task.task_id) for task in tasks] == made


async def test_twenty_thousand_tasks_are_few_bytes_each() -> None:
    """Clips are composed when they are read: a task is its order and a few numbers."""
    tasks, behaviour = Tasks(), Behaviour()
    for number in range(20_000):
        tasks.make(
            body={"prompt": f"clip {number}"},
            duration=6,
            resolution="768P",
            ending=None,
            now=float(number),
            behaviour=behaviour,
        )
    assert len(tasks) == 20_000
    assert tasks.at_once(20_000.0) < 100
    assert all(sys.getsizeof(task) < 200 for task in tasks.all()[:10])


@pytest.mark.parametrize(
    "wrong", [lambda: Times(median=-1), lambda: Times(preparing_until=0.5), lambda: Video(padding_min=-1)]
)
def test_settings_that_make_no_sense_are_refused(wrong: type[Times]) -> None:
    """A setting is checked where it is made."""
    with pytest.raises(Unreadable):
        wrong()
