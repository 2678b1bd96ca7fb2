"""In-process stand-ins for everything around a pipeline: exact, scripted, on the loop's clock."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from batchgen.errors import (
    FileTaken,
    IllegalTransition,
    LedgerNotWritable,
    NotFound,
    OutcomeUnknown,
    RateLimited,
)
from batchgen.model import (
    Charged,
    Clip,
    Fault,
    Generated,
    Links,
    Order,
    Placement,
    Reason,
    Request,
    Running,
    State,
    Status,
    Submission,
    TaskKind,
    TaskState,
    TaskTimes,
    VideoFacts,
)
from batchgen.ports import Event, JobChanged, JobRested, Stopping, Transfer, Vitals, Warned

DAWN = datetime(2026, 1, 2, tzinfo=UTC)
KEY_PRINT = "print"

LEGAL = {
    State.SUBMITTING: {State.SUBMITTED, State.UNKNOWN, State.FAILED, State.NOT_ACCEPTED},
    State.UNKNOWN: {State.SUBMITTED, State.FAILED, State.NOT_ACCEPTED},
    State.SUBMITTED: {State.GENERATED, State.FAILED},
    State.GENERATED: {State.SUCCEEDED, State.FAILED},
}


def clock() -> float:
    """The running loop's, in seconds."""
    return asyncio.get_running_loop().time()


def now() -> datetime:
    """The wall clock that goes with it."""
    return DAWN + timedelta(seconds=clock())


def clip_of(file_id: str) -> Clip:
    """The one clip that belongs to this file id."""
    video = VideoFacts(width=1366, height=768, seconds=6.0, fps=24.0, codec="avc1")
    return Clip(bytes=1000 + len(file_id), sha256=f"sha256 of {file_id}", video=video)


def order(key: int) -> Order:
    """A pending job; its prompt is its id."""
    return Order(key=key, id=f"job-{key}", request=Request(prompt=f"job-{key}"), reason=Reason.FIRST)


@dataclass(frozen=True, slots=True)
class Call:
    """One line of the log: when (seconds), what, for which job."""

    at: float
    what: str
    job: str


class Log:
    """What was done, in order, over all stand-ins."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def add(self, what: str, job: str) -> None:
        """Take down one call."""
        self.calls.append(Call(clock(), what, job))

    def of(self, job: str) -> list[str]:
        """What was done for one job."""
        return [call.what for call in self.calls if call.job == job]

    def by_job(self, what: str) -> dict[str, float]:
        """When this was last done for each job."""
        return {call.job: call.at for call in self.calls if call.what == what}

    def times(self, what: str) -> list[float]:
        """When this was done."""
        return [call.at for call in self.calls if call.what == what]


# --- the service -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How a POST goes: its answer comes after so many seconds, and is an error or a task id."""

    after: float = 0.1
    error: Exception | None = None
    makes: bool | None = None  # whether a task is made; None: when there is no error


@dataclass(slots=True, kw_only=True)
class Task:
    """A task at the service."""

    id: str
    job: str
    ends: float  # the loop's clock
    outcome: TaskState | Exception
    questions: int = 0


@dataclass(slots=True, kw_only=True)
class Post:
    """A POST as the service saw it."""

    job: str
    left: float
    over: float | None = None  # None: not yet, or cut off
    outcome: str | Exception | None = None


