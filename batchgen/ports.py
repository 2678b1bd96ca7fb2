"""The seams: protocols with plain-data messages, so that either side can be replaced, or cross a process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from batchgen.model import (
    Charged,
    Clip,
    Fault,
    Generated,
    Links,
    Order,
    Placement,
    Request,
    Status,
    Submission,
    TaskState,
    TaskTimes,
)

# --- events: what observers are told ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted:
    """A run begins.

    ``counts`` has every status of the jobs in the job file; ``to_submit`` of them will be sent.
    """

    at: datetime
    job_file: str
    output: str
    service: str
    simulated: bool
    counts: dict[Status, int]
    to_submit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobChanged:
    """A job's status is another one, and the ledger has it.  ``file`` is relative to the output folder."""

    at: datetime
    job_key: int
    job_id: str
    status: Status
    previous: Status
    task_id: str = ""
    file: str | None = None
    fault: Fault | None = None
    clip: Clip | None = None  # when it has succeeded
    current: bool = (
        True  # false for an earlier submission of a job that was ordered anew or has left the file
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRested:
    """This run does no more for a job that has not ended: it stays as it is, for the reason given."""

    at: datetime
    job_key: int
    job_id: str
    status: Status
    fault: Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """The pulse of a run, about twice a second.  ``held_by``: what keeps it from going faster."""

    at: datetime
    elapsed: float  # seconds
    at_service: int  # tasks
    slots: int  # the adaptive limit in force
    downloading: int
    waiting_downloads: int
    downloaded_bytes: int
    held_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """Something that the user should know and that stops nothing."""

    at: datetime
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reused:
    """Clips were taken from another output folder before anything was submitted; nothing was paid for them."""

    at: datetime
    clips: int
    folder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopping:
    """No more submissions in this run.

    ``halt`` is true when a person must act before the next one, and ``remedy`` says what to do, where known.
    """

    at: datetime
    reason: str
    halt: bool
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded:
    """A run is over; the ledger and the manifest are written.  ``sentence`` is the one that people want."""

    at: datetime
    elapsed: float
    exit_code: int
    counts: dict[Status, int]
    sentence: str


Event = RunStarted | JobChanged | JobRested | Vitals | Warned | Reused | Stopping | RunEnded


class Observer(Protocol):
    """Sees every event, in order.  Must not block, and must not fail because of what it is told."""

    def observe(self, event: Event, /) -> None: ...


# --- the ledger, as a worker sees it ---------------------------------------------------------------------


class Book(Protocol):
    """What is durable.  Each call returns when its change is on disk, or raises ``LedgerNotWritable``."""

    async def intend(self, order: Order, /) -> Submission | None:
        """Write down that the POST is the very next step; ``None`` when the job is no longer pending.

        Raises BudgetReached when it would go past a cap.
        """

    async def accepted(self, submission: Submission, task_id: str, /) -> Submission:
        """The service gave a task id (also late, after ``lost``)."""

    async def not_accepted(self, submission: Submission, fault: Fault, /) -> None:
        """Proven that nothing was made: the job is pending again."""

    async def refused(self, submission: Submission, fault: Fault, charged: Charged, /) -> None:
        """The service refused this job."""

    async def lost(self, submission: Submission, fault: Fault, /) -> None:
        """The outcome of the POST is not known: it counts as spent."""

    async def resubmit(self, submission: Submission, /) -> Order | None:
        """By the user's standing word: order the job of a lost submission again, once per job, ever."""

    async def generated(self, submission: Submission, news: Generated, /) -> Submission:
        """The task has ended well; the clip waits to be fetched."""

    async def failed(self, submission: Submission, fault: Fault, charged: Charged, /) -> None:
        """The task has ended badly, or is gone for good."""

    async def not_found(self, submission: Submission, at: datetime, /) -> Submission:
        """The service does not know the task or file: noted, nothing concluded."""

    async def found(self, submission: Submission, /) -> Submission:
        """The service knows it after all."""

    async def checked(self, submission: Submission, clip: Clip, /) -> Placement:
        """A whole clip is on disk; the answer says which name it gets, as the next step."""

    async def superseded(self, submission_key: int, file: str, /) -> None:
        """An earlier clip stands under another name now."""

    async def stored(self, submission: Submission, warnings: Sequence[str], /) -> None:
        """The clip stands under its final name."""

    async def rested(self, submission: Submission, fault: Fault | None, /) -> None:
        """Why the clip is not on disk yet (``None``: no reason any more); the state stays."""

    async def learnt(self, times: TaskTimes, /) -> None:
        """Keep for the next run how many tasks of each kind took how many seconds."""


class Service(Protocol):
    """The three calls.  Errors are those of ``errors.py``; each names the calls that may raise it."""

    async def submit(self, request: Request, /) -> str:
        """Order a clip, return its task id.  Raises NotAccepted, Refused or OutcomeUnknown only."""

    async def query(self, task_id: str, /) -> TaskState:
        """Ask how a task stands.  Raises Transient, NotFound, RateLimited or Halting."""

    async def retrieve(self, file_id: str, task_id: str, /) -> Links:
        """Ask for fresh links to a clip.  Raises as ``query`` does, and Refused."""


#: Gives what must be entered before bytes of a clip may move; to wait for that, and what is inside, may be cancelled.
Transfer = Callable[[], AbstractAsyncContextManager[None]]


class Fetcher(Protocol):
    """Fetches a clip into a partial file and checks it.  Raises DownloadError or DiskFull."""

    async def fetch(
        self, links: Links, part: Path, task_id: str, /, *, first: bool, transfer: Transfer
    ) -> Clip:
        """Continue ``part`` if it is of this task; on return it is a whole, flushed, verified video.

        ``first``: no earlier try, of this run or another, can have left anything of this task.
        ``transfer`` is entered for each link: outside of it no host is asked for anything.
        """


class Store(Protocol):
    """Puts verified local files under their final names; nothing of the user's is ever overwritten."""

    def part(self, submission: Submission, /) -> Path:
        """Where the clip of this submission is gathered."""

    async def put(self, part: Path, file: str, clip: Clip, over: Clip | None, /) -> None:
        """Give ``part`` its final name, durably, in place of nothing or of exactly ``over``.

        Raises FileTaken when anything else stands there.
        """

    async def keep(self, file: str, earlier: Clip, to: str, /) -> None:
        """Let the clip ``file`` stand under the name ``to`` as well, before another takes its name."""

    async def gathered(self, part: Path, clip: Clip, /) -> bool:
        """Whether the partial file is the clip already, to the byte."""

    async def holds(self, file: str, clip: Clip, /) -> bool:
        """Whether the file stands there already, to the byte."""


class Pace(Protocol):
    """How fast to submit.  Times are the loop's clock, in seconds; a ticket stands for one submission."""

    @property
    def slots(self) -> int:
        """Tasks that may be at the service at once."""

    @property
    def ceiling(self) -> int:
        """Tasks that the user allows at once."""

    def delay(self, now: float, /) -> float:
        """Seconds until the next submission may leave: 0 when it may now, infinite until an answer comes."""

    def held_by(self, now: float, /) -> str:
        """What ``delay`` waits for, in a few words."""

    def sent(self) -> int:
        """A submission leaves: its ticket."""

    def answered(self, ticket: int, now: float, /) -> None:
        """Its exchange is over."""

    def accepted(self, at_service: int, /) -> None:
        """The service took a submission."""

    def limited(self, ticket: int, now: float, retry_after: float | None, at_service: int, /) -> None:
        """The service refused a submission for its rate."""

    def unreached(self, ticket: int, now: float, retry_after: float | None, /) -> None:
        """The service could not be reached."""
