"""Downloads: a pool of their own, so that no clip on its way ever holds a slot at the service."""

from __future__ import annotations

import asyncio
import math
import random
import traceback
from dataclasses import dataclass
from pathlib import Path

from batchgen.download import clip_warnings
from batchgen.errors import (
    BatchgenError,
    DiskFull,
    DownloadError,
    FileTaken,
    Halting,
    KeyRefused,
    LedgerNotWritable,
    LinkExpired,
    LinkUnusable,
    NotFound,
    RateLimited,
    Refused,
    ServiceError,
    TooLarge,
    Transient,
)
from batchgen.model import Charged, Clip, Fault, Links, Placement, Stage, Status, Submission
from batchgen.pace import LIMIT_CEILING, QuestionLimit, full_jitter
from batchgen.pipeline.calls import Calls
from batchgen.pipeline.flow import Flow, Pulse
from batchgen.pipeline.stops import halt_for
from batchgen.pipeline.transfer import Place, Places
from batchgen.polling import Agenda, is_gone
from batchgen.ports import Book, Fetcher, Service, Store

_FIRST = 1.0  # seconds: the longest first backoff
_CEILING = 30.0  # seconds
#: Links that can't be used before a clip rests.
LINKS = 3
#: Clips in a row that a bug ends before it ends the run: no more should be paid for then.
BUGS = 10
#: A limit that one clip met holds the others for a minute at the most, and for this part of their patience.
_HOLDS = 4
#: Seconds over which those who waited for the end of a limit ask again.
_SPREAD = 2.0

#: Clips that may be flushed and checked while others come: those need no place among the downloads, but memory.
SEALING = 16
#: Clips that may besides be written down and given their names: those need neither, and mostly wait for others, as
#: many share one commit and one flush of the folder.
NAMING = 32

#: Clips waiting for each download slot before submissions pause: what is paid for should not pile up at a
#: host that does not hand it out, as links and files there don't live for ever.
BACKLOG = 64


@dataclass(slots=True, eq=False)
class Wanted:
    """A clip that waits to be fetched, and what this run has tried."""

    submission: Submission
    untouched: bool  # no try, of this run or another, can have left anything on disk
    since: float = math.nan  # when the first try began, on the loop's clock
    failures: int = 0
    unusable: int = 0  # links that could not be used
    asked: float = 0.0  # when it was last asked for a link, on the loop's clock
    links: Links | None = None
    fault: Fault | None = None  # of the last try


@dataclass(frozen=True, slots=True, kw_only=True)
class Collector:
    """What downloading needs from the rest of the house."""

    book: Book
    service: Service
    fetcher: Fetcher
    store: Store
    downloads: int  # at once
    patience: float  # seconds of tries at one clip in one run


