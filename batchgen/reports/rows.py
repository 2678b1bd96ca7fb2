"""A row of the results manifest, made from what the ledger knows of a job.

The row's own facts (task, times, clip, price, error) are those of the newest submission that counts.  A
``pending`` job has no submission standing: those facts are null, but ``charged`` still tells of the newest
one, and ``attempts`` has all of them.

Each of ``attempts``, oldest first:

=====================================================  ====================================================
``outcome``                                            its state, ``succeeded`` or ``not_accepted`` say
``reason``                                             ``first``, ``retry``, ``resubmit``, ``regenerate`` or
                                                       ``reuse``: nothing was sent, a clip was taken
``reused_from``                                        the output folder that it was taken from, relative to this
                                                       one, or null
``service``                                            the origin that it was sent to
``task_id, file_id``                                   the service's ids, or null
``intended_at``                                        just before it was sent
``submitted_at, generated_at, finished_at``            when the ledger learnt of each, or null
``charged, price, currency``                           ``yes``, ``no`` or ``perhaps``; a decimal string
``code, message, stage``                               its fault, or null
``request``                                            the exact body sent; null when it is the row's
``file, missing``                                      the clip's place; ``missing``: no longer whole there
``width, height, seconds, fps, codec, bytes, sha256``  the clip's facts; the sizes are pixels
``warnings``                                           what is odd about the clip
=====================================================  ====================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from batchgen import __version__
from batchgen.model import Attempt, Charged, Fault, Record, Stage, State, Status
from batchgen.reports.words import stamp

SCHEMA_VERSION = 1

Row = dict[str, object]

#: The facts of a job that has no submission standing.
_NOTHING: Mapping[str, Any] = {}

#: The row's ``error`` where a clip was stored and no longer stands.
MISSING = Fault(code="missing", message="the clip is no longer there, or no longer whole", stage=Stage.STORE)


def manifest_row(record: Record) -> Row:
    """The row of one job, its fields in the documented order, values as JSON has them."""
    attempts = [_attempt(attempt, record) for attempt in record.attempts]
    counted = [attempt for attempt in attempts if attempt["outcome"] != State.NOT_ACCEPTED.value]
    fact = (counted[-1] if counted and record.status is not Status.PENDING else _NOTHING).get
    return {
        "id": record.id,
        "status": record.status.value,
        "file": clip_file(record),
        "prompt": record.prompt,
        "model": record.model,
        "duration": record.duration,
        "resolution": record.resolution,
        "request": dict(record.request),
        "metadata": dict(record.metadata),
        "source": {"file": record.source.file, "row" if record.source.is_row else "line": record.source.line},
        "job_file": record.job_file,
        "in_job_file": record.in_job_file,
        "edition": record.edition,
        "changed": record.changed,
        "dismissed": record.dismissed,
        "task_id": fact("task_id"),
        "file_id": fact("file_id"),
        "width": fact("width"),
        "height": fact("height"),
        "seconds": fact("seconds"),
        "fps": fact("fps"),
        "codec": fact("codec"),
        "bytes": fact("bytes"),
        "sha256": fact("sha256"),
        "submissions": len(counted),
        "attempts": attempts,
        "submitted_at": fact("submitted_at"),
        "generated_at": fact("generated_at"),
        "finished_at": fact("finished_at"),
        "price": fact("price"),
        "currency": fact("currency"),
        "charged": counted[-1]["charged"] if counted else Charged.NO.value,
        "error": _error(fault_of(record)),
        "warnings": [*record.warnings, *fact("warnings", ())],
        "service": fact("service"),
        "batchgen_version": __version__,
        "schema_version": SCHEMA_VERSION,
    }


def clip_file(record: Record) -> str | None:
    """Where the job's clip stands, relative to the output folder; None while it does not."""
    newest = record.newest
    if record.status is not Status.SUCCEEDED or newest is None or newest.missing:
        return None
    return newest.file


def fault_of(record: Record) -> Fault | None:
    """What stands between the job and its clip: a row's ``error``."""
    newest = record.newest
    if newest is None or record.status is Status.PENDING:
        return None
    if record.status is Status.SUCCEEDED:
        return MISSING if newest.missing else None
    return newest.fault


def _error(fault: Fault | None) -> Row | None:
    if fault is None:
        return None
    return {"code": fault.code, "message": fault.message, "stage": fault.stage.value}


def _attempt(attempt: Attempt, record: Record) -> dict[str, Any]:
    clip, fault = attempt.clip, attempt.fault
    video = clip.video if clip else None
    pixels = video or attempt
    return {
        "outcome": attempt.state.value,
        "reason": attempt.reason.value,
        "reused_from": attempt.reused_from,
        "service": attempt.origin,
        "task_id": attempt.task_id or None,
        "file_id": attempt.file_id or None,
        "intended_at": stamp(attempt.intended_at),
        "submitted_at": stamp(attempt.submitted_at) if attempt.submitted_at else None,
        "generated_at": stamp(attempt.generated_at) if attempt.generated_at else None,
        "finished_at": stamp(attempt.finished_at) if attempt.finished_at else None,
        "charged": attempt.charged.value,
        "price": attempt.price,
        "currency": attempt.currency,
        "code": fault.code if fault else None,
        "message": fault.message if fault else None,
        "stage": fault.stage.value if fault else None,
        "request": None if attempt.request == record.request else dict(attempt.request),
        "file": attempt.file,
        "missing": attempt.missing,
        "width": pixels.width,
        "height": pixels.height,
        "seconds": video.seconds if video else None,
        "fps": video.fps if video else None,
        "codec": video.codec if video else None,
        "bytes": clip.bytes if clip else None,
        "sha256": clip.sha256 if clip else None,
        "warnings": list(attempt.warnings),
    }
