"""The run as a whole: bugs come out, schedules drawn at random keep the promises."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from fakes import Answer, Recorder
from hypothesis import given, settings
from hypothesis import strategies as st

from batchgen.errors import (
    DiskFull,
    DownloadError,
    InvalidParameters,
    KeyRefused,
    LinkExpired,
    LinkUnusable,
    NoBalance,
    NotFound,
    NotReached,
    OutcomeUnknown,
    RateLimited,
    Refused,
    Transient,
)
from batchgen.model import Failed, Generated, State, Status, TaskState
from batchgen.pipeline import Stop, StopKind
from batchgen.ports import Event, JobChanged
from batchgen.settings import Limits
from pipeline.scene import Scene, on_virtual_time


class BugError(Exception):
    """Not one of batchgen's own."""


async def _bug(*_: object, **__: object) -> None:
    await asyncio.sleep(0.05)
    raise BugError


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("part", "method"),
    [
        *[("service", name) for name in ("submit", "query", "retrieve")],
        *[("book", name) for name in ("next_orders", "intend", "accepted", "generated", "checked", "stored")],
        ("store", "put"),
    ],
)
@pytest.mark.filterwarnings("error")
async def test_a_bug_in_any_part_comes_out(part: str, method: str) -> None:
    """An unexpected exception ends the run at once and loudly; no task is left behind.

    Only the fetcher's, which strangers' bytes may bring about, ends one clip alone.
    """
    scene = Scene(jobs=20, in_flight=5)
    setattr(getattr(scene, part), method, _bug)
    with pytest.raises(ExceptionGroup) as caught:
        await asyncio.wait_for(scene.build().run([]), 200.0)
    assert caught.group_contains(BugError)
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.looptime
async def test_a_bug_in_an_observer_comes_out() -> None:
    """Observers must not fail; one that does is a bug like another."""

    class Careless(Recorder):
        def observe(self, event: Event) -> None:
            if isinstance(event, JobChanged) and event.status is Status.GENERATED:
                raise BugError

    scene = Scene(jobs=5, recorder=Careless())
    with pytest.raises(ExceptionGroup) as caught:
        await asyncio.wait_for(scene.build().run([]), 200.0)
    assert caught.group_contains(BugError)


@pytest.mark.looptime
@pytest.mark.parametrize("moment", [0.05, 0.5, 30.0, 60.7])
async def test_a_run_that_is_cancelled_leaves_no_task(moment: float) -> None:
    """A second signal cancels: nothing hangs, and what was not written is found at the next start."""
    scene = Scene(jobs=20, in_flight=10)
    running = asyncio.ensure_future(scene.build().run([]))
    await asyncio.sleep(moment)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.looptime
async def test_an_output_folder_that_can_not_be_reached_halts() -> None:
    """Nothing is sent, and the reason is told."""
    scene = Scene(jobs=3)

    async def gone(_folder: object) -> int:
        raise OSError("no such folder")

    scene.free_bytes = gone
    stop = await scene.run()
    assert stop is not None
    assert "can't be reached" in stop.reason
    assert scene.statuses() == {Status.PENDING: 3}


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("first", "second", "kind", "halts"),
    [
        (StopKind.MAX_CLIPS, StopKind.HALT, StopKind.HALT, True),
        (StopKind.HALT, StopKind.MAX_CLIPS, StopKind.HALT, True),
        (StopKind.HALT, StopKind.KEY_REFUSED, StopKind.KEY_REFUSED, True),
        (StopKind.KEY_REFUSED, StopKind.HALT, StopKind.KEY_REFUSED, True),
        (StopKind.KEY_REFUSED, StopKind.SIGNAL, StopKind.SIGNAL, True),  # a person must act all the same
        (StopKind.MAX_CLIPS, StopKind.SIGNAL, StopKind.SIGNAL, False),
        (StopKind.SIGNAL, StopKind.KEY_REFUSED, StopKind.SIGNAL, True),
        (StopKind.SIGNAL, StopKind.MAX_CLIPS, StopKind.SIGNAL, False),
    ],
)
async def test_of_two_stops_the_stronger_holds(
    first: StopKind,
    second: StopKind,
    kind: StopKind,
    halts: bool,  # noqa: FBT001  a column
) -> None:
    """A signal overrules everything, a refused key every other halt, a halt a mere limit."""
    scene = Scene(jobs=2)
    scene.service.task_time = lambda _job: 10_000.0

    def both() -> None:
        for which in (first, second):
            scene.pipeline.stop(Stop(kind=which, reason=which))

    asyncio.get_running_loop().call_at(10.0, both)
    stop = await scene.run()
    assert stop is not None
    assert stop.kind is kind
    assert stop.halts is halts


# --- any schedule ----------------------------------------------------------------------------------------

SUBMITS = (
    None,
    None,
    None,
    None,
    RateLimited("1002", "slow"),
    RateLimited("429", "slow", retry_after=15.0),
    NotReached("dns", "no way"),
    OutcomeUnknown("lost", "lost"),
    Refused("1026", "sensitive"),
    InvalidParameters("2013", "parameters"),
)
QUERIES = (None, None, None, Transient("500", ""), RateLimited("1002", ""), NotFound("2013", ""))
RETRIEVES = (
    None,
    None,
    Transient("500", ""),
    NotFound("2013", ""),
    Refused("1027", ""),
    RateLimited("1002", ""),
)
FETCHES = (0.5, 3.0, 30.0, DownloadError("cut"), LinkExpired("403"), LinkUnusable("ftp"))
STRANGE = (KeyRefused("1004", "key"), NoBalance("1008", "empty"))


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """What happens in one run; the lists are walked round by job and number of the call."""

    in_flight: int
    latencies: list[float]
    submits: list[Exception | None]
    makes: list[bool]
    queries: list[Exception | None]
    retrieves: list[Exception | None]
    fetches: list[float | Exception]
    times: list[float]
    fails: list[bool]
    unwritable: set[int]
    stop: tuple[float, StopKind] | None
    max_clips: int | None
    disk: float
    resubmit: bool


