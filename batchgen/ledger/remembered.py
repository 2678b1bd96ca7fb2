"""What a row of the manifest still knows of a job and its submissions, however little that is.

Nothing here writes.  Rows come from a file that people may have edited and crashes may have torn: every field
is doubted.  Doubt is settled so that nothing which may have been paid for comes out as never paid: an attempt
of unclear outcome is ``submitted`` when it has a task id, by which it can be asked for, else ``unknown``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from batchgen.jobfile.ids import parse_id
from batchgen.ledger import doubted
from batchgen.ledger.rows import to_video
from batchgen.model import DEFAULT_MODEL, Charged, Reason, Request, Stage, State, Status, VideoFacts

Row = Mapping[str, object]
Columns = dict[str, str | int | None]

_SUPERSEDED = "superseded"
_MOST_LOST = 1000  # attempts that a row counts and does not list
_NO_TIME = "1970-01-01T00:00:00.000+00:00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """One attempt: what was sent, and the steps by which it came to where it is."""

    reason: Reason
    service: str | None
    request: Request
    intended_at: str
    task_id: str | None
    steps: tuple[Columns, ...]  # each a legal transition, with what became known by it
    file: str | None
    sure: bool  # it came to where the row says
    reused_from: str | None = None

    @property
    def state(self) -> State:
        """Where it is."""
        return State(str(self.steps[-1]["state"]))

    @property
    def outcome(self) -> Columns:
        """What is known at its end."""
        return {name: value for step in self.steps for name, value in step.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class RememberedJob:
    """One job with its attempts, oldest first."""

    id: str
    explicit_id: bool
    request: Request
    edition: str | None
    columns: Columns
    changed: bool
    pending: bool
    attempts: tuple[Remembered, ...]

    @property
    def digest(self) -> str:
        """Of the request that is ordered now."""
        return self.request.digest(self.edition)

    @property
    def counted(self) -> tuple[Remembered, ...]:
        """The attempts that count."""
        return tuple(attempt for attempt in self.attempts if attempt.state is not State.NOT_ACCEPTED)

    @property
    def ordered_anew(self) -> bool:
        """Whether the row is pending because the user ordered again what had ended or was edited."""
        if not self.pending or not self.counted:
            return False
        newest = self.counted[-1]
        if not newest.sure:
            return False
        edited = newest.request.digest(self.edition) != self.digest
        return edited or newest.state in {State.FAILED, State.UNKNOWN}

    @property
    def resubmitted(self) -> bool:
        """Whether it was, or may have been, resubmitted by the standing order that holds once."""
        if any(attempt.reason is Reason.RESUBMIT for attempt in self.attempts):
            return True
        return self.ordered_anew and self.counted[-1].state is State.UNKNOWN

    @property
    def file(self) -> str | None:
        """The name that the job's clip has, as far as it is known."""
        named = [attempt.file for attempt in self.counted if attempt.file is not None]
        own = [file for file in named if PurePosixPath(file).parts[0] != _SUPERSEDED]
        return own[-1] if own else None


def remember(row: Row) -> RememberedJob:
    """Read one row.  Raises ValueError when it has no id that a job could have."""
    id_ = parse_id(doubted.text(row.get("id")) or "")
    edition = doubted.text(row.get("edition"))
    request = _request(row.get("request")) or _request(_named(row)) or Request(prompt="")
    attempts = tuple(_attempt(attempt, row, request) for attempt in _attempts(row))
    in_file = doubted.text(row.get("job_file"))
    return RememberedJob(
        id=id_,
        explicit_id=not id_.startswith(request.digest(edition)[:12]),
        request=request,
        edition=edition,
        columns={
            "job_file": in_file or "",
            "in_job_file": int(row.get("in_job_file") is True and in_file is not None),
            "metadata": doubted.json_text(row.get("metadata"), Mapping, {}),
            "warnings": doubted.json_text(_job_warnings(row), list, []),
            "dismissed": doubted.text(row.get("dismissed")),
            **_source(row.get("source")),
        },
        changed=row.get("changed") is True,
        pending=row.get("status") == Status.PENDING,
        attempts=attempts,
    )


# --- which attempts there were --------------------------------------------------------------------------


