"""What a worker tells the book is on disk when the call returns."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from batchgen.errors import IllegalTransition, LedgerNotWritable, OutcomeUnknown
from batchgen.ledger import Ledger, LedgerBook, orders, queries
from batchgen.model import Charged, Fault, Generated, Order, Reason, Stage, State, Status
from ledger.workshop import ACCOUNT, BROKE, BUSY, JOB_FILE, LOST, NOON, ORIGIN, SENSITIVE, Desk, clip, job

NEWEST = "SELECT state, charged, task_id, file_id, fault_code FROM submissions ORDER BY key DESC LIMIT 1"


async def test_an_intent_is_on_disk_before_the_post(desk: Desk) -> None:
    """It names the job, the request, the service and the key, and counts as spent."""
    desk.has("a")
    submission = await desk.intend("a")
    columns = "state, charged, reason, account, origin, key_print, request, intended_at, task_id"
    assert desk.look(f"SELECT {columns} FROM submissions") == [  # noqa: S608  this test's own text
        (
            "submitting",
            "perhaps",
            "first",
            "default",
            ORIGIN,
            "print-1",
            '{"model":"MiniMax-Hailuo-2.3","prompt":"a"}',
            "2026-07-01T12:00:01.000+00:00",
            None,
        )
    ]
    assert (submission.state, submission.task_id, submission.first, submission.current) == (
        State.SUBMITTING,
        "",
        True,
        True,
    )
    assert submission.submitted_at == NOON + timedelta(seconds=1)


async def test_a_task_id_waits_for_no_company(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a crash would lose is written at once, right behind another commit too; all else can wait."""
    monkeypatch.setattr("batchgen.ledger.commit_queue.LINGER", 3600.0)
    desk.has("a")
    submission = await desk.intend("a")
    await asyncio.sleep(0.01)  # nobody is back at once
    submission = await asyncio.wait_for(desk.book.accepted(submission, "t1"), 60.0)
    await asyncio.sleep(0.01)
    waits = asyncio.create_task(desk.book.generated(submission, Generated(file_id="f1")))
    await asyncio.sleep(0.05)
    assert not waits.done()
    await desk.ledger.stop_writing()
    assert (await waits).file_id == "f1"


async def test_every_step_is_on_disk_when_the_call_returns(desk: Desk) -> None:
    """State, charge, ids and fault after each step, read by another connection."""
    desk.has("a")
    submission = await desk.intend("a")
    assert desk.look(NEWEST) == [("submitting", "perhaps", None, None, None)]
    await desk.book.lost(submission, LOST)
    assert desk.look(NEWEST) == [("unknown", "perhaps", None, None, "lost")]
    submission = await desk.book.accepted(submission, "t1")
    assert desk.look(NEWEST) == [("submitted", "perhaps", "t1", None, None)]
    submission = await desk.book.not_found(submission, NOON)
    assert desk.look("SELECT not_found_since FROM submissions") == [("2026-07-01T12:00:00.000+00:00",)]
    submission = await desk.book.found(submission)
    assert (submission.not_found_since, desk.look("SELECT not_found_since FROM submissions")) == (
        None,
        [(None,)],
    )
    submission = await desk.book.generated(submission, Generated(file_id="f1", width=1366, height=768))
    assert desk.look(NEWEST) == [("generated", "yes", "t1", "f1", None)]
    await desk.book.rested(submission, Fault(code="download", message="silent", stage=Stage.DOWNLOAD))
    assert desk.look(NEWEST) == [("generated", "yes", "t1", "f1", "download")]
    await desk.book.rested(submission, None)
    assert desk.look(NEWEST) == [("generated", "yes", "t1", "f1", None)]
    placement = await desk.book.checked(submission, clip(1))
    assert desk.look("SELECT state, file, bytes, sha256 FROM submissions") == [
        ("generated", placement.file, 1001, clip(1).sha256)
    ]
    await desk.book.stored(submission, ["shorter than ordered"])
    assert desk.look(NEWEST) == [("succeeded", "yes", "t1", "f1", None)]
    (attempt,) = desk.record("a").attempts
    assert (attempt.file, attempt.clip, attempt.warnings) == (
        "videos/a.mp4",
        clip(1),
        ("shorter than ordered",),
    )
    times = [attempt.intended_at, attempt.submitted_at, attempt.generated_at, attempt.finished_at]
    assert times == sorted(time for time in times if time is not None)