class FakeService:
    """The three calls.  Scripts are functions of a job's id and the number of its call, from 1."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.on_submit: Callable[[str, int], Answer] = lambda _job, _n: Answer()
        self.on_query: Callable[[str, int], TaskState | Exception | None] = lambda _job, _n: None
        self.on_retrieve: Callable[[str, int], Exception | None] = lambda _job, _n: None
        self.task_time: Callable[[str], float] = lambda _job: 60.0
        self.outcome: Callable[[str], TaskState | Exception] = lambda job: Generated(file_id=f"file of {job}")
        self.get_time = 0.05  # seconds
        self.admits: int | None = None  # tasks at once
        self.posts: list[Post] = []
        self.tasks: dict[str, Task] = {}
        self.most_at_once = 0
        self.calls: Counter[tuple[str, str]] = Counter()

    def _count(self, what: str, job: str) -> int:
        self.calls[what, job] += 1
        self.log.add(what, job)
        return self.calls[what, job]

    @property
    def at_once(self) -> int:
        """Tasks that have not ended."""
        return sum(task.ends > clock() for task in self.tasks.values())

    def add(self, job: str, *, seconds: float, task_id: str | None = None) -> Task:
        """Make a task that ends in so many seconds."""
        task = Task(
            id=task_id or f"task of {job}", job=job, ends=clock() + seconds, outcome=self.outcome(job)
        )
        self.tasks[task.id] = task
        self.most_at_once = max(self.most_at_once, self.at_once)
        return task

    async def submit(self, request: Request) -> str:
        """Order a clip."""
        job = request.prompt
        answer = self.on_submit(job, self._count("post", job))
        post = Post(job=job, left=clock())
        self.posts.append(post)
        makes, error = answer.error is None, answer.error
        if makes and self.admits is not None and self.at_once >= self.admits:
            makes, error = False, RateLimited("1002", "too many tasks")
        task_id = f"task of {job}"
        if answer.makes if answer.makes is not None else makes:
            number = sum(task.job == job for task in self.tasks.values())
            task_id += f" {number + 1}" * bool(number)
            self.add(job, seconds=self.task_time(job), task_id=task_id)
        await asyncio.sleep(answer.after)
        post.over, post.outcome = clock(), error or task_id
        if error is not None:
            raise error
        return task_id

    async def query(self, task_id: str) -> TaskState:
        """Ask how a task stands; the answer is of the moment at which the question arrives."""
        task = self.tasks.get(task_id)
        job = task.job if task else task_id.removeprefix("task of ")
        number = self._count("query", job)
        scripted = self.on_query(job, number)
        if scripted is None:
            scripted = NotFound("2013", "no such task") if task is None else self._stands(task)
        await asyncio.sleep(self.get_time)
        if isinstance(scripted, Exception):
            raise scripted
        return scripted

    def _stands(self, task: Task) -> TaskState | Exception:
        task.questions += 1
        return Running() if clock() < task.ends else task.outcome

    async def retrieve(self, file_id: str, task_id: str) -> Links:
        """Ask for a link."""
        job = file_id.removeprefix("file of ")
        assert task_id in {f"task of {job}", f"task of {job} 2"}
        number = self._count("retrieve", job)
        error = self.on_retrieve(job, number)
        await asyncio.sleep(self.get_time)
        if error is not None:
            raise error
        return Links(url=f"https://video.invalid/{number}/{file_id}")


# --- clips -----------------------------------------------------------------------------------------------


class FakeFetcher:
    """Fetches clips: so many seconds each, or an error, by a script of job and number of the try."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.on_fetch: Callable[[str, int], float | Exception] = lambda _job, _n: 1.0
        self.links: dict[str, list[str]] = {}
        self.firsts: dict[str, list[bool]] = {}
        self.running = self.most_at_once = 0
        self.in_memory = self.most_in_memory = 0
        self.sealing = 0.0

    async def fetch(self, links: Links, part: Path, task_id: str, *, first: bool, transfer: Transfer) -> Clip:
        """Gather one clip, and then seal it for ``sealing`` seconds."""
        file_id = links.url.split("/", 4)[4]
        job = file_id.removeprefix("file of ")
        assert part == Path(f"{job}.part")
        assert task_id in {f"task of {job}", f"task of {job} 2"}
        self.links.setdefault(job, []).append(links.url)
        self.firsts.setdefault(job, []).append(first)
        self.log.add("fetch", job)
        self.in_memory += 1
        self.most_in_memory = max(self.most_in_memory, self.in_memory)
        try:
            await self._gather(self.on_fetch(job, len(self.links[job])), transfer)
        finally:
            self.in_memory -= 1
        return clip_of(file_id)

    async def _gather(self, outcome: float | Exception, transfer: Transfer) -> None:
        async with transfer():
            self.running += 1
            self.most_at_once = max(self.most_at_once, self.running)
            try:
                await asyncio.sleep(0.01 if isinstance(outcome, Exception) else outcome)
            finally:
                self.running -= 1
        if isinstance(outcome, Exception):
            raise outcome
        if self.sealing:
            await asyncio.sleep(self.sealing)


