"""What the parts of a running pipeline share: who is where, whether to go on, and a pulse at each change."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from batchgen.model import Clip, Fault, Status, Submission
from batchgen.pipeline.stops import Stop, StopKind, Streaks, both
from batchgen.ports import Event, JobChanged, JobRested, Observer, Stopping, Warned

#: Seconds that a POST without an answer gets after a signal.
GRACE = 8.0

#: Seconds for which it counts that a job waited for a slot: from one that is filled to the next that is wanted.
_WANTED = 1.0

#: Seconds: a timer may fire a clock's resolution early, and who then waits for the rest of it would spin.
_SHORTEST = 1e-6


class Pulse:
    """Wakes everybody who waits, each time that something changed.

    A wait that has a limit is the most frequent step of a run, and ``asyncio.timeout`` ends one by an exception:
    here a timer sets the same future as a beat does.
    """

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def beat(self) -> None:
        """Something changed."""
        for future in self._waiting:
            _wake(future)
        self._waiting = set()

    async def wait(self, seconds: float = math.inf, *, unless: asyncio.Future[Any] | None = None) -> None:
        """Until the next beat or the end of ``unless``, ``seconds`` at the most."""
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self._waiting.add(future)
        timer = None if math.isinf(seconds) else loop.call_later(max(seconds, _SHORTEST), _wake, future)
        done = partial(_wake, future)
        if unless is not None:
            unless.add_done_callback(done)
        try:
            await future
        finally:
            self._waiting.discard(future)
            if timer is not None:
                timer.cancel()
            if unless is not None:
                unless.remove_done_callback(done)


def _wake(future: asyncio.Future[None], _: object = None) -> None:
    if not future.done():
        future.set_result(None)


class Flow:
    """The state of one run in memory.  Counts only; what is durable stands in the ledger."""

    def __init__(
        self,
        *,
        observers: Sequence[Observer],
        now: Callable[[], datetime],
        streaks: Streaks,
        drain: float,
        key_print: str,
        last_answer: datetime | None,
        deadline: datetime | None = None,
    ) -> None:
        self.now = now
        self.streaks = streaks
        self.pulse = Pulse()
        self.stopped = Pulse()  # beats only when the run is to stop, or to stop otherwise
        self.stop: Stop | None = None
        self.in_air = 0  # submissions whose outcome is not yet known and durable
        self.slots_taken = 0  # tasks at the service, and POSTs in the air that are not yet unknown
        self.accepted = 0  # tasks known to be at the service
        self.ending = 0  # tasks known to have ended well, until that is durable
        self.sent = 0  # submissions of this run that count
        self.held_by = ""
        self._full = False  # the next submission waits for a slot
        self._slot_wanted_at = -math.inf  # when a job last waited for a slot
        self.downloaded_bytes = 0
        self._observers = observers
        self._drain = drain
        self._deadline = deadline
        self._key_print = key_print
        self._last_answer = last_answer
        self._loop = asyncio.get_running_loop()
        self._stopped_at = 0.0

    # --- time -------------------------------------------------------------------------------------------

    def clock(self) -> float:
        """The loop's clock, in seconds."""
        return self._loop.time()

    def patience_left(self) -> float:
        """Seconds that what is under way is still awaited; infinite while nothing has stopped the run."""
        if self.stop is None:
            return math.inf
        limit = GRACE if self.stop.kind is StopKind.SIGNAL else self._drain
        return self._stopped_at + limit - self.clock()

    def grace_left(self) -> float:
        """Seconds that a POST in the air is still awaited after a signal; infinite while none has come."""
        signalled = self.stop is not None and self.stop.kind is StopKind.SIGNAL
        return self.patience_left() if signalled else math.inf

    # --- stopping ---------------------------------------------------------------------------------------

    def halt(self, stop: Stop) -> None:
        """Submit no more; told when it changes why."""
        holds = both(self.stop, stop)
        if holds == self.stop:
            return
        if self.stop is None or stop.kind is StopKind.SIGNAL:
            self._stopped_at = self.clock()
        self.stop = holds
        self.emit(Stopping(at=self.now(), reason=stop.reason, halt=stop.halts, remedy=stop.remedy))
        self.stopped.beat()
        self.pulse.beat()

    def heed_deadline(self) -> None:
        """Submit no more once the deadline has come."""
        if self._deadline is not None and self.stop is None and self.now() >= self._deadline:
            reason = f"the deadline has come ({self._deadline.astimezone():%Y-%m-%d %H:%M})"
            self.halt(Stop(kind=StopKind.DEADLINE, reason=reason))

    def halt_if(self, stop: Stop | None) -> None:
        """Halt when a streak calls for it."""
        if stop is not None:
            self.halt(stop)

    @property
    def key_refused(self) -> bool:
        """Whether the run ends because the key is refused."""
        return self.stop is not None and self.stop.kind is StopKind.KEY_REFUSED

    @property
    def may_call(self) -> bool:
        """Whether calls to the API make sense: not once the key is refused or a signal has come."""
        return self.stop is None or self.stop.kind not in {StopKind.KEY_REFUSED, StopKind.SIGNAL}

    # --- slots ------------------------------------------------------------------------------------------

    def take_slot(self) -> None:
        """A task is, or is about to be, at the service."""
        self.slots_taken += 1

    def free_slot(self) -> None:
        """It has ended there, or never was."""
        self.slots_taken -= 1
        self.pulse.beat()

    def hold(self, held_by: str, *, full: bool = False) -> None:
        """What keeps the next submission from leaving (empty: nothing, or there is none); whether a slot would do."""
        if full or self._full:
            self._slot_wanted_at = self.clock()
        self.held_by, self._full = held_by, full

    @property
    def wants_slots(self) -> bool:
        """Whether jobs wait for slots, or did a moment ago: then each second of one is dear."""
        return self._full or self.clock() - self._slot_wanted_at < _WANTED

    # --- news -------------------------------------------------------------------------------------------

    def emit(self, event: Event) -> None:
        """Tell every observer."""
        for observer in self._observers:
            observer.observe(event)

    def warn(self, message: str) -> None:
        """Tell something that the user should know and that stops nothing."""
        self.emit(Warned(at=self.now(), message=message))

    def changed(
        self,
        submission: Submission,
        previous: Status,
        status: Status,
        *,
        file: str | None = None,
        fault: Fault | None = None,
        clip: Clip | None = None,
    ) -> None:
        """A job's status is another one, and the ledger has it."""
        self.emit(
            JobChanged(
                at=self.now(),
                job_key=submission.job_key,
                job_id=submission.job_id,
                status=status,
                previous=previous,
                task_id=submission.task_id,
                file=file,
                fault=fault,
                clip=clip,
                current=submission.current,
            )
        )
        self.pulse.beat()

    def rested(self, submission: Submission, fault: Fault) -> None:
        """This run does no more for a job that has not ended."""
        self.emit(
            JobRested(
                at=self.now(),
                job_key=submission.job_key,
                job_id=submission.job_id,
                status=Status(submission.state),
                fault=fault,
            )
        )
        self.pulse.beat()

    # --- "not found" ------------------------------------------------------------------------------------

    def answered(self) -> None:
        """The service said something certain of a task of this account."""
        self._last_answer = self.now()

    def last_answer_for(self, submission: Submission) -> datetime | None:
        """When tasks of this submission's account last answered; ``None`` when we ask with another key."""
        return self._last_answer if submission.key_print == self._key_print else None
