"""What a person tells the ledger: order again, adopt, dismiss, restore; and what an interrupted run left."""

from __future__ import annotations

import pytest

from batchgen.errors import ConfigError
from batchgen.ledger import orders, queries
from batchgen.ledger.orders import Ordered, why_not_again
from batchgen.model import Charged, Generated, Reason, State, Status
from ledger.workshop import BROKE, JOB_FILE, NOON, ORIGIN, Desk, job, reconcile


def again(desk: Desk, *ids: str, failed: bool = False, unknown: bool = False) -> Ordered:
    return desk.ledger.change(
        lambda db: orders.order_again(db, ids, failed=failed, unknown=unknown, job_file=JOB_FILE)
    )


def adopt(desk: Desk, id_: str, task_id: str) -> None:
    desk.ledger.change(lambda db: orders.adopt(db, id_, task_id, NOON))


def dismiss(desk: Desk, *ids: str, reason: str = "no use") -> None:
    desk.ledger.change(lambda db: orders.dismiss(db, ids, reason))


async def every_status(desk: Desk) -> None:
    """A job in each status, named after it, and one that is held."""
    names = [str(status) for status in Status]
    desk.has(*names, job("held", "before"))
    await desk.lose("unknown")
    await desk.accept("submitted", "t1")
    await desk.generate("generated", "t2")
    await desk.deliver("succeeded", "t3", 3)
    await desk.refuse("failed", Charged.PERHAPS)
    await desk.deliver("held", "t4", 4)
    await desk.intend("submitting")
    desk.has(*names, job("held", "after"))


# --- retry ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "changed", "unknown", "refusal"),
    [
        (Status.FAILED, False, False, None),
        (Status.FAILED, True, False, None),
        (Status.FAILED, False, True, None),
        (Status.UNKNOWN, False, True, None),
        (Status.UNKNOWN, False, False, "--unknown"),
        (Status.UNKNOWN, True, False, "--unknown"),
        (Status.PENDING, False, True, "pending already"),
        (Status.PENDING, True, True, "--regenerate-changed"),
        (Status.SUBMITTING, False, True, "it is submitting"),
        (Status.SUBMITTED, False, True, "it is submitted"),
        (Status.GENERATED, False, True, "it is generated"),
        (Status.SUCCEEDED, False, True, "it has succeeded"),
        (Status.SUCCEEDED, True, True, "it has succeeded"),
    ],
)
def test_what_can_be_ordered_again(
    status: Status, *, changed: bool, unknown: bool, refusal: str | None
) -> None:
    """Failed jobs can; unknown ones on the user's word; what is on its way or on disk can't."""
    why = why_not_again(status, unknown=unknown, changed=changed)
    assert (why is None) if refusal is None else (why is not None and refusal in why)


async def test_jobs_are_ordered_again_by_id(desk: Desk) -> None:
    """Those that can are pending again, the others are told with their reason and stay as they are."""
    await every_status(desk)
    before = desk.statuses()
    ordered = again(desk, *before)
    assert ordered.ids == ("failed",)
    assert [refusal.split(":")[0] for refusal in ordered.refusals] == [
        id_ for id_ in before if id_ != "failed"
    ]
    assert desk.statuses() == {**before, "failed": "pending"}
    (order,) = [order for order in desk.orders() if order.id == "failed"]
    assert order.reason is Reason.RETRY


async def test_unknown_outcomes_need_the_word_unknown(desk: Desk) -> None:
    """Even by id; the submission stays spent, and a second one is made beside it."""
    await every_status(desk)
    assert again(desk, "unknown").ids == ()
    assert again(desk, "unknown", unknown=True).ids == ("unknown",)
    await desk.accept("unknown", "t9")
    assert [(one.state, one.charged, one.reason) for one in desk.record("unknown").attempts] == [
        (State.UNKNOWN, Charged.PERHAPS, Reason.FIRST),
        (State.SUBMITTED, Charged.PERHAPS, Reason.RETRY),
    ]


@pytest.mark.parametrize(
    ("failed", "unknown", "ids"),
    [
        (True, False, ("f1", "f2")),
        (False, True, ("u",)),
        (True, True, ("f1", "u", "f2")),
        (False, False, ()),
    ],
)
async def test_jobs_are_ordered_again_by_status(
    desk: Desk, *, failed: bool, unknown: bool, ids: tuple[str, ...]
) -> None:
    """All of the job file but the dismissed, in its order."""
    desk.has("f1", "u", "f2", "settled", "s", "gone")
    for id_ in ("f1", "f2", "settled", "gone"):
        await desk.refuse(id_)
    await desk.lose("u")
    await desk.deliver("s", "t1")
    dismiss(desk, "settled")
    desk.has("f1", "u", "f2", "settled", "s")
    assert again(desk, failed=failed, unknown=unknown) == Ordered(ids=ids, refusals=())


async def test_a_job_named_twice_is_ordered_once(desk: Desk) -> None:
    """Whatever its case."""
    desk.has("a")
    await desk.refuse("a")
    assert again(desk, "a", "A", "a") == Ordered(ids=("a",), refusals=())


