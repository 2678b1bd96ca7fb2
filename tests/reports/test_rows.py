"""The manifest row of a job."""

from __future__ import annotations

import json
from datetime import timedelta, timezone
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen import __version__
from batchgen.model import Charged, Fault, Reason, Record, State, Status
from batchgen.reports.lines import as_line
from batchgen.reports.rows import manifest_row
from reports.records import BROKE, LOST, NOON, SENSITIVE, STALLED, attempt, record

FIELDS = [
    "id",
    "status",
    "file",
    "prompt",
    "model",
    "duration",
    "resolution",
    "request",
    "metadata",
    "source",
    "job_file",
    "in_job_file",
    "edition",
    "changed",
    "dismissed",
    "task_id",
    "file_id",
    "width",
    "height",
    "seconds",
    "fps",
    "codec",
    "bytes",
    "sha256",
    "submissions",
    "attempts",
    "submitted_at",
    "generated_at",
    "finished_at",
    "price",
    "currency",
    "charged",
    "error",
    "warnings",
    "service",
    "batchgen_version",
    "schema_version",
]


def test_the_fields_are_those_of_the_contract() -> None:
    """Programs rely on the names; people on the order."""
    assert list(manifest_row(record(attempt()))) == FIELDS


def test_a_delivered_job() -> None:
    """Every field of a plain success has its documented form."""
    row = manifest_row(
        record(
            attempt(price="2.00", currency="CNY", warnings=("the clip is short",)),
            metadata={"scene": "library"},
            edition="2026-07-01",
            warnings=("unknown camera command",),
        )
    )
    (tried,) = cast("list[object]", row.pop("attempts"))
    request = {"model": "MiniMax-Hailuo-2.3", "prompt": "A man picks up a book [Pedestal up]."}
    clip = {
        "width": 1366,
        "height": 768,
        "seconds": 5.88,
        "fps": 24.0,
        "codec": "avc1",
        "bytes": 3_100_000,
        "sha256": "ab" * 32,
    }
    times = {
        "submitted_at": "2026-07-01T12:00:01.000Z",
        "generated_at": "2026-07-01T12:01:30.000Z",
        "finished_at": "2026-07-01T12:01:35.000Z",
    }
    ids = {"task_id": "335492703728059", "file_id": "335560631603474"}
    money = {"price": "2.00", "currency": "CNY", "charged": "yes"}
    assert row == {
        "id": "book",
        "status": "succeeded",
        "file": "videos/book.mp4",
        "prompt": request["prompt"],
        "model": request["model"],
        "duration": 6,
        "resolution": "768P",
        "request": request,
        "metadata": {"scene": "library"},
        "source": {"file": "jobs.yaml", "line": 12},
        "job_file": "jobs.yaml",
        "in_job_file": True,
        "edition": "2026-07-01",
        "changed": False,
        "dismissed": None,
        "submissions": 1,
        "error": None,
        "warnings": ["unknown camera command", "the clip is short"],
        "service": "https://www.dmxapi.cn",
        "batchgen_version": __version__,
        "schema_version": 1,
        **ids,
        **clip,
        **times,
        **money,
    }
    assert tried == {
        "outcome": "succeeded",
        "reason": "first",
        "reused_from": None,
        "service": "https://www.dmxapi.cn",
        "intended_at": "2026-07-01T12:00:00.000Z",
        "code": None,
        "message": None,
        "stage": None,
        "request": None,
        "file": "videos/book.mp4",
        "missing": False,
        "warnings": ["the clip is short"],
        **ids,
        **clip,
        **times,
        **money,
    }


@pytest.mark.parametrize(
    ("of", "fault"),
    [
        (record(), None),
        (record(attempt(State.NOT_ACCEPTED)), None),
        (record(attempt(State.SUBMITTING)), None),
        (record(attempt(State.SUBMITTED)), None),
        (record(attempt(State.SUBMITTED, fault=STALLED)), STALLED),
        (record(attempt(State.UNKNOWN)), LOST),
        (record(attempt(State.GENERATED)), None),
        (record(attempt(State.GENERATED, fault=STALLED)), STALLED),
        (record(attempt(State.FAILED, fault=SENSITIVE)), SENSITIVE),
        (record(attempt(State.FAILED), status=Status.PENDING), None),
        (record(attempt(fault=STALLED)), None),
    ],
)
def test_error_is_what_stands_between_job_and_clip(of: Record, fault: Fault | None) -> None:
    """A pending or delivered job has none, whatever went wrong before."""
    told = {"code": fault.code, "message": fault.message, "stage": fault.stage.value} if fault else None
    assert manifest_row(of)["error"] == told


