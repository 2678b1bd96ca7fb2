"""A pipeline with stand-ins for all its parts, and what must hold after every run."""

from __future__ import annotations

import asyncio
import itertools
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import looptime
from fakes import KEY_PRINT, FakeBook, FakeFetcher, FakeService, FakeStore, Log, Recorder, clip_of, clock, now

from batchgen.errors import NotAccepted
from batchgen.model import Clip, Order, State, Status, Submission, TaskTimes
from batchgen.pace import SubmissionPace
from batchgen.pipeline import Stop, StopKind
from batchgen.pipeline.fetch import SEALING
from batchgen.pipeline.flow import Flow
from batchgen.pipeline.run import Parts, Pipeline, Rules
from batchgen.settings import Limits, Polling

T = TypeVar("T")

#: The statuses that may follow each.
NEXT = {
    Status.PENDING: {Status.SUBMITTING},
    Status.SUBMITTING: {Status.SUBMITTED, Status.UNKNOWN, Status.FAILED, Status.PENDING},
    Status.UNKNOWN: {Status.SUBMITTED, Status.FAILED, Status.PENDING},
    Status.SUBMITTED: {Status.GENERATED, Status.FAILED},
    Status.GENERATED: {Status.SUCCEEDED, Status.FAILED},
}


def on_virtual_time(work: Coroutine[None, None, T]) -> T:
    """Run to the end on a loop of its own whose clock jumps; for tests that draw examples."""
    with asyncio.Runner(loop_factory=lambda: looptime.new_event_loop(start=0, noop_cycles=1)) as runner:
        return runner.run(work)


