"""How plain data stands in the ledger's columns, and how it is read back."""

from __future__ import annotations

import json
import sqlite3
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from batchgen.budget import from_micros, plain
from batchgen.model import (
    Attempt,
    Charged,
    Clip,
    Fault,
    Order,
    Reason,
    Record,
    Request,
    Source,
    Stage,
    State,
    Status,
    Submission,
    VideoFacts,
)


def folded(name: str) -> str:
    """The form under which two names are the same file on some file system."""
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


#: So many different prices, and facts of videos, are kept: whole folders have a few of each.
_FEW = 256

_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def to_json(value: object) -> str:
    """Compact JSON that keeps every script readable."""
    return _JSON.encode(value)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_time(moment: datetime) -> str:
    """An aware moment as ISO 8601 in UTC, to the millisecond; such texts sort as the moments do."""
    since = moment - _EPOCH
    return _second(since.days, since.seconds) + _MILLISECOND[since.microseconds // 1000]


_MILLISECOND = tuple(f".{number:03}+00:00" for number in range(1000))


@lru_cache(maxsize=16)
def _second(days: int, seconds: int) -> str:
    """Up to the second: most moments of a run share theirs with others, and dates are dear to format."""
    return (_EPOCH + timedelta(days, seconds)).isoformat()[:19]


def from_time(text: str | None) -> datetime | None:
    """The moment that ``to_time`` wrote."""
    return None if text is None else datetime.fromisoformat(text)


def sure_time(text: str) -> datetime:
    """The moment that ``to_time`` wrote into a column that is never null."""
    return datetime.fromisoformat(text)


def from_request(text: str) -> Request:
    """The request whose body was written down."""
    return Request(**json.loads(text))


@lru_cache(_FEW)
def to_video(video: VideoFacts) -> str:
    """What a clip says of itself, as JSON."""
    return to_json(
        {
            "width": video.width,
            "height": video.height,
            "seconds": video.seconds,
            "fps": video.fps,
            "codec": video.codec,
        }
    )


def to_clip(row: sqlite3.Row) -> Clip | None:
    """The clip of a submission, if one was ever checked."""
    if row["sha256"] is None:
        return None
    return Clip(bytes=row["bytes"], sha256=row["sha256"], video=_to_facts(row["video"]))


def to_order(row: sqlite3.Row) -> Order:
    """A pending job as a worker needs it."""
    return Order(
        key=row["key"],
        id=row["id"],
        request=from_request(row["request"]),
        written=row["request"],
        reason=Reason(row["order_reason"]),
    )


def to_submission(row: sqlite3.Row) -> Submission:
    """A submission, a row of ``queries.SUBMISSIONS``, as the poller and the downloader need it."""
    return Submission(
        key=row["key"],
        job_key=row["job"],
        job_id=row["job_id"],
        state=State(row["state"]),
        request=from_request(row["request"]),
        key_print=row["key_print"],
        submitted_at=sure_time(row["submitted_at"] or row["intended_at"]),
        task_id=row["task_id"] or "",
        file_id=row["file_id"] or "",
        not_found_since=from_time(row["not_found_since"]),
        first=bool(row["first"]),
        current=bool(row["current"]),
        checked=to_clip(row),
    )


#: The columns of ``standing`` that a record is made of, in this order; behind them: is the job selected.
RECORD = (
    "key, id, status, request, model, prompt, duration, resolution, metadata, "
    "source_file, source_line, job_file, in_job_file, edition, changed, dismissed, warnings"
)
#: The columns of ``submissions`` that an attempt is made of, in this order.
ATTEMPT = (
    "job, key, state, reason, account, origin, request, charged, price, currency, "
    "intended_at, submitted_at, generated_at, finished_at, task_id, file_id, width, height, "
    "file, bytes, sha256, video, missing, fault_code, fault_message, fault_stage, warnings, reused_from"
)


def to_record(row: sqlite3.Row, attempts: Iterable[sqlite3.Row]) -> Record:
    """A job, a row of ``RECORD``, with its submissions, rows of ``ATTEMPT``, oldest first.

    Columns go by their places: with very many jobs, looking up their names is a third of the work.
    """
    _, id_, status, request, model, prompt, duration, resolution, metadata = row[:9]
    source_file, source_line, job_file, in_job_file, edition, changed, dismissed, warnings, selected = row[
        9:18
    ]
    body = json.loads(request)
    return Record(
        id=id_,
        status=_STATUSES[status],
        request=body,
        model=model,
        prompt=prompt,
        duration=duration,
        resolution=resolution,
        metadata=json.loads(metadata),
        source=Source(file=source_file, line=source_line),
        job_file=job_file,
        in_job_file=bool(in_job_file),
        edition=edition,
        changed=bool(changed),
        dismissed=dismissed,
        warnings=_texts(warnings),
        attempts=tuple([_to_attempt(attempt, request, body) for attempt in attempts]),
        selected=bool(selected),
    )


def _to_attempt(row: sqlite3.Row, ordered: str, body: Mapping[str, object]) -> Attempt:
    """A submission for people and programs to read; mostly it sent what is ``ordered``, whose ``body`` is known."""
    _, key, state, reason, account, origin, request, charged, price, currency = row[:10]
    intended_at, submitted_at, generated_at, finished_at, task_id, file_id, width, height = row[10:18]
    file, size, sha256, video, missing, code, message, stage, warnings, reused_from = row[18:]
    return Attempt(
        key=key,
        state=_STATES[state],
        reason=_REASONS[reason],
        account=account,
        origin=origin,
        request=body if request == ordered else json.loads(request),
        intended_at=sure_time(intended_at),
        charged=_CHARGED[charged],
        task_id=task_id or "",
        file_id=file_id or "",
        submitted_at=from_time(submitted_at),
        generated_at=from_time(generated_at),
        finished_at=from_time(finished_at),
        width=width,
        height=height,
        file=file,
        clip=None if sha256 is None else Clip(bytes=size, sha256=sha256, video=_to_facts(video)),
        missing=bool(missing),
        price=None if price is None else _to_price(price),
        currency=currency,
        fault=None if code is None else Fault(code=code, message=message, stage=Stage(stage)),
        warnings=_texts(warnings),
        reused_from=reused_from,
    )


# By their texts: calling the types does the same in several times the time.
_STATES = {state.value: state for state in State}
_STATUSES = {status.value: status for status in Status}
_REASONS = {reason.value: reason for reason in Reason}
_CHARGED = {charged.value: charged for charged in Charged}


def _texts(listed: str) -> tuple[str, ...]:
    return () if listed == "[]" else tuple(json.loads(listed))


@lru_cache(_FEW)
def _to_facts(video: str) -> VideoFacts:
    return VideoFacts(**json.loads(video))


@lru_cache(_FEW)
def _to_price(micros: int) -> str:
    return plain(from_micros(micros))
