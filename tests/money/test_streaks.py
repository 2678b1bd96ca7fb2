"""How many submissions may be in the air, so that neither a lost night nor a cap is outrun."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

import pytest
from fakes import Answer, FakeBook, Log
from pipeline.scene import Scene

from batchgen.errors import BudgetReached, NotReached, OutcomeUnknown, RateLimited, Refused, ServiceError
from batchgen.model import Charged, Order, State, Status, Submission
from batchgen.pipeline.stops import StopKind, Streaks
from batchgen.settings import Limits

LOST = OutcomeUnknown("lost", "connection lost")
BUSY = RateLimited("1002", "slow down")
INVALID = "invalid params"


# --- the room -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failures", "unknown", "steps", "room"),
    [
        (10, 10, "", 10),  # nothing is known of the service yet
        (3, 10, "", 3),
        (10, 3, "", 3),
        (1, 1, "", 1),
        (10, 10, "a", math.inf),
        (10, 10, "u", 9),
        (10, 10, "uuuu", 6),
        (10, 10, "au", 9),
        (10, 10, "auuuuuuuuu", 1),
        (10, 10, "uuua", math.inf),
        (10, 4, "ii", 4),  # the answer to what is invalid ends a streak of losses
        (10, 10, "uuuuui", 9),
        (10, 10, "aiii", 7),
        (3, 10, "iiii", 1),  # those that were in the air when it halted
        (10, 2, "uuuu", 1),
        (10, 10, "f", 10),  # of what was made and failed nothing is in the air any more
        (10, 10, "afffffffff", math.inf),
    ],
)
def test_a_streak_that_has_begun_leaves_only_so_much_room(
    failures: int, unknown: int, steps: str, room: float
) -> None:
    """Until the first answer, and while something goes wrong: what is left to the limit, and never nothing."""
    streaks = Streaks(halt_after_failures=failures, halt_after_unknown=unknown)
    acts: dict[str, Callable[[], object]] = {
        "a": streaks.answered,
        "u": lambda: streaks.unknown("lost"),
        "i": lambda: streaks.invalid(INVALID),
        "f": lambda: streaks.failed("broke"),
    }
    for step in steps:
        acts[step]()
    assert streaks.room == room


@pytest.mark.looptime
@pytest.mark.parametrize("most", [1, 2, 10, 30])
@pytest.mark.parametrize("after", [0.1, 100.0])
@pytest.mark.parametrize("resubmit", [False, True])
async def test_a_night_of_lost_answers_costs_so_many_posts(most: int, after: float, resubmit: bool) -> None:  # noqa: FBT001  a column
    """Fifty could be in flight, and the loss shows at once or late: never more POSTs than may be lost."""
    scene = Scene(jobs=200, limits=Limits(halt_after_unknown=most, halt_after_failures=50), resubmit=resubmit)
    scene.service.on_submit = lambda _job, _n: Answer(after=after, error=LOST)
    stop = await scene.run()
    assert stop is not None
    assert (stop.kind, stop.reason.split(" in a row")[0]) == (StopKind.HALT, f"{most} submissions")
    assert len(scene.service.posts) == most
    assert max(scene.sent.values()) <= 1 + resubmit


@pytest.mark.looptime
async def test_losses_after_a_good_start_halt_within_what_was_in_the_air() -> None:
    """Answers are lost from the twentieth on: those in the air then, and no more than ten besides."""
    scene = Scene(jobs=300)
    scene.service.on_submit = lambda job, _n: Answer(
        after=1.0, error=LOST if int(job.removeprefix("job-")) >= 20 else None
    )
    stop = await scene.run()
    assert stop is not None
    assert stop.kind is StopKind.HALT
    lost = scene.statuses()[Status.UNKNOWN]
    assert 10 <= lost <= 50 + 10


@pytest.mark.looptime
async def test_a_healthy_start_waits_for_the_first_answer_only() -> None:
    """Ten POSTs leave at once, the others as soon as the first of them is answered."""
    scene = Scene(jobs=50)
    scene.service.on_submit = lambda job, _n: Answer(after=0.7 if job == "job-3" else 2.0)
    await scene.run()
    scene.assert_all_succeeded()
    left = [post.left for post in scene.service.posts]
    assert all(at < 0.1 for at in left[:10])
    assert all(0.7 <= at < 0.8 for at in left[10:30]), "as many as there are workers"
    assert "doubts" in {vitals.held_by for vitals in scene.recorder.vitals}


@pytest.mark.looptime
@pytest.mark.parametrize("error", [BUSY, NotReached("dns", "no such host")])
async def test_what_was_not_accepted_is_no_streak(error: ServiceError) -> None:
    """However often, in between and at the start: the run goes on to its end."""
    scene = Scene(jobs=20, limits=Limits(halt_after_unknown=2))
    scene.service.on_submit = lambda _job, n: Answer(error=error if n < 4 else None)
    assert await scene.run() is None
    scene.assert_all_succeeded()


# --- a cap and what is in the air -----------------------------------------------------------------------


class CappedBook(FakeBook):
    """Lets so many clips be paid for, as the ledger does: what is not proven to cost nothing counts."""

    def __init__(self, log: Log, jobs: int, cap: int) -> None:
        super().__init__(log, jobs)
        self.cap = cap
        self.refusals = 0

    @property
    def spent(self) -> int:
        """Clips that count."""
        free = {State.NOT_ACCEPTED}
        return sum(row.state not in free and row.charged is not Charged.NO for row in self.rows.values())

    async def intend(self, one: Order) -> Submission | None:
        """Within the cap."""
        if self.spent >= self.cap:
            self.refusals += 1
            raise BudgetReached("the cap is reached")
        return await super().intend(one)


@pytest.mark.looptime
@pytest.mark.parametrize("cap", [1, 3, 7])
@pytest.mark.parametrize(
    "error", [BUSY, NotReached("dns", "no such host"), Refused("1026", "no", charged=Charged.NO)]
)
async def test_what_comes_back_from_the_air_is_spent(cap: int, error: ServiceError) -> None:
    """The first answer of each job costs nothing, and comes when the cap is reached: it is used to the last clip."""
    scene = Scene(jobs=30)
    scene.book = book = CappedBook(scene.log, 30, cap)
    free = {"job-1", "job-2", "job-5"}
    scene.service.on_submit = lambda job, n: Answer(
        after=1.0, error=error if job in free and n == 1 else None
    )
    stop = await scene.run()
    assert stop is not None
    assert (stop.kind, stop.reason) == (StopKind.HALT, "the cap is reached")
    assert scene.recorder.stops == [(stop.reason, True)]
    assert (book.spent, scene.statuses()[Status.SUCCEEDED]) == (cap, cap)
    assert book.refusals < 100, "nobody asks without end"


@pytest.mark.looptime
async def test_a_cap_that_is_reached_by_what_is_lost_halts() -> None:
    """An unknown outcome gives nothing back; the halt waits for the end of its exchange, the tasks do not."""
    scene = Scene(jobs=9)
    scene.book = book = CappedBook(scene.log, 9, 3)
    scene.service.on_submit = lambda job, _n: Answer(after=100.0, error=LOST if job == "job-2" else None)
    stop = await scene.run()
    assert stop is not None
    assert stop.kind is StopKind.HALT
    assert Counter(scene.statuses()) == {Status.SUCCEEDED: 2, Status.UNKNOWN: 1, Status.PENDING: 6}
    assert book.spent == 3
