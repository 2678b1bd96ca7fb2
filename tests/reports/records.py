"""A small factory of records and events: only what a test is about is named, the rest is ordinary."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from batchgen.model import (
    Attempt,
    Charged,
    Clip,
    Fault,
    Reason,
    Record,
    Source,
    Stage,
    State,
    Status,
    VideoFacts,
)

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
PROMPT = "A man picks up a book [Pedestal up]."
CLIP = Clip(
    bytes=3_100_000,
    sha256="ab" * 32,
    video=VideoFacts(width=1366, height=768, seconds=5.88, fps=24.0, codec="avc1"),
)
SENSITIVE = Fault(code="1026", message="input is sensitive", stage=Stage.SUBMIT)
BROKE = Fault(code="1000", message="unknown error", stage=Stage.GENERATE)
LOST = Fault(code="lost", message="connection lost", stage=Stage.SUBMIT)
STALLED = Fault(code="download", message="host is silent", stage=Stage.DOWNLOAD)

_FAULTS = {State.FAILED: BROKE, State.UNKNOWN: LOST, State.NOT_ACCEPTED: LOST}


def attempt(state: State = State.SUCCEEDED, **changes: object) -> Attempt:
    """A submission as it looks in the given state."""
    made = state in {State.GENERATED, State.SUCCEEDED}
    stored = state is State.SUCCEEDED
    plain = Attempt(
        key=1,
        state=state,
        reason=Reason.FIRST,
        account="a1",
        origin="https://www.dmxapi.cn",
        request={"model": "MiniMax-Hailuo-2.3", "prompt": PROMPT},
        intended_at=NOON,
        charged=Charged.NO if state is State.NOT_ACCEPTED else Charged.YES,
        task_id="" if state in {State.SUBMITTING, State.UNKNOWN, State.NOT_ACCEPTED} else "335492703728059",
        file_id="335560631603474" if made else "",
        submitted_at=NOON + timedelta(seconds=1),
        generated_at=NOON + timedelta(seconds=90) if made else None,
        finished_at=NOON + timedelta(seconds=95) if stored else None,
        width=1366 if made else None,
        height=768 if made else None,
        file="videos/book.mp4" if stored else None,
        clip=CLIP if stored else None,
        fault=_FAULTS.get(state),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def record(*attempts: Attempt, **changes: object) -> Record:
    """A job with these attempts; its status is that of the newest that counts."""
    counted = [one for one in attempts if one.state is not State.NOT_ACCEPTED]
    plain = Record(
        id="book",
        status=Status(counted[-1].state.value) if counted else Status.PENDING,
        request={"model": "MiniMax-Hailuo-2.3", "prompt": PROMPT},
        model="MiniMax-Hailuo-2.3",
        prompt=PROMPT,
        duration=6,
        resolution="768P",
        metadata={},
        source=Source(file="jobs.yaml", line=12),
        job_file="jobs.yaml",
        in_job_file=True,
        edition=None,
        changed=False,
        dismissed=None,
        warnings=(),
        attempts=attempts,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def delivered(job_id: str, **changes: object) -> Record:
    """A job whose clip stands under its name."""
    return record(attempt(file=f"videos/{job_id}.mp4"), id=job_id, **changes)