async def test_a_job_that_is_not_in_the_file_is_not_ordered(desk: Desk) -> None:
    """Unknown ids, jobs that left, jobs of another file: an error, and nothing is ordered."""
    desk.has("a", "left")
    await desk.refuse("a")
    await desk.refuse("left")
    desk.has("a")
    reconcile(desk.ledger, [job("other")], "../other.yaml")
    for id_ in ("nobody", "left", "other"):
        with pytest.raises(ConfigError, match=id_):
            again(desk, "a", id_)
    assert desk.statuses()["a"] == "failed"


async def test_a_retry_is_with_the_request_of_today(desk: Desk) -> None:
    """A failed job that was edited is ordered as it stands, once the user says so."""
    desk.has(job("a", "before"))
    await desk.refuse("a", Charged.YES)
    desk.has(job("a", "after"))
    assert desk.orders() == []
    assert again(desk, "a").ids == ("a",)
    desk.has(job("a", "after"))
    assert [order.request.prompt for order in desk.orders()] == ["after"]


async def test_a_retry_takes_a_dismissal_back(desk: Desk) -> None:
    """By id alone: a word about this very job."""
    desk.has("a")
    await desk.refuse("a")
    dismiss(desk, "a")
    assert again(desk, "a").ids == ("a",)
    assert desk.statuses() == {"a": "pending"}


async def test_a_retry_is_spent_with_its_submission(desk: Desk) -> None:
    """When the second attempt fails too, it takes another word."""
    desk.has("a")
    await desk.refuse("a")
    again(desk, "a")
    await desk.refuse("a")
    assert desk.orders() == []
    assert desk.statuses() == {"a": "failed"}


# --- resubmit -------------------------------------------------------------------------------------------


async def test_the_standing_order_resubmits_once_per_job_ever(desk: Desk) -> None:
    """Also over runs, and also after the user has ordered again in between."""

    def resubmit() -> list[str]:
        return desk.ledger.change(lambda db: orders.resubmit_unknown(db, JOB_FILE))

    desk.has("a", "b", "settled", job("held", "before"), "left")
    for id_ in ("a", "settled", "held", "left"):
        await desk.lose(id_)
    dismiss(desk, "settled")
    desk.has("a", "b", "settled", job("held", "after"))
    assert resubmit() == ["a"]
    assert resubmit() == []
    assert [(order.id, order.reason) for order in desk.orders()] == [
        ("a", Reason.RESUBMIT),
        ("b", Reason.FIRST),
    ]
    await desk.lose("a")
    assert resubmit() == []
    assert again(desk, "a", unknown=True).ids == ("a",)
    await desk.lose("a")
    assert resubmit() == []
    assert [attempt.reason for attempt in desk.record("a").attempts] == [
        Reason.FIRST,
        Reason.RESUBMIT,
        Reason.RETRY,
    ]


# --- adopt ----------------------------------------------------------------------------------------------


async def test_a_task_from_the_console_is_adopted(desk: Desk) -> None:
    """The job is submitted, is polled from now on, and nothing was paid for again."""
    desk.has("a")
    await desk.lose("a")
    dismiss(desk, "a")
    adopt(desk, "A", "t1")
    (attempt,) = desk.record("a").attempts
    assert (attempt.state, attempt.task_id, attempt.fault, attempt.submitted_at) == (
        State.SUBMITTED,
        "t1",
        None,
        NOON,
    )
    assert desk.statuses() == {"a": "submitted"}
    assert len(desk.ledger.ask(lambda db: queries.under_way(db, JOB_FILE, ORIGIN))) == 1


async def test_only_an_unknown_outcome_can_adopt(desk: Desk) -> None:
    """Every other status is refused with its name."""
    await every_status(desk)
    for id_ in (str(status) for status in Status if status is not Status.UNKNOWN):
        with pytest.raises(ConfigError, match=f"{id_} is {id_}"):
            adopt(desk, id_, "t9")
    with pytest.raises(ConfigError, match="no job nobody"):
        adopt(desk, "nobody", "t9")


async def test_a_task_is_adopted_once(desk: Desk) -> None:
    """One that any submission has is refused, and its job is named."""
    desk.has("a", "b", "c")
    await desk.accept("a", "t1")
    await desk.lose("b")
    await desk.lose("c")
    with pytest.raises(ConfigError, match="task t1 belongs to job a"):
        adopt(desk, "b", "t1")
    adopt(desk, "b", "t2")
    with pytest.raises(ConfigError, match="task t2 belongs to job b"):
        adopt(desk, "c", "t2")


async def test_a_job_that_was_ordered_again_may_still_adopt(desk: Desk) -> None:
    """The newest lost submission gets its task first; the word to order again is taken back while it can be."""
    desk.has("a", "b")
    for id_ in ("a", "b"):
        await desk.lose(id_)
    again(desk, "a", "b", unknown=True)
    await desk.lose("a")
    again(desk, "a", unknown=True)
    adopt(desk, "a", "t2")
    adopt(desk, "a", "t1")
    adopt(desk, "b", "t3")
    assert [attempt.task_id for attempt in desk.record("a").attempts] == ["t1", "t2"]
    assert desk.statuses() == {"a": "submitted", "b": "submitted"}
    assert desk.orders() == []


