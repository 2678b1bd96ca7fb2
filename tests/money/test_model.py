"""A model of the state machine and its money: random lives of a ledger under a budget, with crashes."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from ledger.workshop import ACCOUNT, BROKE, BUSY, JOB_FILE, LOST, NOON, SENSITIVE, Desk, clip, job

from batchgen.budget import from_micros
from batchgen.errors import BudgetReached, ConfigError, OutcomeUnknown
from batchgen.ledger import LedgerBook, orders, queries
from batchgen.ledger.spending import Purse, begin_run
from batchgen.model import Charged, Generated, Job, Order, Request, State, Submission
from batchgen.settings import Budget, Cap

T = TypeVar("T")

PRICES = {6: Decimal("2.00"), 10: Decimal("0.333333")}
BY_KIND = {("MiniMax-Hailuo-2.3", "768P", seconds): price for seconds, price in PRICES.items()}
CAPS = st.just(Cap()) | st.builds(
    Cap,
    cost=st.none() | st.sampled_from([Decimal(30), Decimal(9), Decimal("4.333333"), Decimal(2)]),
    clips=st.none() | st.sampled_from([12, 6, 3, 1]),
)
BUDGETS = st.builds(
    Budget,
    prices=st.just(BY_KIND),
    total=CAPS,
    per_day=CAPS,
    per_run=CAPS,
    failed_clips_are_free=st.booleans(),
)
NUMBERS = st.integers(0, 9)


def _ordered(id_: str, prompt: str, seconds: int) -> Job:
    request = Request(prompt=prompt, duration=seconds)
    return replace(job(id_), request=request, digest=request.digest())


JOBS = st.lists(
    st.builds(_ordered, st.sampled_from("abcd"), st.sampled_from(["one", "two"]), st.sampled_from([6, 10])),
    min_size=1,
    max_size=4,
    unique_by=lambda one: one.id,
)


@dataclass(slots=True)
class Known:
    """What the model knows of a submission."""

    submission: Submission
    price: Decimal
    run: int
    day: str
    state: State = State.SUBMITTING
    charged: Charged = Charged.PERHAPS


class Money(RuleBasedStateMachine):
    """One ledger, its runs and its user; beside it the model, which is told the same and must agree."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory(prefix="batchgen-test-")
        self.desk = Desk(Path(self.folder.name) / "0" / "ledger.sqlite3")
        self._do(self.desk.ledger.start_writing())
        self.known: dict[int, Known] = {}
        self.words: Counter[int] = Counter()  # of the user, to order a job again
        self.moment = NOON
        self.run = self.crashes = self.tasks = 0

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def _now(self) -> datetime:
        self.moment += timedelta(seconds=1)
        return self.moment

    def teardown(self) -> None:
        """Close what is open."""
        self._do(self.desk.ledger.stop_writing())
        self.desk.ledger.close()
        self.runner.close()
        self.folder.cleanup()

    def _in(self, number: int, *states: State) -> Known | None:
        """One of the submissions in these states, if there is any."""
        found = [one for one in self.known.values() if one.state in states]
        return found[number % len(found)] if found else None

    @initialize(jobs=JOBS, budget=BUDGETS)
    def begin(self, jobs: list[Job], budget: Budget) -> None:
        """The first job file, and a budget for life."""
        self.budget = budget
        self.desk.has(*jobs)
        self._next_run()

    def _next_run(self) -> None:
        self.run = self.desk.ledger.change(begin_run)
        self.desk.ledger.change(orders.interrupted)
        for one in self.known.values():
            if one.state is State.SUBMITTING:
                one.state = State.UNKNOWN
        purse = Purse(budget=self.budget, run=self.run)
        self.desk.book = LedgerBook(self.desk.ledger, ACCOUNT, self._now, purse)

    # --- the user -----------------------------------------------------------------------------------

    @rule(jobs=JOBS, regenerate=st.booleans())
    def edit(self, jobs: list[Job], *, regenerate: bool) -> None:
        """The job file says something else when the next run begins."""
        self._next_run()
        self.desk.has(*jobs, regenerate_changed=regenerate)

    @rule(failed=st.booleans(), unknown=st.booleans())
    def retry(self, *, failed: bool, unknown: bool) -> None:
        """The user orders again what failed, or is in doubt."""
        with suppress(ConfigError):
            ordered = self.desk.ledger.change(
                lambda db: orders.order_again(db, [], failed=failed, unknown=unknown, job_file=JOB_FILE)
            )
            self.words.update(self._key(id_) for id_ in ordered.ids)

    def _key(self, id_: str) -> int:
        ((key,),) = self.desk.look("SELECT key FROM jobs WHERE id = ?", id_)
        assert isinstance(key, int)
        return key

    @rule(id_=st.sampled_from("abcd"))
    def dismiss(self, id_: str) -> None:
        """The user settles a job."""
        with suppress(ConfigError):
            self.desk.ledger.change(lambda db: orders.dismiss(db, [id_], "no use"))

    @rule(id_=st.sampled_from("abcd"))
    def adopt(self, id_: str) -> None:
        """The user has found the task of the newest submission that was lost."""
        with suppress(ConfigError):
            key = self._key(id_) if self.desk.look("SELECT 1 FROM jobs WHERE id = ?", id_) else -1
            self.tasks += 1
            self.desk.ledger.change(lambda db: orders.adopt(db, id_, f"t{self.tasks}", self._now()))
            lost = [
                one
                for one in self.known.values()
                if one.state is State.UNKNOWN and one.submission.job_key == key
            ]
            lost[-1].state = State.SUBMITTED

    @rule()
    def restore(self) -> None:
        """Every clip is missing, and the user wants it back."""
        keys = [one.submission for one in self.desk.ledger.ask(lambda db: list(queries.stored(db)))]
        self.desk.ledger.change(lambda db: orders.note_missing(db, keys, []))
        self.desk.ledger.change(orders.restore_missing)
        for key in keys:
            self.known[key].state = State.GENERATED

    @rule()
    def tomorrow(self) -> None:
        """A night passes."""
        self.moment += timedelta(days=1)

    # --- the run ------------------------------------------------------------------------------------

    @precondition(lambda self: self.desk.orders())
    @rule(most=st.integers(1, 4))
    def submit(self, most: int) -> None:
        """Workers take orders."""
        for order in self.desk.orders()[:most]:
            self._submit(order)

    def _submit(self, order: Order) -> None:
        """It is let through when every cap has room for it, and else never."""
        price, day = PRICES[order.request.seconds], self.moment.astimezone().date().isoformat()
        fits = all(
            (cap.clips is None or clips + 1 <= cap.clips) and (cap.cost is None or cost + price <= cap.cost)
            for cap, (cost, clips) in self._spent(self.run, day)
        )
        try:
            submission = self._do(self.desk.book.intend(order))
        except BudgetReached:
            assert not fits
            return
        assert fits
        assert submission is not None
        assert self._do(self.desk.book.intend(order)) is None
        self.known[submission.key] = Known(submission, price, self.run, day)

    def _spent(self, run: int, day: str) -> list[tuple[Cap, tuple[Decimal, int]]]:
        """By the model: each cap, and what was spent of it."""
        counted = [
            one
            for one in self.known.values()
            if one.charged is not Charged.NO
            and not (one.state is State.FAILED and self.budget.failed_clips_are_free)
        ]
        parts: list[tuple[Cap, Callable[[Known], bool]]] = [
            (self.budget.total, lambda _: True),
            (self.budget.per_day, lambda one: one.day == day),
            (self.budget.per_run, lambda one: one.run == run),
        ]
        sums = []
        for cap, mine in parts:
            prices = [one.price for one in counted if mine(one)]
            sums.append((cap, (sum(prices, Decimal(0)), len(prices))))
        return sums

    @precondition(lambda self: self._in(0, State.SUBMITTING, State.UNKNOWN))
    @rule(
        number=NUMBERS, how=st.sampled_from(["accept", "accept", "lose", "lose", "limit", "reuse", *Charged])
    )
    def answer(self, number: int, how: str) -> None:
        """The answer to a POST comes, in time or late, or is lost."""
        one = self._in(number, State.SUBMITTING, State.UNKNOWN)
        assert one is not None
        match how:
            case "accept" | "reuse":
                self._accept(one, reuse=how == "reuse")
            case "lose" if one.state is State.SUBMITTING:
                self._do(self.desk.book.lost(one.submission, LOST))
                one.state = State.UNKNOWN
            case "limit":
                self._do(self.desk.book.not_accepted(one.submission, BUSY))
                one.state, one.charged = State.NOT_ACCEPTED, Charged.NO
            case Charged():
                self._do(self.desk.book.refused(one.submission, SENSITIVE, how))
                one.state, one.charged = State.FAILED, how

    def _accept(self, one: Known, *, reuse: bool) -> None:
        """The service gives a task id; now and then one that it gave before."""
        self.tasks += not reuse
        try:
            self._do(self.desk.book.accepted(one.submission, f"t{self.tasks}"))
            one.state = State.SUBMITTED
        except OutcomeUnknown:
            if one.state is State.SUBMITTING:
                self._do(self.desk.book.lost(one.submission, LOST))
            one.state = State.UNKNOWN

    @precondition(lambda self: self._in(0, State.UNKNOWN))
    @rule(number=NUMBERS)
    def resubmit(self, number: int) -> None:
        """The standing order, when an exchange is over without an answer."""
        one = self._in(number, State.UNKNOWN)
        assert one is not None
        self._do(self.desk.book.resubmit(one.submission))

    @rule()
    def resubmit_all(self) -> None:
        """The standing order, at the start of a run."""
        self.desk.ledger.change(lambda db: orders.resubmit_unknown(db, JOB_FILE))

    @precondition(lambda self: self._in(0, State.SUBMITTED, State.GENERATED))
    @rule(number=NUMBERS, failed=st.none() | st.sampled_from(Charged))
    def end(self, number: int, failed: Charged | None) -> None:
        """A task ends well, and its clip is stored; or either ends badly."""
        one = self._in(number, State.SUBMITTED, State.GENERATED)
        assert one is not None
        if failed is not None:
            self._do(self.desk.book.failed(one.submission, BROKE, failed))
            one.state, one.charged = State.FAILED, failed
        elif one.state is State.SUBMITTED:
            self._do(self.desk.book.generated(one.submission, Generated(file_id="f")))
            one.state, one.charged = State.GENERATED, Charged.YES
        else:
            self._do(self.desk.store(one.submission, clip(one.submission.key)))
            one.state = State.SUCCEEDED

    @precondition(lambda self: self.known)
    @rule()
    def crash(self) -> None:
        """The machine dies: what the disk has at this moment is what the next run opens."""
        self.crashes += 1
        old, here = self.desk.ledger, self.desk.path.parent
        there = here.parent / f"{self.crashes}"
        shutil.copytree(here, there, ignore=shutil.ignore_patterns("*-shm"))
        self._do(old.stop_writing())
        old.close()
        self.desk.path = there / self.desk.path.name
        self.desk.open()
        self._do(self.desk.ledger.start_writing())
        self._next_run()

    # --- what must hold -----------------------------------------------------------------------------

    @invariant()
    def the_ledger_knows_what_the_model_knows(self) -> None:
        """Every POST had its intent, every intent is one POST; state, charge and price are the model's."""
        rows = self.desk.look("SELECT key, state, charged, price, run, day FROM submissions ORDER BY key")
        assert rows == [
            (key, one.state, one.charged, int(one.price * 10**6), one.run, one.day)
            for key, one in sorted(self.known.items())
        ]

    @invariant()
    def the_sums_are_those_of_the_submissions(self) -> None:
        """The table that caps are held against is never ahead of the submissions, nor behind."""
        sums: dict[tuple[int, str, int], tuple[int, Decimal]] = {}
        for one in self.known.values():
            if one.charged is not Charged.NO:
                part = (one.run, one.day, int(one.state is State.FAILED))
                clips, cost = sums.get(part, (0, Decimal(0)))
                sums[part] = (clips + 1, cost + one.price)
        rows = self.desk.look(
            "SELECT run, day, failed, clips, micros FROM spent WHERE clips > 0 OR micros > 0"
        )
        assert {row[:3]: (row[3], from_micros(int(str(row[4])))) for row in rows} == sums

    @invariant()
    def no_cap_is_passed(self) -> None:
        """Of all runs, of each day, of each run."""
        times = {(one.run, one.day) for one in self.known.values()}
        for run, day in times:
            for cap, (cost, clips) in self._spent(run, day):
                assert cap.cost is None or cost <= cap.cost
                assert cap.clips is None or clips <= cap.clips

    @invariant()
    def nobody_pays_again_without_a_word(self) -> None:
        """One resubmission of a job by itself, ever; every retry of a paid job has a word of the user's."""
        rows = self.desk.look(
            "SELECT job, reason, charged FROM submissions WHERE charged <> 'no' ORDER BY key"
        )
        reasons: dict[object, list[object]] = {}
        for job_key, reason, _ in rows:
            reasons.setdefault(job_key, []).append(reason)
        for job_key, told in reasons.items():
            assert told.count("resubmit") <= 1
            assert "first" not in told[1:]
            assert isinstance(job_key, int)
            assert told[1:].count("retry") <= self.words[job_key]


TestMoney = Money.TestCase
TestMoney.settings = settings(
    max_examples=40,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
