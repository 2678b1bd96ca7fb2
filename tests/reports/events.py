"""A small factory of events."""

from __future__ import annotations

from datetime import timedelta

from batchgen.model import Clip, Fault, Status
from batchgen.ports import JobChanged, JobRested, RunEnded, RunStarted, Stopping, Vitals, Warned
from reports.records import CLIP, NOON


def started(*, simulated: bool = False, to_submit: int = 3, **counts: int) -> RunStarted:
    """A run begins; counts by the status' names."""
    return RunStarted(
        at=NOON,
        job_file="jobs.yaml",
        output="output",
        service="https://www.dmxapi.cn",
        simulated=simulated,
        counts={Status(name): number for name, number in counts.items()},
        to_submit=to_submit,
    )


def changed(
    status: Status,
    previous: Status,
    *,
    key: int = 1,
    job_id: str = "book",
    fault: Fault | None = None,
    clip: Clip | None = CLIP,
    task_id: str = "",
) -> JobChanged:
    """A job moves on."""
    stored = status is Status.SUCCEEDED
    return JobChanged(
        at=NOON + timedelta(seconds=2),
        job_key=key,
        job_id=job_id,
        status=status,
        previous=previous,
        task_id=task_id,
        file=f"videos/{job_id}.mp4" if stored else None,
        fault=fault,
        clip=clip if stored else None,
    )


def rested(fault: Fault, *, status: Status = Status.GENERATED, job_id: str = "book") -> JobRested:
    """A job rests."""
    return JobRested(at=NOON, job_key=1, job_id=job_id, status=status, fault=fault)


def vitals(elapsed: float, *, downloaded: int = 0, held_by: str = "", at_service: int = 2) -> Vitals:
    """The pulse at so many seconds."""
    return Vitals(
        at=NOON + timedelta(seconds=elapsed),
        elapsed=elapsed,
        at_service=at_service,
        slots=50,
        downloading=1,
        waiting_downloads=2,
        downloaded_bytes=downloaded,
        held_by=held_by,
    )


def warned(message: str = "the key file is readable by others") -> Warned:
    """A warning."""
    return Warned(at=NOON, message=message)


def stopping(*, halt: bool, reason: str = "no balance") -> Stopping:
    """No more submissions."""
    return Stopping(at=NOON, reason=reason, halt=halt)


def ended(**counts: int) -> RunEnded:
    """The run is over."""
    return RunEnded(
        at=NOON + timedelta(seconds=95),
        elapsed=95.25,
        exit_code=1,
        counts={Status(name): number for name, number in counts.items()},
        sentence="3 ordered, 2 delivered, 1 refused; nothing paid twice.",
    )