@pytest.mark.parametrize("charged", list(Charged))
async def test_a_refusal_costs_what_it_says(desk: Desk, charged: Charged) -> None:
    """The service, or its silence, decides whether a refusal was charged."""
    desk.has("a")
    await desk.refuse("a", charged)
    assert desk.look(NEWEST) == [("failed", charged, None, None, "1026")]
    assert desk.statuses() == {"a": "failed"}


async def test_a_submission_that_was_not_accepted_leaves_the_job_pending(desk: Desk) -> None:
    """It cost nothing, counts as none, and the next one is the first."""
    desk.has("a")
    await desk.book.not_accepted(await desk.intend("a"), BUSY)
    assert desk.look(NEWEST) == [("not_accepted", "no", None, None, "1002")]
    assert desk.statuses() == {"a": "pending"}
    assert (await desk.intend("a")).first


@pytest.mark.parametrize("charged", list(Charged))
async def test_a_task_that_fails_costs_what_it_says(desk: Desk, charged: Charged) -> None:
    """From submitted and from generated alike."""
    desk.has("a", "b")
    await desk.book.failed(await desk.accept("a", "t1"), BROKE, charged)
    assert desk.look(NEWEST) == [("failed", charged, "t1", None, "1000")]
    await desk.book.failed(await desk.generate("b", "t2"), BROKE, charged)
    assert desk.look(NEWEST) == [("failed", charged, "t2", "file-t2", "1000")]


async def test_a_job_that_is_not_pending_is_not_intended(desk: Desk) -> None:
    """Whatever its status, a second order of the same job buys nothing."""
    desk.has("on", "lost", "task", "made", "done", "bad")
    ids = {order.id: order for order in desk.orders()}
    await desk.intend("on")
    await desk.lose("lost")
    await desk.accept("task", "t1")
    await desk.generate("made", "t2")
    await desk.deliver("done", "t3")
    await desk.refuse("bad")
    assert set(desk.statuses().values()) == set(Status) - {Status.PENDING}
    for order in ids.values():
        assert await desk.book.intend(order) is None
    assert desk.look("SELECT count(*) FROM submissions") == [(6,)]


async def test_two_workers_with_one_order_buy_one_clip(desk: Desk) -> None:
    """The intent is decided in the database, in the transaction that writes it."""
    desk.has("a")
    order = desk.order("a")
    first, second = await desk.book.intend(order), await desk.book.intend(order)
    assert first is not None
    assert second is None


async def test_a_job_that_is_held_is_not_intended(desk: Desk) -> None:
    """Edited after it was paid for, and ordered anew before the edit: still held."""
    desk.has(job("a", "before"))
    await desk.refuse("a", Charged.PERHAPS)
    desk.ledger.change(
        lambda db: orders.order_again(db, ["a"], failed=False, unknown=False, job_file=JOB_FILE)
    )
    order = desk.order("a")
    desk.has(job("a", "after"))
    assert desk.statuses() == {"a": "pending held"}
    assert await desk.book.intend(order) is None


async def test_a_job_that_is_dismissed_or_has_left_is_not_intended(desk: Desk) -> None:
    """Orders that were read before the job was settled are void."""
    desk.has("a", "b")
    a, b = desk.order("a"), desk.order("b")
    await desk.book.not_accepted(await desk.intend("b"), BUSY)
    desk.ledger.change(lambda db: db.execute("UPDATE jobs SET dismissed = 'no more' WHERE id = 'a'"))
    desk.has("a")
    assert await desk.book.intend(a) is None
    assert await desk.book.intend(b) is None


async def test_what_is_sent_is_what_the_ledger_holds(desk: Desk) -> None:
    """An order that was read before the job file changed is sent as it stands now."""
    desk.has(job("a", "before"))
    stale = desk.order("a")
    desk.has(job("a", "after"))
    submission = await desk.book.intend(stale)
    assert submission is not None
    assert submission.request.prompt == "after"
    assert desk.look("SELECT digest = (SELECT digest FROM jobs) FROM submissions") == [(1,)]


async def test_a_request_that_stands_as_it_was_read_is_not_parsed_again(desk: Desk) -> None:
    """The submission has the request of its order."""
    desk.has("a")
    order = desk.order("a")
    submission = await desk.book.intend(order)
    assert submission is not None
    assert submission.request is order.request


async def test_a_task_id_of_another_submission_leaves_the_outcome_unknown(desk: Desk) -> None:
    """A service that gives one id twice has not told what became of the second POST."""
    desk.has("a", "b")
    await desk.accept("a", "same")
    second = await desk.intend("b")
    with pytest.raises(OutcomeUnknown, match="another submission has: same"):
        await desk.book.accepted(second, "same")
    assert desk.look(NEWEST) == [("submitting", "perhaps", None, None, None)]
    await desk.book.lost(second, LOST)
    assert desk.statuses() == {"a": "submitted", "b": "unknown"}


