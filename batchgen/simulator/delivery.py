"""How an answer goes over the wire: whole, cut, slowly, without an end, or not at all."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from aiohttp import web

from batchgen.simulator.acts import Act, Close, Cut, Drip, Flood, WrongLength
from batchgen.simulator.answers import Answer

PIECE = 256 * 1024  # bytes at a time: well under a millisecond of the loop
TICK = 0.05  # seconds between pieces when the speed is limited
GZIP = 31  # zlib's window bits for a gzip wrapper

Pause = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """One exchange's way back to its client.  ``pause`` ends early when the service closes."""

    request: web.Request
    pause: Pause
    sent: Callable[[int], None]  # told of every piece, in bytes
    bytes_per_second: float | None = None

    @property
    def gone(self) -> bool:
        """Whether the client has left."""
        transport = self.request.transport
        return transport is None or transport.is_closing()


def hang_up(request: web.Request) -> web.StreamResponse:
    """Close the connection once what was written has left; nothing of the response returned is sent."""
    if request.transport is not None:
        request.transport.close()
    return web.Response()


async def deliver(wire: Wire, answer: Answer, act: Act | None) -> web.StreamResponse:
    """Send the answer, in the way that the act says."""
    length = answer.content.length
    match act:
        case Close():
            return hang_up(wire.request)
        case Flood():
            return await _flood(wire, act)
        case Cut(after_bytes=count):
            stop = length // 2 if count is None else min(count, length)
            await _stream(wire, answer, stop=stop, told=length, speed=wire.bytes_per_second)
            return hang_up(wire.request)
        case WrongLength(extra=extra):
            return await _wrong_length(wire, answer, max(length + extra, 0))
        case Drip(bytes_per_second=speed):
            return await _stream(wire, answer, stop=length, told=length, speed=speed)
        case _:
            return await _stream(wire, answer, stop=length, told=length, speed=wire.bytes_per_second)


async def _stream(
    wire: Wire, answer: Answer, *, stop: int, told: int, speed: float | None
) -> web.StreamResponse:
    if stop == told and stop <= PIECE and speed is None:
        wire.sent(stop)
        body = answer.content.read(0, stop)
        return web.Response(status=answer.status, headers=answer.headers, body=body)
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_length = told
    try:
        await response.prepare(wire.request)
        await response.write(b"")  # the headers leave now, whatever becomes of the body
        async for piece in _pieces(wire, answer, stop, speed):
            await response.write(piece)
            wire.sent(len(piece))
    except ConnectionError:
        return response
    return response


async def _pieces(wire: Wire, answer: Answer, stop: int, speed: float | None) -> AsyncIterator[bytes]:
    size = PIECE if speed is None else max(1, min(PIECE, round(speed * TICK)))
    for start in range(0, stop, size):
        piece = answer.content.read(start, min(start + size, stop))
        yield piece
        if speed is not None:
            await wire.pause(len(piece) / speed)
        if wire.gone:
            return


async def _wrong_length(wire: Wire, answer: Answer, told: int) -> web.StreamResponse:
    length = answer.content.length
    response = await _stream(wire, answer, stop=min(told, length), told=told, speed=wire.bytes_per_second)
    if told >= length:
        return hang_up(wire.request)
    with suppress(ConnectionError):
        await response.prepare(wire.request)
        await response.write_eof()
    transport = wire.request.transport
    if transport is not None and not wire.gone:
        transport.write(answer.content.read(told, length))
    return hang_up(wire.request)


async def _flood(wire: Wire, act: Flood) -> web.StreamResponse:
    headers = {"Content-Type": "application/octet-stream"}
    if act.gzip:
        headers["Content-Encoding"] = "gzip"
    response = web.StreamResponse(headers=headers)
    response.enable_chunked_encoding()
    packer = zlib.compressobj(1, wbits=GZIP) if act.gzip else None
    zeros, left = bytes(PIECE), act.bytes
    try:
        await response.prepare(wire.request)
        while (left is None or left > 0) and not wire.gone:
            piece = zeros if left is None else zeros[:left]
            left = None if left is None else left - len(piece)
            data = piece if packer is None else packer.compress(piece)
            await response.write(data)
            wire.sent(len(data))
            await asyncio.sleep(0)  # a full buffer yields, an empty one would not
        if packer is not None:
            await response.write(packer.flush())
    except ConnectionError:
        pass
    return response
