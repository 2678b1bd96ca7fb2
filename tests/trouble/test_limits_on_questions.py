"""Limits on questions slow polling while they last, and nothing else."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from fakes import clock
from pipeline.scene import Scene

from batchgen.errors import RateLimited

pytestmark = pytest.mark.looptime

LIMITED_FOR = 300.0  # seconds


@pytest.mark.parametrize("retry_after", [None, 20.0])
async def test_polling_recovers_when_the_limit_is_over(retry_after: float | None) -> None:
    """Fewer questions while it lasts; two backoffs later each task is asked about as often as ever; none is lost."""
    random.seed(20)  # backoffs are drawn
    scene = Scene(jobs=20, in_flight=20)
    scene.service.task_time = lambda _job: 1200.0
    error = RateLimited("1002", "slow", retry_after=retry_after)
    scene.service.on_query = lambda _job, _n: error if 5.0 < clock() < LIMITED_FOR else None
    assert await scene.run() is None
    scene.assert_all_succeeded()
    assert scene.pace.slots == 20
    assert max(post.left for post in scene.service.posts) < 1.0
    asked = [call for call in scene.log.calls if call.what == "query"]
    limited = [call for call in asked if 10.0 < call.at < LIMITED_FOR]
    unlimited = [call for call in asked if LIMITED_FOR + 120 < call.at < 2 * LIMITED_FOR + 110]
    assert len(limited) * 2 < len(unlimited)
    for number in range(1, 21):
        times = [call.at for call in unlimited if call.job == f"job-{number}"]
        assert times[0] < LIMITED_FOR + 131.0
        assert max(later - earlier for earlier, later in pairwise(times)) < 30.0
    assert scene.took < 1300.0
