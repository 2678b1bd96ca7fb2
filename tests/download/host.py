"""A video host on loopback that answers as a test's script says, and remembers what it was asked."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web
from mp4_builder import build_mp4

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]

CLIP = build_mp4(payload=hashlib.shake_256(b"fox").digest(300_000))
OTHER_CLIP = build_mp4(payload=hashlib.shake_256(b"horse").digest(300_000))
PATH = "/inference_output%2Fvideo%2F2025-11-18/output_aigc.mp4"
QUERY = "?Expires=1763510682&Signature=9Z9J8h5b%2B3QI%2f%3D&a=b+c"


@dataclass(slots=True)
class Host:
    """Answers come from ``script`` in turn; the last one stays.  ``port`` is set when it serves."""

    port: int = 0
    script: list[Answer] = field(default_factory=list)
    asked: list[web.Request] = field(default_factory=list)

    @property
    def url(self) -> str:
        """A signed link to the clip."""
        return f"http://127.0.0.1:{self.port}{PATH}{QUERY}"

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """The next answer of the script."""
        self.asked.append(request)
        answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        return await answer(request)


def serve(
    content: bytes = CLIP,
    *,
    etag: str | None = '"v1"',
    modified: str | None = None,
    ranges: bool = True,
    told: bool = True,
    cut: int | None = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    """A host that has ``content``; ``cut``: it breaks off after so many bytes of a body.

    ``told``: with a Content-Length; ``ranges``: it honours Range and If-Range.
    """

    async def answer(request: web.Request) -> web.StreamResponse:
        start = _start(request, {etag, modified}) if ranges else None
        if start is not None and start >= len(content):
            return web.Response(status=416, headers={"Content-Range": f"bytes */{len(content)}"})
        body = content[start or 0 :]
        response = web.StreamResponse(status=200 if start is None else 206)
        response.content_type = "video/mp4"
        response.headers.update(_validators(etag, modified) | (headers or {}))
        if start is not None:
            response.headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        if told:
            response.content_length = len(body)
        await response.prepare(request)
        await response.write(body[:cut])
        if cut is not None:
            break_off(request)
        return response

    return answer


def reply(status: int = 200, body: bytes = b"", *, kind: str = "video/mp4", **headers: str) -> Answer:
    """A fixed answer; underscores in the names of ``headers`` stand for hyphens."""

    async def answer(_: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, body=body, headers={"Content-Type": kind, **named})

    return answer


def redirect(target: str, status: int = 302) -> Answer:
    """A redirect to the letter of ``target``."""
    return reply(status, Location=target)


def break_off(request: web.Request) -> None:
    """Close the connection behind what was written."""
    assert request.transport is not None
    request.transport.close()


def _start(request: web.Request, valid: set[str | None]) -> int | None:
    text = request.headers.get("Range")
    if text is None or request.headers.get("If-Range") not in valid:
        return None
    return int(text.removeprefix("bytes=").removesuffix("-"))


def _validators(etag: str | None, modified: str | None) -> dict[str, str]:
    named = {"ETag": etag, "Last-Modified": modified}
    return {name: value for name, value in named.items() if value is not None}