def walk(items: list[object], job: str, number: int) -> object:
    """One of them, by job and number."""
    return items[(int(job.removeprefix("job-")) * 7 + number * 3) % len(items)]


schedules = st.builds(
    Schedule,
    in_flight=st.integers(1, 30),
    latencies=st.lists(st.sampled_from([0.0, 0.1, 2.0, 29.999, 30.0, 31.0, 75.0]), min_size=1, max_size=8),
    submits=st.lists(
        st.one_of(st.sampled_from(SUBMITS), st.sampled_from(SUBMITS), st.sampled_from(STRANGE)),
        min_size=1,
        max_size=12,
    ),
    makes=st.lists(st.booleans(), min_size=1, max_size=5),
    queries=st.lists(st.sampled_from([*QUERIES, *QUERIES, STRANGE[0]]), min_size=1, max_size=8),
    retrieves=st.lists(st.sampled_from([*RETRIEVES, *RETRIEVES, STRANGE[1]]), min_size=1, max_size=8),
    fetches=st.lists(st.sampled_from([*FETCHES, *FETCHES, DiskFull("full")]), min_size=1, max_size=8),
    times=st.lists(st.floats(0.0, 400.0), min_size=1, max_size=6),
    fails=st.lists(st.booleans(), min_size=1, max_size=4),
    unwritable=st.sets(st.integers(0, 200), max_size=6),
    stop=st.none() | st.tuples(st.floats(0.0, 300.0), st.sampled_from(StopKind)),
    max_clips=st.none() | st.integers(0, 31),
    disk=st.sampled_from([0.0, 0.001, 0.5]),
    resubmit=st.booleans(),
)


def play(schedule: Schedule) -> Scene:
    """The scene of a schedule: thirty jobs, three of them from an earlier run."""
    limits = Limits(download_patience=60.0, task_patience=1800.0)
    scene = Scene(
        jobs=30, in_flight=schedule.in_flight, limits=limits, drain=120.0, max_clips=schedule.max_clips
    )
    scene.resubmit = schedule.resubmit

    def submit(job: str, number: int) -> Answer:
        error = walk([*schedule.submits], job, number)
        assert error is None or isinstance(error, Exception)
        if number > 6 and isinstance(error, RateLimited | NotReached):
            error = None
        lost = isinstance(error, OutcomeUnknown)
        after = schedule.latencies[(len(job) + number + int(job[4:])) % len(schedule.latencies)]
        return Answer(
            after=after, error=error, makes=(lost and schedule.makes[number % len(schedule.makes)]) or None
        )

    def outcome(job: str) -> TaskState:
        failed = schedule.fails[int(job[4:]) % len(schedule.fails)]
        return Failed(code="0", message="") if failed else Generated(file_id=f"file of {job}")

    def script(items: list[object]) -> Callable[[str, int], Exception | None]:
        return lambda job, n: walk(items, job, n)  # type: ignore[return-value]

    def fetch(job: str, number: int) -> float | Exception:
        return walk([*schedule.fetches], job, number)  # type: ignore[return-value]

    writes = iter(range(10**6))
    scene.book.latency = schedule.disk
    scene.book.not_writable = lambda _what, _job: next(writes) in schedule.unwritable
    scene.service.on_submit, scene.service.outcome = submit, outcome
    scene.service.on_query, scene.service.on_retrieve = (
        script([*schedule.queries]),
        script([*schedule.retrieves]),
    )
    scene.service.task_time = lambda job: schedule.times[int(job[4:]) % len(schedule.times)]
    scene.fetcher.on_fetch = fetch
    return scene


async def drawn(schedule: Schedule) -> None:
    """Play it and look at what must hold besides what every run is checked for."""
    scene = play(schedule)
    for key in (28, 29):
        scene.under_way.append(scene.book.earlier(key, ago=100.0))
        scene.service.add(f"job-{key}", seconds=20.0)
    scene.under_way.append(scene.book.earlier(30, State.GENERATED, ago=100.0))
    if schedule.stop is not None:
        scene.stop_at(*schedule.stop)
    stop = await scene.run()
    if stop is not None and stop.kind is StopKind.SIGNAL and schedule.stop is not None:
        assert scene.took <= schedule.stop[0] + 10.0 + 2 * schedule.disk
    if schedule.max_clips is not None:
        counted = [row for row in scene.book.rows.values() if row.state is not State.NOT_ACCEPTED]
        assert len(counted) - 3 <= schedule.max_clips
    if stop is None:
        assert Status.PENDING not in scene.statuses()
        assert Status.SUBMITTING not in scene.statuses()
    known = {row.submission.task_id for row in scene.book.rows.values()}
    told = " ".join(scene.recorder.warnings)
    for post in scene.service.posts:  # no outcome is dropped
        if isinstance(post.outcome, str):
            assert post.outcome in known or post.outcome in told


@settings(max_examples=150)
@given(schedules)
def test_any_schedule_keeps_the_promises(schedule: Schedule) -> None:
    """No POST twice, none without an intent, no outcome dropped, legal paths, slots right, always an end."""
    on_virtual_time(drawn(schedule))
