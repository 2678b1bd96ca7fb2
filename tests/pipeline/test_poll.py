"""Polling: every task is asked about until it has ended, whatever the answers."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from statistics import fmean
from unittest import mock

import pytest
from fakes import Answer, now

from batchgen.errors import NotFound, RateLimited, ServiceError, Transient
from batchgen.model import Charged, Failed, Request, State, Status, TaskState
from batchgen.settings import Limits, Polling
from pipeline.scene import Scene

pytestmark = pytest.mark.looptime

MISSING = NotFound("2013", "no such task")


async def test_questions_follow_the_plan() -> None:
    """While nothing is known: the first within half a second, then at ages that grow by a fifth, to ten seconds."""
    scene = Scene(jobs=1)
    scene.service.task_time = lambda _job: 300.0
    await scene.run()
    accepted, asked = scene.log.times("accepted")[0], scene.log.times("query")
    assert 0.4 < asked[0] - accepted <= 0.5
    ages = [moment - accepted for moment in asked]
    assert max(later / earlier for earlier, later in pairwise(ages)) <= 1.201
    assert max(later - earlier for earlier, later in pairwise(asked)) == pytest.approx(10.0, abs=1e-3)


async def test_who_is_due_in_a_moment_is_asked_about_together_and_nobody_later() -> None:
    """Ten tasks, 4 ms apart: some leave up to 10 ms early, none late, and a lone one in time."""
    scene = Scene(jobs=10, polling=Polling(interval=2.0, max_per_second=None))
    scene.service.task_time = lambda _job: 3.0
    scene.service.on_submit = lambda job, _n: Answer(after=0.004 * int(job.removeprefix("job-")))
    await scene.run()
    begun, calls = scene.log.by_job("accepted"), [call for call in scene.log.calls if call.what == "query"]
    firsts = {call.job: call.at for call in reversed(calls)}
    waits = {job: at - begun[job] for job, at in firsts.items()}
    assert all(1.989 < wait < 2.001 for wait in waits.values()), waits
    assert len({round(at, 4) for at in firsts.values()}) < 6
    assert waits["job-1"] == pytest.approx(2.0, abs=1e-3)


async def test_very_many_unknown_tasks_are_learnt_from_some() -> None:
    """In a first wave of hundreds each is asked about in its turn until some teach; hardly later for it."""
    draw = lognormal_times(0.4, 5)
    times = {f"job-{n}": draw("") for n in range(1, 401)}
    scene = Scene(jobs=400, in_flight=400)
    scene.service.task_time = lambda job: times[job]
    await scene.run()
    scene.assert_all_succeeded()
    ended, begun, early = scene.log.by_job("generated"), scene.log.by_job("accepted"), min(times.values())
    ages = [call.at - begun[call.job] for call in scene.log.calls if call.what == "query"]
    steps = 1 + math.log(early / 0.5) / math.log(1.2)
    assert 0.1 * steps < sum(age < early for age in ages) / 400 < 0.22 * steps
    assert fmean(ended[job] - begun[job] - times[job] for job in times) < 0.12 * 60.0


@pytest.mark.parametrize("trouble", [None, Transient("http_502", "bad gateway")])
@pytest.mark.parametrize("earlier", [False, True])
async def test_very_many_tasks_that_never_end_hold_up_no_run(
    trouble: Exception | None, *, earlier: bool
) -> None:
    """Nothing is ever learnt; still each is asked about, and past its patience none is waited for."""
    scene = Scene(jobs=0 if earlier else 300, in_flight=300, limits=Limits(task_patience=900.0))
    if earlier:
        scene.under_way = [scene.book.earlier(n) for n in range(1, 301)]
        for n in range(1, 301):
            scene.service.add(f"job-{n}", seconds=1e9)
    scene.service.task_time = lambda _job: 1e9
    scene.service.on_query = lambda _job, _n: trouble
    await scene.run()
    assert scene.took < 900.0 + 130.0
    asked = scene.log.by_job("query")
    assert len(asked) == 300
    assert min(asked.values()) > 700.0


async def test_tasks_behind_very_many_that_never_end_are_heard_of() -> None:
    """Those that came first take no turn from those behind them."""
    scene = Scene(jobs=188, in_flight=188, limits=Limits(task_patience=900.0))
    scene.service.task_time = lambda job: 30.0 if int(job.removeprefix("job-")) > 128 else 1e9
    await scene.run()
    ended, begun = scene.log.by_job("generated"), scene.log.by_job("accepted")
    assert len(ended) == 60
    assert max(ended[job] - begun[job] - 30.0 for job in ended) < 60.0


async def test_a_fixed_interval_is_kept() -> None:
    """``polling.interval`` is the time between two questions about one task."""
    scene = Scene(jobs=1, polling=Polling(interval=7.0, max_per_second=None))
    await scene.run()
    asked = scene.log.times("query")
    gaps = [later - earlier for earlier, later in pairwise(asked)]
    assert gaps == pytest.approx([7.05] * len(gaps), abs=0.01)


async def test_questions_over_all_tasks_stay_under_the_ceiling() -> None:
    """At most two a second, evenly, however many tasks there are; each task is still heard of."""
    scene = Scene(jobs=40, polling=Polling(max_per_second=2.0))
    await scene.run()
    scene.assert_all_succeeded()
    asked = sorted(scene.log.times("query"))
    gaps = [later - earlier for earlier, later in pairwise(asked)]
    assert min(gaps) >= 0.5 - 1e-5


@pytest.mark.parametrize("interval", [None, 1.0])
@pytest.mark.parametrize("ceiling", [100.0, 400.0])
async def test_who_leaves_early_in_company_leaves_under_the_ceiling(
    ceiling: float, interval: float | None
) -> None:
    """Also where questions may be closer to each other than the moment by which one may be early."""
    scene = Scene(jobs=300, in_flight=300, polling=Polling(interval=interval, max_per_second=ceiling))
    scene.service.task_time = lambda _job: 5.0
    await scene.run()
    asked = sorted(scene.log.times("query"))
    assert min(later - earlier for earlier, later in pairwise(asked)) >= 1 / ceiling - 1e-5


# --- learnt ----------------------------------------------------------------------------------------------

KIND = Request(prompt="any").kind


def lognormal_times(sigma: float, seed: int) -> Callable[[str], float]:
    """Tasks of a minute, more or less."""
    draws = random.Random(seed)  # noqa: S311  repeatable draws, no secret
    return lambda _job: 60.0 * math.exp(draws.gauss(0.0, sigma))


async def test_what_a_night_taught_spares_questions_in_the_next() -> None:
    """The second run begins with what the first one wrote down, and asks a third as often."""
    first, second = Scene(jobs=60), Scene(jobs=60)
    for seed, scene in enumerate((first, second)):
        scene.service.task_time = lognormal_times(0.3, seed)
    await first.run()
    assert first.book.times.keys() == {KIND}
    assert sum(first.book.times[KIND].values()) == pytest.approx(60.0, abs=0.1)
    second.task_times = first.book.times
    await second.run()
    second.assert_all_succeeded()
    assert len(second.log.times("query")) < 0.4 * len(first.log.times("query"))


async def test_more_questions_while_jobs_wait_for_slots() -> None:
    """Each second of a slot is dear then; the same tasks are asked about less when no job waits for theirs."""
    times = {f"job-{n}": lognormal_times(0.3, n)("") for n in range(1, 201)}
    known = dict.fromkeys(times.values(), 1.0)
    asked = []
    for jobs in (50, 200):
        scene = Scene(jobs=jobs, in_flight=50, task_times={KIND: known})
        scene.service.task_time = lambda job: times[job]
        await scene.run()
        asked.append(sum(scene.log.of(f"job-{n}").count("query") for n in range(1, 51)))
    assert asked[0] < 0.85 * asked[1]


async def test_an_end_that_never_reached_the_ledger_counts_as_none() -> None:
    """The run halts and ends; the task is still one of those at the service, as the next run will find it."""
    scene = Scene(jobs=1, drain=200.0)
    scene.book.not_writable = lambda what, _job: what == "generated"
    assert await scene.run() is not None
    assert scene.statuses() == {Status.SUBMITTED: 1}
    assert scene.flow.accepted == 1


async def test_a_task_of_an_earlier_run_is_asked_about_at_once_and_its_age_is_known() -> None:
    """It is as old as its submission; when it has ended meanwhile, nothing is learnt of its time."""
    scene = Scene(task_times={KIND: {60.0: 100.0}})
    scene.under_way = [scene.book.earlier(1, ago=58.0), scene.book.earlier(2, ago=500.0)]
    scene.service.add("job-1", seconds=1.5)
    scene.service.add("job-2", seconds=0.0)
    await scene.run()
    scene.assert_all_succeeded()
    asked = sorted(scene.log.times("query"))
    assert asked[0] == asked[1] < 0.1
    assert asked[-1] < 7.0
    assert sum(scene.book.times[KIND].values()) == pytest.approx(101.0, abs=0.2)


async def test_a_run_that_is_stopped_keeps_what_it_learnt() -> None:
    """And while it lasts it writes it down every minute, so that a crash loses little."""
    scene = Scene(jobs=500, in_flight=20)
    scene.stop_at(300.0)
    asyncio.get_running_loop().call_at(130.0, lambda: seen.append(sum(scene.book.times[KIND].values())))
    seen: list[float] = []
    await scene.run()
    assert 10.0 < seen[0] < sum(scene.book.times[KIND].values()) < 120.0


async def test_what_was_learnt_holds_up_nothing_when_it_can_not_be_kept() -> None:
    """The clips are there; the next night learns again."""
    scene = Scene(jobs=3)
    scene.book.not_writable = lambda what, _job: what == "learnt"
    assert await scene.run() is None
    scene.assert_all_succeeded()


@pytest.mark.parametrize(
    "error",
    [
        Transient("500", "stumbled"),
        Transient("502", "stumbled", retry_after=3),
        RateLimited("1002", "slow"),
        RateLimited("429", "slow", retry_after=20.0),
        ServiceError("9", "never seen"),
    ],
    ids=["transient", "transient_after", "limited", "limited_after", "odd"],
)
async def test_trouble_with_questions_loses_nothing(error: Exception) -> None:
    """Half of all questions go wrong: every clip arrives, and submissions are not slowed."""
    scene = Scene(jobs=20, in_flight=10)
    scene.service.on_query = lambda _job, n: error if n % 2 else None
    assert await scene.run() is None
    scene.assert_all_succeeded()
    assert sorted(post.left for post in scene.service.posts)[9] < 0.2
    assert scene.pace.slots == 10


async def test_retry_after_of_a_question_about_one_task_is_obeyed() -> None:
    """A whole number of seconds is one as well."""
    scene = Scene(jobs=1)
    error = Transient("503", "later", retry_after=200)
    scene.service.on_query = lambda _job, n: error if n == 1 else None
    await scene.run()
    asked = scene.log.times("query")
    assert asked[1] - asked[0] >= 200.0


async def test_a_limit_on_questions_slows_all_of_them() -> None:
    """Retry-After on one question holds the questions about every task."""
    scene = Scene(jobs=10)
    error = RateLimited("429", "slow", retry_after=50.0)
    scene.service.on_query = lambda job, n: error if (job, n) == ("job-1", 3) else None
    await scene.run()
    asked = sorted(scene.log.times("query"))
    assert max(later - earlier for earlier, later in pairwise(asked)) > 49.0
    scene.assert_all_succeeded()


async def test_a_limit_that_many_questions_meet_at_once_is_one_limit() -> None:
    """Those in the air together are refused together: the pause stays that of a few refusals."""
    scene = Scene(jobs=30, in_flight=30, polling=Polling(max_per_second=None))
    scene.service.on_query = lambda _job, n: RateLimited("1002", "slow") if n == 2 else None
    with mock.patch("batchgen.pipeline.poll.random.random", return_value=0.999):
        await scene.run()
    asked = sorted(scene.log.times("query"))
    assert (
        max(later - earlier for earlier, later in pairwise(asked)) < 10.0
    )  # thirty in a row would make it a minute
    scene.assert_all_succeeded()


@pytest.mark.parametrize("code", ["1027", "0", ""])
async def test_a_failed_task_fails_its_job_alone(code: str) -> None:
    """With the service's reason; whether it was charged is not known."""
    scene = Scene(jobs=3)
    outcome = scene.service.outcome
    scene.service.outcome = lambda job: Failed(code=code, message="why") if job == "job-2" else outcome(job)
    await scene.run()
    assert scene.statuses() == {Status.SUCCEEDED: 2, Status.FAILED: 1}
    (row,) = scene.book.of("job-2")
    assert row.fault is not None
    assert (row.fault.code, row.fault.message, row.fault.stage, row.charged) == (
        code,
        "why",
        "generate",
        Charged.PERHAPS,
    )


