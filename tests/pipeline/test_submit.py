"""Submitting: what each outcome of a POST means, and when no more are sent."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable

import pytest
from fakes import Answer

from batchgen.errors import (
    Halting,
    InvalidParameters,
    KeyRefused,
    NoBalance,
    NotAccepted,
    NotEntitled,
    NotReached,
    OutcomeUnknown,
    RateLimited,
    Refused,
    ServiceError,
    Transient,
)
from batchgen.model import Charged, Failed, Request, State, Status
from batchgen.pipeline import Stop, StopKind
from batchgen.pipeline.stops import halt_for
from batchgen.settings import Limits
from pipeline.scene import Scene

pytestmark = pytest.mark.looptime

LOST = OutcomeUnknown("lost", "the connection was lost")
REFUSED = Refused("1026", "sensitive")


def only(jobs: set[str], error: Exception | None, after: float = 0.1) -> Callable[[str, int], Answer]:
    """A script: these jobs get this answer each time, the others a task."""
    return lambda job, _n: Answer(error=error, after=after) if job in jobs else Answer()


# --- one job's outcome -----------------------------------------------------------------------------------


@pytest.mark.parametrize("makes", [True, False])
@pytest.mark.parametrize(
    "error",
    [LOST, Transient("500", "on a POST"), ServiceError("x", "never seen")],
    ids=["lost", "get", "odd"],
)
async def test_an_unknown_outcome_is_never_sent_again(error: Exception, makes: bool) -> None:  # noqa: FBT001
    """Whether a task was made or not: one POST, ``unknown``, perhaps charged; the others go on."""
    scene = Scene(jobs=5, in_flight=1)
    scene.service.on_submit = lambda job, _n: Answer(error=error, makes=makes) if job == "job-2" else Answer()
    assert await scene.run() is None
    assert scene.statuses() == {Status.SUCCEEDED: 4, Status.UNKNOWN: 1}
    assert set(scene.sent.values()) == {1}
    (row,) = scene.book.of("job-2")
    assert (row.state, row.charged) == (State.UNKNOWN, Charged.PERHAPS)
    assert scene.flow.slots_taken == 0


@pytest.mark.parametrize(
    "error",
    [RateLimited("1002", "slow"), RateLimited("429", "slow", retry_after=7.0), NotReached("dns", "no way")],
    ids=["1002", "retry_after", "unreached"],
)
async def test_what_was_not_accepted_is_sent_again(error: NotAccepted) -> None:
    """Proven that nothing was made: the same order is tried until it is taken, and none is lost."""
    scene = Scene(jobs=10)
    scene.service.on_submit = lambda _job, n: Answer(error=error if n <= 3 else None)
    assert await scene.run() is None
    scene.assert_all_succeeded()
    assert set(scene.sent.values()) == {4}
    assert len(scene.service.tasks) == 10


@pytest.mark.parametrize(
    ("error", "held_by"),
    [
        (RateLimited("429", "slow", retry_after=90.0), "service limit"),
        (NotReached("model_not_found", "no channel", retry_after=90.0), "service out of reach"),
    ],
)
async def test_retry_after_holds_every_submission(error: NotAccepted, held_by: str) -> None:
    """When the service names a time, no POST leaves before it."""
    scene = Scene(jobs=5, in_flight=1)
    scene.service.on_submit = lambda job, n: Answer(error=error if (job, n) == ("job-1", 1) else None)
    await scene.run()
    left = sorted(post.left for post in scene.service.posts)
    assert left[1] - left[0] == pytest.approx(90.1, abs=0.01)
    assert held_by in {vitals.held_by for vitals in scene.recorder.vitals}


@pytest.mark.parametrize("charged", [Charged.NO, Charged.PERHAPS])
async def test_a_refused_job_fails_alone(charged: Charged) -> None:
    """Its row has the service's reason; the others go on."""
    scene = Scene(jobs=5)
    scene.service.on_submit = only({"job-3"}, Refused("1026", "sensitive", charged=charged))
    assert await scene.run() is None
    assert scene.statuses() == {Status.SUCCEEDED: 4, Status.FAILED: 1}
    (row,) = scene.book.of("job-3")
    assert row.fault is not None
    assert (row.fault.code, row.fault.stage, row.charged) == ("1026", "submit", charged)


