"""``--progress json``: every event as one JSON object on a line of its own, for programs.

Each has ``event`` and ``at`` (ISO 8601, UTC, ``Z``).  Fields are added in time, never renamed or taken away.

``run_started``
    ``schema_version`` (1), ``batchgen_version``, ``job_file, output, service, simulated``, ``counts`` (a
    number for each status), ``to_submit``
``job_changed``
    ``job_key`` (a number for this folder), ``id, status, previous``, ``task_id``, ``file`` (relative to the
    output folder), ``bytes``, ``error`` (``code, message, stage``); null where not known
``job_rested``
    ``job_key, id, status, error``: this run does no more for the job
``vitals``
    ``elapsed`` (seconds), ``at_service, slots, downloading, waiting_downloads, downloaded_bytes, held_by``
``warned``
    ``message``
``stopping``
    ``reason``, ``halt`` (true: a person must act before the next run), ``remedy`` (what to do; null where there
    is nothing, or where the reason says it)
``run_ended``
    ``elapsed, exit_code, counts, sentence``
``lost``
    ``number``: so many events were dropped here, because the reader was too slow; it has no ``at``
"""

from __future__ import annotations

from typing import TextIO, assert_never

from batchgen import __version__
from batchgen.model import Fault, Status
from batchgen.ports import (
    Event,
    JobChanged,
    JobRested,
    Reused,
    RunEnded,
    RunStarted,
    Stopping,
    Vitals,
    Warned,
)
from batchgen.reports.lines import as_line
from batchgen.reports.outlet import Outlet
from batchgen.reports.words import stamp

SCHEMA_VERSION = 1


class JsonLines:
    """An observer that writes each event as it comes.  ``close`` it to have all lines written."""

    def __init__(self, stream: TextIO) -> None:
        self._out = Outlet(stream, lost=lambda number: as_line({"event": "lost", "number": number}))

    def close(self) -> None:
        """Write what is left; waits a few seconds at most."""
        self._out.close()

    def observe(self, event: Event) -> None:
        """Write the line of an event."""
        self._out.write(as_line(event_row(event)))


def event_row(event: Event) -> dict[str, object]:
    """The event as plain data."""
    name, fields = _fields(event)
    return {"event": name, "at": stamp(event.at), **fields}


def _fields(event: Event) -> tuple[str, dict[str, object]]:
    match event:
        case JobChanged():
            return "job_changed", _changed(event)
        case Vitals():
            return "vitals", _vitals(event)
        case JobRested():
            return "job_rested", {
                "job_key": event.job_key,
                "id": event.job_id,
                "status": event.status.value,
                "error": _error(event.fault),
            }
        case RunStarted():
            return "run_started", _started(event)
        case Warned():
            return "warned", {"message": event.message}
        case Reused():
            return "reused", {"clips": event.clips, "folder": event.folder}
        case Stopping():
            return "stopping", {"reason": event.reason, "halt": event.halt, "remedy": event.remedy or None}
        case RunEnded():
            return "run_ended", {
                "elapsed": round(event.elapsed, 3),
                "exit_code": event.exit_code,
                "counts": _counts(event.counts),
                "sentence": event.sentence,
            }
        case _:
            assert_never(event)


def _started(event: RunStarted) -> dict[str, object]:
    return {
        "schema_version": SCHEMA_VERSION,
        "batchgen_version": __version__,
        "job_file": event.job_file,
        "output": event.output,
        "service": event.service,
        "simulated": event.simulated,
        "counts": _counts(event.counts),
        "to_submit": event.to_submit,
    }


def _changed(event: JobChanged) -> dict[str, object]:
    return {
        "job_key": event.job_key,
        "id": event.job_id,
        "status": event.status.value,
        "previous": event.previous.value,
        "task_id": event.task_id or None,
        "file": event.file,
        "bytes": event.clip.bytes if event.clip else None,
        "error": _error(event.fault),
    }


def _vitals(event: Vitals) -> dict[str, object]:
    return {
        "elapsed": round(event.elapsed, 3),
        "at_service": event.at_service,
        "slots": event.slots,
        "downloading": event.downloading,
        "waiting_downloads": event.waiting_downloads,
        "downloaded_bytes": event.downloaded_bytes,
        "held_by": event.held_by,
    }


def _counts(counts: dict[Status, int]) -> dict[str, int]:
    return {status.value: counts.get(status, 0) for status in Status}


def _error(fault: Fault | None) -> dict[str, object] | None:
    return {"code": fault.code, "message": fault.message, "stage": fault.stage.value} if fault else None