@pytest.mark.parametrize("times", [1, 2, 3])
async def test_a_failure_that_may_be_about_the_question_is_believed_when_it_is_repeated(times: int) -> None:
    """It would end what is paid for; it is told a few seconds apart, and the slot stays taken meanwhile."""
    scene = Scene(jobs=1)
    doubted = Failed(code="1033", message="downstream", sure=False)
    scene.service.task_time = lambda _job: 0.1
    scene.service.on_query = lambda _job, n: doubted if n <= times else None
    await scene.run()
    assert scene.statuses() == {Status.SUCCEEDED if times < 3 else Status.FAILED: 1}
    gaps = [later - earlier for earlier, later in pairwise(scene.log.times("query"))]
    assert gaps == pytest.approx([2.05, 4.05][:times], abs=0.02)


async def test_a_result_that_could_not_be_written_is_asked_for_again() -> None:
    """The run halts; when the ledger is back, the clip is fetched."""
    scene = Scene(jobs=1)
    failures = iter(range(3))
    scene.book.not_writable = lambda what, _job: what == "generated" and next(failures, None) is not None
    stop = await scene.run()
    assert stop is not None
    scene.assert_all_succeeded()


# --- not found -------------------------------------------------------------------------------------------


async def test_not_found_once_means_nothing() -> None:
    """Kept, noted, asked again, found: the note is taken back and the clip arrives."""
    scene = Scene(jobs=1)
    scene.service.on_query = lambda _job, n: MISSING if n == 2 else None
    assert await scene.run() is None
    scene.assert_all_succeeded()
    assert [step for step in scene.log.of("job-1") if "found" in step] == ["not_found", "found"]


