"""The state that the API, the video host and the control share, and the course of one exchange."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from batchgen.simulator import delivery, limits, spoil
from batchgen.simulator.acts import WORDS, Act, Ending, Hang
from batchgen.simulator.answers import Answer
from batchgen.simulator.behaviour import Behaviour, Call
from batchgen.simulator.delivery import Wire
from batchgen.simulator.faults import Faults, Subject
from batchgen.simulator.limits import Window
from batchgen.simulator.records import Record, Records
from batchgen.simulator.tasks import Task, Tasks


class Service:
    """One simulated account and everything that it has ordered."""

    def __init__(self, behaviour: Behaviour, tasks: Tasks, now: Callable[[], datetime]) -> None:
        self._behaviour = behaviour
        self.tasks = tasks
        self.faults = Faults()
        self.records = Records(behaviour.records_kept)
        self.balance = behaviour.limits.balance_clips
        self.closing = asyncio.Event()
        self.video_url = ""  # known when the video host listens
        self._now = now
        self._made = Window()
        self._gets = Window()

    @property
    def now(self) -> float:
        """Seconds since the epoch."""
        return self._now().timestamp()

    @property
    def behaviour(self) -> Behaviour:
        """As it is set now; replacing it acts on what comes after, and fills a changed balance."""
        return self._behaviour

    @behaviour.setter
    def behaviour(self, news: Behaviour) -> None:
        if news.limits.balance_clips != self._behaviour.limits.balance_clips:
            self.balance = news.limits.balance_clips
        self._behaviour = news

    async def pause(self, seconds: float) -> None:
        """Wait, but no longer than the service runs."""
        if seconds > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.closing.wait(), seconds)

    def refuse_submission(self) -> Answer | None:
        """The answer to an order that is one too many."""
        return limits.refuse_submission(
            self.behaviour.limits,
            last_minute=self._made.count(self.now),
            at_once=self.tasks.at_once(self.now),
            balance=self.balance,
        )

    def refuse_get(self) -> Answer | None:
        """The answer to a question that is one too many; otherwise it is counted."""
        refusal = limits.refuse_get(self.behaviour.limits, last_minute=self._gets.count(self.now))
        if refusal is None:
            self._gets.add(self.now)
        return refusal

    def make_task(
        self, body: dict[str, object], duration: int, resolution: str, ending: Ending | None
    ) -> Task:
        """Take an order.  Raises OSError when it cannot be written down; then there is no task."""
        now = self.now
        task = self.tasks.make(
            body=body,
            duration=duration,
            resolution=resolution,
            ending=ending,
            now=now,
            behaviour=self.behaviour,
        )
        self._made.add(now)
        if self.balance is not None:
            self.balance -= 1
        return task

    def subject(self, task: Task | None, *, target: str, task_id: str = "") -> Subject:
        """What a question is about, for the rules of what goes wrong."""
        if task is None:
            return Subject(task_id=task_id, target=target)
        return Subject(
            task_id=str(task.task_id),
            prompt=task.prompt if self.faults else "",
            age=self.now - task.made_at,
            target=target,
        )

    def stats(self) -> dict[str, object]:
        """Counts, most of them since the last reset."""
        records = self.records
        return {
            "tasks_made": len(self.tasks),
            "tasks_now": self.tasks.at_once(self.now),
            "most_tasks_at_once": self.tasks.most_at_once,
            "posts_seen": records.calls[Call.SUBMIT],
            "most_posts_in_a_minute": records.posts.most,
            "most_tasks_made_in_a_minute": self._made.most,
            "balance": self.balance,
            "calls": dict(records.calls),
            "http_statuses": dict(records.statuses),
            "codes": dict(records.codes),
            "acts": dict(records.acts),
            "leaked_keys": records.leaks,
            "video_bytes": records.video_bytes,
        }

    def reset(self) -> None:
        """Nothing goes wrong any more and counting begins anew; tasks, balance and limits stay."""
        self.faults.clear()
        self.records.clear()
        self.tasks.most_at_once = self.tasks.at_once(self.now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request, and how it would be answered if nothing went wrong."""

    call: Call
    request: web.Request
    subject: Subject
    respond: Callable[[Record, Ending | None], Answer]
    body: bytes = b""


def note(service: Service, request: web.Request, call: str, body: bytes = b"") -> Record:
    """Record a request as it arrives."""
    path, _, query = request.raw_path.partition("?")
    return service.records.arrived(
        at=service.now,
        call=call,
        method=request.method,
        path=path,
        query=query,
        authorization=request.headers.get("Authorization"),
        body=body,
    )


async def run(service: Service, exchange: Exchange) -> web.StreamResponse:
    """The course of one exchange: noted, delayed, perhaps spoiled, answered."""
    request, call = exchange.request, exchange.call
    record = note(service, request, call, exchange.body)
    wire = _wire(service, exchange)
    await service.pause(getattr(service.behaviour.latency, call))
    act = service.faults.pick(call, exchange.subject)
    if act is not None:
        record.act = WORDS[type(act)]
        service.records.acts[f"{call} {record.act}"] += 1
    if isinstance(act, Hang) and not act.made:
        await service.pause(act.seconds)
        if wire.gone:
            return delivery.hang_up(request)
    if service.closing.is_set():
        return delivery.hang_up(request)
    answer = _answer(exchange, record, act)
    if isinstance(act, Hang) and act.made:
        await service.pause(act.seconds)
    service.records.answered(record, answer.status, answer.code)
    return await delivery.deliver(wire, answer, act)


def _answer(exchange: Exchange, record: Record, act: Act | None) -> Answer:
    ending = act if isinstance(act, Ending) else None
    answer = Answer() if spoil.stands_in(act) else exchange.respond(record, ending)
    return spoil.spoiled(answer, act, call=exchange.call, target=exchange.request.raw_path)


def _wire(service: Service, exchange: Exchange) -> Wire:
    video = exchange.call is Call.VIDEO
    return Wire(
        request=exchange.request,
        pause=service.pause,
        sent=service.records.sent_video if video else _ignore,
        bytes_per_second=service.behaviour.video.bytes_per_second if video else None,
    )


def _ignore(_: int) -> None:
    """Only the bytes of the video host are counted."""