async def test_a_task_id_of_another_submission_is_no_success() -> None:
    """Which task is whose is not known then: ``unknown``, and the first one keeps its task."""
    scene = Scene(jobs=2, in_flight=1)
    submit = scene.service.submit

    async def same(request: object) -> str:
        await submit(request)  # type: ignore[arg-type]
        return "task of job-1"

    scene.service.submit = same  # type: ignore[method-assign]
    await scene.run()
    assert scene.statuses() == {Status.SUCCEEDED: 1, Status.UNKNOWN: 1}


def lognormal_times(median: float, *, seed: int) -> Callable[[str], float]:
    """Tasks that take this long, more or less; the same for the same seed."""
    draws = random.Random(seed)  # noqa: S311  repeatable draws, no secret
    return lambda _job: median * math.exp(draws.gauss(0.0, 0.4))


async def test_a_limit_nobody_told_costs_little() -> None:
    """Eight are admitted, forty were allowed: near the best makespan, few refusals after a minute."""
    knowing = Scene(jobs=160, in_flight=8)
    learning = Scene(jobs=160, in_flight=40)
    for scene in (knowing, learning):
        scene.service.task_time = lognormal_times(60.0, seed=1)
        scene.service.admits = 8
        await scene.run()
        scene.assert_all_succeeded()
    began = learning.service.posts[0].left
    late = [post for post in learning.service.posts if post.left > began + 60.0]
    refused = [post for post in late if isinstance(post.outcome, RateLimited)]
    assert knowing.took / learning.took >= 0.95
    assert len(refused) * 20 <= len(late)


# --- halts -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [NoBalance("1008", "empty"), NotEntitled("2061", "plan")])
async def test_a_halt_sends_no_more_and_finishes_what_is_under_way(error: Halting) -> None:
    """Tasks at the service are polled and fetched; the refused job and all behind it are pending."""
    scene = Scene(jobs=100, in_flight=10)
    scene.service.on_submit = only({f"job-{key}" for key in range(20, 101)}, error)
    stop = await scene.run()
    assert stop == halt_for(error)
    assert halt_for(error).remedy
    assert scene.recorder.stops == [(str(error), True)]
    halted = min(call.at for call in scene.log.calls if call.what == "not_accepted")
    assert all(post.left <= halted for post in scene.service.posts)
    assert scene.statuses() == {Status.SUCCEEDED: 19, Status.PENDING: 81}
    assert len(scene.service.posts) - 19 <= 10


async def test_posts_in_the_air_at_a_halt_count() -> None:
    """Their answers are waited for, and their tasks brought to disk."""
    scene = Scene(jobs=20, in_flight=10)
    scene.service.on_submit = lambda job, _n: (
        Answer(error=NoBalance("1008", "empty")) if job == "job-1" else Answer(after=5.0)
    )
    await scene.run()
    assert scene.statuses() == {Status.SUCCEEDED: 9, Status.PENDING: 11}


async def test_a_refused_key_stops_all_calls_but_not_a_download_with_its_link() -> None:
    """One POST with 1004: no further call of any kind; a clip on its way arrives, others stay as they are."""
    scene = Scene(jobs=20, in_flight=2, limits=Limits(downloads=1))
    scene.service.task_time = lambda job: 1.0 if job in {"job-1", "job-2"} else 300.0
    scene.service.on_submit = lambda job, _n: (
        Answer(error=KeyRefused("1004", "key"), after=10.0) if job == "job-3" else Answer()
    )
    scene.fetcher.on_fetch = lambda _job, _n: 30.0
    stop = await scene.run()
    assert stop is not None
    assert stop.kind is StopKind.KEY_REFUSED
    halted = next(post.over for post in scene.service.posts if post.job == "job-3")
    assert halted is not None
    calls = [call for call in scene.log.calls if call.what in {"post", "query", "retrieve"}]
    assert max(call.at for call in calls) <= halted
    assert scene.statuses() == {
        Status.SUCCEEDED: 1,
        Status.GENERATED: 1,
        Status.SUBMITTED: 1,
        Status.PENDING: 17,
    }
    assert list(scene.recorder.rests.values()) == ["no_link"]
    assert scene.took < halted + 31.0