async def test_a_run_does_not_wait_for_a_task_that_stays_unknown_to_the_service() -> None:
    """With nothing else left it ends after half a minute; the job stays submitted, and its row says why."""
    scene = Scene(jobs=1)
    scene.service.on_query = lambda _job, _n: MISSING
    assert await scene.run(within=120.0) is None
    assert scene.statuses() == {Status.SUBMITTED: 1}
    assert scene.recorder.rests == {"job-1": "2013"}
    (row,) = scene.book.of("job-1")
    assert row.fault is not None
    assert row.submission.not_found_since is not None
    assert row.state is State.SUBMITTED


async def test_a_task_that_is_found_again_holds_its_slot_again() -> None:
    """Given up for a while, it still is one of the tasks at the service."""
    scene = Scene(jobs=16, in_flight=2)
    scene.service.task_time = lambda job: 400.0 if job == "job-1" else 60.0
    scene.service.on_query = lambda job, n: MISSING if job == "job-1" and 5 <= n <= 10 else None
    seen: list[int] = []
    for moment in range(210, 390, 5):
        asyncio.get_running_loop().call_at(moment, lambda: seen.append(scene.service.at_once))
    await scene.run()
    scene.assert_all_succeeded()
    assert max(seen) == 2


@pytest.mark.parametrize(
    ("hours", "same_key", "others", "status"),
    [
        (25.0, True, True, Status.FAILED),
        (23.0, True, True, Status.SUBMITTED),
        (25.0, False, True, Status.SUBMITTED),  # asked with another key: nothing is concluded
        (25.0, True, False, Status.SUBMITTED),  # no other task answers
    ],
)
@pytest.mark.parametrize("state", [State.SUBMITTED, State.GENERATED])
async def test_gone_for_good(
    hours: float,
    same_key: bool,  # noqa: FBT001  columns
    others: bool,  # noqa: FBT001
    status: Status,
    state: State,
) -> None:
    """Only after a day of "not found" in which other tasks of the same account answered."""
    scene = Scene(jobs=2 if others else 1, limits=Limits(download_patience=60.0))
    submission = scene.book.earlier(1, state, ago=hours * 3600)
    submission = submission._replace(not_found_since=now() - timedelta(hours=hours))
    if not same_key:
        submission = submission._replace(key_print="another")
    scene.under_way = [submission]
    scene.service.task_time = lambda _job: 10.0
    scene.service.on_query = lambda job, _n: MISSING if job == "job-1" else None
    scene.service.on_retrieve = lambda job, _n: MISSING if job == "job-1" else None
    await scene.run()
    expected = Status.GENERATED if status is Status.SUBMITTED and state is State.GENERATED else status
    assert scene.book.status("job-1") is expected
    if status is Status.FAILED:
        (row,) = scene.book.of("job-1")
        assert row.fault is not None
        assert row.fault.code == "gone"
    else:
        assert scene.recorder.rests == {"job-1": "2013"}


