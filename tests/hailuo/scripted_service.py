"""A service on loopback that does exactly what a test tells it, down to the byte."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request as it came in."""

    connection: int  # counted from 1
    line: str
    headers: dict[str, str]
    names: tuple[str, ...]  # of the headers as they came
    body: bytes


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of one connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def gone(self) -> bool:
        """Whether either end has closed it."""
        return self.writer.is_closing() or self.reader.at_eof()


@dataclass(slots=True)
class ScriptedService:
    """Answers every request by ``act``, and keeps what it was asked."""

    act: Act
    read_first: bool = True  # False: act as soon as a connection stands
    base_url: str = ""
    connections: int = 0
    asked: list[Asked] = field(default_factory=list)
    sent: int = 0  # bytes that the client has taken, but for what the kernel holds
    answered: asyncio.Event = field(default_factory=asyncio.Event)  # something was sent
    closed: asyncio.Event = field(default_factory=asyncio.Event)  # a client has closed its connection

    async def send(self, peer: Peer, raw: bytes) -> None:
        """Write and wait until the client takes it."""
        peer.writer.write(raw)
        await peer.writer.drain()
        self.sent += len(raw)
        self.answered.set()

    async def serve(self, peer: Peer) -> None:
        """One connection, until its act ends it or the client does."""
        self.connections += 1
        number = self.connections
        try:
            while not peer.gone:
                if self.read_first:
                    self.asked.append(await _request(peer.reader, number))
                await self.act(self, peer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has closed it
        else:
            await _flushed(peer.writer)
        finally:
            peer.writer.transport.abort()
            self.closed.set()


Act = Callable[[ScriptedService, Peer], Awaitable[None]]
_ACCEPTING = 10
"""Turns of the loop until who has connected is served: ended before, neither asyncio nor we would close it."""


async def _flushed(writer: asyncio.StreamWriter) -> None:
    """Close in order, what was written before."""
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def _request(reader: asyncio.StreamReader, connection: int) -> Asked:
    """Read one request whole."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *fields = head.rstrip().split("\r\n")
    pairs = [entry.split(": ", 1) for entry in fields]
    headers = {name.lower(): value for name, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    names = tuple(name for name, _ in pairs)
    return Asked(connection=connection, line=line, headers=headers, names=names, body=body)


@asynccontextmanager
async def scripted(
    act: Act, *, read_first: bool = True, tls: ssl.SSLContext | None = None
) -> AsyncIterator[ScriptedService]:
    """Serve on a port that the system chooses; ends every connection at the end."""
    service = ScriptedService(act, read_first)
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(service.serve(Peer(reader, writer)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    service.base_url = (
        f"{'http' if tls is None else 'https'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    )
    try:
        yield service
    finally:
        for _ in range(_ACCEPTING):
            await asyncio.sleep(0)
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def response(body: object, status: int = 200, *headers: str, raw: bytes | None = None) -> bytes:
    """A reply's bytes: ``body`` as JSON, or ``raw`` as it stands."""
    content = json.dumps(body).encode() if raw is None else raw
    head = (f"HTTP/1.1 {status} Told", "Content-Type: application/json", *headers)
    return "\r\n".join((*head, f"Content-Length: {len(content)}", "", "")).encode() + content


def says(body: object, status: int = 200, *headers: str, raw: bytes | None = None) -> Act:
    """Reply, and keep the connection."""
    whole = response(body, status, *headers, raw=raw)

    async def act(service: ScriptedService, peer: Peer) -> None:
        await service.send(peer, whole)

    return act


def sends(raw: bytes, *, reset: bool = False) -> Act:
    """Send these bytes and close, in order or by a reset."""

    async def act(service: ScriptedService, peer: Peer) -> None:
        await service.send(peer, raw)
        if reset:
            peer.writer.transport.abort()
        else:
            peer.writer.close()

    return act


def hangs(raw: bytes = b"") -> Act:
    """Send these bytes, and then nothing more."""

    async def act(service: ScriptedService, peer: Peer) -> None:
        await service.send(peer, raw)
        await peer.reader.read()  # until the client closes

    return act


def repeats(head: bytes, chunk: bytes, pause: float = 0.0) -> Act:
    """Send ``head``, and then ``chunk`` for as long as the client takes it, with a pause in seconds."""

    async def act(service: ScriptedService, peer: Peer) -> None:
        await service.send(peer, head)
        while not peer.gone:
            await service.send(peer, chunk)
            await asyncio.sleep(pause)

    return act
