"""One run: wires submitting, polling and downloading together, and knows when it is over."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from batchgen.errors import LedgerNotWritable
from batchgen.model import Fault, Submission, TaskTimes
from batchgen.pipeline.fetch import Collector, Downloads
from batchgen.pipeline.flow import Flow
from batchgen.pipeline.poll import Asker, Poller
from batchgen.pipeline.stops import Stop, StopKind, Streaks
from batchgen.pipeline.submit import WORKERS, NextOrders, Sender, Submitter
from batchgen.polling import Timetable
from batchgen.ports import Book, Fetcher, Observer, Pace, Service, Store, Vitals
from batchgen.settings import Limits, Polling

_TICK = 0.5  # seconds between two vitals
_DISK_TICKS = 4  # vitals between two looks at the free space


async def free_bytes(folder: Path) -> int:
    """How many bytes the file system of this folder still takes.  Raises OSError."""
    return (await asyncio.to_thread(shutil.disk_usage, folder)).free


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a run is put together from."""

    book: Book
    service: Service
    fetcher: Fetcher
    store: Store
    pace: Pace
    next_orders: NextOrders
    observers: Sequence[Observer]
    now: Callable[[], datetime]
    free_bytes: Callable[[Path], Awaitable[int]] = free_bytes
    task_times: TaskTimes = field(default_factory=dict)  # what earlier runs learnt


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How this run behaves."""

    limits: Limits
    polling: Polling
    output: Path
    key_print: str
    drain: float  # seconds that what is under way is awaited after a stop
    submit: bool = True  # there is something to submit, and it may be
    resubmit: bool = False  # submissions of unknown outcome, once per job, ever
    max_clips: int | None = None
    deadline: datetime | None = None  # no submission after it
    last_answer: datetime | None = None


class Pipeline:
    """One run from the first submission to the last file.  ``stop`` may be called at any time."""

    def __init__(self, parts: Parts, rules: Rules) -> None:
        self._parts, self._rules = parts, rules
        self._started = asyncio.get_running_loop().time()
        self.flow = Flow(
            observers=parts.observers,
            now=parts.now,
            streaks=Streaks(
                halt_after_failures=rules.limits.halt_after_failures,
                halt_after_unknown=rules.limits.halt_after_unknown,
            ),
            drain=rules.drain,
            key_print=rules.key_print,
            last_answer=rules.last_answer,
            deadline=rules.deadline,
        )
        self._downloads = Downloads(self.flow, self._collector())

    def stop(self, stop: Stop) -> None:
        """Submit no more; what is under way is awaited as the kind of stop says."""
        self.flow.halt(stop)

    def downloaded(self, count: int) -> None:
        """So many more bytes of clips have arrived: the fetcher's ``progress``."""
        self.flow.downloaded_bytes += count

    async def run(self, under_way: Sequence[Submission]) -> Stop | None:
        """Run to the end; returns what stopped the submissions, if anything did.

        ``under_way``: every submission of earlier runs that is not on disk.  An exception that comes out is a
        bug of ours.
        """
        await self._look_at_disk(to_submit=self._rules.submit)
        async with asyncio.TaskGroup() as group:
            poller = Poller(self.flow, self._asker(), group)
            submitter = Submitter(self.flow, self._sender(poller), group)
            for submission in under_way:
                if submission.file_id:
                    self._downloads.add(submission)
                else:
                    poller.resume(submission)
            helpers = [group.create_task(work) for work in self._work(submitter, poller)]
            fetching = [group.create_task(self._downloads.work()) for _ in range(self._downloads.workers)]
            while not self._is_over(submitter, poller):
                await self.flow.pulse.wait(_TICK)
            for helper in helpers:
                helper.cancel()
            self._downloads.close()
            await poller.close()
            await asyncio.wait(fetching)
            left = [*poller.left(), *self._downloads.left()]
            await asyncio.gather(*(self._rest(*one) for one in left))  # all in one commit
            self._vitals()
        return self.flow.stop

    def _work(self, submitter: Submitter, poller: Poller) -> list[Coroutine[None, None, None]]:
        limits = self._rules.limits
        work: list[Coroutine[None, None, None]] = [poller.run(), poller.keep(), self._tick(submitter)]
        if self._rules.submit:
            work.append(submitter.feed())
            work += [submitter.work() for _ in range(min(WORKERS, limits.in_flight))]
        return work

    # --- the end ----------------------------------------------------------------------------------------

    def _is_over(self, submitter: Submitter, poller: Poller) -> bool:
        flow, downloads = self.flow, self._downloads
        if flow.in_air or (self._rules.submit and not submitter.idle):
            return False
        kind = None if flow.stop is None else flow.stop.kind
        if kind is StopKind.SIGNAL or flow.patience_left() <= 0:
            return True
        if kind is StopKind.KEY_REFUSED:
            return downloads.in_hand == 0
        return poller.waiting == 0 and downloads.waiting == 0 and downloads.running == 0

    async def _rest(self, submission: Submission, fault: Fault) -> None:
        """It stays as it is, and its row says why."""
        with suppress(LedgerNotWritable):  # the run has halted for it already
            await self._parts.book.rested(submission, fault)
        self.flow.rested(submission, fault)

    # --- the pulse --------------------------------------------------------------------------------------

    async def _tick(self, submitter: Submitter) -> None:
        ticks = 0
        while True:
            self.flow.heed_deadline()
            self._vitals()
            ticks += 1
            if ticks % _DISK_TICKS == 0:
                await self._look_at_disk(to_submit=self._rules.submit and not submitter.idle)
            await asyncio.sleep(_TICK)

    def _vitals(self) -> None:
        flow = self.flow
        flow.emit(
            Vitals(
                at=flow.now(),
                elapsed=flow.clock() - self._started,
                at_service=flow.accepted,
                slots=self._parts.pace.slots,
                downloading=self._downloads.fetching,
                waiting_downloads=self._downloads.waiting,
                downloaded_bytes=flow.downloaded_bytes,
                held_by=flow.held_by,
            )
        )

    async def _look_at_disk(self, *, to_submit: bool) -> None:
        """Where there is little room nothing new is submitted; without the folder nothing can go on."""
        least = self._rules.limits.min_free_bytes
        try:
            free = await self._parts.free_bytes(self._rules.output)
        except OSError as error:
            self.stop(Stop(kind=StopKind.HALT, reason=f"the output folder can't be reached: {error}"))
            return
        if to_submit and free < least:
            reason = f"only {free / 2**20:.0f} MiB free in the output folder, fewer than {least / 2**20:.0f}"
            self.stop(
                Stop(kind=StopKind.HALT, reason=f"{reason}; free some space, or lower limits.min_free_bytes")
            )

    # --- wiring -----------------------------------------------------------------------------------------

    def _asker(self) -> Asker:
        polling = self._rules.polling
        return Asker(
            book=self._parts.book,
            service=self._parts.service,
            generated=self._downloads.add_new,
            timetable=Timetable(
                interval=polling.interval, max_per_second=polling.max_per_second, kept=self._parts.task_times
            ),
            max_per_second=polling.max_per_second,
            task_patience=self._rules.limits.task_patience,
        )

    def _sender(self, poller: Poller) -> Sender:
        return Sender(
            book=self._parts.book,
            service=self._parts.service,
            pace=self._parts.pace,
            next_orders=self._parts.next_orders,
            track=poller.track,
            too_many_downloads=lambda: self._downloads.too_many,
            resubmit=self._rules.resubmit,
            max_clips=self._rules.max_clips,
        )

    def _collector(self) -> Collector:
        return Collector(
            book=self._parts.book,
            service=self._parts.service,
            fetcher=self._parts.fetcher,
            store=self._parts.store,
            downloads=self._rules.limits.downloads,
            patience=self._rules.limits.download_patience,
        )