# --- patience --------------------------------------------------------------------------------------------


async def test_a_stuck_task_is_left_and_the_others_finish() -> None:
    """An hour after its submission a run with nothing else left ends; the job stays submitted."""
    scene = Scene(jobs=20, in_flight=5)
    scene.service.task_time = lambda job: 10**6 if job == "job-3" else 60.0
    assert await scene.run() is None
    assert scene.statuses() == {Status.SUCCEEDED: 19, Status.SUBMITTED: 1}
    assert scene.recorder.rests == {"job-3": "patience"}
    assert scene.took == pytest.approx(3600.0, abs=16.0)


async def test_an_old_task_is_asked_about_before_it_is_left() -> None:
    """Resumed after a night: one stumble of the service does not end the run without its clip."""
    scene = Scene()
    scene.under_way = [scene.book.earlier(1, ago=10 * 3600.0)]
    scene.service.add("job-1", seconds=0.0)
    scene.service.on_query = lambda _job, n: Transient("502", "stumbled") if n == 1 else None
    await scene.run()
    scene.assert_all_succeeded()


async def test_an_old_task_that_only_makes_trouble_is_left() -> None:
    """A service that answers nothing keeps no run alive for ever."""
    scene = Scene()
    scene.under_way = [scene.book.earlier(1, ago=10 * 3600.0)]
    scene.service.on_query = lambda _job, _n: Transient("502", "stumbled")
    await scene.run(within=600.0)
    assert scene.statuses() == {Status.SUBMITTED: 1}
    assert scene.recorder.rests == {"job-1": "502"}


