"""Submitting: a feeder, a bounded queue, and workers that each send one POST at a time.

The order of steps is what keeps money safe: a slot and the pace first, then the intent made durable, then the
POST as the very next step, then its outcome made durable before anything else happens.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from batchgen.errors import (
    BudgetReached,
    Halting,
    InvalidParameters,
    LedgerNotWritable,
    NotAccepted,
    OutcomeUnknown,
    RateLimited,
    Refused,
    ServiceError,
)
from batchgen.model import Charged, Fault, Order, Stage, Status, Submission
from batchgen.pipeline.durable import insist
from batchgen.pipeline.flow import GRACE, Flow
from batchgen.pipeline.stops import Stop, StopKind, halt_for
from batchgen.ports import Book, Pace, Service

#: Orders that wait in memory for a worker: enough that none waits for the ledger to be read.
QUEUE = 64
#: POSTs in the air at once.  More would only mean more unknown outcomes when the machine dies.
WORKERS = 32
#: Seconds after which a POST without an answer shows as unknown, while its exchange stays open.
FIRST_PATIENCE = 30.0
#: Seconds in which no submission has reached the service, after which a person should look.
REACH_PATIENCE = 900.0

Outcome = str | ServiceError
NextOrders = Callable[[int, int], Awaitable[list[tuple[int, Order]]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """What submitting needs from the rest of the house."""

    book: Book
    service: Service
    pace: Pace
    next_orders: NextOrders  # (behind this position, at most so many) -> positions and orders
    track: Callable[[Submission], None]  # the poller's: the task is at the service
    too_many_downloads: Callable[[], bool]
    resubmit: bool = False  # a submission of unknown outcome is ordered again, once per job, ever
    max_clips: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sent:
    """A submission whose POST has left."""

    order: Order
    submission: Submission
    ticket: int
    exchange: asyncio.Task[Outcome]


class Submitter:
    """Feeds orders to workers until there are none, or the flow stops."""

    def __init__(self, flow: Flow, sender: Sender, group: asyncio.TaskGroup) -> None:
        self._flow, self._sender, self._group = flow, sender, group
        self._queue: asyncio.Queue[Order] = asyncio.Queue(QUEUE)
        self._admission = asyncio.Lock()
        self._fed = False
        self._busy = 0
        self._budget_full = False  # with what is in the air
        self._unreached_since: float | None = None

    @property
    def idle(self) -> bool:
        """Whether no job of this run is left to submit."""
        return self._busy == 0 and (self._flow.stop is not None or (self._fed and self._queue.empty()))

    async def feed(self) -> None:
        """Bring the pending jobs from the ledger to the queue, page by page."""
        position = -1
        while self._flow.stop is None and (page := await self._sender.next_orders(position, QUEUE)):
            for position, order in page:  # noqa: B007  the last one is where the next page begins
                await self._queue.put(order)
        self._fed = True
        self._flow.pulse.beat()

    async def work(self) -> None:
        """Submit one order after the other."""
        while True:
            await self._submit(await self._queue.get())

    async def _submit(self, order: Order | None) -> None:
        """Submit one order, as often as it takes."""
        self._busy += 1
        try:
            while order is not None:
                order = await self._one(order)
        except LedgerNotWritable as error:
            self._flow.halt(halt_for(error))
        finally:
            self._busy -= 1
            self._flow.pulse.beat()

    async def _one(self, order: Order) -> Order | None:
        """One attempt; the order that must be tried next because of it."""
        async with self._admission:  # one worker at a time asks, in the order of the jobs
            if not await self._admitted():
                return None
            ticket = self._sender.pace.sent()
            self._flow.take_slot()
            self._flow.in_air += 1
            self._flow.sent += 1
        try:
            return await self._send(order, ticket)
        finally:  # only now is it known, and durable, what this submission counts for
            self._flow.in_air -= 1
            self._flow.pulse.beat()

    async def _send(self, order: Order, ticket: int) -> Order | None:
        """Intent, POST, outcome."""
        try:
            submission = await self._sender.book.intend(order)
        except BudgetReached as error:
            self._not_intended(ticket)
            return self._past_the_budget(order, error)
        except LedgerNotWritable as error:
            self._flow.halt(halt_for(error))
            submission = None
        if submission is None:
            self._not_intended(ticket)
            return None
        self._budget_full = False
        self._flow.heed_deadline()
        if self._flow.stop is not None:  # the POST has not left, and must not any more
            self._over(ticket)
            await self._not_sent(submission)
            return None
        exchange = self._group.create_task(self._post(submission))
        sent = _Sent(order=order, submission=submission, ticket=ticket, exchange=exchange)
        self._flow.changed(submission, Status.PENDING, Status.SUBMITTING)
        if not await self._answered(exchange, FIRST_PATIENCE):
            return await self._without_answer(sent)
        self._over(ticket)
        return await self._settle(sent, Status.SUBMITTING)

    def _not_intended(self, ticket: int) -> None:
        self._over(ticket)
        self._flow.sent -= 1
        self._flow.free_slot()

    def _past_the_budget(self, order: Order, error: BudgetReached) -> Order | None:
        """What is in the air may prove not to have been accepted, and give back what it holds of the budget."""
        if self._flow.in_air > 1:  # this one among them
            self._budget_full = True
            return order
        self._flow.halt(halt_for(error))
        return None

    # --- admission --------------------------------------------------------------------------------------

    async def _admitted(self) -> bool:
        """Wait for a slot and the pace; False when the run stops instead."""
        flow = self._flow
        flow.heed_deadline()
        while flow.stop is None:
            if self._sent_all and flow.in_air == 0:
                reason = f"{flow.sent} clips submitted, as many as this run may"
                flow.halt(Stop(kind=StopKind.MAX_CLIPS, reason=reason))
                break
            wait, held_by = self._hold()
            flow.hold(
                held_by if wait else "", full=bool(wait) and flow.slots_taken >= self._sender.pace.slots
            )
            if not wait:
                return True
            await flow.pulse.wait(wait)
            flow.heed_deadline()
        flow.hold("")
        return False

    @property
    def _sent_all(self) -> bool:
        """Whether as many submissions as this run may make were made, or may prove to be."""
        return self._sender.max_clips is not None and self._flow.sent >= self._sender.max_clips

    def _hold(self) -> tuple[float, str]:
        """Seconds to wait before a submission (0: none), and for what."""
        flow, pace = self._flow, self._sender.pace
        if self._sent_all:
            return math.inf, "max clips"
        if self._budget_full and flow.in_air:
            return math.inf, "budget"
        if flow.slots_taken >= pace.slots:
            return math.inf, "slots" if pace.slots >= pace.ceiling else "service limit"
        if self._sender.too_many_downloads():
            return math.inf, "downloads"
        if flow.in_air >= flow.streaks.room:
            return math.inf, "doubts"
        now = flow.clock()
        return pace.delay(now), pace.held_by(now)

    # --- the exchange -----------------------------------------------------------------------------------

    async def _post(self, submission: Submission) -> Outcome:
        """The POST.  An error is an outcome like another; anything else is a bug and ends the run."""
        try:
            return await self._sender.service.submit(submission.request)
        except ServiceError as error:
            return error

    async def _answered(self, exchange: asyncio.Task[Outcome], seconds: float) -> bool:
        """Whether the answer came within ``seconds``, cut short by the grace after a signal."""
        until = self._flow.clock() + seconds
        while not exchange.done():
            left = min(until - self._flow.clock(), self._flow.grace_left())
            if left <= 0:
                return False
            await self._flow.stopped.wait(left, unless=exchange)
        return True

    def _over(self, ticket: int) -> None:
        self._sender.pace.answered(ticket, self._flow.clock())

    async def _without_answer(self, sent: _Sent) -> Order | None:
        """A signal ends the exchange; otherwise it stays open for a late answer, and the worker is free."""
        if self._flow.grace_left() > 0:
            self._flow.in_air += 1
            self._group.create_task(self._late(sent))
            return None
        await _end(sent.exchange)
        self._over(sent.ticket)
        if not sent.exchange.cancelled():
            return await self._settle(sent, Status.SUBMITTING)
        await self._lost(sent.submission, f"no answer within {GRACE:.0f} s of the signal that ended the run")
        return None

    async def _late(self, sent: _Sent) -> None:
        """Note that the outcome is unknown, then wait for an answer, to the hard timeout of the exchange.

        One after the other: the answer must not reach the ledger before the loss.  What must be ordered again
        because of it does not go back to the queue: that may be full, and the workers wait for this very end.
        """
        again: Order | None = None
        try:
            was = await self._noted_lost(sent.submission)
            if not await self._answered(sent.exchange, math.inf):
                await _end(sent.exchange)
            self._over(sent.ticket)
            if not sent.exchange.cancelled():
                again = await self._settle(sent, was)
        except LedgerNotWritable as error:
            self._flow.halt(halt_for(error))
        finally:
            self._flow.in_air -= 1
            self._flow.pulse.beat()
        await self._submit(again)

    async def _noted_lost(self, submission: Submission) -> Status:
        """What the ledger has then: it may not be writable, and the answer may still come."""
        try:
            await self._lost(submission, f"no answer within {FIRST_PATIENCE:.0f} s")
        except LedgerNotWritable as error:
            self._flow.halt(halt_for(error))
            return Status.SUBMITTING
        return Status.UNKNOWN

    # --- outcomes ---------------------------------------------------------------------------------------

    async def _settle(self, sent: _Sent, was: Status) -> Order | None:
        """Make an outcome durable; the order that must be tried next because of it."""
        book, submission, outcome = self._sender.book, sent.submission, sent.exchange.result()
        match outcome:
            case str():
                return await self._accepted(submission, outcome, was)
            case Refused():
                fault = outcome.fault(Stage.SUBMIT)
                await self._durably(book.refused, submission, fault, outcome.charged)
                self._ended(submission, was, Status.FAILED, fault)
                self._note_refusal(outcome)
            case NotAccepted():
                fault = outcome.fault(Stage.SUBMIT)
                await self._durably(book.not_accepted, submission, fault)
                self._flow.sent -= 1
                self._note_limit(outcome, sent.ticket)
                self._ended(submission, was, Status.PENDING, fault)
                return None if isinstance(outcome, Halting) else sent.order
            case _:
                return await self._unknown(submission, outcome, was)
        return None

    async def _unknown(self, submission: Submission, error: ServiceError, was: Status) -> Order | None:
        """The exchange is over and its outcome will never be known; by the user's word it is ordered again."""
        if was is Status.SUBMITTING:
            await self._lost(submission, error.message, error.code)
        self._flow.halt_if(self._flow.streaks.unknown(error.message))
        if not self._sender.resubmit or self._flow.stop is not None:
            return None
        order = await self._sender.book.resubmit(submission)
        if order is not None:
            self._flow.changed(submission, Status.UNKNOWN, Status.PENDING)
        return order

    async def _accepted(self, submission: Submission, task_id: str, was: Status) -> Order | None:
        """The task id is made durable before anything else happens."""
        otherwise = f"job {submission.job_id} has task id {task_id}"
        try:
            news = await insist(
                self._flow, lambda: self._sender.book.accepted(submission, task_id), otherwise
            )
        except OutcomeUnknown as error:
            return await self._unknown(submission, error, was)
        if was is Status.UNKNOWN:
            self._flow.take_slot()
        self._unreached_since = None
        self._flow.streaks.answered()
        self._flow.accepted += 1
        self._sender.pace.accepted(self._flow.accepted)
        self._sender.track(news)
        self._flow.changed(news, was, Status.SUBMITTED)
        return None

    async def _not_sent(self, submission: Submission) -> None:
        """The run stopped between the intent and the POST."""
        self._flow.sent -= 1
        self._flow.free_slot()
        fault = Fault(code="stopped", message="the run stopped before this was sent", stage=Stage.SUBMIT)
        await self._durably(self._sender.book.not_accepted, submission, fault)

    async def _lost(self, submission: Submission, message: str, code: str = "lost") -> None:
        """The outcome is unknown: it counts as spent, and holds no slot."""
        fault = Fault(code=code, message=message, stage=Stage.SUBMIT)
        await self._durably(self._sender.book.lost, submission, fault)
        self._ended(submission, Status.SUBMITTING, Status.UNKNOWN, fault)

    def _ended(self, submission: Submission, was: Status, status: Status, fault: Fault) -> None:
        if was is Status.SUBMITTING:
            self._flow.free_slot()
        self._flow.changed(submission, was, status, fault=fault)

    def _note_refusal(self, error: Refused) -> None:
        streaks = self._flow.streaks
        self._unreached_since = None
        if isinstance(error, InvalidParameters):
            self._flow.halt_if(streaks.invalid(str(error)))
            return
        streaks.answered()
        if error.charged is not Charged.NO:
            self._flow.halt_if(streaks.failed(str(error)))

    def _note_limit(self, error: NotAccepted, ticket: int) -> None:
        """Slow down, wait or halt."""
        flow, pace = self._flow, self._sender.pace
        now = flow.clock()
        match error:
            case Halting():
                flow.halt(halt_for(error))
            case RateLimited():
                self._unreached_since = None
                pace.limited(ticket, now, error.retry_after, flow.accepted)
            case _:
                self._note_unreached(error, now)
                pace.unreached(ticket, now, error.retry_after)

    def _note_unreached(self, error: NotAccepted, now: float) -> None:
        if self._unreached_since is None:
            self._unreached_since = now
            self._flow.warn(f"submissions don't get through, trying again: {error}")
        elif now - self._unreached_since >= REACH_PATIENCE:
            minutes = REACH_PATIENCE / 60
            reason = f"no submission got through for {minutes:.0f} minutes: {error}"
            self._flow.halt(halt_for(error, reason))

    async def _durably(
        self, write: Callable[..., Awaitable[None]], submission: Submission, *facts: object
    ) -> None:
        otherwise = f"job {submission.job_id}: {write.__name__} {facts}"
        await insist(self._flow, lambda: write(submission, *facts), otherwise)


async def _end(exchange: asyncio.Task[Outcome]) -> None:
    """Cancel an exchange and see it end; its answer may still win the race."""
    exchange.cancel()
    await asyncio.wait({exchange})
