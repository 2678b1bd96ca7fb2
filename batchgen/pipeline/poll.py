"""Polling: one agenda for all tasks, however many, and a bounded number of questions in the air."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from batchgen.errors import (
    Halting,
    LedgerNotWritable,
    NotFound,
    RateLimited,
    ServiceError,
    Transient,
)
from batchgen.model import Charged, Failed, Fault, Generated, Stage, Status, Submission, TaskState
from batchgen.pace import QuestionLimit, full_jitter
from batchgen.pipeline.calls import Calls
from batchgen.pipeline.durable import insist
from batchgen.pipeline.flow import Flow, Pulse
from batchgen.pipeline.stops import halt_for
from batchgen.polling import (
    MOST_ROUNDS,
    NOT_FOUND_BACKOFF,
    Agenda,
    Spacing,
    Timetable,
    is_gone,
    is_lost_for_now,
)
from batchgen.ports import Book, Service

#: Questions in the air at once: at a second each, more than any ceiling on questions a second allows.
QUESTIONS = 64
_BACKOFF_CEILING = 60.0  # seconds
#: So often a failure that may be about the question is doubted: to believe it ends what is paid for.
_DOUBTS = 2
_KEEP = 60.0  # seconds between two times that what is learnt is written down
#: Seconds by which a question may leave early with another: to wake for each by itself costs half as much as it.
_TOGETHER = 0.01
_LOOKS = 64  # at tasks whose turn it is not, between two times that others get theirs: there may be very many


@dataclass(slots=True, eq=False)
class Watched:
    """A task at the service, and what this run knows of it."""

    submission: Submission
    born: float  # when the service took it, on the loop's clock
    asked: float = 0.0  # its age at the last question that was answered; 0: none was
    looks: int = 0  # at it since it was asked about, while nothing was known of its kind
    postponed: bool = False  # it waits for what others teach about its kind
    mark: int | None = None  # the timetable's: when it was last seen running; None: not by this run
    at_service: bool = True  # and counted there
    holds_slot: bool = True
    troubles: int = 0  # questions in a row that brought no answer
    troubled_at: float = 0.0  # the first of these, on the loop's clock
    not_found: int = 0  # in a row
    not_found_at: float = 0.0  # the first of these, on the loop's clock
    doubts: int = 0  # failures that were told and not believed yet
    fault: Fault | None = None  # why the task may not end in this run
    hopeless: bool = False  # a run with nothing else left does not wait for it


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """What polling needs from the rest of the house."""

    book: Book
    service: Service
    generated: Callable[[Submission], None]  # the downloads': a clip waits to be fetched
    timetable: Timetable
    max_per_second: float | None
    task_patience: float  # seconds since submission


class Poller:
    """Watches every task until it has ended at the service."""

    def __init__(self, flow: Flow, asker: Asker, group: asyncio.TaskGroup) -> None:
        self._flow, self._asker, self._group = flow, asker, group
        self._agenda: Agenda[Watched] = Agenda()
        self._spacing = Spacing(asker.max_per_second)
        self._in_air: set[Watched] = set()
        self._asking: set[asyncio.Task[None]] = set()
        self._calls = Calls()
        self._limit = QuestionLimit()
        self._news = Pulse()  # the agenda has another first item
        self._gate = asyncio.Semaphore(QUESTIONS)
        self._hopeless = 0
        self._numbers, self._looks = itertools.count(), itertools.count(1)

    @property
    def waiting(self) -> int:
        """Tasks that a run with nothing else left still waits for."""
        return len(self._agenda) + len(self._in_air) - self._hopeless

    def left(self) -> list[tuple[Submission, Fault]]:
        """Tasks that have not ended, with the reason where one is known."""
        tasks = [*self._agenda.items(), *self._in_air]
        return [(watched.submission, watched.fault) for watched in tasks if watched.fault is not None]

    def track(self, submission: Submission) -> None:
        """A submission of this run was accepted: its slot is taken already."""
        watched = self._watch(submission)
        watched.mark = self._asker.timetable.begin(submission.request.kind, 0.0)
        self._plan(watched, self._delay(watched))

    def resume(self, submission: Submission) -> None:
        """A submission of an earlier run is still at the service: ask at once."""
        self._flow.take_slot()
        self._flow.accepted += 1
        self._plan(self._watch(submission), 0.0)

    async def run(self) -> None:
        """Ask about each task when it is due, or another is a moment before."""
        while True:
            now = self._flow.clock()
            due, free = self._agenda.delay(now), self._spacing.delay(now)
            if due > _TOGETHER or free > 0:
                await self._news.wait(max(due, free))
                continue
            await self._gate.acquire()
            watched = self._agenda.pop()
            if (later := self._postponed(watched)) > 0:
                self._gate.release()
                self._agenda.add(self._flow.clock() + later, watched)
                if next(self._looks) % _LOOKS == 0:
                    await asyncio.sleep(0)
                continue
            self._spacing.took(self._flow.clock())
            self._in_air.add(watched)
            asking = self._group.create_task(self._ask(watched))
            self._asking.add(asking)
            asking.add_done_callback(self._asking.discard)

    async def keep(self) -> None:
        """Write down what is learnt of task times, every now and then."""
        while True:
            await asyncio.sleep(_KEEP)
            await self._keep()

    async def close(self) -> None:
        """Ask no more, but let every answer that has come reach the ledger."""
        self._calls.cut()
        if self._asking:
            await asyncio.wait(self._asking)
        await self._keep()

    async def _keep(self) -> None:
        news = self._asker.timetable.news()
        if news:
            with suppress(LedgerNotWritable):  # it is no loss that anybody must hear of
                await self._asker.book.learnt(news)

    def _plan(self, watched: Watched, delay: float) -> None:
        if self._agenda.add(self._flow.clock() + delay, watched):
            self._news.beat()

    def _watch(self, submission: Submission) -> Watched:
        turn = next(self._numbers) % MOST_ROUNDS  # not all have theirs at the same age
        return Watched(submission, born=self._flow.clock() - self._age(submission), looks=turn)

    def _delay(self, watched: Watched) -> float:
        now, kind = self._flow.clock(), watched.submission.request.kind
        age, hurried = max(0.0, now - watched.born), self._flow.wants_slots
        return self._asker.timetable.wait(kind, watched.asked, age, now, hurried=hurried)

    def _postponed(self, watched: Watched) -> float:
        """Seconds for which a task that is due waits for what others teach about its kind; 0: ask about it now."""
        timetable, kind = self._asker.timetable, watched.submission.request.kind
        if watched.mark is None:  # nobody in this run has seen it yet
            return 0.0
        if watched.postponed and timetable.knows(kind):
            watched.postponed = False
            return self._delay(watched)
        watched.looks += 1
        watched.postponed = watched.looks < timetable.rounds(kind)
        if watched.postponed:
            return timetable.look_again(max(0.0, self._flow.clock() - watched.born))
        watched.looks = 0
        return 0.0

    def _age(self, submission: Submission) -> float:
        return max(0.0, (self._flow.now() - submission.submitted_at).total_seconds())

    # --- one question -----------------------------------------------------------------------------------

    async def _ask(self, watched: Watched) -> None:
        try:
            again = await self._answer(watched)
        except LedgerNotWritable as error:
            self._flow.halt(halt_for(error))
            self._not_ended(watched)
            again = _BACKOFF_CEILING
        finally:
            self._gate.release()
        self._in_air.discard(watched)
        if again is None:
            self._ended(watched)
            self._hopeless -= watched.hopeless
        else:
            self._plan(watched, again)

    async def _answer(self, watched: Watched) -> float | None:
        """Seconds until the next question about this task; ``None`` when it has ended."""
        if not self._flow.may_call:
            return _BACKOFF_CEILING
        left = self._flow.clock()
        try:
            state = await self._calls.make(lambda: self._asker.service.query(watched.submission.task_id))
        except NotFound as error:
            return await self._not_found(watched, error)
        except ServiceError as error:
            return self._trouble(watched, error, left)
        return await self._heard(watched, state, left)

    async def _heard(self, watched: Watched, state: TaskState, left: float) -> float | None:
        """An answer to the question that left then, on the loop's clock."""
        submission = watched.submission
        self._limit.answered()
        watched.troubles = watched.not_found = 0
        watched.fault = None
        self._flow.answered()
        match state:
            case Generated():
                news = await self._generated(watched, state)
                self._flow.streaks.succeeded()
                self._flow.changed(news, Status.SUBMITTED, Status.GENERATED)
                self._asker.generated(news)
                return None
            case Failed() if not state.sure and watched.doubts < _DOUBTS:
                watched.doubts += 1
                return 2.0**watched.doubts
            case Failed():
                self._ended(watched)
                fault = Fault(code=state.code, message=state.message, stage=Stage.GENERATE)
                await self._fail(submission, fault)
                self._flow.halt_if(self._flow.streaks.failed(f"{fault.message} (code {fault.code})"))
                return None
        self._runs(watched, left)
        if submission.not_found_since is not None:
            watched.submission = await self._asker.book.found(submission)
        self._judge(watched, self._age(submission) > self._asker.task_patience)
        return self._delay(watched)

    async def _generated(self, watched: Watched, state: Generated) -> Submission:
        """Its slot is free at once; its clip waits when the ledger has it."""
        self._flow.ending += 1
        try:
            self._ended(watched)
            return await self._asker.book.generated(watched.submission, state)
        finally:
            self._flow.ending -= 1

    async def _fail(self, submission: Submission, fault: Fault) -> None:
        await insist(
            self._flow,
            lambda: self._asker.book.failed(submission, fault, Charged.PERHAPS),
            f"task {submission.task_id} of job {submission.job_id} has failed",
        )
        self._flow.changed(submission, Status.SUBMITTED, Status.FAILED, fault=fault)

    def _trouble(self, watched: Watched, error: ServiceError, left: float) -> float:
        """No answer to the question that left then: seconds until the next one."""
        now = self._flow.clock()
        if watched.troubles == 0:
            watched.troubled_at = now
        watched.troubles += 1
        watched.fault = error.fault(Stage.GENERATE)
        silent = is_lost_for_now(times=watched.troubles, seconds=now - watched.troubled_at)
        self._judge(watched, silent and self._age(watched.submission) > self._asker.task_patience)
        wait = full_jitter(watched.troubles, first=2.0, ceiling=_BACKOFF_CEILING, draw=random.random())  # noqa: S311  no secret
        match error:
            case Halting():
                self._flow.halt(halt_for(error))
            case RateLimited():
                draw = random.random()  # noqa: S311  no secret
                self._spacing.pause(now + self._limit.met(left, now, error.retry_after, draw))
            case Transient():
                return max(wait, error.retry_after or 0.0)
        return wait

    async def _not_found(self, watched: Watched, error: NotFound) -> float | None:
        """Keep the state and ask again; gone for good only after a day in which other tasks did answer."""
        submission, now = watched.submission, self._flow.clock()
        if submission.not_found_since is None:
            submission = await self._asker.book.not_found(submission, self._flow.now())
            watched.submission = submission
        last_answer = self._flow.last_answer_for(submission)
        if is_gone(since=submission.not_found_since, now=self._flow.now(), last_answer=last_answer):
            await self._fail(submission, Fault(code="gone", message=str(error), stage=Stage.GENERATE))
            self._forget(watched)
            return None
        if watched.not_found == 0:
            watched.not_found_at = now
        watched.not_found += 1
        watched.fault = error.fault(Stage.GENERATE)
        lost = is_lost_for_now(times=watched.not_found, seconds=now - watched.not_found_at)
        self._judge(watched, lost or self._age(submission) > self._asker.task_patience)
        return min(NOT_FOUND_BACKOFF, 2.0**watched.not_found)

    # --- slots and hope ---------------------------------------------------------------------------------

    def _judge(self, watched: Watched, hopeless: bool) -> None:  # noqa: FBT001  a finding, not a switch
        """A task past hope holds no slot, and the run no longer waits for it; it is still asked about."""
        if hopeless and watched.fault is None:
            minutes = self._asker.task_patience / 60
            message = f"still at the service after {minutes:.0f} minutes"
            watched.fault = Fault(code="patience", message=message, stage=Stage.GENERATE)
        if hopeless and watched.holds_slot:
            watched.holds_slot = False
            self._flow.free_slot()
        elif not hopeless and not watched.holds_slot:
            watched.holds_slot = True
            self._flow.take_slot()
        self._hopeless += hopeless - watched.hopeless
        watched.hopeless = hopeless

    def _ended(self, watched: Watched) -> None:
        """It has ended at the service: another may begin there, whatever the ledger still has to write down."""
        self._learn_end(watched)
        if watched.at_service:
            watched.at_service = False
            self._flow.accepted -= 1
        if watched.holds_slot:
            watched.holds_slot = False
            self._flow.free_slot()

    def _not_ended(self, watched: Watched) -> None:
        """As far as the ledger knows: it will be asked about again."""
        if not watched.at_service:
            watched.at_service = watched.holds_slot = True
            self._flow.accepted += 1
            self._flow.take_slot()

    # --- what is learnt ---------------------------------------------------------------------------------

    def _runs(self, watched: Watched, moment: float) -> None:
        """It still ran at this moment of the loop's clock."""
        timetable, kind = self._asker.timetable, watched.submission.request.kind
        age = watched.asked = max(0.0, moment - watched.born)
        if watched.mark is None:
            watched.mark = timetable.begin(kind, age)
        else:
            watched.mark = timetable.runs(kind, watched.mark, age)

    def _forget(self, watched: Watched) -> None:
        """It is gone, which says nothing of its time."""
        if watched.mark is not None:
            self._asker.timetable.leave(watched.submission.request.kind, watched.mark)
            watched.mark = None

    def _learn_end(self, watched: Watched) -> None:
        """A task of an earlier run that has ended since says next to nothing of its time."""
        if watched.mark is not None:
            age = self._flow.clock() - watched.born
            self._asker.timetable.ended(watched.submission.request.kind, watched.mark, age)
            watched.mark = None
