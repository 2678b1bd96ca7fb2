"""How plain data stands in the ledger's columns, and how it is read back."""

from __future__ import annotations

import json
import sqlite3
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from json.encoder import encode_basestring as _quoted  # in C where there is one

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


_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def to_json(value: object) -> str:
    """Compact JSON that keeps every script readable."""
    return _JSON.encode(value)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_time(moment: datetime) -> str:
    """An aware moment as ISO 8601 in UTC, to the millisecond; such texts sort as the moments do."""
    since = moment - _EPOCH
    return f"{_second(since.days, since.seconds)}.{since.microseconds // 1000:03}+00:00"


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


def to_video(video: VideoFacts) -> str:
    """What a clip says of itself, as JSON; put together by hand, as every clip needs it."""
    return (
        f'{{"width":{video.width},"height":{video.height},"seconds":{video.seconds!r},"fps":{video.fps!r},'
        f'"codec":{_quoted(video.codec)}}}'
    )


def to_clip(row: sqlite3.Row) -> Clip | None:
    """The clip of a submission, if one was ever checked."""
    if row["sha256"] is None:
        return None
    return Clip(bytes=row["bytes"], sha256=row["sha256"], video=VideoFacts(**json.loads(row["video"])))


def to_fault(row: sqlite3.Row) -> Fault | None:
    """The fault of a submission, if it has one."""
    if row["fault_code"] is None:
        return None
    return Fault(code=row["fault_code"], message=row["fault_message"], stage=Stage(row["fault_stage"]))


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
        account=row["account"],
        origin=row["origin"],
        key_print=row["key_print"],
        submitted_at=sure_time(row["submitted_at"] or row["intended_at"]),
        task_id=row["task_id"] or "",
        file_id=row["file_id"] or "",
        not_found_since=from_time(row["not_found_since"]),
        first=bool(row["first"]),
        current=bool(row["current"]),
        checked=to_clip(row),
    )


def to_attempt(row: sqlite3.Row) -> Attempt:
    """A submission for people and programs to read."""
    return Attempt(
        key=row["key"],
        state=State(row["state"]),
        reason=Reason(row["reason"]),
        account=row["account"],
        origin=row["origin"],
        request=json.loads(row["request"]),
        intended_at=sure_time(row["intended_at"]),
        charged=Charged(row["charged"]),
        task_id=row["task_id"] or "",
        file_id=row["file_id"] or "",
        submitted_at=from_time(row["submitted_at"]),
        generated_at=from_time(row["generated_at"]),
        finished_at=from_time(row["finished_at"]),
        width=row["width"],
        height=row["height"],
        file=row["file"],
        clip=to_clip(row),
        missing=bool(row["missing"]),
        price=None if row["price"] is None else plain(from_micros(row["price"])),
        currency=row["currency"],
        fault=to_fault(row),
        warnings=tuple(json.loads(row["warnings"])),
        reused_from=row["reused_from"],
    )


def to_record(row: sqlite3.Row, attempts: Iterable[sqlite3.Row]) -> Record:
    """A job, a row of ``standing``, with its submissions, oldest first."""
    return Record(
        id=row["id"],
        status=Status(row["status"]),
        request=json.loads(row["request"]),
        model=row["model"],
        prompt=row["prompt"],
        duration=row["duration"],
        resolution=row["resolution"],
        metadata=json.loads(row["metadata"]),
        source=Source(file=row["source_file"], line=row["source_line"]),
        job_file=row["job_file"],
        in_job_file=bool(row["in_job_file"]),
        edition=row["edition"],
        changed=bool(row["changed"]),
        dismissed=row["dismissed"],
        warnings=tuple(json.loads(row["warnings"])),
        attempts=tuple(map(to_attempt, attempts)),
    )