class Downloads:
    """Brings every generated clip to disk, or says why it could not in this run."""

    def __init__(self, flow: Flow, collector: Collector) -> None:
        self._flow, self._collector = flow, collector
        self._agenda: Agenda[Wanted] = Agenda()
        self._calls = Calls()
        self._running: dict[Wanted, Place] = {}
        self._places = Places(collector.downloads, SEALING)
        self._turn = asyncio.Lock()  # one worker at a time waits for the next clip: none wakes in vain
        self._news = Pulse()  # the agenda has another first item, or nothing more is begun
        self._asking = 0
        self._bugs = 0  # in a row
        self._limit = QuestionLimit()
        self._limited_until, self._limited_by = -math.inf, Fault(code="", message="", stage=Stage.RETRIEVE)

    @property
    def running(self) -> int:
        """Clips that are being fetched, checked or given their names at this moment."""
        return len(self._running)

    @property
    def fetching(self) -> int:
        """Those of them that come, or wait for their link."""
        return sum(place.is_held for place in self._running.values())

    @property
    def waiting(self) -> int:
        """Clips that no download has begun, or that wait for their next try."""
        return len(self._agenda)

    @property
    def in_hand(self) -> int:
        """Clips that may reach the disk without a further call to the API."""
        return self.running - self._asking + sum(map(_in_hand, self._agenda.items()))

    def left(self) -> list[tuple[Submission, Fault]]:
        """Clips that are not on disk, with the reason where one is known."""
        no_link = Fault(code="no_link", message="no link could be asked for", stage=Stage.RETRIEVE)
        otherwise = no_link if self._flow.key_refused else None
        clips = [*self._agenda.items(), *self._running]
        faults = [(wanted.submission, wanted.fault or otherwise) for wanted in clips]
        return [(submission, fault) for submission, fault in faults if fault is not None]

    @property
    def too_many(self) -> bool:
        """Whether so many clips wait that no more should be ordered."""
        return self.waiting + self._flow.ending >= BACKLOG * self._collector.downloads

    def add(self, submission: Submission) -> None:
        """A clip that was ready before this run waits to be fetched; an earlier run may have tried."""
        self._plan(Wanted(submission, untouched=False), 0.0)

    def add_new(self, submission: Submission) -> None:
        """A clip that is ready since a moment ago waits to be fetched."""
        self._plan(Wanted(submission, untouched=True), 0.0)

    def _plan(self, wanted: Wanted, delay: float) -> None:
        if self._agenda.add(self._flow.clock() + delay, wanted):
            self._news.beat()

    @property
    def workers(self) -> int:
        """How many are to ``work``."""
        return self._collector.downloads + SEALING + NAMING

    async def work(self) -> None:
        """Fetch one clip after the other, each in a place among the downloads until it has come."""
        while (wanted := await self._next()) is not None:
            place = self._running[wanted]
            try:
                await self._one(wanted, place)
            finally:
                place.vacate()
            del self._running[wanted]
            self._flow.pulse.beat()

    async def _next(self) -> Wanted | None:
        """The next clip, once it is due and has a place; ``None`` when nothing more is begun."""
        place = Place(self._places, self._calls)
        async with self._turn:
            while not self._calls.closed:
                delay = self._agenda.delay(self._flow.clock())
                if delay > 0:
                    await self._news.wait(delay)
                elif not place.is_held:
                    await place.take()
                else:
                    wanted = self._agenda.pop()
                    self._running[wanted] = place
                    return wanted
        place.vacate()
        return None

    def close(self) -> None:
        """Begin nothing more and cut transfers off, but let a clip that is whole get its name."""
        self._calls.cut()
        self._news.beat()

    # --- one clip ---------------------------------------------------------------------------------------

    async def _one(self, wanted: Wanted, place: Place) -> None:
        """One try; plans the next one, or rests."""
        if math.isnan(wanted.since):
            wanted.since = self._flow.clock()
        try:
            await self._try(wanted, place)
        except LedgerNotWritable as error:
            self._flow.halt(halt_for(error))
            self._plan(wanted, _CEILING)

    async def _try(self, wanted: Wanted, place: Place) -> None:
        """Bring it to disk, or decide what its error means.  Raises LedgerNotWritable."""
        try:
            if not await self._finish_earlier(wanted.submission, place):
                await self._fetch(wanted, place)
        except LinkExpired as error:
            wanted.links = None
            await self._again(wanted, error.fault())
        except (TooLarge, FileTaken) as error:
            await self._rest(wanted.submission, error.fault())
        except LinkUnusable as error:
            await self._unusable(wanted, error.fault())
        except DownloadError as error:
            await self._again(wanted, error.fault(), error.retry_after or 0.0)
        except ServiceError as error:
            await self._service_said(wanted, error)
        except DiskFull as error:
            self._flow.halt(halt_for(error))
            await self._rest(
                wanted.submission, Fault(code="disk_full", message=str(error), stage=Stage.STORE)
            )

    async def _finish_earlier(self, submission: Submission, place: Place) -> bool:
        """A clip that was checked, and perhaps renamed, before a try or a run ended needs no link and no download."""
        clip = submission.checked
        if clip is None:
            return False
        placement = await self._collector.book.checked(submission, clip)
        store = self._collector.store
        part = store.part(submission)
        if await store.holds(placement.file, clip):
            place.vacate()
            # What came behind the name may be missing: the folder on disk, the partial file away.
            await store.put(part, placement.file, clip, placement.over)
            await self._stored(submission, clip, placement.file)
            return True
        if await store.gathered(part, clip):
            place.vacate()
            await self._name(submission, clip, placement, part)
            return True
        return False

    async def _fetch(self, wanted: Wanted, place: Place) -> None:
        submission, parts = wanted.submission, self._collector
        if wanted.links is None:
            if not self._flow.may_call:
                self._plan(wanted, _CEILING)
                return
            if self._limited_until > self._flow.clock():
                await self._after_the_limit(wanted, self._limited_by, self._limited_until)
                return
            wanted.links = await self._ask(wanted)
            if submission.not_found_since is not None:
                wanted.submission = submission = await parts.book.found(submission)
        part = parts.store.part(submission)
        links = wanted.links
        first, wanted.untouched = wanted.untouched, False
        try:
            clip = await parts.fetcher.fetch(
                links, part, submission.task_id, first=first, transfer=place.transfer
            )
        except BatchgenError:
            raise
        except Exception as error:  # what a host sends harms one clip, not this night and the next for all
            await self._broken(submission, error)
            return
        self._bugs = 0
        place.vacate()
        placement = await parts.book.checked(submission, clip)
        wanted.submission = submission._replace(checked=clip)
        await self._name(submission, clip, placement, part)

    async def _name(self, submission: Submission, clip: Clip, placement: Placement, part: Path) -> None:
        """Give a gathered clip its name; an earlier clip that has it gets another one first."""
        book, store = self._collector.book, self._collector.store
        if placement.keep_key is not None and placement.over is not None:
            await store.keep(placement.file, placement.over, placement.keep_as)
            await book.superseded(placement.keep_key, placement.keep_as)
        await store.put(part, placement.file, clip, placement.over)
        await self._stored(submission, clip, placement.file)

    async def _ask(self, wanted: Wanted) -> Links:
        submission, wanted.asked = wanted.submission, self._flow.clock()
        self._asking += 1
        try:
            links = await self._calls.make(
                lambda: self._collector.service.retrieve(submission.file_id, submission.task_id)
            )
        finally:
            self._asking -= 1
        self._limit.answered()
        self._flow.answered()
        return links

    async def _stored(self, submission: Submission, clip: Clip, file: str) -> None:
        await self._collector.book.stored(submission, clip_warnings(submission.request, clip))
        self._flow.changed(submission, Status.GENERATED, Status.SUCCEEDED, file=file, clip=clip)

    # --- when it did not work ---------------------------------------------------------------------------

    async def _again(self, wanted: Wanted, fault: Fault, at_least: float = 0.0) -> None:
        """Plan the next try, unless the patience for this clip is over."""
        wanted.failures += 1
        draw = random.random()  # noqa: S311  no secret
        jitter = full_jitter(wanted.failures, first=_FIRST, ceiling=_CEILING, draw=draw)
        await self._later(wanted, fault, max(at_least, jitter))

    async def _later(self, wanted: Wanted, fault: Fault, wait: float) -> None:
        wanted.fault = fault
        if self._flow.clock() + wait - wanted.since > self._collector.patience:
            await self._rest(wanted.submission, fault)
        else:
            self._plan(wanted, wait)

    async def _unusable(self, wanted: Wanted, fault: Fault) -> None:
        """The service is asked for another link, but not often: it may never have a better one."""
        wanted.links = None
        wanted.unusable += 1
        if wanted.unusable < LINKS:
            await self._again(wanted, fault)
        else:
            await self._rest(wanted.submission, fault)

    async def _broken(self, submission: Submission, error: Exception) -> None:
        """A bug of ours, told without its own words, which may hold a link; if it ends every clip it ends the run."""
        self._bugs += 1
        if self._bugs >= BUGS:
            raise error
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name}, line {place.lineno}"
        message = f"this is a bug of batchgen: {type(error).__name__} in {where}"
        self._flow.warn(
            f"job {submission.job_id}: {message}; its clip stays paid for, and is tried by the next run"
        )
        await self._rest(submission, Fault(code="bug", message=message, stage=Stage.DOWNLOAD))

    async def _rest(self, submission: Submission, fault: Fault) -> None:
        """No more tries in this run: the clip stays generated, and the row says why."""
        try:
            await self._collector.book.rested(submission, fault)
        except LedgerNotWritable as error:
            self._flow.halt(halt_for(error))
        self._flow.rested(submission, fault)

    async def _service_said(self, wanted: Wanted, error: ServiceError) -> None:
        """The service gave no link."""
        fault = error.fault(Stage.RETRIEVE)
        match error:
            case Refused():
                await self._failed(wanted.submission, fault)
            case NotFound():
                await self._not_found(wanted, fault)
            case KeyRefused():
                self._flow.halt(halt_for(error))
                await self._rest(wanted.submission, fault)
            case Halting():
                self._flow.halt(halt_for(error))
                await self._again(wanted, fault)
            case RateLimited():
                await self._limited(wanted, fault, error.retry_after)
            case Transient():
                await self._again(wanted, fault, error.retry_after or 0.0)
            case _:
                await self._again(wanted, fault)

    async def _limited(self, wanted: Wanted, fault: Fault, retry_after: float | None) -> None:
        """The service limits how often it is asked: that holds for every clip, though not for as long as for this.

        One answer that names an hour would else end the tries at all of them, unasked.
        """
        now, draw = self._flow.clock(), random.random()  # noqa: S311  no secret
        until = now + self._limit.met(wanted.asked, now, retry_after, draw)
        shared = min(until, now + min(LIMIT_CEILING, self._collector.patience / _HOLDS))
        if shared > self._limited_until:
            self._limited_until, self._limited_by = shared, fault
        await self._after_the_limit(wanted, fault, max(until, self._limited_until))

    async def _after_the_limit(self, wanted: Wanted, fault: Fault, until: float) -> None:
        """Not all at once."""
        wait = max(0.0, until - self._flow.clock())
        spread = min(_SPREAD, wait) * random.random()  # noqa: S311  no secret
        await self._later(wanted, fault, wait + spread)

    async def _not_found(self, wanted: Wanted, fault: Fault) -> None:
        """The service does not know the file: nothing is concluded before a day has passed."""
        submission = wanted.submission
        if submission.not_found_since is None:
            submission = await self._collector.book.not_found(submission, self._flow.now())
            wanted.submission = submission
        last_answer = self._flow.last_answer_for(submission)
        if is_gone(since=submission.not_found_since, now=self._flow.now(), last_answer=last_answer):
            await self._failed(submission, Fault(code="gone", message=fault.message, stage=Stage.RETRIEVE))
        else:
            await self._again(wanted, fault)

    async def _failed(self, submission: Submission, fault: Fault) -> None:
        await self._collector.book.failed(submission, fault, Charged.YES)
        self._flow.changed(submission, Status.GENERATED, Status.FAILED, fault=fault)


def _in_hand(wanted: Wanted) -> bool:
    return wanted.links is not None or wanted.submission.checked is not None