@pytest.mark.parametrize("where", ["query", "retrieve"])
async def test_a_key_refused_to_a_question_stops_submissions_too(where: str) -> None:
    """1004 on a GET halts the batch as one on the POST does."""
    scene = Scene(jobs=20, in_flight=2)
    error = KeyRefused("1004", "key")
    if where == "query":
        scene.service.on_query = lambda job, n: error if (job, n) == ("job-1", 3) else None
    else:
        scene.service.on_retrieve = lambda job, _n: error if job == "job-1" else None
    stop = await scene.run(within=200.0)
    assert stop is not None
    assert stop.kind is StopKind.KEY_REFUSED
    assert len(scene.service.posts) <= 4


@pytest.mark.parametrize("where", ["query", "retrieve"])
async def test_an_empty_balance_told_to_a_question_halts(where: str) -> None:
    """Submissions stop; the clip that was asked about is still fetched."""
    scene = Scene(jobs=20, in_flight=2)
    error = NoBalance("1008", "empty")
    script = lambda job, n: error if (job, n) == ("job-1", 1) else None  # noqa: E731  used for either
    if where == "query":
        scene.service.on_query = script
    else:
        scene.service.on_retrieve = script
    stop = await scene.run()
    assert stop is not None
    assert stop.kind is StopKind.HALT
    assert scene.book.status("job-1") is Status.SUCCEEDED
    assert scene.statuses()[Status.PENDING] >= 14


async def test_ten_charged_failures_in_a_row_halt() -> None:
    """The last of ten stops the run; what is under way is finished."""
    scene = Scene(jobs=50, in_flight=1)
    scene.service.outcome = lambda _job: Failed(code="1027", message="refused")
    stop = await scene.run()
    assert stop is not None
    assert stop.reason.startswith("10 charged failures in a row")
    assert scene.statuses() == {Status.FAILED: 10, Status.PENDING: 40}


async def test_failures_among_successes_do_not_halt() -> None:
    """Nine in a row and then a success, again and again, are below half of the last forty only when rare."""
    scene = Scene(jobs=100, in_flight=1)
    scene.service.task_time = lambda _job: 5.0
    failing = {f"job-{key}" for key in range(1, 101) if key % 2}
    outcome = scene.service.outcome
    scene.service.outcome = lambda job: Failed(code="0", message="") if job in failing else outcome(job)
    assert await scene.run() is None
    assert scene.statuses() == {Status.FAILED: 50, Status.SUCCEEDED: 50}


async def test_over_half_of_the_last_forty_halt() -> None:
    """Two of three fail: after forty clips the run stops, though never ten in a row."""
    scene = Scene(jobs=100, in_flight=1)
    scene.service.task_time = lambda _job: 5.0
    failing = {f"job-{key}" for key in range(1, 101) if key % 3}
    outcome = scene.service.outcome
    scene.service.outcome = lambda job: Failed(code="0", message="") if job in failing else outcome(job)
    stop = await scene.run()
    assert stop is not None
    assert stop.reason.startswith("27 of the last 40 clips failed")
    assert scene.statuses() == {Status.FAILED: 27, Status.SUCCEEDED: 13, Status.PENDING: 60}


async def test_ten_unknown_outcomes_in_a_row_halt() -> None:
    """A night in which every answer is lost costs ten clips, not the batch."""
    scene = Scene(jobs=50, in_flight=1)
    scene.service.on_submit = lambda _job, _n: Answer(error=LOST, makes=True)
    stop = await scene.run()
    assert stop is not None
    assert stop.reason.startswith("10 submissions in a row had an unknown outcome")
    assert scene.statuses() == {Status.UNKNOWN: 10, Status.PENDING: 40}


@pytest.mark.parametrize("between", [None, REFUSED, InvalidParameters("2013", "parameters")])
async def test_any_known_outcome_ends_a_row_of_unknown_ones(between: Exception | None) -> None:
    """Nine lost, one answered, over and over: no halt."""
    scene = Scene(jobs=30, in_flight=1)
    tenth = {"job-10", "job-20", "job-30"}
    scene.service.on_submit = lambda job, _n: Answer(error=between if job in tenth else LOST)
    assert await scene.run() is None
    assert scene.statuses()[Status.UNKNOWN] == 27


async def test_many_invalid_parameters_in_a_row_halt() -> None:
    """They cost nothing, but the batch is wrong."""
    scene = Scene(jobs=50, in_flight=1)
    scene.service.on_submit = lambda _job, _n: Answer(error=InvalidParameters("2013", "parameters"))
    stop = await scene.run()
    assert stop is not None
    assert "refused for their parameters" in stop.reason
    assert scene.statuses() == {Status.FAILED: 10, Status.PENDING: 40}