def test_a_missing_clip_has_no_file_but_keeps_its_facts() -> None:
    """``file`` stands for a clip that is there; what is known of a lost one helps to find it."""
    row = manifest_row(record(attempt(missing=True)))
    assert (row["status"], row["file"], row["bytes"]) == ("succeeded", None, 3_100_000)
    assert row["error"] == {
        "code": "missing",
        "message": "the clip is no longer there, or no longer whole",
        "stage": "store",
    }


def test_pixels_come_from_the_service_until_the_clip_is_there() -> None:
    """A generated clip has a size in pixels, and nothing else yet."""
    row = manifest_row(record(attempt(State.GENERATED, width=1920, height=1080)))
    assert [row[key] for key in ("width", "height", "seconds", "bytes", "file")] == [
        1920,
        1080,
        None,
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("of", "charged", "submissions", "task_id"),
    [
        (record(), "no", 0, None),
        (record(attempt(State.NOT_ACCEPTED)), "no", 0, None),
        (record(attempt(State.UNKNOWN, charged=Charged.PERHAPS)), "perhaps", 1, None),
        (record(attempt(State.FAILED), status=Status.PENDING), "yes", 1, None),
        (
            record(attempt(State.FAILED, charged=Charged.NO), attempt(reason=Reason.RETRY)),
            "yes",
            2,
            "335492703728059",
        ),
        (record(attempt(State.UNKNOWN), attempt(State.NOT_ACCEPTED, key=2)), "yes", 1, None),
    ],
)
def test_money_is_told_even_of_a_pending_job(
    of: Record, charged: str, submissions: int, task_id: str | None
) -> None:
    """``charged`` is that of the newest submission that counts; ``task_id`` only of one that stands."""
    row = manifest_row(of)
    assert (row["charged"], row["submissions"], row["task_id"]) == (charged, submissions, task_id)


def test_attempts_tell_every_submission_and_what_it_was_sent_with() -> None:
    """Enough to rebuild a ledger from: those not accepted too, and a body that is not the present one."""
    earlier = {"model": "MiniMax-Hailuo-02", "prompt": "before the edit"}
    row = manifest_row(
        record(
            attempt(State.NOT_ACCEPTED),
            attempt(State.FAILED, request=earlier),
            attempt(State.UNKNOWN, reason=Reason.RETRY),
        )
    )
    told = [
        (one["outcome"], one["reason"], one["code"], one["request"])
        for one in row["attempts"]  # type: ignore[attr-defined]
    ]
    assert told == [
        ("not_accepted", "first", LOST.code, None),
        ("failed", "first", BROKE.code, earlier),
        ("unknown", "retry", LOST.code, None),
    ]


def test_a_time_of_another_zone_is_told_in_utc() -> None:
    """Times are ISO 8601 in UTC with Z and milliseconds."""
    at = NOON.replace(microsecond=123456)
    beijing = (at + timedelta(days=1)).astimezone(timezone(timedelta(hours=8)))
    row = manifest_row(record(attempt(State.GENERATED, submitted_at=at, generated_at=beijing)))
    assert row["submitted_at"] == "2026-07-01T12:00:00.123Z"
    assert row["generated_at"] == "2026-07-02T12:00:00.123Z"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(prompt=st.text(), metadata=st.dictionaries(st.text(), JSON, max_size=4))
def test_a_row_is_one_line_and_comes_back_as_it_was(prompt: str, metadata: dict[str, object]) -> None:
    """No text in a job can break the manifest, by any reader's idea of a line."""
    row = manifest_row(record(attempt(), prompt=prompt, metadata=metadata))
    line = as_line(row)
    assert len(line.splitlines()) == 1
    assert json.loads(line.encode()) == row


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (float("nan"), None),
        ([{"deep": float("inf")}], [{"deep": None}]),
        (NOON, "2026-07-01 12:00:00+00:00"),
        ("\ud800", "\ud800"),
        ("狐狸", "狐狸"),
        ("\ud800\u2028", "\ud800\u2028"),
        *((f"{end}狐狸\x1b", f"{end}狐狸\x1b") for end in "\u2028\u2029\x85\x1c\x0b\n"),
    ],
)
def test_what_json_or_utf8_cannot_say_still_makes_a_row(value: object, told: object) -> None:
    """A number that is none becomes null, half a character an escape; the row stays valid."""
    line = as_line({"value": value})
    assert json.loads(line.encode())["value"] == told
    assert len(line.splitlines()) == 1
