"""Runs in which nothing goes wrong: counts, order of steps, slots, pools."""

from __future__ import annotations

import asyncio

import pytest

from batchgen.model import State, Status
from batchgen.pipeline.fetch import BACKLOG, NAMING, SEALING
from batchgen.settings import Limits
from pipeline.scene import Scene

pytestmark = pytest.mark.looptime


@pytest.mark.parametrize("jobs", [0, 1, 5, 200])
async def test_every_job_reaches_the_disk(jobs: int) -> None:
    """One POST, one task, one file each; no stop, no warning, nothing left over."""
    scene = Scene(jobs=jobs)
    assert await scene.run() is None
    scene.assert_all_succeeded()
    assert len(scene.service.posts) == len(scene.service.tasks) == jobs
    assert scene.recorder.warnings == []
    assert scene.recorder.rests == {}
    assert scene.recorder.stops == []


async def test_the_life_of_a_job() -> None:
    """Each step is durable before the next begins, and each change is told once."""
    scene = Scene(jobs=1)
    await scene.run()
    steps = [step for step in scene.log.of("job-1") if step != "query"]
    assert steps == [
        "intend",
        "post",
        "accepted",
        "generated",
        "retrieve",
        "fetch",
        "checked",
        "put",
        "stored",
    ]
    assert scene.recorder.path("job-1") == [
        Status.PENDING,
        Status.SUBMITTING,
        Status.SUBMITTED,
        Status.GENERATED,
        Status.SUCCEEDED,
    ]
    last = scene.recorder.changes[-1]
    assert (last.file, last.task_id, last.current) == ("videos/job-1.mp4", "task of job-1", True)
    assert last.clip == scene.store.files["videos/job-1.mp4"]


@pytest.mark.parametrize("in_flight", [1, 3, 50])
async def test_never_more_tasks_than_allowed(in_flight: int) -> None:
    """The service itself counts at most ``in_flight`` tasks, and as many when there is work for them."""
    scene = Scene(jobs=3 * in_flight, in_flight=in_flight)
    await scene.run()
    scene.assert_all_succeeded()
    assert scene.service.most_at_once == in_flight


async def test_a_slot_is_filled_as_soon_as_its_task_has_ended() -> None:
    """The next POST leaves in the moment in which the end of a task is heard of; the ledger has it a moment later."""
    scene = Scene(jobs=3, in_flight=1)
    await scene.run()
    ended, left = scene.log.times("generated"), scene.log.times("post")
    assert [post - end for end, post in zip(ended, left[1:], strict=False)] == pytest.approx([0.0] * 2)


async def test_all_slots_are_filled_at_the_start() -> None:
    """Nothing but slots and pace holds a submission: fifty have left within the time of two answers."""
    scene = Scene(jobs=100, in_flight=50)
    await scene.run()
    assert sorted(post.left for post in scene.service.posts)[49] < 0.3


async def test_the_pace_holds_in_any_minute() -> None:
    """At most twenty POSTs in any sixty seconds, and twenty in the first."""
    scene = Scene(jobs=50, per_minute=20)
    await scene.run()
    left = sorted(post.left for post in scene.service.posts)
    assert max(sum(start <= moment < start + 60.0 for moment in left) for start in left) == 20
    assert left[19] < 1.0
    assert left[49] < 122.0


async def test_jobs_leave_in_the_order_of_the_file() -> None:
    """Who stands first in the job file is submitted first, but for those that leave together."""
    scene = Scene(jobs=100, in_flight=10)
    await scene.run()
    places = enumerate((int(post.job.removeprefix("job-")) for post in scene.service.posts), start=1)
    assert all(abs(place - key) < 10 for place, key in places)


async def test_downloads_hold_no_slot() -> None:
    """While no download moves, every slot is still used; submissions pause at the backlog's bound only."""
    jobs = 3 * BACKLOG
    scene = Scene(jobs=jobs, in_flight=20, limits=Limits(downloads=1))
    scene.fetcher.on_fetch = lambda _job, _n: 0.5 if scene.log.times("fetch")[1:] else 1500.0
    scene.service.task_time = lambda _job: 30.0
    submitted_at_noon: list[int] = []
    asyncio.get_running_loop().call_at(1400.0, lambda: submitted_at_noon.append(len(scene.service.posts)))
    await scene.run()
    scene.assert_all_succeeded()
    assert BACKLOG <= submitted_at_noon[0] <= BACKLOG + 1 + 20
    assert "downloads" in {vitals.held_by for vitals in scene.recorder.vitals}


async def test_downloads_have_a_pool_of_their_own() -> None:
    """So many at once, no more."""
    scene = Scene(jobs=60, limits=Limits(downloads=8))
    scene.fetcher.on_fetch = lambda _job, _n: 20.0
    await scene.run()
    scene.assert_all_succeeded()
    assert scene.fetcher.most_at_once == 8


async def test_a_clip_that_has_come_holds_up_no_other() -> None:
    """While some are flushed and checked, as many others as ever are on their way, and there is an end to it."""
    scene = Scene(jobs=40, in_flight=40, limits=Limits(downloads=2))
    scene.service.task_time = lambda _job: 1.0
    scene.fetcher.on_fetch = lambda _job, _n: 4.0
    scene.fetcher.sealing = 12.0
    await scene.run()
    scene.assert_all_succeeded()
    assert scene.fetcher.most_at_once == 2
    assert 40 * 4.0 / 2 < scene.took < 40 * 4.0 / 2 + 30.0


