"""The three calls over HTTP."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from batchgen.connections import SingleUseConnector
from batchgen.errors import ConfigError
from batchgen.hailuo import replies, wire
from batchgen.hailuo.address import api_root, normal_origin
from batchgen.hailuo.secret import Scrubber, check_key
from batchgen.hailuo.verdict import Call, cut_short, not_reached
from batchgen.model import Links, Request, TaskState
from batchgen.pace import retry_after
from batchgen.proxies import proxy_for

#: Connections for questions, kept alive.  A question that finds none free within the connect timeout is asked
#: again later; enough for 100 answers a second that take a second each.
_KEPT_CONNECTIONS = 100

_JSON: Mapping[str, str] = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long each step may take, in seconds.  Raises ConfigError when a POST could end before it connects."""

    connect: float = 10.0  # name, connection, TLS, a proxy's tunnel
    get: float = 30.0  # a whole question, reply included
    post: float = 150.0  # a whole submission: given up late, as giving up leaves its outcome unknown

    def __post_init__(self) -> None:
        if not all(0 < getattr(self, field.name) < math.inf for field in fields(self)):
            raise ConfigError("timeouts must be positive numbers of seconds")
        if self.post <= self.connect:
            raise ConfigError("the timeout of a submission must be longer than that of its connection")


class Hailuo:
    """The service, as an asynchronous context manager that owns its connections.

    ``key`` goes to the host of ``base_url`` and nowhere else.  Every call sends exactly one request of its own
    making, follows no redirect, and raises only the errors of ``errors.py`` that ``ports.Service`` names.
    ``now`` gives the aware UTC time that a Retry-After date is held against.  Raises ConfigError.
    """

    def __init__(
        self,
        base_url: str,
        key: str,
        *,
        timeouts: Timeouts | None = None,
        resolver: AbstractResolver | None = None,
        user_agent: str = "batchgen",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.origin = normal_origin(base_url)
        self._root = api_root(base_url)
        self._key = _Key(check_key(key))
        self._scrub = Scrubber(self._key.text)
        self._timeouts = timeouts or Timeouts()
        self._resolver = resolver
        self._user_agent = user_agent
        self._now = now
        self._proxy: str | None = None
        self._sessions: dict[Call, aiohttp.ClientSession] = {}

    def __repr__(self) -> str:
        return f"Hailuo({self._root!r})"

    async def __aenter__(self) -> Self:
        """Open the sessions.  A submission never rides on a connection that may be stale."""
        self._proxy = proxy_for(self._root)
        once = SingleUseConnector(resolver=self._resolver)
        kept = aiohttp.TCPConnector(limit=_KEPT_CONNECTIONS, resolver=self._resolver)
        self._sessions = {
            Call.POST: self._session(once, [wire.tracing()]),
            Call.GET: self._session(kept, [] if self._proxy is None else [wire.tracing()]),
        }
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection."""
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            await session.close()

    async def submit(self, request: Request, /) -> str:
        """Order a clip, return its task id.  Raises NotAccepted, Refused or OutcomeUnknown only."""
        body = json.dumps(request.body(), ensure_ascii=False, allow_nan=False).encode()
        return replies.submitted(await self._call(Call.POST, "/v1/video_generation", {}, body))

    async def query(self, task_id: str, /) -> TaskState:
        """Ask how a task stands.  Raises Transient, NotFound, RateLimited or Halting."""
        reply = await self._call(Call.GET, "/v1/query/video_generation", {"task_id": task_id})
        return replies.task_state(reply, task_id)

    async def retrieve(self, file_id: str, task_id: str, /) -> Links:
        """Ask for fresh links to a clip.  Raises as ``query`` does, and Refused."""
        which = {"file_id": file_id, "task_id": task_id}
        return replies.links(await self._call(Call.GET, "/v1/files/retrieve", which), file_id)

    async def _call(
        self, call: Call, path: str, parameters: dict[str, str], body: bytes | None = None
    ) -> replies.Reply:
        """One exchange.  Raises what ``verdict`` says of one that brought no reply."""
        ask = wire.Ask(
            method=call.value,
            url=URL(self._root + path, encoded=True).with_query(parameters),
            seconds=self._timeouts.get if call is Call.GET else self._timeouts.post,
            data=body,
            headers={**self._key.header(), **({} if body is None else _JSON)},
            proxy=self._proxy,
        )
        answer = await wire.exchange(self._sessions[call], ask)
        if isinstance(answer, wire.Trouble):
            detail = self._scrub(answer.detail)
            if not answer.connected:
                raise not_reached(call, detail)
            raise cut_short(call, detail, timed_out=answer.timed_out)
        return self._reply(answer)

    def _reply(self, answer: wire.Answer) -> replies.Reply:
        """What the answer says."""
        return replies.read_reply(
            answer.status,
            answer.raw,
            self._scrub,
            retry_after=None if answer.retry_after is None else retry_after(answer.retry_after, self._now()),
            trouble=None if answer.trouble is None else self._scrub(answer.trouble),
        )

    def _session(
        self, connector: aiohttp.TCPConnector, tracing: list[aiohttp.TraceConfig]
    ) -> aiohttp.ClientSession:
        """A session that keeps no cookies and takes nothing from its surroundings.

        Its own headers go to a proxy as well, so the key is not among them.
        """
        seconds = self._timeouts.connect
        return aiohttp.ClientSession(
            connector=connector,
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                "User-Agent": self._user_agent,
            },
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, connect=seconds, sock_connect=seconds),
            trust_env=False,
            auto_decompress=False,
            trace_configs=tracing,
        )


@dataclass(frozen=True, slots=True, repr=False)
class _Key:
    """The API key in a shell: whatever shows a client's parts does not show it."""

    text: str

    def __repr__(self) -> str:
        return "_Key(...)"

    def header(self) -> dict[str, str]:
        """What a request to the service carries."""
        return {"Authorization": f"Bearer {self.text}"}
