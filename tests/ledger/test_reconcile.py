"""The job file meets the ledger: new, left, back, renamed, edited, claimed by two."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from batchgen.errors import Braked, JobFileError, LedgerNotWritable
from batchgen.ledger import orders, queries
from batchgen.ledger.reconcile import Reconciled, is_accident
from batchgen.model import Charged, Reason, Request, Source
from ledger.workshop import BUSY, JOB_FILE, SENSITIVE, Desk, job, nameless, reconcile


def brought(new: int = 0, left: int = 0, renamed: int = 0, held: int = 0) -> Reconciled:
    return Reconciled(new=new, left=left, renamed=renamed, held=held)


def order_again(desk: Desk, *ids: str) -> None:
    ordered = desk.ledger.change(
        lambda db: orders.order_again(db, ids, failed=False, unknown=True, job_file=JOB_FILE)
    )
    assert ordered.refusals == ()


def to_submit(desk: Desk) -> list[str]:
    return [order.id for order in desk.orders()]


def whole(desk: Desk) -> list[tuple[object, ...]]:
    """All that the ledger holds of jobs."""
    return desk.look("SELECT * FROM jobs ORDER BY key")


# --- coming and going -----------------------------------------------------------------------------------

WRITTEN_OUT = Request(prompt="a", duration=6, resolution="768P")


@pytest.mark.parametrize(
    "edit",
    [
        {"id": "A"},
        {"explicit_id": False},
        {"request": WRITTEN_OUT, "digest": WRITTEN_OUT.digest()},
        {"request": Request(prompt="a", duration=10)},
        {"digest": "of another version"},
        {"metadata": {"scene": "library"}},
        {"source": Source(file="prompts.csv", line=1)},
        {"source": Source(file="jobs.yaml", line=2)},
        {"warnings": ("an unknown camera command",)},
        {"edition": "2026-07-31"},
        {"filename": "foxes/a.mp4"},
    ],
    ids="+".join,
)
def test_whatever_alone_is_edited_comes_into_the_ledger(
    desk: Desk, tmp_path: Path, edit: dict[str, Any]
) -> None:
    """A job that stays has all that a new one would have."""
    before, after = job("a"), replace(job("a"), **edit)
    fresh = Desk(tmp_path / "fresh.sqlite3")
    try:
        fresh.has(after)
        desk.has(before)
        assert whole(desk) != whole(fresh)
        for made in (after, before, after):
            desk.has(made)
        assert whole(desk) == whole(fresh)
    finally:
        fresh.ledger.close()


async def test_a_job_that_comes_back_as_it_was_is_in_the_file_again(desk: Desk) -> None:
    """To the letter, and at its old place."""
    desk.has("a")
    await desk.deliver("a", "t1", 1)
    before = whole(desk)
    desk.has()
    assert whole(desk) != before
    desk.has("a")
    assert whole(desk) == before


def test_a_job_that_only_moves_gets_its_place(desk: Desk) -> None:
    """Nothing else of it has changed."""
    desk.has("a", "b")
    desk.has("b", "a")
    assert to_submit(desk) == ["b", "a"]


async def test_new_jobs_wait_in_the_order_of_the_file(desk: Desk) -> None:
    """Pending, to be submitted in this order."""
    assert desk.has("b", "a", "c") == brought(new=3)
    assert to_submit(desk) == ["b", "a", "c"]


async def test_the_same_file_again_changes_nothing(desk: Desk) -> None:
    """Reading it twice is reading it once."""
    desk.has("a", "b")
    await desk.deliver("a", "t1")
    before = whole(desk)
    assert desk.has("a", "b") == brought()
    assert whole(desk) == before


async def test_jobs_that_were_never_sent_are_forgotten_when_they_leave(desk: Desk) -> None:
    """There is nothing to finish and nothing to tell."""
    desk.has("a", "b")
    assert desk.has("b") == brought()
    assert desk.look("SELECT id FROM jobs") == [("b",)]


async def test_jobs_that_were_sent_stay_when_they_leave(desk: Desk) -> None:
    """Paid or not: what was sent is remembered, and listed last if it counts."""
    desk.has("paid", "refused", "limited", "here")
    await desk.accept("paid", "t1")
    await desk.refuse("refused")
    await desk.book.not_accepted(await desk.intend("limited"), BUSY)
    assert desk.has("here") == brought(left=1)
    assert desk.look("SELECT id, in_job_file FROM jobs ORDER BY id") == [
        ("here", 1),
        ("limited", 0),
        ("paid", 0),
        ("refused", 0),
    ]
    assert [record.id for record in desk.records()] == ["here", "paid", "refused"]
    assert to_submit(desk) == ["here"]


async def test_a_job_that_comes_back_is_where_it_was(desk: Desk) -> None:
    """Nothing is paid for again."""
    desk.has("a", "b")
    await desk.deliver("a", "t1")
    desk.has("b")
    assert desk.has("b", "a") == brought()
    assert desk.statuses() == {"b": "pending", "a": "succeeded"}
    assert to_submit(desk) == ["b"]


async def test_jobs_that_are_moved_keep_everything(desk: Desk) -> None:
    """Order and lines change, submissions and names do not."""
    desk.has("a", "b", "c")
    await desk.deliver("a", "t1")
    await desk.refuse("b")
    before = {record.id: record.attempts for record in desk.records()}
    desk.has(job("c", line=1), job("x", line=2), job("b", line=3), job("a", line=4))
    records = desk.records()
    assert [(record.id, record.source.line) for record in records] == [("c", 1), ("x", 2), ("b", 3), ("a", 4)]
    assert {record.id: record.attempts for record in records if record.id != "x"} == before


async def test_metadata_and_warnings_are_those_of_today(desk: Desk) -> None:
    """They are not part of the request: no change of them costs anything."""
    desk.has(replace(job("a"), metadata={"scene": 1}, warnings=("odd",)))
    await desk.deliver("a", "t1")
    assert desk.has(replace(job("a"), metadata={"scene": 2})) == brought()
    record = desk.record("a")
    assert (record.metadata, record.warnings, record.status) == ({"scene": 2}, (), "succeeded")


async def test_ids_that_differ_in_case_are_one_job(desk: Desk) -> None:
    """The new spelling is shown, the clip keeps its file."""
    desk.has("Book")
    await desk.deliver("Book", "t1")
    assert desk.has(job("book", "Book")) == brought()
    assert desk.statuses() == {"book": "succeeded"}
    assert desk.record("book").attempts[0].file == "videos/Book.mp4"


# --- renaming -------------------------------------------------------------------------------------------


async def test_a_renamed_job_takes_over_its_submissions(desk: Desk) -> None:
    """Whatever they came to; nothing is sent."""
    desk.has(*(job(f"{n}", f"p{n}") for n in range(5)))
    await desk.deliver("0", "t0")
    await desk.accept("1", "t1")
    await desk.lose("2")
    await desk.refuse("3", Charged.PERHAPS)
    await desk.refuse("4")
    assert desk.has(*(job(f"new-{n}", f"p{n}") for n in range(5))) == brought(renamed=5)
    assert desk.statuses() == {
        "new-0": "succeeded",
        "new-1": "submitted",
        "new-2": "unknown",
        "new-3": "failed",
        "new-4": "failed",
    }
    assert to_submit(desk) == []


async def test_an_id_given_to_a_job_that_had_none(desk: Desk) -> None:
    """It is a rename like any other, also the other way round."""
    desk.has(nameless("a fox"))
    await desk.deliver(nameless("a fox").id, "t1")
    assert desk.has(job("fox", "a fox")) == brought(renamed=1)
    assert desk.statuses() == {"fox": "succeeded"}
    assert desk.has(nameless("a fox")) == brought(renamed=1)
    assert desk.look("SELECT id, explicit_id FROM jobs") == [(nameless("a fox").id, 0)]


async def test_several_jobs_of_equal_requests_are_renamed_in_their_order(desk: Desk) -> None:
    """Each new id takes one; what is more than there were is new."""
    desk.has(*(job(f"old-{n}", "same") for n in range(3)))
    for n in range(3):
        await desk.deliver(f"old-{n}", f"t{n}", n)
    assert desk.has(*(job(f"new-{n}", "same") for n in range(4))) == brought(new=1, renamed=3)
    assert [(record.id, record.attempts[0].task_id) for record in desk.records() if record.attempts] == [
        ("new-0", "t0"),
        ("new-1", "t1"),
        ("new-2", "t2"),
    ]
    assert to_submit(desk) == ["new-3"]


async def test_only_jobs_that_have_left_are_taken_over(desk: Desk) -> None:
    """A second job of an equal request, the first still there, is an order for another clip."""
    desk.has(job("a", "same"))
    await desk.deliver("a", "t1")
    assert desk.has(job("a", "same"), job("b", "same")) == brought(new=1)
    assert to_submit(desk) == ["b"]


async def test_a_job_that_left_in_an_earlier_run_is_taken_over(desk: Desk) -> None:
    """Its clip is paid for, whenever it left."""
    desk.has(job("a", "same"), "x")
    await desk.deliver("a", "t1")
    desk.has("x")
    assert desk.has("x", job("b", "same")) == brought(renamed=1)
    assert desk.statuses() == {"x": "pending", "b": "succeeded"}


async def test_what_left_just_now_is_taken_over_before_what_left_earlier(desk: Desk) -> None:
    """That is the one which the user has renamed."""
    desk.has(job("early", "same"))
    await desk.deliver("early", "t1")
    desk.has("x")
    desk.has("x", job("late", "same"), job("both", "same"))
    assert desk.record("late").attempts[0].task_id == "t1"
    await desk.deliver("both", "t2", 2)
    desk.has("x", job("both", "same"))
    desk.has("x", job("new", "same"))
    assert desk.record("new").attempts[0].task_id == "t2"


async def test_a_held_job_that_is_renamed_with_its_old_request_is_taken_over(desk: Desk) -> None:
    """The edit was taken back in the same breath: what counts is what was paid for."""
    desk.has(job("a", "before"))
    await desk.deliver("a", "t1")
    desk.has(job("a", "after"))
    assert desk.has(job("b", "before")) == brought(renamed=1)
    assert desk.statuses() == {"b": "succeeded"}


async def test_an_order_to_retry_survives_a_new_name(desk: Desk) -> None:
    """What the user ordered again is submitted under the new id."""
    desk.has(job("a", "same"))
    await desk.refuse("a", Charged.YES)
    order_again(desk, "a")
    desk.has(job("b", "same"))
    assert to_submit(desk) == ["b"]
    assert (await desk.intend("b")).first is False


# --- editing --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["submitted", "generated", "succeeded", "unknown", "failed"])
async def test_an_edited_job_is_held(desk: Desk, status: str) -> None:
    """When it is paid for, may be, or is under way; until the edit is let go or taken back."""
    desk.has(job("a", "before"))
    match status:
        case "submitted":
            await desk.accept("a", "t1")
        case "generated":
            await desk.generate("a", "t1")
        case "succeeded":
            await desk.deliver("a", "t1")
        case "unknown":
            await desk.lose("a")
        case _:
            await desk.refuse("a", Charged.PERHAPS)
    for _ in range(2):
        assert desk.has(job("a", "after")) == brought(held=1)
        assert desk.statuses() == {"a": f"{status} held"}
        assert to_submit(desk) == []
    assert desk.has(job("a", "before")) == brought()
    assert desk.statuses() == {"a": status}


async def test_the_new_request_of_a_held_job_is_shown(desk: Desk) -> None:
    """And the one that was sent stands in the attempt."""
    desk.has(job("a", "before"))
    await desk.deliver("a", "t1")
    desk.has(job("a", "after"))
    record = desk.record("a")
    assert (record.prompt, record.attempts[0].request["prompt"]) == ("after", "before")


async def test_an_edit_is_let_go_with_regenerate_changed(desk: Desk) -> None:
    """The job is pending with the new request; what was sent before stays under way."""
    desk.has(job("a", "before"))
    await desk.accept("a", "t1")
    assert desk.has(job("a", "after"), regenerate_changed=True) == brought()
    (order,) = desk.orders()
    assert (order.request.prompt, order.reason) == ("after", Reason.REGENERATE)
    assert len(desk.ledger.ask(lambda db: queries.under_way(db, JOB_FILE, "https://www.dmxapi.cn"))) == 1
    assert desk.has(job("a", "after")) == brought()
    await desk.deliver("a", "t2", 2)
    assert desk.has(job("a", "after")) == brought()
    assert desk.statuses() == {"a": "succeeded"}


async def test_regenerate_changed_without_changes_orders_nothing(desk: Desk) -> None:
    """It acts on held jobs alone."""
    desk.has("a", "b")
    await desk.deliver("a", "t1")
    desk.has("a", "b", regenerate_changed=True)
    assert to_submit(desk) == ["b"]


async def test_another_edit_after_the_first_was_let_go_is_held(desk: Desk) -> None:
    """The user let one request go, not any."""
    desk.has(job("a", "before"))
    await desk.deliver("a", "t1")
    desk.has(job("a", "after"), regenerate_changed=True)
    desk.has(job("a", "later"))
    assert desk.statuses() == {"a": "pending held"}
    assert to_submit(desk) == []
    desk.has(job("a", "after"))
    assert to_submit(desk) == ["a"]


@pytest.mark.parametrize("charged", [Charged.YES, Charged.PERHAPS])
async def test_an_edit_that_was_let_go_and_taken_back_buys_nothing(desk: Desk, charged: Charged) -> None:
    """What is paid for already is what is wanted; and the same edit once more is held once more."""
    desk.has(job("a", "before"), job("b", "before b"))
    await desk.deliver("a", "t1")
    await desk.refuse("b", charged)
    desk.has(job("a", "after"), job("b", "after b"), regenerate_changed=True)
    assert to_submit(desk) == ["a", "b"]
    desk.has(job("a", "before"), job("b", "before b"))
    assert desk.statuses() == {"a": "succeeded", "b": "failed"}
    assert to_submit(desk) == []
    desk.has(job("a", "after"), job("b", "after b"))
    assert desk.statuses() == {"a": "succeeded held", "b": "failed held"}


async def test_a_retry_survives_an_edit_that_was_taken_back(desk: Desk) -> None:
    """The user ordered this very request again, and it was not sent yet."""
    desk.has(job("a", "before"))
    await desk.refuse("a", Charged.YES)
    order_again(desk, "a")
    desk.has(job("a", "after"))
    assert to_submit(desk) == []
    desk.has(job("a", "before"))
    assert to_submit(desk) == ["a"]


async def test_a_job_that_is_edited_after_a_free_refusal_simply_runs(desk: Desk) -> None:
    """Nothing was paid for: the new request is the order.  It runs once."""
    desk.has(job("a", "bad word"))
    await desk.refuse("a")
    desk.has(job("a", "bad word"))
    assert to_submit(desk) == []
    assert desk.has(job("a", "good word")) == brought()
    assert to_submit(desk) == ["a"]
    desk.has(job("a", "good word"))
    await desk.refuse("a")
    desk.has(job("a", "good word"))
    assert desk.statuses() == {"a": "failed"}


async def test_a_free_refusal_after_a_paid_clip_does_not_let_edits_go(desk: Desk) -> None:
    """The clip that was paid for is the one that counts."""
    desk.has(job("a", "before"))
    await desk.deliver("a", "t1")
    desk.has(job("a", "bad word"), regenerate_changed=True)
    await desk.refuse("a")
    desk.has(job("a", "good word"))
    assert desk.statuses() == {"a": "failed held"}


async def test_an_edit_of_a_pending_job_is_the_order(desk: Desk) -> None:
    """Nothing was sent, or nothing was accepted."""
    desk.has(job("a", "before"), job("b", "before b"))
    await desk.book.not_accepted(await desk.intend("b"), BUSY)
    assert desk.has(job("a", "after"), job("b", "after b")) == brought()
    assert [order.request.prompt for order in desk.orders()] == ["after", "after b"]


async def test_held_jobs_are_counted_for_this_job_file_alone(desk: Desk) -> None:
    """And a dismissed one is settled."""
    desk.has(job("a", "before"), job("b", "before b"))
    await desk.deliver("a", "t1")
    await desk.deliver("b", "t2", 2)
    assert desk.has(job("a", "after"), job("b", "after b")) == brought(held=2)
    desk.ledger.change(lambda db: orders.dismiss(db, ["b"], "good enough"))
    assert desk.has(job("a", "after"), job("b", "after b")) == brought(held=1)
    assert reconcile(desk.ledger, [job("x")], "../other.yaml") == brought(new=1)


# --- the brake ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "new", "stops"),
    [
        (0, 1000, False),
        (19, 1000, False),
        (20, 9, False),
        (20, 10, True),
        (20, 1000, True),
        (21, 10, False),
        (21, 11, True),
        (1000, 499, False),
        (1000, 500, True),
        (1000, 0, False),
    ],
)
def test_what_looks_like_an_accident(left: int, new: int, *, stops: bool) -> None:
    """Twenty or more paid jobs gone, and at least half as many new ones at once."""
    assert is_accident(left=left, new=new) is stops


async def test_the_brake_shows_both_sides_and_changes_nothing(desk: Desk) -> None:
    """An edit under defaults makes every job a new one; the next run meets the same brake, until the user's word."""
    desk.has(*(nameless(f"p{n}") for n in range(25)))
    for n in range(20):
        await desk.accept(nameless(f"p{n}").id, f"t{n}")
    before = whole(desk)
    edited = [nameless(f"p{n} again") for n in range(25)]
    for _ in range(2):
        with pytest.raises(Braked) as brake:
            desk.has(*edited)
        assert (brake.value.left, brake.value.new) == (20, 25)
        assert brake.value.left_examples[0] == f"{nameless('p0').id}: p0"
        assert brake.value.new_examples[0] == f"{nameless('p0 again').id}: p0 again"
        assert len(brake.value.left_examples) == len(brake.value.new_examples) == 5
        assert whole(desk) == before
    assert desk.has(*edited, accept_new=True) == brought(new=25, left=20)
    assert len(to_submit(desk)) == 25
    assert desk.has(*edited) == brought()