def _attempts(row: Row) -> list[Row]:
    """The attempts that the row lists, and those that it gives away without listing them."""
    listed = row.get("attempts")
    attempts: list[Row] = [doubted.mapping(attempt) for attempt in listed] if isinstance(listed, list) else []
    task = doubted.text(row.get("task_id"))
    if task is None:
        hidden = not any(map(_counts, attempts)) and _gives_away(row)
    else:
        hidden = task not in {doubted.text(attempt.get("task_id")) for attempt in attempts}
    if hidden:
        attempts.append(_own(row))
    told = doubted.number(row.get("submissions")) or 0
    lost = min(told - sum(map(_counts, attempts)), _MOST_LOST)
    return [{} for _ in range(lost)] + attempts


def _counts(attempt: Row) -> bool:
    return attempt.get("outcome") != State.NOT_ACCEPTED or attempt.get("charged") != Charged.NO


def _gives_away(row: Row) -> bool:
    """Whether the row's own fields tell of a submission."""
    known = ("task_id", "file_id", "sha256", "submitted_at", "generated_at", "file")
    pending = row.get("status") == Status.PENDING and row.get("charged") in {None, Charged.NO}
    return not pending or any(row.get(name) is not None for name in known)


def _own(row: Row) -> Row:
    """The row's own facts, which are those of its newest submission, as an attempt."""
    return {
        **row,
        **doubted.mapping(row.get("error")),
        "outcome": row.get("status"),
        "request": None,
        "warnings": [],
    }


# --- one attempt ----------------------------------------------------------------------------------------


def reached(outcome: State | None, *, has_task: bool, has_file_id: bool, has_clip: bool, free: bool) -> State:
    """How far an attempt is taken to have come: by what proves its outcome, never by its word alone."""
    match outcome:
        case State.FAILED:
            return State.FAILED
        case State.NOT_ACCEPTED if free and not has_task:
            return State.NOT_ACCEPTED
        case State.SUCCEEDED if has_task and has_file_id and has_clip:
            return State.SUCCEEDED
        case State.SUCCEEDED | State.GENERATED if has_task and has_file_id:
            return State.GENERATED
        case _:
            return State.SUBMITTED if has_task else State.UNKNOWN


def _attempt(attempt: Row, row: Row, request: Request) -> Remembered:
    task, file_id, clip = (
        doubted.text(attempt.get("task_id")),
        doubted.text(attempt.get("file_id")),
        _clip(attempt),
    )
    charged = doubted.word(Charged, attempt.get("charged"))
    state = reached(
        doubted.word(State, attempt.get("outcome")),
        has_task=task is not None,
        has_file_id=file_id is not None,
        has_clip=clip is not None,
        free=charged is Charged.NO,
    )
    times = [doubted.time(attempt.get(name)) for name in ("intended_at", "submitted_at", "generated_at")]
    reason = doubted.word(Reason, attempt.get("reason")) or Reason.FIRST
    reused_from = doubted.text(attempt.get("reused_from"))
    if state is not State.SUCCEEDED or charged is not Charged.NO or reused_from is None:
        reused_from = None  # whatever it was, it is no clip that cost nothing
    if reason is Reason.REUSE and reused_from is None:
        reason = Reason.FIRST
    return Remembered(
        reason=reason,
        service=doubted.text(attempt.get("service")) or doubted.text(row.get("service")),
        request=_request(attempt.get("request")) or request,
        intended_at=next((time for time in times if time is not None), _NO_TIME),
        task_id=task,
        steps=tuple(_steps(attempt, state, charged or Charged.PERHAPS, clip or {})),
        file=doubted.text((clip or {}).get("file")),
        sure=attempt.get("outcome") == state,
        reused_from=reused_from if reason is Reason.REUSE else None,
    )