async def test_refused_prompts_that_cost_nothing_never_halt() -> None:
    """However many: each is its own job's affair."""
    scene = Scene(jobs=50, in_flight=1)
    scene.service.on_submit = lambda _job, _n: Answer(error=REFUSED)
    assert await scene.run() is None
    assert scene.statuses() == {Status.FAILED: 50}


async def test_a_service_out_of_reach_for_a_quarter_of_an_hour_halts() -> None:
    """Until then it is tried again, with one warning."""
    scene = Scene(jobs=5)
    scene.service.on_submit = lambda _job, _n: Answer(error=NotReached("dns", "no such host"))
    stop = await scene.run()
    assert stop is not None
    assert "15 minutes" in stop.reason
    assert scene.statuses() == {Status.PENDING: 5}
    assert 900.0 < scene.took < 1000.0
    assert len([text for text in scene.recorder.warnings if "no such host" in text]) == 1


async def test_a_service_that_answers_at_all_is_in_reach() -> None:
    """A quarter of an hour of rate limits with two lost connections in it is no reason to halt."""
    scene = Scene(jobs=1)
    unreached = NotReached("dns", "no such host")
    errors = {1: unreached, **{n: RateLimited("1002", "slow", retry_after=100.0) for n in range(2, 12)}}
    errors[12] = unreached
    scene.service.on_submit = lambda _job, n: Answer(error=errors.get(n))
    assert await scene.run() is None
    scene.assert_all_succeeded()


# --- so many and no more ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("jobs", "most", "errors", "statuses", "stopped"),
    [
        (5, 3, {}, {Status.SUCCEEDED: 3, Status.PENDING: 2}, True),
        (3, 3, {}, {Status.SUCCEEDED: 3}, False),
        (2, 3, {}, {Status.SUCCEEDED: 2}, False),
        (3, 0, {}, {Status.PENDING: 3}, True),
        (2, 1, {("job-1", 1): REFUSED}, {Status.FAILED: 1, Status.PENDING: 1}, True),
        (2, 1, {("job-1", 1): LOST}, {Status.UNKNOWN: 1, Status.PENDING: 1}, True),
        (2, 1, {("job-1", 1): RateLimited("1002", "")}, {Status.SUCCEEDED: 1, Status.PENDING: 1}, True),
        (3, 3, {("job-2", 1): NotReached("dns", "")}, {Status.SUCCEEDED: 3}, False),
    ],
)
@pytest.mark.parametrize("latency", [0.001, 1.0])
async def test_at_most_so_many_clips(
    jobs: int,
    most: int,
    errors: dict[tuple[str, int], Exception],
    statuses: dict[Status, int],
    stopped: bool,  # noqa: FBT001  a column
    latency: float,
) -> None:
    """What was not accepted does not count, what may have been charged does; also on a slow disk."""
    scene = Scene(jobs=jobs, max_clips=most)
    scene.book.latency = latency
    scene.service.on_submit = lambda job, n: Answer(error=errors.get((job, n)))
    stop = await scene.run(within=600.0)
    assert scene.statuses() == statuses
    assert (None if stop is None else stop.kind) == (StopKind.MAX_CLIPS if stopped else None)
    assert scene.recorder.stops == ([(stop.reason, False)] if stop else [])


# --- answers that come late ------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [29.9, 30.5, 90.0])
async def test_a_late_answer_is_taken(after: float) -> None:
    """Unknown after thirty seconds, submitted when the answer comes, and then brought to disk as any other."""
    scene = Scene(jobs=3, in_flight=2)
    scene.service.on_submit = lambda job, _n: Answer(after=after if job == "job-1" else 0.1)
    await scene.run()
    scene.assert_all_succeeded()
    path = scene.recorder.path("job-1")
    assert (Status.UNKNOWN in path) is (after > 30.0)
    assert set(scene.sent.values()) == {1}
    assert scene.recorder.vitals[-1].at_service == 0


@pytest.mark.parametrize("latency", [0.001, 2.0])
async def test_a_run_is_not_over_while_a_late_answer_is_written_down(latency: float) -> None:
    """With nothing else left, the late task is still polled and fetched in this run."""
    scene = Scene(jobs=1)
    scene.book.latency = latency
    scene.service.on_submit = lambda _job, _n: Answer(after=45.0)
    await scene.run()
    scene.assert_all_succeeded()


