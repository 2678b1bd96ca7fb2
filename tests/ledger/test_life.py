"""The ledger through random lives: edits, orders, answers, crashes; and what must hold after every step."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from batchgen.errors import ConfigError, OutcomeUnknown
from batchgen.ledger import orders, queries
from batchgen.model import Charged, Generated, Job, Order, State, Submission
from ledger.workshop import BROKE, BUSY, JOB_FILE, LOST, NOON, ORIGIN, SENSITIVE, Desk, clip, job, nameless

T = TypeVar("T")

IDS = st.sampled_from(["a", "A", "b", "c", "d"])
PROMPTS = st.sampled_from(["one", "two", "three"])
JOBS = st.lists(
    st.builds(job, IDS, PROMPTS) | st.builds(nameless, PROMPTS),
    max_size=5,
    unique_by=lambda one: one.id.lower(),
)
CHARGES = st.sampled_from(list(Charged))
NUMBERS = st.integers(0, 7)
COLUMNS = "key, job, state, reason, charged, digest, task_id, file"


class Life(RuleBasedStateMachine):
    """One ledger, its runs and its user.  ``paid_for`` counts the POSTs that left, for whatever reason."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory(prefix="batchgen-test-")
        self.desk = Desk(Path(self.folder.name) / "ledger.sqlite3")
        self._do(self.desk.ledger.start_writing())
        self.open: dict[int, Submission] = {}  # as this run knows them
        self.tasks: dict[int, str] = {}  # of every submission that ever got one
        self.posts = 0
        self.made = 0

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def teardown(self) -> None:
        """Close what is open."""
        self._do(self.desk.ledger.stop_writing())
        self.desk.ledger.close()
        self.runner.close()
        self.folder.cleanup()

    def _task(self, *, reuse: bool) -> str:
        if not (reuse and self.tasks):
            self.made += 1
        return f"task-{self.made}"

    def _at(self, number: int, *states: State) -> Submission | None:
        """One of the submissions in these states, if there is any."""
        found = [one for one in self.open.values() if one.state in states]
        return found[number % len(found)] if found else None

    def _noted(self, submission: Submission, state: State | None) -> None:
        del self.open[submission.key]
        if state is not None:
            fresh = [one for one in self._under_way() if one.key == submission.key]
            self.open.update({one.key: one for one in fresh})

    def _under_way(self) -> list[Submission]:
        return self.desk.ledger.ask(lambda db: queries.under_way(db, JOB_FILE, ORIGIN))

    # --- the user -----------------------------------------------------------------------------------

    @initialize(jobs=JOBS)
    def begin(self, jobs: list[Job]) -> None:
        """The first job file."""
        self.desk.has(*jobs)

    @rule(jobs=JOBS, regenerate=st.booleans())
    def edit(self, jobs: list[Job], *, regenerate: bool) -> None:
        """The job file says something else; a run that was interrupted is settled first, as a run does."""
        self._restart(clean=True)
        self.desk.has(*jobs, regenerate_changed=regenerate)

    @rule(ids=st.lists(IDS, max_size=2), failed=st.booleans(), unknown=st.booleans())
    def retry(self, ids: list[str], *, failed: bool, unknown: bool) -> None:
        """The user orders again."""
        with suppress(ConfigError):
            self.desk.ledger.change(
                lambda db: orders.order_again(db, ids, failed=failed, unknown=unknown, job_file=JOB_FILE)
            )

    @rule(id_=IDS, number=NUMBERS)
    def adopt(self, id_: str, number: int) -> None:
        """The user has found a task in the console; perhaps one that is known already."""
        task = f"task-{number}" if number % 2 else self._task(reuse=False)
        with suppress(ConfigError):
            self.desk.ledger.change(lambda db: orders.adopt(db, id_, task, NOON))
        self.open = {one.key: one for one in self._under_way()} | {
            key: one for key, one in self.open.items() if one.state is State.SUBMITTING
        }

    @rule(id_=IDS)
    def dismiss(self, id_: str) -> None:
        """The user settles a job."""
        with suppress(ConfigError):
            self.desk.ledger.change(lambda db: orders.dismiss(db, [id_], "no use"))

    @rule()
    def resubmit(self) -> None:
        """The standing order, at the start of a run."""
        self.desk.ledger.change(lambda db: orders.resubmit_unknown(db, JOB_FILE))

    @rule()
    def restore(self) -> None:
        """All clips are missing, and the user wants them back."""
        keys = [one.submission for one in self.desk.ledger.ask(lambda db: list(queries.stored(db)))]
        self.desk.ledger.change(lambda db: orders.note_missing(db, keys, []))
        self.desk.ledger.change(orders.restore_missing)
        self.open |= {one.key: one for one in self._under_way()}

    # --- the run ------------------------------------------------------------------------------------

    @rule(number=NUMBERS)
    def submit(self, number: int) -> None:
        """A worker takes an order, perhaps a stale one of a job that another worker has taken."""
        pending = self.desk.orders()
        if not pending:
            return
        order = pending[number % len(pending)]
        assert self._do(self._twice(order)) == (True, False)

    async def _twice(self, order: Order) -> tuple[bool, bool]:
        first = await self.desk.book.intend(order)
        second = await self.desk.book.intend(order)
        for one in (first, second):
            if one is not None:
                self.posts += 1
                self.open[one.key] = one
        return first is not None, second is not None

    @rule(number=NUMBERS, reuse=st.booleans())
    def accept(self, number: int, *, reuse: bool) -> None:
        """The service gives a task id, perhaps one that it gave before."""
        submission = self._at(number, State.SUBMITTING, State.UNKNOWN)
        if submission is None:
            return
        task = self._task(reuse=reuse)
        try:
            self._do(self.desk.book.accepted(submission, task))
        except OutcomeUnknown:
            self._do(self.desk.book.lost(submission, LOST))
            self._noted(submission, None)
        else:
            self._noted(submission, State.SUBMITTED)

    @rule(number=NUMBERS, charged=CHARGES)
    def refuse(self, number: int, charged: Charged) -> None:
        """The service refuses a prompt."""
        if submission := self._at(number, State.SUBMITTING):
            self._do(self.desk.book.refused(submission, SENSITIVE, charged))
            self._noted(submission, None)

    @rule(number=NUMBERS)
    def limit(self, number: int) -> None:
        """The service is proven not to have accepted."""
        if submission := self._at(number, State.SUBMITTING):
            self._do(self.desk.book.not_accepted(submission, BUSY))
            self._noted(submission, None)

    @rule(number=NUMBERS)
    def lose(self, number: int) -> None:
        """The answer is lost."""
        if submission := self._at(number, State.SUBMITTING):
            self._do(self.desk.book.lost(submission, LOST))
            self._noted(submission, None)

    @rule(number=NUMBERS)
    def generate(self, number: int) -> None:
        """A task ends well."""
        if submission := self._at(number, State.SUBMITTED):
            self._do(self.desk.book.generated(submission, Generated(file_id="f")))
            self._noted(submission, State.GENERATED)

    @rule(number=NUMBERS, charged=CHARGES)
    def fail(self, number: int, charged: Charged) -> None:
        """A task ends badly, or is gone."""
        if submission := self._at(number, State.SUBMITTED, State.GENERATED):
            self._do(self.desk.book.failed(submission, BROKE, charged))
            self._noted(submission, None)

    @rule(number=NUMBERS, crash=st.booleans())
    def store(self, number: int, *, crash: bool) -> None:
        """A clip is fetched and named; the run may end before that is recorded."""
        submission = self._at(number, State.GENERATED)
        if submission is None:
            return
        placement = self._do(self.desk.book.checked(submission, clip(submission.key)))
        if placement.keep_key is not None:
            self._do(self.desk.book.superseded(placement.keep_key, placement.keep_as))
        if crash:
            self._restart(clean=False)
        else:
            self._do(self.desk.book.stored(submission, []))
            self._noted(submission, None)

    @precondition(lambda self: self.open)
    @rule()
    def crash(self) -> None:
        """The run ends without a word, and the next one opens the ledger."""
        self._restart(clean=False)

    def _restart(self, *, clean: bool) -> None:
        old = self.desk.ledger
        if clean:
            self._do(old.stop_writing())
            old.close()
        self.desk.open()  # beside the one that crashed, whose log is still there
        self._do(self.desk.ledger.start_writing())
        if not clean:
            self._do(old.stop_writing())
            old.close()
        self.desk.ledger.change(orders.interrupted)
        self.open = {one.key: one for one in self._under_way()}

    # --- what must hold -----------------------------------------------------------------------------

    def _rows(self) -> list[dict[str, Any]]:
        names = COLUMNS.split(", ")
        rows = self.desk.look(f"SELECT {COLUMNS} FROM submissions ORDER BY key")  # noqa: S608  our own columns
        return [dict(zip(names, row, strict=True)) for row in rows]

    @invariant()
    def a_job_has_one_post_in_the_air(self) -> None:
        """At most one submission of a job is ``submitting``."""
        in_air = Counter(row["job"] for row in self._rows() if row["state"] == "submitting")
        assert set(in_air.values()) <= {1}

    @invariant()
    def nothing_is_spent_without_a_post(self) -> None:
        """There are as many submissions as there were intents, and no charge beside them."""
        assert len(self._rows()) == self.posts

    @invariant()
    def nobody_pays_again_without_a_word(self) -> None:
        """After a submission that counts, the next needs an order; a regenerated clip is of another request."""
        counted: dict[int, list[dict[str, Any]]] = {}
        for row in self._rows():
            if row["state"] == "not_accepted":
                continue
            earlier = counted.setdefault(row["job"], [])
            assert not earlier or row["reason"] != "first"
            paid = [one for one in earlier if one["charged"] != "no"]
            if row["reason"] == "regenerate" and paid:
                assert paid[-1]["digest"] != row["digest"]
            earlier.append(row)

    @invariant()
    def a_task_stays_with_its_submission(self) -> None:
        """And belongs to no other."""
        tasks = {row["key"]: row["task_id"] for row in self._rows() if row["task_id"] is not None}
        assert self.tasks.items() <= tasks.items()
        assert len(set(tasks.values())) == len(tasks)
        self.tasks = tasks

    @invariant()
    def only_what_was_ordered_is_submittable(self) -> None:
        """Pending, in the file, not held, not dismissed; its paid submissions settled by the user's word."""
        waiting = {order.key for order in self.desk.orders()}
        pending = self.desk.look(
            "SELECT key FROM standing WHERE status = 'pending' AND in_job_file AND NOT changed AND dismissed IS NULL"
        )
        assert waiting == {key for (key,) in pending}
        unsettled = self.desk.look(
            "SELECT j.key FROM jobs AS j JOIN submissions AS s ON s.job = j.key AND s.key > j.ordered_after "
            "WHERE s.state <> 'not_accepted'"
        )
        assert waiting.isdisjoint({key for (key,) in unsettled})

    @invariant()
    def what_was_paid_is_not_forgotten(self) -> None:
        """Every submission with a task that has not ended is under way, whatever became of its job."""
        open_ = [row["key"] for row in self._rows() if row["state"] in {"submitted", "generated"}]
        assert [one.key for one in self._under_way()] == open_

    @invariant()
    def no_two_clips_have_one_name(self) -> None:
        """Stored clips stand under names of their own."""
        files = [str(row["file"]).casefold() for row in self._rows() if row["state"] == "succeeded"]
        assert len(files) == len(set(files))

    @invariant()
    def the_counts_add_up(self) -> None:
        """Every job of the file is counted once."""
        standing = self.desk.ledger.ask(lambda db: queries.standing(db, JOB_FILE))
        assert standing.jobs == sum(record.in_job_file for record in self.desk.records())
        assert standing.to_submit == len(self.desk.orders())
        assert 0 <= standing.unsettled <= standing.jobs


TestLife = pytest.mark.timeout(900)(Life.TestCase)  # a failure is brought down to its shortest form first
TestLife.settings = settings(
    max_examples=50, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