@dataclass(slots=True, kw_only=True)
class Scene:
    """One run and everything around it.  Change the stand-ins before ``run``."""

    jobs: int = 0
    in_flight: int = 50
    per_minute: int | None = None
    limits: Limits = field(default_factory=Limits)
    polling: Polling = field(default_factory=lambda: Polling(max_per_second=None))
    drain: float = 900.0
    submit: bool = True
    max_clips: int | None = None
    deadline: float | None = None  # seconds after the beginning
    resubmit: bool = False
    last_answer_known: bool = False
    free: int = 2**40
    free_bytes: Callable[[Path], Awaitable[int]] | None = None  # None: ``free``
    log: Log = field(default_factory=Log)
    recorder: Recorder = field(default_factory=Recorder)
    book: FakeBook = field(init=False)
    service: FakeService = field(init=False)
    fetcher: FakeFetcher = field(init=False)
    store: FakeStore = field(init=False)
    pace: SubmissionPace = field(init=False)
    task_times: TaskTimes = field(default_factory=dict)
    under_way: list[Submission] = field(default_factory=list)
    pipeline: Pipeline = field(init=False)
    took: float = math.nan  # seconds
    clock: Callable[[], datetime] = now  # the wall's

    def __post_init__(self) -> None:
        self.book = FakeBook(self.log, self.jobs)
        self.service = FakeService(self.log)
        self.fetcher = FakeFetcher(self.log)
        self.store = FakeStore(self.log)

    @property
    def flow(self) -> Flow:
        """What the parts of the run shared."""
        return self.pipeline.flow

    def build(self) -> Pipeline:
        """Put the pipeline together."""
        limits = Limits(
            **{
                **{name: getattr(self.limits, name) for name in self.limits.__slots__},
                "in_flight": self.in_flight,
                "submits_per_minute": self.per_minute,
            }
        )
        self.pace = SubmissionPace(in_flight=self.in_flight, per_minute=self.per_minute, draw=lambda: 0.5)
        parts = Parts(
            book=self.book,
            service=self.service,
            fetcher=self.fetcher,
            store=self.store,
            pace=self.pace,
            next_orders=self.book.next_orders,
            observers=[self.recorder],
            now=self._now,
            free_bytes=self.free_bytes or self._free_bytes,
            task_times=self.task_times,
        )
        rules = Rules(
            limits=limits,
            polling=self.polling,
            output=Path("output"),
            key_print=KEY_PRINT,
            drain=self.drain,
            submit=self.submit,
            max_clips=self.max_clips,
            deadline=None if self.deadline is None else now() + timedelta(seconds=self.deadline),
            resubmit=self.resubmit,
            last_answer=now() if self.last_answer_known else None,
        )
        self.pipeline = Pipeline(parts, rules)
        return self.pipeline

    def _now(self) -> datetime:
        return self.clock()

    async def _free_bytes(self, _folder: Path) -> int:
        return self.free

    async def run(self, *, within: float = 24 * 3600.0) -> Stop | None:
        """Run to the end, which must come in so many virtual seconds, and check what always holds."""
        began = clock()
        async with asyncio.timeout(within):
            stop = await self.build().run(self.under_way)
        self.took = clock() - began
        self.check()
        return stop

    def stop_at(self, moment: float, kind: StopKind = StopKind.SIGNAL) -> None:
        """Stop the run at this moment of the loop's clock."""
        stop = Stop(kind=kind, reason=f"stopped at {moment:g}")
        asyncio.get_running_loop().call_at(moment, lambda: self.pipeline.stop(stop))

    @property
    def sent(self) -> Counter[str]:
        """POSTs by job."""
        return Counter(post.job for post in self.service.posts)

    def statuses(self) -> dict[Status, int]:
        """How many jobs have each status."""
        return self.book.statuses()

    @staticmethod
    def clip(submission: Submission, which: str = "") -> Clip:
        """The clip of a submission, or another one."""
        return clip_of(which or f"file of {submission.job_id}")

    @classmethod
    def checked(cls, submission: Submission) -> Submission:
        """A submission whose clip was verified before the last run ended."""
        return submission._replace(checked=cls.clip(submission))

    @staticmethod
    def ordered(order: Order, **keys: object) -> Order:
        """The same order with other request keys."""
        return replace(order, request=replace(order.request, **keys))  # type: ignore[arg-type]

    # --- what always holds ------------------------------------------------------------------------------

    def check(self) -> None:
        """The promises, after a run."""
        assert {task for task in asyncio.all_tasks() if not task.done()} == {asyncio.current_task()}
        assert self.flow.in_air == 0
        places = self.pipeline._downloads._places
        assert places.coming._value == self.limits.downloads  # nobody went and kept one
        assert places.in_memory._value == self.limits.downloads + SEALING
        for one in self.book.orders:
            self._check_events(one.id)
            self._check_posts(one.id)
            self._check_steps(one.id)
        self._check_files()
        self._check_counts()

    def _check_events(self, job: str) -> None:
        path = self.recorder.path(job)
        for before, after in itertools.pairwise(path):
            assert after in NEXT[before], f"{job}: {path}"
        assert not path or path[-1] is self.book.status(job), f"{job}: {path}"

    def _check_posts(self, job: str) -> None:
        """Every POST but the last was proven not accepted, but for one that the user's word sends again."""
        posts = [post for post in self.service.posts if post.job == job]
        doubtful = sum(not isinstance(post.outcome, NotAccepted) for post in posts[:-1])
        assert doubtful <= (job in self.book.resubmitted), posts

    def _check_steps(self, job: str) -> None:
        """Each POST follows a durable intent of its own; an acceptance is durable before the first question."""
        steps = self.log.of(job)
        for number, step in enumerate(steps):
            if step == "post":
                assert steps[number - 1] == "intend", steps
        if "accepted" in steps and "query" in steps:
            assert steps.index("accepted") < steps.index("query"), steps

    def _check_files(self) -> None:
        """A file under a final name is the clip of its own task."""
        for row in itertools.chain.from_iterable(self.book.of(one.id) for one in self.book.orders):
            if row.state is State.SUCCEEDED and row.clip is not None:
                assert row.file is not None
                assert self.store.files[row.file] == row.clip
                assert row.submission.file_id in {"", row.clip.sha256.removeprefix("sha256 of ")}

    def _check_counts(self) -> None:
        """What the run counts is what the ledger has."""
        states = Counter(row.state for row in self.book.rows.values())
        assert self.flow.accepted == states[State.SUBMITTED], (self.flow.accepted, states)
        unsettled = states[State.SUBMITTING]  # the ledger could not be written
        assert 0 <= self.flow.slots_taken <= self.flow.accepted + unsettled

    def assert_all_succeeded(self) -> None:
        """Every job is on disk, by one POST and one task each."""
        jobs = len(self.book.orders)
        assert self.statuses() == ({Status.SUCCEEDED: jobs} if jobs else {})
        assert len(self.store.files) == jobs
        assert self.flow.slots_taken == self.flow.accepted == 0