async def test_the_brake_counts_what_was_paid_for(desk: Desk) -> None:
    """Pending jobs, free refusals and renamed jobs are no reason to stop."""
    desk.has(*(nameless(f"p{n}") for n in range(60)))
    for n in range(19):
        await desk.accept(nameless(f"p{n}").id, f"t{n}")
    for n in range(19, 40):
        await desk.refuse(nameless(f"p{n}").id)
    assert desk.has(*(nameless(f"q{n}") for n in range(60))) == brought(new=60, left=19)


async def test_renaming_many_jobs_is_no_accident(desk: Desk) -> None:
    """Ids given to all jobs of a file pay for nothing, so nothing needs the user's word."""
    desk.has(*(nameless(f"p{n}") for n in range(30)))
    for n in range(30):
        await desk.accept(nameless(f"p{n}").id, f"t{n}")
    assert desk.has(*(job(f"job-{n}", f"p{n}") for n in range(30))) == brought(renamed=30)


# --- several job files ----------------------------------------------------------------------------------

OTHER = "../other.yaml"


async def test_job_files_share_a_folder(desk: Desk) -> None:
    """Each has its own jobs, and does not touch the other's."""
    desk.has("a", "b")
    assert reconcile(desk.ledger, [job("c")], OTHER) == brought(new=1)
    assert desk.has("a", "b") == brought()
    assert to_submit(desk) == ["a", "b"]
    others = desk.ledger.ask(lambda db: queries.orders(db, OTHER, -1, 10))
    assert [order.id for _, order in others] == ["c"]