async def test_what_was_sent_on_the_word_to_order_again_stays_the_newest(desk: Desk) -> None:
    """A task adopted for the earlier submission does not put the later one aside."""
    desk.has("a")
    await desk.lose("a")
    again(desk, "a", unknown=True)
    await desk.refuse("a")
    adopt(desk, "a", "t1")
    assert desk.statuses() == {"a": "failed"}


# --- dismiss --------------------------------------------------------------------------------------------


async def test_failed_unknown_and_held_jobs_can_be_dismissed(desk: Desk) -> None:
    """They are settled: they no longer keep the exit code from being 0."""
    await every_status(desk)
    unsettled = desk.ledger.ask(lambda db: queries.standing(db, JOB_FILE)).unsettled
    dismiss(desk, "failed", "unknown", "held", reason="the client changed her mind")
    standing = desk.ledger.ask(lambda db: queries.standing(db, JOB_FILE))
    assert (standing.unsettled, standing.dismissed, standing.held) == (unsettled - 3, 3, 0)
    assert desk.record("held").dismissed == "the client changed her mind"
    assert "failed" not in [order.id for order in desk.orders()]


@pytest.mark.parametrize("id_", ["pending", "submitting", "submitted", "generated", "succeeded", "nobody"])
async def test_others_cannot_be_dismissed(desk: Desk, id_: str) -> None:
    """One that can't be is an error, and the others of the command stay as they are."""
    await every_status(desk)
    before = desk.statuses()
    with pytest.raises(ConfigError, match=id_):
        dismiss(desk, "failed", id_)
    assert desk.statuses() == before


# --- what a run left ------------------------------------------------------------------------------------


async def test_a_post_that_was_on_its_way_is_unknown(desk: Desk) -> None:
    """It counts as spent; every other state is as it was, and asking again finds nothing."""
    await every_status(desk)
    before = desk.statuses()
    assert desk.ledger.change(orders.interrupted) == ["submitting"]
    assert desk.statuses() == {**before, "submitting": "unknown"}
    (attempt,) = desk.record("submitting").attempts
    assert attempt.charged is Charged.PERHAPS
    assert attempt.fault is not None
    assert (attempt.fault.code, attempt.fault.stage) == ("lost", "submit")
    assert desk.ledger.change(orders.interrupted) == []


async def test_missing_clips_are_fetched_again_on_the_users_word(desk: Desk) -> None:
    """Noted first; restored only when asked; never generated again by themselves."""
    desk.has("a", "b")
    await desk.deliver("a", "t1", 1)
    await desk.deliver("b", "t2", 2)
    desk.ledger.change(lambda db: orders.note_missing(db, [1, 2], []))
    desk.ledger.change(lambda db: orders.note_missing(db, [], [2]))
    standing = desk.ledger.ask(lambda db: queries.standing(db, JOB_FILE))
    assert (standing.missing, standing.unsettled, standing.to_submit) == (1, 1, 0)
    assert again(desk, "a").ids == ()
    assert desk.ledger.change(orders.restore_missing) == 1
    assert desk.statuses() == {"a": "generated", "b": "succeeded"}
    (one,) = desk.ledger.ask(lambda db: queries.under_way(db, JOB_FILE, ORIGIN))
    await desk.book.stored(one, [])
    assert desk.ledger.ask(lambda db: queries.standing(db, JOB_FILE)).unsettled == 0


async def test_a_missing_clip_that_the_service_no_longer_has_can_be_ordered_again(desk: Desk) -> None:
    """It is failed then, and it was paid for."""
    desk.has("a")
    await desk.deliver("a", "t1")
    desk.ledger.change(lambda db: orders.note_missing(db, [1], []))
    desk.ledger.change(orders.restore_missing)
    (one,) = desk.ledger.ask(lambda db: queries.under_way(db, JOB_FILE, ORIGIN))
    await desk.book.failed(one, BROKE, Charged.YES)
    assert again(desk, "a").ids == ("a",)
    second = await desk.book.generated(await desk.accept("a", "t2"), Generated(file_id="f2"))
    assert second.first is False


async def test_a_job_whose_task_the_service_does_not_know_can_be_dismissed(desk: Desk) -> None:
    """A task id that was mistyped when it was adopted must not keep a run from ending well for ever."""
    desk.has("a")
    submission = await desk.accept("a", "mistyped")
    with pytest.raises(ConfigError, match="a is submitted"):
        desk.ledger.change(lambda db: orders.dismiss(db, ["a"], "no such task"))
    await desk.book.not_found(submission, NOON)
    desk.ledger.change(lambda db: orders.dismiss(db, ["a"], "no such task"))
    assert desk.record("a").dismissed == "no such task"