async def test_telling_the_same_twice_is_harmless(desk: Desk) -> None:
    """A write whose failure was reported, and which reached the disk all the same, is told again."""
    desk.has("a")
    submission = await desk.intend("a")
    await desk.book.accepted(submission, "t1")
    again = await desk.book.accepted(submission, "t1")
    assert (again.state, again.task_id) == (State.SUBMITTED, "t1")


async def test_another_task_id_for_a_submission_is_a_bug(desk: Desk) -> None:
    """It is refused, and not taken for a task that belongs to somebody else."""
    desk.has("a")
    submission = await desk.accept("a", "t1")
    with pytest.raises(IllegalTransition, match="never changes"):
        await desk.book.accepted(submission, "t2")


@pytest.mark.parametrize("state", ["failed", "not_accepted"])
async def test_what_has_ended_does_not_begin_again(desk: Desk, state: str) -> None:
    """A task id that comes after the end is refused aloud."""
    desk.has("a")
    submission = await desk.intend("a")
    if state == "failed":
        await desk.book.refused(submission, SENSITIVE, Charged.NO)
    else:
        await desk.book.not_accepted(submission, BUSY)
    with pytest.raises(IllegalTransition):
        await desk.book.accepted(submission, "t1")


async def test_submissions_of_a_job_know_which_is_first_and_which_is_current(desk: Desk) -> None:
    """Current is the one by which the job's status goes; first is the first that counts."""
    desk.has("a")
    await desk.lose("a")
    desk.ledger.change(
        lambda db: orders.order_again(db, ["a"], failed=False, unknown=True, job_file=JOB_FILE)
    )
    second = await desk.accept("a", "t2")
    desk.ledger.change(lambda db: orders.adopt(db, "a", "t1", NOON))
    way = desk.ledger.ask(lambda db: queries.under_way(db, JOB_FILE, ORIGIN))
    assert [(one.task_id, one.first, one.current) for one in way] == [
        ("t1", True, False),
        ("t2", False, True),
    ]
    assert second == way[1]
    assert [attempt.reason for attempt in desk.record("a").attempts] == [Reason.FIRST, Reason.RETRY]


async def test_a_job_that_left_the_file_is_not_current(desk: Desk) -> None:
    """Its task is finished all the same."""
    desk.has("a", "b")
    await desk.accept("a", "t1")
    desk.has("b")
    (one,) = desk.ledger.ask(lambda db: queries.under_way(db, JOB_FILE, ORIGIN))
    assert (one.job_id, one.current) == ("a", False)


async def test_a_book_speaks_in_one_accounts_name(desk: Desk) -> None:
    """Each submission keeps the account, the origin and the fingerprint that it was sent with."""
    desk.has("a", "b")
    await desk.accept("a", "t1")
    other = LedgerBook(desk.ledger, replace(ACCOUNT, name="second", key_print="print-2"), desk.now)
    assert await other.intend(desk.order("b")) is not None
    assert desk.look("SELECT account, key_print FROM submissions ORDER BY key") == [
        ("default", "print-1"),
        ("second", "print-2"),
    ]


async def test_a_ledger_that_is_not_being_written_takes_nothing(tmp_path: Path) -> None:
    """Before the writer starts and after it has stopped every change fails, and none is lost in silence."""
    ledger = Ledger.open(tmp_path / "ledger.sqlite3", origin=ORIGIN, now=NOON)
    with pytest.raises(LedgerNotWritable):
        await ledger.write(lambda db: db.execute("SELECT 1"))
    await ledger.start_writing()
    await ledger.stop_writing()
    with pytest.raises(LedgerNotWritable):
        await ledger.write(lambda db: db.execute("SELECT 1"))
    ledger.close()


