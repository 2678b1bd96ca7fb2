"""The same clips by curl, by batchgen's fetcher and store, and by its whole fetch stage with a ledger.

Each round of batchgen is a process of its own, so that processor time and memory are its alone.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import resource
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import aiohttp
from ledger.workshop import ACCOUNT, Desk

from batchgen.cli.collector import spare_the_collector
from batchgen.download import FolderStore
from batchgen.download.fetch import HttpFetcher, video_session
from batchgen.download.memory import keep_freed_memory
from batchgen.model import Generated, Links, Order, Request, State, Submission, TaskState
from batchgen.pace import SubmissionPace
from batchgen.pipeline.calls import Calls
from batchgen.pipeline.fetch import SEALING
from batchgen.pipeline.run import Parts, Pipeline, Rules
from batchgen.pipeline.transfer import Place, Places
from batchgen.settings import Limits, Polling
from benchmarks.loop_lag import watching
from benchmarks.web_server import program

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is fetched: links to clips, so many at once."""

    links: Sequence[str]
    at_once: int
    bytes: int  # of all clips together


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round cost."""

    seconds: float
    cpu: float  # seconds of the process, user and system
    lag_p99: float  # ms
    lag_max: float  # ms
    grown: float  # MiB of memory


Way = Callable[[Load, Path], Round]


def by_curl(load: Load, output: Path) -> Round:
    """What curl takes, which checks nothing and flushes nothing to the disk; the lag is that of an idle loop."""
    output.mkdir()
    config = output / "curl.config"
    config.write_text(
        "".join(f'url = "{url}"\noutput = "{output}/{n}.mp4"\n' for n, url in enumerate(load.links)), "utf-8"
    )
    return asyncio.run(_measured(_curl(config, load.at_once), resource.RUSAGE_CHILDREN))


async def _curl(config: Path, at_once: int) -> None:
    options = ["--no-progress-meter", "--fail", "--parallel", "--parallel-immediate"]
    curl = await asyncio.create_subprocess_exec(
        program("curl"), *options, "--parallel-max", str(at_once), "--config", config
    )
    if await curl.wait():
        raise RuntimeError(f"curl ended with exit code {curl.returncode}")


def by_fetcher(load: Load, output: Path) -> Round:
    """From links to final names: sha256, the check of the MP4, flushed to the disk."""
    return _elsewhere(_fetched, load, output)


def by_pipeline(load: Load, output: Path) -> Round:
    """The whole fetch stage of a run, with links asked for and every step in the ledger."""
    return _elsewhere(_run, load, output)


def _elsewhere(work: Callable[[Load, Path], Awaitable[Round]], load: Load, output: Path) -> Round:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as process:
        return process.submit(_here, work, load, output).result()


def _here(work: Callable[[Load, Path], Awaitable[Round]], load: Load, output: Path) -> Round:
    keep_freed_memory()  # both as the command does
    spare_the_collector()
    with asyncio.Runner() as runner:
        return runner.run(_awaited(work, load, output))


async def _awaited(work: Callable[[Load, Path], Awaitable[Round]], load: Load, output: Path) -> Round:
    return await work(load, output)


async def _measured(work: Awaitable[object], who: int = resource.RUSAGE_SELF) -> Round:
    async with watching() as watch:
        await asyncio.sleep(0.02)  # the ticker's first look
        cpu, before = _cpu(who), time.perf_counter()
        await work
        seconds, cpu = time.perf_counter() - before, _cpu(who) - cpu
    return Round(seconds=seconds, cpu=cpu, lag_p99=watch.lag(0.99), lag_max=watch.lag(1.0), grown=watch.grown)


def _cpu(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


# --- the fetcher and the store alone ---------------------------------------------------------------------


async def _fetched(load: Load, output: Path) -> Round:
    async with video_session() as session:
        store = FolderStore(output)
        fetcher = HttpFetcher(session, root=store.root)
        left = list(enumerate(load.links))[::-1]
        places, calls = Places(load.at_once, SEALING), Calls()

        async def work() -> None:
            while left:
                number, url = left.pop()
                submission = _submission(number)
                part = store.part(submission)
                place = Place(places, calls)
                try:
                    clip = await fetcher.fetch(
                        Links(url=url), part, submission.task_id, first=True, transfer=place.transfer
                    )
                finally:
                    place.vacate()
                await store.put(part, f"videos/{submission.job_id}.mp4", clip, None)

        return await _measured(_all(*(work() for _ in range(load.at_once + SEALING))))


async def _all(*work: Awaitable[object]) -> None:
    await asyncio.gather(*work)


def _submission(number: int) -> Submission:
    return Submission(
        key=number,
        job_key=number,
        job_id=f"clip-{number}",
        state=State.GENERATED,
        request=Request(prompt="x"),
        key_print=ACCOUNT.key_print,
        submitted_at=NOON,
        task_id=f"task-{number}",
        file_id=str(number),
    )


# --- the whole stage -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Linker:
    """A service that has made every clip already."""

    links: Sequence[str]

    async def submit(self, request: Request, /) -> str:
        """Nothing is ordered here."""
        raise NotImplementedError

    async def query(self, task_id: str, /) -> TaskState:
        """No task is under way here."""
        raise NotImplementedError

    async def retrieve(self, file_id: str, _task_id: str, /) -> Links:
        """The link to a clip."""
        await asyncio.sleep(0)
        return Links(url=self.links[int(file_id)])


async def _run(load: Load, output: Path) -> Round:
    desk = Desk(output / "ledger.sqlite3")
    desk.has(*(f"clip-{number}" for number in range(len(load.links))))
    await desk.ledger.start_writing()
    try:
        under_way = await asyncio.gather(*map(partial(_generated, desk), range(len(load.links))))
        async with video_session() as session:
            pipeline = Pipeline(_parts(desk, load, session, output), _rules(load, output))
            return await _measured(pipeline.run(under_way))
    finally:
        await desk.ledger.stop_writing()
        desk.ledger.close()


async def _generated(desk: Desk, number: int) -> Submission:
    submission = await desk.accept(f"clip-{number}", f"task-{number}")
    return await desk.book.generated(submission, Generated(file_id=str(number)))


def _parts(desk: Desk, load: Load, session: aiohttp.ClientSession, output: Path) -> Parts:
    store = FolderStore(output)
    return Parts(
        book=desk.book,
        service=_Linker(load.links),
        fetcher=HttpFetcher(session, root=store.root),
        store=store,
        pace=SubmissionPace(in_flight=50, per_minute=None),
        next_orders=_no_orders,
        observers=[],
        now=desk.now,
    )


async def _no_orders(_after: int, _most: int) -> list[tuple[int, Order]]:
    return []


def _rules(load: Load, output: Path) -> Rules:
    return Rules(
        limits=Limits(downloads=load.at_once),
        polling=Polling(),
        output=output,
        key_print=ACCOUNT.key_print,
        drain=900.0,
        submit=False,
    )