@pytest.mark.parametrize(
    ("error", "status", "sent"),
    [
        (REFUSED, Status.FAILED, 1),
        (RateLimited("1002", ""), Status.SUCCEEDED, 2),
        (LOST, Status.UNKNOWN, 1),
    ],
)
async def test_a_late_error_is_an_outcome_too(error: Exception, status: Status, sent: int) -> None:
    """The state follows, no slot is freed twice; only what is proven not to have been accepted is sent again."""
    scene = Scene(jobs=3, in_flight=2)
    late = Answer(after=60.0, error=error)
    scene.service.on_submit = lambda job, n: late if job == "job-1" and n == 1 else Answer()
    await scene.run()
    assert scene.book.status("job-1") is status
    assert scene.sent["job-1"] == sent
    assert scene.flow.slots_taken == 0


async def test_an_unknown_submission_holds_no_slot() -> None:
    """After the first patience its slot is used for the next job."""
    scene = Scene(jobs=2, in_flight=1)
    scene.service.on_submit = lambda job, _n: Answer(after=500.0 if job == "job-1" else 0.1)
    await scene.run()
    assert scene.service.posts[1].left == pytest.approx(30.0, abs=0.1)
    scene.assert_all_succeeded()


async def test_a_late_answer_waits_for_the_record_that_it_was_lost() -> None:
    """While the ledger can't be written, an answer that comes is not written before the loss that precedes it."""
    scene = Scene(jobs=1)
    failures = iter(range(3))
    scene.book.not_writable = lambda what, _job: what == "lost" and next(failures, None) is not None
    scene.service.on_submit = lambda _job, _n: Answer(after=31.5)
    stop = await scene.run()
    assert stop is not None
    assert stop.kind is StopKind.HALT
    scene.assert_all_succeeded()
    assert Status.UNKNOWN in scene.recorder.path("job-1")


async def test_a_task_id_is_kept_though_its_loss_was_never_written() -> None:
    """The ledger stays unwritable from before the loss to the end: the id is told, and nothing hangs."""
    scene = Scene(jobs=1, drain=20.0)
    scene.book.not_writable = lambda what, _job: what != "intend"
    scene.service.on_submit = lambda _job, _n: Answer(after=70.0)
    await scene.run(within=200.0)
    assert scene.book.status("job-1") is Status.SUBMITTING
    assert any("task of job-1" in text for text in scene.recorder.warnings)


@pytest.mark.parametrize("drain", [0.0, 10.0])
async def test_a_short_drain_cuts_no_post_off(drain: float) -> None:
    """Only a signal ends an exchange before its own timeout: its answer may be a task that is paid for."""
    scene = Scene(jobs=10, in_flight=2, drain=drain)
    scene.service.on_submit = lambda job, _n: (
        Answer(error=NoBalance("1008", "empty")) if job == "job-2" else Answer(after=50.0)
    )
    await scene.run(within=100.0)
    assert scene.book.status("job-1") is Status.SUBMITTED


# --- ordered again, by the user's standing word ----------------------------------------------------------


@pytest.mark.parametrize("after", [0.1, 45.0])
async def test_a_lost_submission_is_ordered_again_once(after: float) -> None:
    """The first loss is sent again when its exchange is over, the second stays unknown."""
    scene = Scene(jobs=4, in_flight=2, resubmit=True)
    losses = {"job-1": 1, "job-2": 9}
    scene.service.on_submit = lambda job, n: (
        Answer(error=LOST, after=after, makes=True) if n <= losses.get(job, 0) else Answer()
    )
    await scene.run()
    assert scene.statuses() == {Status.SUCCEEDED: 3, Status.UNKNOWN: 1}
    assert scene.sent == {"job-1": 2, "job-2": 2, "job-3": 1, "job-4": 1}


async def test_a_lost_submission_is_not_ordered_again_without_that_word() -> None:
    """Held by default."""
    scene = Scene(jobs=1)
    scene.service.on_submit = lambda _job, _n: Answer(error=LOST)
    await scene.run()
    assert scene.book.resubmitted == {}