async def test_many_at_once_fare_as_each_by_itself(desk: Desk) -> None:
    """Whole rows, step by step: so many that they are made together, and a few that are not."""
    ids = [f"j{n}" for n in range(40)]
    desk.has(*ids)
    orders = desk.orders()
    desk.book = LedgerBook(desk.ledger, ACCOUNT, lambda: NOON)  # all at the same moment

    async def live(order: Order) -> None:
        submission = await desk.book.intend(order)
        assert submission is not None
        submission = await desk.book.accepted(submission, f"task-{order.id}")
        news = Generated(file_id=f"file-{order.id}", width=1366, height=768)
        submission = await desk.book.generated(submission, news)
        assert (await desk.book.checked(submission, clip(submission.key))).file == f"videos/{order.id}.mp4"
        await desk.book.stored(submission, [f"of {order.id}"])

    for order in orders[:3]:
        await live(order)
    await asyncio.gather(*map(live, orders[3:]))
    expected = [
        (
            *("succeeded", "yes", id_, f"task-{id_}", f"file-{id_}", f"videos/{id_}.mp4", 1000 + number),
            *(clip(number).sha256, f'["of {id_}"]', *4 * ("2026-07-01T12:00:00.000+00:00",)),
        )
        for number, id_ in enumerate(ids, 1)
    ]
    columns = "state, charged, id, task_id, file_id, s.file, bytes, sha256, s.warnings"
    times = "intended_at, submitted_at, generated_at, finished_at"
    joined = "submissions AS s JOIN jobs AS j ON j.key = s.job"
    assert desk.look(f"SELECT {columns}, {times} FROM {joined} ORDER BY s.key") == expected  # noqa: S608  likewise


async def test_of_many_at_once_only_a_wrong_one_is_refused(desk: Desk) -> None:
    """One whose task another has already, among so many that one statement is for all."""
    ids = [f"j{n:02}" for n in range(40)]
    desk.has(*ids)
    submissions = [await desk.intend(id_) for id_ in ids]
    tasks = ["task-0" if n == 20 else f"task-{n}" for n in range(40)]
    answers = await asyncio.gather(*map(desk.book.accepted, submissions, tasks), return_exceptions=True)
    assert [n for n, answer in enumerate(answers) if isinstance(answer, Exception)] == [20]
    assert isinstance(answers[20], OutcomeUnknown)
    assert sorted(desk.statuses().values()) == ["submitted"] * 39 + ["submitting"]


async def test_submissions_of_one_commit_know_their_keys(desk: Desk) -> None:
    """They come behind all that there were, and each belongs to the job that it names."""
    ids = [f"j{n}" for n in range(40)]
    desk.has("first", *ids)
    await desk.intend("first")
    answers = await asyncio.gather(*(desk.book.intend(desk.order(id_)) for id_ in ids))
    found = [(one.key, one.job_id) for one in answers if one is not None]
    assert found == list(enumerate(ids, 2))
    joined = "submissions AS s JOIN jobs AS j ON j.key = s.job"
    assert desk.look(f"SELECT s.key, id FROM {joined} WHERE s.key > 1 ORDER BY s.key") == found  # noqa: S608  likewise


async def test_two_intents_for_one_job_in_one_commit_send_it_once(desk: Desk) -> None:
    """The second finds it no longer pending."""
    desk.has("a", "b")
    orders = [desk.order(id_) for id_ in "aab"]
    answers = await asyncio.gather(*map(desk.book.intend, orders))
    assert [None if answer is None else answer.job_id for answer in answers] == ["a", None, "b"]


async def test_two_clips_of_one_job_in_one_commit_get_two_names(desk: Desk) -> None:
    """The newer one has the job's own, whichever is written down first."""
    desk.has("a")
    early = await desk.lose("a")
    desk.ledger.change(lambda db: orders.resubmit_unknown(db, JOB_FILE))
    late = await desk.intend("a")
    early, late = await desk.book.accepted(early, "t1"), await desk.book.accepted(late, "t2")
    early, late = [await desk.book.generated(one, Generated(file_id=f"f{one.key}")) for one in (early, late)]
    places = await asyncio.gather(desk.book.checked(late, clip(2)), desk.book.checked(early, clip(1)))
    assert [place.file for place in places] == ["videos/a.mp4", f"superseded/a.{early.key}.mp4"]


async def test_a_step_changes_what_it_says_and_nothing_else(desk: Desk) -> None:
    """What a caller has noted in its submission stays there."""
    desk.has("a")
    submission = await desk.intend("a")
    noted = submission._replace(
        file_id="f0", first=False, current=False, not_found_since=NOON, checked=clip(1)
    )
    accepted = await desk.book.accepted(noted, "t1")
    assert accepted == noted._replace(state=State.SUBMITTED, task_id="t1", submitted_at=accepted.submitted_at)
    assert accepted.submitted_at > submission.submitted_at
    generated = await desk.book.generated(accepted, Generated(file_id="f1"))
    assert generated == accepted._replace(state=State.GENERATED, file_id="f1", not_found_since=None)