class FakeStore:
    """Files by name."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.files: dict[str, Clip] = {}
        self.parts: dict[Path, Clip] = {}  # whole, and without a name
        self.naming = 0.001  # seconds

    def part(self, submission: Submission) -> Path:
        """Where the clip is gathered."""
        return Path(f"{submission.job_id}.part")

    async def put(self, part: Path, file: str, clip: Clip, over: Clip | None) -> None:
        """Give a clip its name."""
        await asyncio.sleep(self.naming)
        self.log.add("put", part.stem)
        if self.files.get(file, clip) not in {clip, over}:
            raise FileTaken(f"{file}: stands there")
        self.files[file] = clip

    async def keep(self, file: str, earlier: Clip, to: str) -> None:
        """A second name for an earlier clip."""
        await asyncio.sleep(0.001)
        assert self.files[file] == earlier
        self.log.add("keep", Path(file).stem)
        self.files[to] = earlier

    async def gathered(self, part: Path, clip: Clip) -> bool:
        """Whether the clip waits for its name."""
        await asyncio.sleep(0.001)
        return self.parts.get(part) == clip

    async def holds(self, file: str, clip: Clip) -> bool:
        """Whether the clip has its name already."""
        await asyncio.sleep(0.001)
        return self.files.get(file) == clip


# --- the ledger ------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Row:
    """A submission, and what the ledger knows of it besides."""

    submission: Submission
    state: State
    charged: Charged = Charged.PERHAPS
    fault: Fault | None = None
    file: str | None = None
    clip: Clip | None = None
    warnings: tuple[str, ...] = ()


class FakeBook:
    """A ledger in memory.  Changes happen in the order of the calls and are durable a moment later.

    As with the real one, a change that was begun is made, also when its caller is cancelled.
    """

    def __init__(self, log: Log, jobs: int = 0) -> None:
        self.log = log
        self.orders = [order(key) for key in range(1, jobs + 1)]
        self.rows: dict[int, Row] = {}
        self.latency = 0.001  # seconds
        self.not_writable: Callable[[str, str], bool] = lambda _what, _job: False
        self.resubmitted: dict[str, int] = {}  # by job: submissions up to this key are settled
        self.times: dict[TaskKind, Mapping[float, float]] = {}
        self._keys = itertools.count(1)

    # -- what tests ask

    def of(self, job: str) -> list[Row]:
        """A job's submissions, oldest first."""
        return [row for row in self.rows.values() if row.submission.job_id == job]

    def status(self, job: str) -> Status:
        """A job's status: that of its newest submission that counts."""
        settled = self.resubmitted.get(job, 0)
        counted = [
            row
            for row in self.of(job)
            if row.state is not State.NOT_ACCEPTED and row.submission.key > settled
        ]
        return Status(counted[-1].state) if counted else Status.PENDING

    def statuses(self) -> dict[Status, int]:
        """How many jobs have each status."""
        return dict(Counter(self.status(one.id) for one in self.orders))

    def earlier(self, key: int, state: State = State.SUBMITTED, *, ago: float = 0.0) -> Submission:
        """A submission of an earlier run, made so many seconds ago."""
        one = next((one for one in self.orders if one.key == key), None)
        if one is None:
            self.orders.append(one := order(key))
        generated = state is State.GENERATED
        submission = self._submission(
            one, state, task_id=f"task of {one.id}", file_id=f"file of {one.id}" if generated else ""
        )
        submission = submission._replace(submitted_at=now() - timedelta(seconds=ago))
        self.rows[submission.key] = Row(submission, state)
        return submission

    async def next_orders(self, after: int, limit: int) -> list[tuple[int, Order]]:
        """Pending jobs behind a position."""
        await asyncio.sleep(self.latency)
        pending = [
            (position, one)
            for position, one in enumerate(self.orders)
            if position > after and self.status(one.id) is Status.PENDING
        ]
        return pending[:limit]

    # -- what the pipeline tells

    async def intend(self, one: Order) -> Submission | None:
        """The POST is the next step."""
        await self._writable("intend", one.id)
        if self.status(one.id) is not Status.PENDING:
            return None
        submission = self._submission(one, State.SUBMITTING)
        self.rows[submission.key] = Row(submission, State.SUBMITTING)
        return await self._durable("intend", submission)

    async def accepted(self, submission: Submission, task_id: str) -> Submission:
        """There is a task."""
        await self._writable("accepted", submission.job_id)
        if any(row.submission.task_id == task_id for row in self.rows.values()):
            raise OutcomeUnknown("task_id", "the service gave a task id that another submission has")
        self._move(submission, State.SUBMITTED)
        return await self._durable("accepted", submission, task_id=task_id, submitted_at=now())

    async def not_accepted(self, submission: Submission, fault: Fault) -> None:
        """Nothing was made."""
        await self._end("not_accepted", submission, State.NOT_ACCEPTED, fault, Charged.NO)

    async def refused(self, submission: Submission, fault: Fault, charged: Charged) -> None:
        """This job was refused."""
        await self._end("refused", submission, State.FAILED, fault, charged)

    async def lost(self, submission: Submission, fault: Fault) -> None:
        """The outcome is unknown."""
        await self._end("lost", submission, State.UNKNOWN, fault, Charged.PERHAPS)

    async def resubmit(self, submission: Submission) -> Order | None:
        """Once per job."""
        await self._writable("resubmit", submission.job_id)
        if submission.job_id in self.resubmitted:
            return None
        self.resubmitted[submission.job_id] = submission.key
        await self._durable("resubmit", submission)
        one = next(one for one in self.orders if one.id == submission.job_id)
        return replace(one, reason=Reason.RESUBMIT)

    async def learnt(self, times: TaskTimes) -> None:
        """How long tasks took."""
        await self._writable("learnt", "")
        await asyncio.sleep(self.latency)
        self.times.update(times)

    async def generated(self, submission: Submission, news: Generated) -> Submission:
        """The clip waits."""
        await self._writable("generated", submission.job_id)
        self._move(submission, State.GENERATED, charged=Charged.YES)
        return await self._durable(
            "generated", submission, file_id=news.file_id, not_found_since=None, state=State.GENERATED
        )

    async def failed(self, submission: Submission, fault: Fault, charged: Charged) -> None:
        """The task has ended badly."""
        await self._end("failed", submission, State.FAILED, fault, charged)

    async def not_found(self, submission: Submission, at: datetime) -> Submission:
        """Not known to the service."""
        await self._writable("not_found", submission.job_id)
        return await self._durable("not_found", submission, not_found_since=at)

    async def found(self, submission: Submission) -> Submission:
        """Known after all."""
        await self._writable("found", submission.job_id)
        return await self._durable("found", submission, not_found_since=None)

    async def checked(self, submission: Submission, clip: Clip) -> Placement:
        """A whole clip is on disk."""
        await self._writable("checked", submission.job_id)
        row = self.rows[submission.key]
        row.clip, row.file = clip, f"videos/{submission.job_id}.mp4"
        await self._durable("checked", submission)
        earlier = [one for one in self.of(submission.job_id) if one is not row and one.clip is not None]
        if not earlier:
            return Placement(file=row.file)
        keep = earlier[-1].file == row.file
        return Placement(
            file=row.file,
            over=earlier[-1].clip,
            keep_key=earlier[-1].submission.key if keep else None,
            keep_as=f"superseded/{submission.job_id}.mp4",
        )

    async def superseded(self, submission_key: int, file: str) -> None:
        """An earlier clip has another name."""
        row = self.rows[submission_key]
        await self._writable("superseded", row.submission.job_id)
        row.file = file
        await self._durable("superseded", row.submission)

    async def stored(self, submission: Submission, warnings: Sequence[str]) -> None:
        """The clip has its name."""
        await self._writable("stored", submission.job_id)
        self._move(submission, State.SUCCEEDED)
        self.rows[submission.key].warnings = tuple(warnings)
        await self._durable("stored", submission)

    async def rested(self, submission: Submission, fault: Fault | None) -> None:
        """Why it is not on disk."""
        await self._writable("rested", submission.job_id)
        self.rows[submission.key].fault = fault
        await self._durable("rested", submission)

    # -- how

    def _submission(self, one: Order, state: State, task_id: str = "", file_id: str = "") -> Submission:
        return Submission(
            key=next(self._keys),
            job_key=one.key,
            job_id=one.id,
            state=state,
            request=one.request,
            key_print=KEY_PRINT,
            submitted_at=now(),
            task_id=task_id,
            file_id=file_id,
        )

    async def _writable(self, what: str, job: str) -> None:
        if self.not_writable(what, job):
            await asyncio.sleep(self.latency)
            self.log.add(f"no {what}", job)
            raise LedgerNotWritable(f"no room for {what}")

    def _move(self, submission: Submission, state: State, charged: Charged | None = None) -> None:
        row = self.rows[submission.key]
        if state not in LEGAL.get(row.state, set()):
            raise IllegalTransition(f"{submission.job_id}: {row.state} -> {state}")
        row.state = state
        row.charged = charged or row.charged

    async def _end(
        self, what: str, submission: Submission, state: State, fault: Fault, charged: Charged
    ) -> None:
        await self._writable(what, submission.job_id)
        self._move(submission, state, charged=charged)
        self.rows[submission.key].fault = fault
        await self._durable(what, submission)

    async def _durable(self, what: str, submission: Submission, **news: object) -> Submission:
        row = self.rows[submission.key]
        row.submission = submission._replace(**{"state": row.state, **news})  # type: ignore[arg-type]
        told = row.submission
        await asyncio.sleep(self.latency)
        self.log.add(what, submission.job_id)
        return told