async def test_an_id_that_two_job_files_claim_is_an_error(desk: Desk) -> None:
    """Both files and lines are named, whatever the case of the id, and nothing has changed."""
    desk.has(job("a", line=3), job("b", line=4))
    before = whole(desk)
    with pytest.raises(JobFileError) as error:
        reconcile(desk.ledger, [job("x"), job("A", line=7), job("b", line=8)], OTHER)
    first, second = error.value.problems
    assert (first.job, first.source.line, second.job, second.source.line) == ("A", 7, "b", 8)
    assert f"{JOB_FILE} (line 3)" in first.message
    assert whole(desk) == before


@pytest.mark.parametrize(
    ("other", "row", "words"),
    [
        ("jobs.yaml", Source(file="data/p.csv", line=3), "jobs.yaml (data/p.csv, row 3) orders"),
        ("../p.csv", Source(file="p.csv", line=3), "../p.csv (row 3) orders"),
    ],
)
async def test_an_id_claimed_by_a_row_is_told_with_its_table(
    desk: Desk, other: str, row: Source, words: str
) -> None:
    """A number alone would be taken for a line of the job file."""
    reconcile(desk.ledger, [replace(job("a"), source=row)], other)
    with pytest.raises(JobFileError) as error:
        desk.has("a")
    assert error.value.problems[0].message.startswith(words)


