"""A deadline: nothing new is submitted after it, and what is under way gets its time."""

from __future__ import annotations

import pytest
from fakes import Answer

from batchgen.errors import RateLimited
from batchgen.model import Status
from batchgen.pipeline import StopKind
from pipeline.scene import Scene


@pytest.mark.looptime
async def test_nothing_is_sent_after_the_deadline() -> None:
    """One submission every three seconds fits twenty times into a minute; each task is brought to its end."""
    scene = Scene(jobs=100, per_minute=20, in_flight=100, deadline=90.0)
    stop = await scene.run()
    assert stop is not None
    assert (stop.kind, stop.halts) == (StopKind.DEADLINE, False)
    assert stop.reason.startswith("the deadline has come (")
    sent = sum(scene.sent.values())
    assert 20 <= sent <= 40
    assert scene.statuses() == {Status.SUCCEEDED: sent, Status.PENDING: 100 - sent}
    assert max(post.left for post in scene.service.posts) < 90.0


@pytest.mark.looptime
async def test_the_deadline_ends_a_wait_for_a_slot() -> None:
    """No worker sleeps past it because every slot is taken."""
    scene = Scene(jobs=3, in_flight=1, deadline=5.0)
    scene.service.task_time = lambda _: 100.0
    await scene.run()
    assert scene.statuses() == {Status.SUCCEEDED: 1, Status.PENDING: 2}


@pytest.mark.looptime
async def test_what_is_under_way_is_awaited_for_the_drain() -> None:
    """A task that takes longer stays at the service, for the next run."""
    scene = Scene(jobs=2, in_flight=1, deadline=5.0, drain=30.0)
    scene.service.task_time = lambda _: 1000.0
    await scene.run()
    assert scene.statuses() == {Status.SUBMITTED: 1, Status.PENDING: 1}
    assert 35.0 <= scene.took < 37.0


@pytest.mark.looptime
async def test_a_deadline_that_has_passed_sends_nothing() -> None:
    """Not even one."""
    scene = Scene(jobs=5, deadline=0.0)
    await scene.run()
    assert scene.sent.total() == 0


@pytest.mark.looptime
async def test_a_run_that_ends_in_time_hears_of_no_deadline() -> None:
    """Nothing stopped it."""
    scene = Scene(jobs=5, deadline=10_000.0)
    assert await scene.run() is None
    scene.assert_all_succeeded()


@pytest.mark.looptime
async def test_a_submission_that_was_refused_for_its_rate_is_not_tried_after_the_deadline() -> None:
    """It is pending, as before."""
    scene = Scene(jobs=1, deadline=5.0)
    scene.service.on_submit = lambda _job, _n: Answer(error=RateLimited("1002", "rate limit"))
    await scene.run()
    assert scene.statuses() == {Status.PENDING: 1}


@pytest.mark.looptime
@pytest.mark.parametrize("deadline", [60.02, 60.05, 60.08])
async def test_not_even_a_tenth_of_a_second_after_it(deadline: float) -> None:
    """The pace would let the second one go a moment after the deadline."""
    scene = Scene(jobs=2, per_minute=1, deadline=deadline)
    await scene.run()
    assert all(post.left < deadline for post in scene.service.posts)
    free = Scene(jobs=2, per_minute=1)
    await free.run()
    first, second = (post.left for post in free.service.posts)
    assert second - first < 60.2  # it would have
