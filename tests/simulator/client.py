# ruff: noqa: ANN401  answers are whatever the service says, and options those of aiohttp
"""A client of the simulated service that hides nothing: tests see status, headers and body."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
from yarl import URL

from batchgen.simulator import Simulator

KEY = "Bearer a-key-of-no-account"
BODY: dict[str, object] = {"model": "MiniMax-Hailuo-2.3", "prompt": "A man picks up a book [Pedestal up]."}


@dataclass
class Clock:
    """A clock that stands until it is moved; give ``read`` to the service as ``now``."""

    at: datetime = field(default_factory=lambda: datetime(2026, 3, 1, tzinfo=UTC))

    def read(self) -> datetime:
        """The moment."""
        return self.at

    def move(self, seconds: float) -> None:
        """Let time pass."""
        self.at += timedelta(seconds=seconds)


@dataclass
class Got:
    """One answer."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> Any:
        """The vendor's code."""
        return self.json["base_resp"]["status_code"]


class Client:
    """Speaks to one simulated service."""

    def __init__(self, session: aiohttp.ClientSession, simulator: Simulator) -> None:
        self.session, self.simulator = session, simulator

    async def ask(self, method: str, url: str, **options: Any) -> Got:
        """One request, with a key unless headers are given."""
        options.setdefault("headers", {"Authorization": KEY})
        address = URL(url, encoded=True)
        async with self.session.request(method, address, allow_redirects=False, **options) as response:
            return Got(response.status, response.headers, await response.read())

    async def submit(self, body: object = None, **options: Any) -> Got:
        """The first call; ``body`` is JSON."""
        options.setdefault("data", json.dumps(BODY if body is None else body))
        return await self.ask("POST", self.simulator.base_url + "/v1/video_generation", **options)

    async def made(self, **keys: object) -> str:
        """The id of a new task."""
        got = await self.submit({**BODY, **keys})
        return str(got.json["task_id"])

    async def query(self, task_id: str, **options: Any) -> Got:
        """The second call."""
        return await self.ask(
            "GET", f"{self.simulator.base_url}/v1/query/video_generation?task_id={task_id}", **options
        )

    async def retrieve(self, file_id: str, task_id: str | None = None, **options: Any) -> Got:
        """The third call."""
        rest = "" if task_id is None else f"&task_id={task_id}"
        url = f"{self.simulator.base_url}/v1/files/retrieve?file_id={file_id}{rest}"
        return await self.ask("GET", url, **options)

    async def link(self, task_id: str) -> str:
        """The link to a finished task's clip."""
        file_id = (await self.query(task_id)).json["file_id"]
        return str((await self.retrieve(file_id, task_id)).json["file"]["download_url"])

    async def fetch(self, url: str, headers: dict[str, str] | None = None) -> Got:
        """A clip, without the key."""
        return await self.ask("GET", url, headers=headers or {})

    async def control(self, method: str, path: str, data: object = None) -> Got:
        """The control, as another process uses it."""
        return await self.ask(method, f"{self.simulator.base_url}/_simulator/{path}", json=data, headers={})