async def test_an_old_task_that_still_runs_is_left_at_once() -> None:
    """It was asked about once, and it is past its patience."""
    scene = Scene()
    scene.under_way = [scene.book.earlier(1, ago=10 * 3600.0)]
    scene.service.add("job-1", seconds=10**6)
    await scene.run(within=5.0)
    assert scene.recorder.rests == {"job-1": "patience"}
    assert scene.service.calls["query", "job-1"] == 1


async def test_a_service_that_never_answers_holds_nobody_else_up() -> None:
    """Sixty-four questions hang for a minute each: the others go on when these are over."""
    scene = Scene(jobs=80, in_flight=80)
    query = scene.service.query
    hung: set[str] = set()

    async def hangs(task_id: str) -> TaskState:
        if task_id not in hung:
            hung.add(task_id)
            await asyncio.sleep(60.0)
            raise Transient("timeout", "no answer")
        return await query(task_id)

    scene.service.query = hangs  # type: ignore[method-assign]
    await scene.run(within=400.0)
    scene.assert_all_succeeded()


async def test_the_rest_of_a_run_is_told_though_the_ledger_refuses() -> None:
    """Why a task is left is told also when it can't be written."""
    scene = Scene(jobs=1)
    scene.service.task_time = lambda _job: 10**6
    scene.book.not_writable = lambda what, _job: what == "rested"
    await scene.run()
    assert scene.recorder.rests == {"job-1": "patience"}


async def test_a_clock_that_jumps_does_no_harm() -> None:
    """The wall clock goes back a day in mid-run: questions go on at the pace of a young task."""
    scene = Scene(jobs=1)
    scene.service.task_time = lambda _job: 50.0
    jumped = [timedelta()]
    scene.clock = lambda: now() + jumped[0]
    asyncio.get_running_loop().call_at(20.0, jumped.__setitem__, 0, -timedelta(days=1))
    await scene.run()
    scene.assert_all_succeeded()
    assert scene.took < 100.0


async def test_an_answer_that_has_come_is_written_and_told_at_the_end() -> None:
    """A signal while the ledger writes "generated": the write is made, and its event with it."""
    scene = Scene(jobs=1)
    scene.book.latency = 0.5
    scene.service.task_time = lambda _job: 0.1
    scene.service.on_query = lambda _job, _n: scene.stop_at(now_plus(0.2))
    await scene.run()
    assert scene.recorder.path("job-1")[-1] is Status.GENERATED
    assert scene.statuses() == {Status.GENERATED: 1}


def now_plus(seconds: float) -> float:
    """The loop's clock, so much later."""
    return asyncio.get_running_loop().time() + seconds
