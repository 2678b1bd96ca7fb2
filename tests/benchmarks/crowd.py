"""A run with very many tasks at the service at once, in a process of its own: how late its loop is.

``python -m benchmarks.crowd IN_FLIGHT WAITING SECONDS`` prints the lags in milliseconds as JSON.  Pipeline and ledger
are the real ones; the service, the transfers and the files are stand-ins that only wait, so that what is measured is
our own.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from batchgen.ledger import LedgerBook, queries
from batchgen.ledger.intending import Account
from batchgen.model import Clip, Generated, Links, Request, Running, Submission, TaskState
from batchgen.pace import SubmissionPace
from batchgen.pipeline import Stop, StopKind
from batchgen.pipeline.run import Parts, Pipeline, Rules
from batchgen.ports import Transfer
from batchgen.settings import Limits, Polling
from benchmarks.bench_ledger import JOB_FILE, ORIGIN, VIDEO, filled

_ANSWER = 0.02  # seconds
_SHORTEST, _SPREAD = 60, 120  # seconds of a task's life, and how many more some have
_EVERY = 0.005  # seconds between two looks at the loop's clock
_POLLS = 200.0  # a second


class _Service:
    """Takes every job, and finishes it in its time."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._ends: dict[str, float] = {}

    async def submit(self, request: Request, /) -> str:  # noqa: ARG002  as the seam has it
        await asyncio.sleep(_ANSWER)
        number = next(self._numbers)
        self._ends[str(number)] = time.monotonic() + _SHORTEST + number * 7 % _SPREAD
        return str(number)

    async def query(self, task_id: str, /) -> TaskState:
        await asyncio.sleep(_ANSWER)
        return Generated(file_id=task_id) if time.monotonic() > self._ends[task_id] else Running()

    async def retrieve(self, file_id: str, task_id: str, /) -> Links:  # noqa: ARG002  as the seam has it
        await asyncio.sleep(_ANSWER)
        return Links(url=file_id)


class _Files:
    """Both the fetcher and the store."""

    async def fetch(
        self,
        _links: Links,
        _part: Path,
        _task_id: str,
        /,
        *,
        first: bool,  # noqa: ARG002  as the seam has it
        transfer: Transfer,
    ) -> Clip:
        async with transfer():
            await asyncio.sleep(_ANSWER)
        return Clip(bytes=1, sha256="0", video=VIDEO)

    def part(self, submission: Submission, /) -> Path:
        return Path(submission.job_id)

    async def put(self, part: Path, file: str, clip: Clip, over: Clip | None, /) -> None: ...

    async def keep(self, file: str, earlier: Clip, to: str, /) -> None: ...

    async def gathered(self, part: Path, clip: Clip, /) -> bool:  # noqa: ARG002  as the seam has it
        return False

    async def holds(self, file: str, clip: Clip, /) -> bool:  # noqa: ARG002  as the seam has it
        return False


async def _lags(seconds: float) -> list[float]:
    """How much later than asked for a task is woken."""
    lags = []
    end = time.perf_counter() + seconds
    while (began := time.perf_counter()) < end:
        await asyncio.sleep(_EVERY)
        lags.append(time.perf_counter() - began - _EVERY)
    return sorted(lags)


async def _crowd(in_flight: int, waiting: int, seconds: float, folder: Path) -> dict[str, float]:
    ledger = filled(folder / "ledger.sqlite3", in_flight + waiting)
    quiet = await _lags(2.0)
    files = _Files()

    async def free_bytes(_: Path) -> int:
        return 2**40

    now = lambda: datetime.now(UTC)  # noqa: E731  a name for a clock
    parts = Parts(
        book=LedgerBook(ledger, Account(name="default", origin=ORIGIN, key_print="print"), now),
        service=_Service(),
        fetcher=files,
        store=files,
        pace=SubmissionPace(in_flight=in_flight, per_minute=None),
        next_orders=lambda after, most: ledger.read(lambda db: queries.orders(db, JOB_FILE, after, most)),
        observers=[],
        now=now,
        free_bytes=free_bytes,
    )
    rules = Rules(
        limits=Limits(in_flight=in_flight, submits_per_minute=None),
        polling=Polling(max_per_second=_POLLS),
        output=folder,
        key_print="print",
        drain=0.0,
    )
    pipeline = Pipeline(parts, rules)
    await ledger.start_writing()
    running = asyncio.create_task(pipeline.run([]))
    while pipeline.flow.accepted < in_flight * 0.99:
        await pipeline.flow.pulse.wait(0.1)
    lags = await _lags(seconds)
    at_service = pipeline.flow.accepted
    pipeline.stop(Stop(kind=StopKind.SIGNAL, reason="measured"))
    await running
    await ledger.stop_writing()
    ledger.close()
    return {
        "p50": _at(lags, 0.5),
        "p99": _at(lags, 0.99),
        "most": _at(lags, 1.0),
        "quiet": _at(quiet, 0.99),
        "at_service": at_service,
    }


def _at(lags: list[float], part: float) -> float:
    """Milliseconds."""
    return 1000 * lags[min(len(lags) - 1, int(part * len(lags)))]


def main(in_flight: int, waiting: int, seconds: float) -> None:
    """Measure, and tell."""
    with tempfile.TemporaryDirectory() as folder:
        told = asyncio.run(_crowd(in_flight, waiting, seconds, Path(folder)))
    os.write(1, json.dumps(told).encode() + b"\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