async def test_what_is_in_memory_is_bounded() -> None:
    """A disk that is slow holds up the network in the end, and there is an end to it."""
    scene = Scene(jobs=60, in_flight=60, limits=Limits(downloads=2))
    scene.service.task_time = lambda _job: 1.0
    scene.fetcher.sealing = 100.0
    await scene.run()
    scene.assert_all_succeeded()
    assert scene.fetcher.most_in_memory == 2 + SEALING


async def test_a_clip_that_waits_for_its_name_is_in_nobodys_way() -> None:
    """As many as are named together wait at once, and all that may be in memory besides."""
    scene = Scene(jobs=60, in_flight=60, limits=Limits(downloads=2))
    scene.service.task_time = lambda _job: 1.0
    scene.store.naming = 1000.0
    scene.stop_at(500.0)
    await scene.run()
    assert len(scene.log.times("fetch")) == 2 + SEALING + NAMING


async def test_vitals_tell_how_the_run_stands() -> None:
    """Twice a second: tasks at the service, slots, downloads; zero of all at the end."""
    scene = Scene(jobs=30, in_flight=10)
    await scene.run()
    assert max(vitals.at_service for vitals in scene.recorder.vitals) == 10
    assert "slots" in {vitals.held_by for vitals in scene.recorder.vitals}
    assert len(scene.recorder.vitals) == pytest.approx(scene.took * 2, abs=3)
    last = scene.recorder.vitals[-1]
    assert (last.at_service, last.downloading, last.waiting_downloads) == (0, 0, 0)
    assert last.elapsed == pytest.approx(scene.took)


async def test_a_run_that_only_collects_submits_nothing() -> None:
    """What is under way is finished, what is pending stays."""
    scene = Scene(jobs=3, submit=False)
    scene.under_way = [scene.book.earlier(2)]
    scene.service.add("job-2", seconds=20.0)
    await scene.run()
    assert scene.statuses() == {Status.PENDING: 2, Status.SUCCEEDED: 1}
    assert scene.service.posts == []


async def test_earlier_runs_are_finished() -> None:
    """Submitted is polled at once, generated is fetched, and both count for the slots and the disk."""
    scene = Scene(jobs=4, in_flight=2)
    scene.under_way = [
        scene.book.earlier(1, ago=300.0),
        scene.book.earlier(2, State.GENERATED, ago=300.0),
        scene.book.earlier(9, ago=300.0),  # its job has left the file
    ]
    for job in ("job-1", "job-9"):
        scene.service.add(job, seconds=20.0)
    await scene.run()
    assert scene.statuses() == {Status.SUCCEEDED: 5}
    assert scene.sent == {"job-3": 1, "job-4": 1}
    assert scene.service.most_at_once == 2
    assert scene.log.times("query")[0] < 0.01


async def test_a_clip_that_has_its_name_already_is_only_recorded() -> None:
    """Checked and renamed before the last run ended: no call, no download; its name is made durable again."""
    scene = Scene(jobs=1)
    submission = scene.book.earlier(1, State.GENERATED)
    scene.under_way = [scene.checked(submission)]
    scene.store.files["videos/job-1.mp4"] = scene.clip(submission)
    await scene.run()
    scene.assert_all_succeeded()
    assert scene.log.of("job-1") == ["checked", "put", "stored"]


async def test_a_clip_that_was_checked_but_has_no_name_is_fetched_again() -> None:
    """The name is what counts; the part file spares the transfer."""
    scene = Scene(jobs=1)
    scene.under_way = [scene.checked(scene.book.earlier(1, State.GENERATED))]
    await scene.run()
    scene.assert_all_succeeded()
    assert scene.log.of("job-1") == ["checked", "retrieve", "fetch", "checked", "put", "stored"]


async def test_an_earlier_clip_is_kept_before_another_takes_its_name() -> None:
    """A second name for it, that name durable, then the new clip, then its record."""
    scene = Scene(jobs=1)
    old = scene.book.rows[scene.book.earlier(1, State.SUCCEEDED).key]
    old.clip, old.file = scene.clip(old.submission, "old"), "videos/job-1.mp4"
    scene.store.files["videos/job-1.mp4"] = old.clip
    scene.under_way = [scene.book.earlier(1, State.GENERATED)]
    await scene.run()
    steps = scene.log.of("job-1")
    assert steps == ["retrieve", "fetch", "checked", "keep", "superseded", "put", "stored"]
    assert scene.store.files["superseded/job-1.mp4"] == old.clip
    assert old.file == "superseded/job-1.mp4"


async def test_a_clip_that_is_not_as_ordered_succeeds_with_a_warning() -> None:
    """The row says what is different."""
    scene = Scene(jobs=1)
    one = scene.book.orders[0]
    scene.book.orders[0] = scene.ordered(one, resolution="1080P")
    await scene.run()
    assert scene.statuses() == {Status.SUCCEEDED: 1}
    assert "1366x768" in scene.book.of("job-1")[0].warnings[0]


async def test_a_job_that_is_pending_no_more_is_passed_over() -> None:
    """Ordered from the ledger's page, settled before its turn came: nothing is sent, no slot is lost."""
    scene = Scene(jobs=20, in_flight=1)

    asyncio.get_running_loop().call_at(5.0, lambda: scene.book.earlier(10, State.SUCCEEDED))
    await scene.run()
    assert "job-10" not in scene.sent
    assert len(scene.service.posts) == 19
    assert scene.flow.slots_taken == 0