async def test_a_task_id_that_proves_anothers_is_a_loss_like_any_other() -> None:
    """It is ordered again in this run when the user said so."""
    scene = Scene(jobs=2, in_flight=1, resubmit=True)
    submit = scene.service.submit

    async def first_twice(request: Request) -> str:
        task_id = await submit(request)
        return "task of job-1" if scene.sent["job-2"] == 1 else task_id

    scene.service.submit = first_twice  # type: ignore[method-assign]
    await scene.run()
    assert scene.statuses() == {Status.SUCCEEDED: 2}
    assert scene.sent == {"job-1": 1, "job-2": 2}


@pytest.mark.parametrize(
    ("error", "most"),
    [(LOST, 6), (LOST, None), (RateLimited("1002", "slow"), 6), (RateLimited("1002", ""), None)],
)
async def test_late_news_never_wait_for_a_full_queue(error: Exception, most: int | None) -> None:
    """Far more jobs than the queue holds, every worker held by a limit that only late answers can lift."""
    scene = Scene(jobs=120, in_flight=40, resubmit=True, max_clips=most)
    scene.service.on_submit = lambda _job, n: Answer(error=error, after=40.0) if n == 1 else Answer()
    scene.service.task_time = lambda _job: 5.0
    stop = await scene.run(within=20_000.0)
    assert stop is not None or scene.statuses() == {Status.SUCCEEDED: 120}


# --- the ledger can't be written -------------------------------------------------------------------------


async def test_without_a_durable_intent_nothing_is_sent() -> None:
    """The run halts, every job stays pending."""
    scene = Scene(jobs=50)
    scene.book.not_writable = lambda what, _job: what == "intend"
    stop = await scene.run(within=100.0)
    assert stop is not None
    assert stop.kind is StopKind.HALT
    assert scene.service.posts == []
    assert scene.statuses() == {Status.PENDING: 50}
    assert scene.flow.slots_taken == 0


async def test_a_task_id_is_insisted_on() -> None:
    """The user is told the id once, the run halts, and when the disk is back it is written down."""
    scene = Scene(jobs=10, in_flight=1)
    failures = iter(range(20))
    scene.book.not_writable = lambda what, _job: what == "accepted" and next(failures, None) is not None
    stop = await scene.run()
    assert stop is not None
    assert scene.recorder.warnings == ["not yet written down: job job-1 has task id task of job-1"]
    assert scene.statuses() == {Status.SUCCEEDED: 1, Status.PENDING: 9}
    assert len(scene.service.posts) == 1


async def test_a_disk_that_never_comes_back_ends_the_run_with_the_drain() -> None:
    """The submission stands in ``submitting``, which the next run reads as unknown; the id was told."""
    scene = Scene(jobs=10, in_flight=1, drain=60.0)
    scene.book.not_writable = lambda what, _job: what == "accepted"
    await scene.run(within=70.0)
    assert scene.statuses() == {Status.SUBMITTING: 1, Status.PENDING: 9}
    assert "task of job-1" in scene.recorder.warnings[0]


# --- signals ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", [0.0, 0.0005, 0.0015, 0.05, 0.1005, 3.0, 29.0, 31.0, 61.0])
async def test_a_signal_ends_the_run_within_ten_seconds(moment: float) -> None:
    """POSTs in the air get eight seconds, then they are lost; tasks stay submitted; nothing leaves any more."""
    scene = Scene(jobs=30, in_flight=20)
    scene.service.on_submit = lambda job, _n: Answer(after=300.0 if job in {"job-1", "job-2"} else 0.1)
    scene.fetcher.on_fetch = lambda _job, _n: 500.0
    scene.stop_at(moment)
    stop = await scene.run()
    assert stop is not None
    assert stop.kind is StopKind.SIGNAL
    assert scene.took <= moment + 10.0
    assert all(post.left <= moment for post in scene.service.posts)
    assert Status.SUBMITTING not in scene.statuses()
    if moment in {3.0, 29.0}:
        assert scene.statuses() == {Status.UNKNOWN: 2, Status.SUBMITTED: 18, Status.PENDING: 10}
        assert {row.fault and row.fault.code for row in scene.book.of("job-1")} == {"lost"}
        assert scene.took == pytest.approx(moment + 8.0, abs=0.1)


async def test_an_answer_within_the_grace_is_kept() -> None:
    """Seven seconds after the signal: the task id is written down."""
    scene = Scene(jobs=1)
    scene.service.on_submit = lambda _job, _n: Answer(after=10.0)
    scene.stop_at(3.0)
    await scene.run(within=12.0)
    assert scene.statuses() == {Status.SUBMITTED: 1}