async def test_a_job_that_left_one_file_may_move_to_another(desk: Desk) -> None:
    """It keeps what was paid for."""
    desk.has("a", "b")
    await desk.deliver("a", "t1")
    desk.has("b")
    assert reconcile(desk.ledger, [job("a")], OTHER) == brought()
    assert desk.look("SELECT job_file, in_job_file FROM jobs WHERE id = 'a'") == [(OTHER, 1)]


async def test_a_job_file_that_is_gone_claims_nothing(desk: Desk) -> None:
    """It was renamed or deleted: its jobs are those of the file that orders them now."""
    desk.has("a", "b", "c")
    await desk.deliver("a", "t1")
    await desk.deliver("b", "t2", 2)
    merged = reconcile(desk.ledger, [job("a"), job("d")], OTHER, exists=lambda file: file != JOB_FILE)
    assert merged == brought(new=1, left=1)
    assert desk.look("SELECT id, job_file, in_job_file FROM jobs ORDER BY id") == [
        ("a", OTHER, 1),
        ("b", OTHER, 0),
        ("d", OTHER, 1),
    ]


async def test_the_brake_holds_for_a_job_file_that_was_replaced(desk: Desk) -> None:
    """A new file in place of one that is gone, with all jobs new: the same accident, however often it is tried."""
    desk.has(*(f"a{n}" for n in range(20)))
    for n in range(20):
        await desk.accept(f"a{n}", f"t{n}")
    for _ in range(2):
        with pytest.raises(Braked):
            reconcile(desk.ledger, [job(f"b{n}") for n in range(20)], OTHER, exists=lambda _: False)
        assert desk.look("SELECT count(*), sum(in_job_file) FROM jobs") == [(20, 20)]


async def test_a_full_disk_stops_before_anything_is_sent(desk: Desk) -> None:
    """The jobs of the file are in, or the error is the disk's; the next try works."""
    pages = desk.ledger._connection.execute("PRAGMA page_count").fetchone()[0]
    desk.ledger._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(LedgerNotWritable, match="full"):
        desk.has(*(job(f"job-{n}", "x" * 1000) for n in range(500)))
    assert whole(desk) == []
    desk.ledger._connection.execute("PRAGMA max_page_count = 1000000")
    assert desk.has("a") == brought(new=1)


async def test_a_refused_submission_that_was_charged_counts_as_paid(desk: Desk) -> None:
    """Whether it may have been charged decides, not whether there is a clip."""
    desk.has("a")
    await desk.book.refused(await desk.intend("a"), SENSITIVE, Charged.PERHAPS)
    assert desk.has() == brought(left=1)