# --- the observer ----------------------------------------------------------------------------------------


@dataclass(slots=True)
class Recorder:
    """Keeps every event."""

    events: list[Event] = field(default_factory=list)

    def observe(self, event: Event) -> None:
        """See one."""
        self.events.append(event)

    @property
    def changes(self) -> list[JobChanged]:
        """Every change of a job."""
        return [event for event in self.events if isinstance(event, JobChanged)]

    def path(self, job: str) -> list[Status]:
        """A job's statuses; each change must begin where the last one ended."""
        steps = [change for change in self.changes if change.job_id == job]
        for before, after in itertools.pairwise(steps):
            assert before.status is after.previous, f"{job}: {steps}"
        return [steps[0].previous, *(step.status for step in steps)] if steps else []

    @property
    def rests(self) -> dict[str, str]:
        """Jobs that were given up for this run, with the code of the reason."""
        return {event.job_id: event.fault.code for event in self.events if isinstance(event, JobRested)}

    @property
    def warnings(self) -> list[str]:
        """What was warned of."""
        return [event.message for event in self.events if isinstance(event, Warned)]

    @property
    def stops(self) -> list[tuple[str, bool]]:
        """Why submissions stopped."""
        return [(event.reason, event.halt) for event in self.events if isinstance(event, Stopping)]

    @property
    def vitals(self) -> list[Vitals]:
        """The pulse."""
        return [event for event in self.events if isinstance(event, Vitals)]
