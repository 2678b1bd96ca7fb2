"""The video host: signed links, compared to the letter, and ranges."""

from __future__ import annotations

from email.utils import formatdate
from functools import partial

from aiohttp import web

from batchgen.simulator import answers, spoil
from batchgen.simulator.acts import Ending
from batchgen.simulator.answers import Answer, Slice
from batchgen.simulator.behaviour import Call
from batchgen.simulator.clips import clip_of
from batchgen.simulator.links import expiry_in, signed_target, task_id_in
from batchgen.simulator.ranges import Unsatisfiable, asked_part
from batchgen.simulator.records import Record
from batchgen.simulator.service import Exchange, Service, run
from batchgen.simulator.tasks import Task

MISMATCH = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your key and signing method."
)


def add_video_host(app: web.Application, service: Service) -> None:
    """Answer every path: which one is a clip's only the signature tells."""
    app.router.add_route("*", "/{path:.*}", partial(_fetch, service))


async def _fetch(service: Service, request: web.Request) -> web.StreamResponse:
    target = request.raw_path
    task = service.tasks.by_task_id(task_id_in(target))

    def respond(_record: Record, _ending: Ending | None) -> Answer:
        refusal = _refusal(request, task, service.now)
        if task is None or refusal is not None:
            return refusal or answers.xml(403, "SignatureDoesNotMatch", MISMATCH)
        return _clip(service, request, task)

    subject = service.subject(task, target=target)
    return await run(service, Exchange(call=Call.VIDEO, request=request, subject=subject, respond=respond))


def _refusal(request: web.Request, task: Task | None, now: float) -> Answer | None:
    if "Authorization" in request.headers:
        return answers.xml(400, "InvalidArgument", "Only one auth mechanism allowed: the link is signed.")
    target, expires = request.raw_path, expiry_in(request.raw_path)
    if "?" not in target:
        return answers.xml(403, "AccessDenied", "You have no right to access this object.")
    signed = () if task is None or expires is None else _signed_targets(task, expires)
    if request.method != "GET" or target not in signed or task is None or not task.has_file:
        return answers.xml(403, "SignatureDoesNotMatch", MISMATCH)
    return spoil.expired() if expires is not None and now >= expires else None


def _signed_targets(task: Task, expires: int) -> tuple[str, str]:
    return signed_target(task, expires), signed_target(task, expires, backup=True)


def _clip(service: Service, request: web.Request, task: Task) -> Answer:
    video = service.behaviour.video
    clip = clip_of(task, video)
    modified = formatdate(task.ended_at, usegmt=True)
    headers = {
        "Content-Type": "video/mp4",
        "ETag": clip.etag,
        "Last-Modified": modified,
        "Server": "AliyunOSS",
    }
    if video.ignore_ranges:
        return Answer(headers=headers, content=clip)
    headers["Accept-Ranges"] = "bytes"
    try:
        part = asked_part(
            request.headers.get("Range"),
            request.headers.get("If-Range"),
            etag=clip.etag,
            modified=modified,
            length=clip.length,
        )
    except Unsatisfiable:
        answer = answers.xml(416, "InvalidRange", "The requested range cannot be satisfied.")
        return Answer(
            status=416,
            headers={**answer.headers, "Content-Range": f"bytes */{clip.length}"},
            content=answer.content,
        )
    if part is None:
        return Answer(headers=headers, content=clip)
    headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{clip.length}"
    content = Slice(whole=clip, start=part.start, stop=part.stop)
    return Answer(status=206, headers=headers, content=content)