async def test_a_signal_between_intent_and_post_proves_that_nothing_was_sent() -> None:
    """The job is pending again and no POST has left."""
    scene = Scene(jobs=1)
    scene.book.latency = 2.0
    scene.stop_at(3.0)
    await scene.run(within=15.0)
    assert scene.service.posts == []
    assert scene.statuses() == {Status.PENDING: 1}
    assert [row.state for row in scene.book.of("job-1")] == [State.NOT_ACCEPTED]


async def test_a_signal_with_nothing_in_the_air_ends_at_once() -> None:
    """Downloads are left for the next run."""
    scene = Scene(jobs=5)
    scene.fetcher.on_fetch = lambda _job, _n: 500.0
    scene.stop_at(100.0)
    await scene.run()
    assert scene.took == pytest.approx(100.0, abs=0.1)
    assert scene.statuses() == {Status.GENERATED: 5}


async def test_a_signal_during_a_drain_ends_the_run() -> None:
    """It overrules every other stop, and what halted the run is not forgotten."""
    scene = Scene(jobs=5, in_flight=1)
    scene.service.on_submit = only({"job-2"}, NoBalance("1008", "empty"))
    scene.stop_at(75.0)
    scene.fetcher.on_fetch = lambda _job, _n: 500.0
    stop = await scene.run(within=85.0)
    assert stop is not None
    assert stop.kind is StopKind.SIGNAL
    assert stop.halts  # a person must act all the same


async def test_after_a_halt_what_is_under_way_is_awaited_for_the_drain() -> None:
    """A quarter of an hour by default, then tasks stay submitted."""
    scene = Scene(jobs=2, in_flight=2, drain=900.0)
    scene.service.task_time = lambda _job: 10_000.0
    scene.stop_at(10.0, StopKind.HALT)
    await scene.run()
    assert scene.took == pytest.approx(910.0, abs=1.0)
    assert scene.statuses() == {Status.SUBMITTED: 2}


# --- the disk --------------------------------------------------------------------------------------------


async def test_without_free_space_nothing_is_sent_but_clips_are_fetched() -> None:
    """Below the reserve no clip is ordered; what is paid for may still fit."""
    scene = Scene(jobs=3, free=2**20)
    scene.under_way = [scene.book.earlier(1)]
    scene.service.add("job-1", seconds=5.0)
    stop = await scene.run()
    assert stop is not None
    assert stop.kind is StopKind.HALT
    assert "1 MiB free" in stop.reason
    assert scene.service.posts == []
    assert scene.statuses() == {Status.SUCCEEDED: 1, Status.PENDING: 2}


async def test_a_disk_that_fills_up_stops_submissions() -> None:
    """Free space is watched all the time."""
    scene = Scene(jobs=10, in_flight=1)
    asyncio.get_running_loop().call_at(100.0, setattr, scene, "free", 0)
    await scene.run()
    assert all(post.left < 103.0 for post in scene.service.posts)
    assert scene.statuses() == {Status.SUCCEEDED: 2, Status.PENDING: 8}


async def test_the_grace_begins_with_the_signal() -> None:
    """A halt long before it takes nothing from the eight seconds."""
    scene = Scene(jobs=1)
    scene.service.on_submit = lambda _job, _n: Answer(after=20.0)
    asyncio.get_running_loop().call_at(
        1.0, lambda: scene.pipeline.stop(Stop(kind=StopKind.HALT, reason="halt"))
    )
    scene.stop_at(15.0)
    await scene.run()
    assert scene.statuses() == {Status.SUBMITTED: 1}


@pytest.mark.parametrize("error", [NoBalance("1008", "empty"), KeyRefused("1004", "no")])
async def test_a_halt_within_the_grace_is_told(error: Halting) -> None:
    """A POST that is answered after the signal can still say that a person must act; the run ends as it would."""
    scene = Scene(jobs=3, in_flight=3)
    scene.service.on_submit = lambda _job, _n: Answer(after=6.0, error=error)
    scene.stop_at(1.0)
    stop = await scene.run(within=10.0)
    assert stop is not None
    assert (stop.kind, stop.halts) == (StopKind.SIGNAL, True)
    assert stop.halted_by == halt_for(error)
    assert [halt for _, halt in scene.recorder.stops] == [False, True]
    assert len(scene.service.posts) == 3
