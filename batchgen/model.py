"""The frozen data that every floor shares: jobs, requests, submissions and what is known of them.

Nothing here does anything.  Times are aware UTC datetimes, durations are seconds, the service's ids and
codes are strings.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from json.encoder import encode_basestring as _quoted  # in C where there is one
from typing import NamedTuple

DEFAULT_MODEL = "MiniMax-Hailuo-2.3"
DEFAULT_DURATION = 6
DEFAULT_RESOLUTION = "768P"

#: What the API fills in for a key that a request does not name.  Frozen: job ids are made from it.
API_DEFAULTS: Mapping[str, str | int | bool] = {
    "model": DEFAULT_MODEL,
    "duration": DEFAULT_DURATION,
    "resolution": DEFAULT_RESOLUTION,
    "prompt_optimizer": True,
    "fast_pretreatment": False,
    "aigc_watermark": False,
}


#: What a task's time depends on: its model, resolution, and the ordered length of the clip in seconds.
TaskKind = tuple[str, str, int]
#: Counts of tasks of each kind by the seconds that they took; later tasks count for more than earlier ones.
TaskTimes = Mapping[TaskKind, Mapping[float, float]]


class State(StrEnum):
    """The state of a submission; ``schema.sql`` holds the legal transitions."""

    SUBMITTING = "submitting"
    UNKNOWN = "unknown"
    SUBMITTED = "submitted"
    GENERATED = "generated"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    NOT_ACCEPTED = "not_accepted"


class Status(StrEnum):
    """The status of a job: that of its newest submission, or ``pending``."""

    PENDING = "pending"
    SUBMITTING = "submitting"
    UNKNOWN = "unknown"
    SUBMITTED = "submitted"
    GENERATED = "generated"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Charged(StrEnum):
    """Whether a submission was paid for; ``perhaps`` counts as charged."""

    YES = "yes"
    NO = "no"
    PERHAPS = "perhaps"


class Reason(StrEnum):
    """Why a submission was made."""

    FIRST = "first"
    RETRY = "retry"
    RESUBMIT = "resubmit"
    REGENERATE = "regenerate"
    REUSE = "reuse"  # a clip that another folder paid for


class Stage(StrEnum):
    """Where in a clip's life an error arose."""

    SUBMIT = "submit"
    GENERATE = "generate"
    RETRIEVE = "retrieve"
    DOWNLOAD = "download"
    STORE = "store"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked of the service for one clip; ``None`` stands for a key that is not sent."""

    prompt: str
    model: str = DEFAULT_MODEL
    duration: int | None = None
    resolution: str | None = None
    prompt_optimizer: bool | None = None
    fast_pretreatment: bool | None = None
    aigc_watermark: bool | None = None

    def body(self) -> dict[str, str | int | bool]:
        """The exact body of the submission: ``model``, ``prompt`` and the keys that the job file names."""
        named = {
            "model": self.model,
            "prompt": self.prompt,
            "duration": self.duration,
            "resolution": self.resolution,
            "prompt_optimizer": self.prompt_optimizer,
            "fast_pretreatment": self.fast_pretreatment,
            "aigc_watermark": self.aigc_watermark,
        }
        return {key: value for key, value in named.items() if value is not None}

    @property
    def seconds(self) -> int:
        """The ordered length of the clip, in seconds."""
        return DEFAULT_DURATION if self.duration is None else self.duration

    @property
    def size_class(self) -> str:
        """The ordered resolution, ``768P`` or ``1080P``."""
        return DEFAULT_RESOLUTION if self.resolution is None else self.resolution

    @property
    def kind(self) -> TaskKind:
        """What the task's time depends on."""
        return self.model, self.size_class, self.seconds

    def digest(self, edition: str | None = None) -> str:
        """SHA-256 of the canonical request, 64 hex digits (this rule is frozen: job ids are made from it)."""
        return hashlib.sha256(self.canonical(edition).encode()).hexdigest()

    def canonical(self, edition: str | None = None) -> str:
        """API defaults filled in, keys sorted, compact JSON; put together by hand, as a million rows need it."""
        watermark, fast = _word(self.aigc_watermark or False), _word(self.fast_pretreatment or False)
        edited = "" if edition is None else f'"edition":{_quoted(edition)},'
        return (
            f'{{"aigc_watermark":{watermark},"duration":{self.seconds},{edited}"fast_pretreatment":{fast},'
            f'"model":{_quoted(self.model)},"prompt":{_quoted(self.prompt)},'
            f'"prompt_optimizer":{_word(self.prompt_optimizer is not False)},'
            f'"resolution":{_quoted(self.size_class)}}}'
        )


def _word(truth: bool) -> str:  # noqa: FBT001  the word for it
    return "true" if truth else "false"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a job was ordered: a file, and the line (from 1) of its entry, or the row of a table."""

    file: str
    line: int
    column: int = 1

    @property
    def is_row(self) -> bool:
        """Whether ``line`` counts rows: those of a table need not be lines."""
        return self.file.lower().endswith(_IN_ROWS)

    @property
    def spot(self) -> str:
        """The line or the row, for where the file is known."""
        return f"{'row' if self.is_row else 'line'} {self.line}"

    def seen_from(self, other: Source) -> str:
        """The line or the row, and the file when it is not the other's."""
        return self.spot if self.file == other.file else f"{self.spot} of {self.file}"

    def __str__(self) -> str:
        return f"{self.file}, row {self.line}" if self.is_row else f"{self.file}:{self.line}"