def _steps(attempt: Row, state: State, charged: Charged, clip: Columns) -> Iterator[Columns]:
    """The transitions to ``state``, through everything that the attempt can show."""
    task, file_id = doubted.text(attempt.get("task_id")), doubted.text(attempt.get("file_id"))
    end: Columns = {"finished_at": doubted.time(attempt.get("finished_at"))}
    price: Columns = {
        "price": doubted.price(attempt.get("price")),
        "currency": doubted.text(attempt.get("currency")),
    }
    known = Charged.PERHAPS if charged is Charged.NO else charged
    if task is not None:
        yield {
            **price,
            "state": State.SUBMITTED,
            "task_id": task,
            "submitted_at": doubted.time(attempt.get("submitted_at")),
            "charged": known,
            **(_fault(attempt) if state is State.SUBMITTED else {}),
        }
        if file_id is not None and state is not State.SUBMITTED:
            yield {
                "state": State.GENERATED,
                "file_id": file_id,
                "generated_at": doubted.time(attempt.get("generated_at")),
                "width": doubted.number(attempt.get("width")),
                "height": doubted.number(attempt.get("height")),
                "charged": Charged.YES,
                **clip,
                **(_fault(attempt) if state is State.GENERATED else {}),
            }
    match state:
        case State.SUCCEEDED:
            odd = doubted.json_text(attempt.get("warnings"), list, [])
            missing = int(attempt.get("missing") is True)
            yield {**end, "state": state, "charged": Charged.YES, "warnings": odd, "missing": missing}
        case State.FAILED:
            yield {**price, **end, **_fault(attempt, "failed"), "state": state, "charged": charged}
        case State.NOT_ACCEPTED:
            yield {**end, **_fault(attempt), "state": state, "charged": Charged.NO}
        case State.UNKNOWN:
            yield {**price, **_fault(attempt, "lost"), "state": state, "charged": known}
        case _:
            pass  # submitted, generated: told above


def _clip(attempt: Row) -> Columns | None:
    """The checked clip of an attempt, or nothing unless all of it is known."""
    file, sha256, codec = (doubted.text(attempt.get(name)) for name in ("file", "sha256", "codec"))
    size, width, height = (doubted.number(attempt.get(name)) for name in ("bytes", "width", "height"))
    seconds, fps = (doubted.measure(attempt.get(name)) for name in ("seconds", "fps"))
    if file is None or sha256 is None or codec is None or not _is_inside(file):
        return None
    if size is None or width is None or height is None or seconds is None or fps is None:
        return None
    video = VideoFacts(width=width, height=height, seconds=seconds, fps=fps, codec=codec)
    return {"file": file, "bytes": size, "sha256": sha256, "video": to_video(video)}


def _is_inside(file: str) -> bool:
    path = PurePosixPath(file)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and "\0" not in file


def _fault(attempt: Row, otherwise: str | None = None) -> Columns:
    code = doubted.text(attempt.get("code")) or otherwise
    if code is None:
        return {}
    message = (
        doubted.text(attempt.get("message")) or "the manifest, from which this was restored, tells no more"
    )
    stage = doubted.word(Stage, attempt.get("stage")) or Stage.SUBMIT
    return {"fault_code": code, "fault_message": message, "fault_stage": stage}


# --- one field ------------------------------------------------------------------------------------------


def _named(row: Row) -> Row:
    return {name: row[name] for name in ("prompt", "model", "duration", "resolution") if name in row}


def _request(value: object) -> Request | None:
    """The request with this body, or nothing when it is none."""
    body = doubted.mapping(value)
    prompt, model = doubted.text(body.get("prompt")), doubted.text(body.get("model"))
    if prompt is None:
        return None
    return Request(
        prompt=prompt,
        model=model or DEFAULT_MODEL,
        duration=doubted.number(body.get("duration")),
        resolution=doubted.text(body.get("resolution")),
        prompt_optimizer=doubted.switch(body.get("prompt_optimizer")),
        fast_pretreatment=doubted.switch(body.get("fast_pretreatment")),
        aigc_watermark=doubted.switch(body.get("aigc_watermark")),
    )


def _source(value: object) -> Columns:
    source = doubted.mapping(value)
    return {
        "source_file": doubted.text(source.get("file")) or "",
        "source_line": doubted.number(source.get("line", source.get("row"))) or 1,
    }


def _job_warnings(row: Row) -> object:
    """A row's warnings are the job's and then those of its newest clip."""
    warnings, attempts = row.get("warnings"), row.get("attempts")
    newest = doubted.mapping(attempts[-1]) if isinstance(attempts, list) and attempts else {}
    odd = newest.get("warnings")
    if isinstance(warnings, list) and isinstance(odd, list) and odd and warnings[-len(odd) :] == odd:
        return warnings[: -len(odd)]
    return warnings
