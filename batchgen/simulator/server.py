"""The simulated service as something to start: two ports on loopback, in this loop or for a whole process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

from batchgen.simulator.acts import Act
from batchgen.simulator.api import BODY_LIMIT, add_api
from batchgen.simulator.behaviour import Behaviour, Call
from batchgen.simulator.clips import clip_of
from batchgen.simulator.control import add_control
from batchgen.simulator.faults import Conditions, Rule
from batchgen.simulator.journal import open_journal
from batchgen.simulator.records import Record
from batchgen.simulator.service import Service
from batchgen.simulator.tasks import Task, Tasks
from batchgen.simulator.video import add_video_host

HOST = "127.0.0.1"
GRACE = 0.25  # seconds that exchanges in the air get when the service stops


def wall_clock() -> datetime:
    """The time of day: tasks go on while no service runs."""
    return datetime.now(UTC)


class Simulator:
    """An async context manager that serves the API on one port of loopback and the clips on another.

    ``state`` is a folder in which tasks persist (one service at a time); ports of 0 are chosen by the system;
    ``now`` gives aware datetimes.  Entering raises OSError when a port is taken or the folder cannot be
    written, and ``plain.Unreadable`` when the folder holds what no simulated service wrote.
    """

    def __init__(
        self,
        settings: Behaviour | None = None,
        *,
        state: Path | None = None,
        port: int = 0,
        video_port: int = 0,
        now: Callable[[], datetime] = wall_clock,
    ) -> None:
        self._settings = settings or Behaviour()
        self._state, self._ports, self._now = state, (port, video_port), now
        self._stack = AsyncExitStack()
        self._service: Service | None = None
        self.base_url = ""
        self.video_url = ""

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            service = await self._open(stack)
            port, video_port = self._ports
            self.video_url = await _listen(stack, _video_app(service), video_port, service)
            service.video_url = self.video_url
            self.base_url = await _listen(stack, _api_app(service), port, service)
            stack.callback(service.closing.set)
            self._service = service
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _open(self, stack: AsyncExitStack) -> Service:
        if self._state is None:
            return Service(self._settings, Tasks(seed=self._settings.seed), self._now)
        journal, earlier = await asyncio.to_thread(open_journal, self._state)
        stack.callback(journal.close)
        tasks = Tasks(journal.keep, seed=self._settings.seed)
        for task in earlier:
            tasks.restore(task)
        return Service(self._settings, tasks, self._now)

    @property
    def _running(self) -> Service:
        if self._service is None:
            raise RuntimeError("the simulated service has not been entered")
        return self._service

    @property
    def behaviour(self) -> Behaviour:
        """As it is set now; it can be replaced at any time."""
        return self._running.behaviour

    @behaviour.setter
    def behaviour(self, news: Behaviour) -> None:
        self._running.behaviour = news

    @property
    def tasks(self) -> list[Task]:
        """Every task made, oldest first, those of earlier services in the same state folder among them."""
        return self._running.tasks.all()

    @property
    def records(self) -> list[Record]:
        """The newest requests, oldest first."""
        return list(self._running.records.newest)

    def stats(self) -> dict[str, object]:
        """The counts that ``GET /_simulator/stats`` gives."""
        return self._running.stats()

    def key_hash(self, authorization: str) -> str:
        """What a record's ``key_hash`` is for this value of the Authorization header."""
        return self._running.records.key_hash(authorization)

    def fault(self, call: Call, act: Act, when: Conditions | None = None) -> None:
        """Let something go wrong: on every exchange of this kind, or as the conditions say."""
        self._running.faults.add(Rule(call=call, act=act, when=when or Conditions()))

    def clear_faults(self) -> None:
        """Let nothing go wrong any more."""
        self._running.faults.clear()

    def reset(self) -> None:
        """Clear faults, records and counts; tasks stay."""
        self._running.reset()

    def clip_bytes(self, task: Task) -> bytes:
        """The whole file of a task, to compare with."""
        clip = clip_of(task, self.behaviour.video)
        return clip.read(0, clip.length)


async def serve(
    settings: Behaviour | None = None,
    *,
    state: Path | None = None,
    port: int = 0,
    video_port: int = 0,
    ready: Callable[[Simulator], None] = lambda _: None,
) -> None:
    """Run the service until cancelled; ``ready`` is called once it listens."""
    async with Simulator(settings, state=state, port=port, video_port=video_port) as simulator:
        ready(simulator)
        await asyncio.Event().wait()


def _api_app(service: Service) -> web.Application:
    app = web.Application(client_max_size=BODY_LIMIT)
    add_control(app, service)
    add_api(app, service)
    return app


def _video_app(service: Service) -> web.Application:
    app = web.Application()
    add_video_host(app, service)
    return app


async def _listen(stack: AsyncExitStack, app: web.Application, port: int, service: Service) -> str:
    runner = web.AppRunner(
        app, access_log=None, shutdown_timeout=GRACE, keepalive_timeout=service.behaviour.keepalive
    )
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, HOST, port).start()
    return f"http://{HOST}:{runner.addresses[0][1]}"