#: The ends of names of tables whose rows may have several lines, or none.
_IN_ROWS = (".csv", ".tsv", ".parquet")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong with a job file or, as a ``warning``, only odd."""

    source: Source
    message: str
    job: str | None = None
    remedy: str | None = None
    warning: bool = False

    def __str__(self) -> str:
        where = str(self.source) + ("" if self.source.is_row else f":{self.source.column}")
        job = f" [job {self.job}]" if self.job else ""
        remedy = f" -- {self.remedy}" if self.remedy else ""
        return f"{where}:{job} {self.message}{remedy}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What the user ordered: one clip, under an id that is a file name."""

    id: str
    explicit_id: bool
    request: Request
    digest: str
    source: Source
    metadata: Mapping[str, object] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    filename: str | None = None  # of the clip, relative to ``videos/``; None: made from the id
    edition: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A pending job as the ledger hands it to a worker: everything that one submission needs."""

    key: int  # the ledger's key of the job
    id: str
    request: Request
    reason: Reason
    written: str = ""  # the request as the ledger has it, JSON: while it has the same, it is not parsed again


class Submission(NamedTuple):
    """One paid attempt at a job, as far as the poller and the downloader need to know it.

    A tuple, as one is made at each step of every job, for a third of what a frozen dataclass of so many fields costs.
    """

    key: int  # the ledger's key of the submission
    job_key: int
    job_id: str
    state: State
    request: Request
    key_print: str  # a salted fingerprint of the API key
    submitted_at: datetime
    task_id: str = ""  # empty while the service has not told one
    file_id: str = ""
    first: bool = True  # the job's first submission that counts; once true, always true
    current: bool = True  # the job's status is this submission's: it is the newest
    not_found_since: datetime | None = None
    checked: Clip | None = None  # once verified, and perhaps renamed, before its storing was recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoFacts:
    """What an MP4 says of itself: pixels, seconds, frames a second, the codec's four letters."""

    width: int
    height: int
    seconds: float
    fps: float
    codec: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A whole, checked video file: its content's size and hash, and what the video says of itself."""

    bytes: int
    sha256: str
    video: VideoFacts


class Placement(NamedTuple):
    """The name that a checked clip gets, and what becomes of the earlier clip that may have it now."""

    file: str  # relative to the output folder
    over: Clip | None = None  # the earlier clip of the job: it alone may be replaced
    keep_key: int | None = None  # its submission, while it still counts as standing under ``file``
    keep_as: str = ""  # where it must be kept first


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Where a generated clip can be fetched, to the letter.  Never written anywhere: the links are signed."""

    url: str = field(repr=False)
    backup_url: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Running:
    """The service's word on a task that has not ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """The service's word on a finished task; the sizes are pixels, if it told them."""

    file_id: str
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The service's word on a failed task."""

    code: str
    message: str
    sure: bool = True  # else the code may be about the question, and is believed when it is told again


TaskState = Running | Generated | Failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why something did not work, as it stands in a manifest row's ``error``."""

    code: str
    message: str
    stage: Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What the ledger knows of one submission, for people and programs to read."""

    key: int
    state: State
    reason: Reason
    account: str
    origin: str
    request: Mapping[str, object]  # the exact body that was sent
    intended_at: datetime
    charged: Charged
    task_id: str = ""
    file_id: str = ""
    submitted_at: datetime | None = None
    generated_at: datetime | None = None
    finished_at: datetime | None = None
    width: int | None = None  # pixels, as the service told them
    height: int | None = None
    file: str | None = None  # relative to the output folder; set when the clip gets its name
    clip: Clip | None = None
    missing: bool = False  # stored once, and no longer there or no longer whole
    price: str | None = None  # a decimal string
    currency: str | None = None
    fault: Fault | None = None
    warnings: tuple[str, ...] = ()
    reused_from: str | None = None  # the output folder that paid for the clip, relative to ours


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What the ledger knows of one job: a row of the manifest before it is written."""

    id: str
    status: Status
    request: Mapping[str, object]  # the exact body that is ordered now
    model: str
    prompt: str
    duration: int  # seconds
    resolution: str
    metadata: Mapping[str, object]
    source: Source
    job_file: str
    in_job_file: bool
    edition: str | None
    changed: bool  # held: the request is not the one that was paid for
    dismissed: str | None  # the reason
    warnings: tuple[str, ...]
    attempts: tuple[Attempt, ...]  # oldest first, those that were not accepted among them
    selected: bool = True  # whether the command is about this job

    @property
    def newest(self) -> Attempt | None:
        """The newest attempt that counts."""
        for attempt in reversed(self.attempts):
            if attempt.state is not State.NOT_ACCEPTED:
                return attempt
        return None
