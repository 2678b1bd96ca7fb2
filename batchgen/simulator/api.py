"""The API: the three calls, answered as the service answers them."""

from __future__ import annotations

import json
from functools import partial

from aiohttp import web

from batchgen.simulator import answers, delivery, validation
from batchgen.simulator.acts import Ending
from batchgen.simulator.answers import Answer
from batchgen.simulator.behaviour import Call
from batchgen.simulator.clips import SIZES
from batchgen.simulator.faults import Subject
from batchgen.simulator.links import signed_target
from batchgen.simulator.records import Record
from batchgen.simulator.service import Exchange, Service, note, run
from batchgen.simulator.tasks import Task

BODY_LIMIT = 256 * 1024  # bytes of a request


def add_api(app: web.Application, service: Service) -> None:
    """Route the three calls, and refuse every other path as the gateway does."""
    app.router.add_post("/v1/video_generation", partial(_submit, service))
    app.router.add_get("/v1/query/video_generation", partial(_query, service), allow_head=False)
    app.router.add_get("/v1/files/retrieve", partial(_retrieve, service), allow_head=False)
    app.router.add_route("*", "/{path:.*}", partial(_elsewhere, service))


async def _submit(service: Service, request: web.Request) -> web.StreamResponse:
    try:
        body = await request.read()
    except web.HTTPRequestEntityTooLarge:
        return _plainly(answers.gateway(413, "request_too_large", "request body too large"))
    except (OSError, web.RequestPayloadError):
        return delivery.hang_up(request)
    order = _parsed(body)
    prompt = order.get("prompt") if order is not None else None
    subject = Subject(prompt=prompt if isinstance(prompt, str) else "", target=request.raw_path)

    def respond(record: Record, ending: Ending | None) -> Answer:
        return _unauthorized(request) or _ordered(service, order, record, ending)

    return await run(
        service,
        Exchange(call=Call.SUBMIT, request=request, subject=subject, respond=respond, body=body),
    )


def _ordered(
    service: Service, order: dict[str, object] | None, record: Record, ending: Ending | None
) -> Answer:
    if order is None:
        return answers.gateway(400, "invalid_request", "request body is not a JSON object")
    objection = validation.objection(order)
    if objection is not None:
        return answers.error(2013, objection, task_id="")
    refusal = service.refuse_submission()
    if refusal is not None:
        return refusal
    try:
        task = service.make_task(order, *validation.clip_format(order), ending)
    except OSError as error:
        return answers.gateway(500, "internal_error", f"the simulated service cannot write: {error.strerror}")
    record.task_id = str(task.task_id)
    return answers.of_json({"task_id": str(task.task_id), "base_resp": answers.base_resp()})


async def _query(service: Service, request: web.Request) -> web.StreamResponse:
    asked = request.query.get("task_id", "")
    task = service.tasks.by_task_id(asked)

    def respond(_record: Record, _ending: Ending | None) -> Answer:
        refusal = _unauthorized(request) or service.refuse_get()
        if refusal is not None:
            return refusal
        if task is None:
            return answers.error(2013, "invalid params, task_id not exist")
        return _standing(service, task)

    subject = service.subject(task, target=request.raw_path, task_id=asked)
    return await run(service, Exchange(call=Call.QUERY, request=request, subject=subject, respond=respond))


def _standing(service: Service, task: Task) -> Answer:
    now = service.now
    told: dict[str, object] = {"status": task.status(now, service.behaviour.times)}
    finished = task.ended(now)
    if finished and task.has_file:
        told["file_id"] = str(task.file_id)
    told["task_id"] = str(task.task_id)
    ending = task.ending if finished else None
    told["base_resp"] = (
        answers.base_resp() if ending is None else answers.base_resp(ending.code, ending.message)
    )
    if finished and task.has_file:
        told["video_width"], told["video_height"] = SIZES[task.resolution]
    return answers.of_json(told)


async def _retrieve(service: Service, request: web.Request) -> web.StreamResponse:
    task = service.tasks.by_file_id(request.query.get("file_id", ""))
    asked = request.query.get("task_id")

    def respond(_record: Record, _ending: Ending | None) -> Answer:
        refusal = _unauthorized(request) or service.refuse_get()
        if refusal is not None:
            return refusal
        known = task is not None and task.has_file and task.ended(service.now)
        if task is None or not known or asked not in (None, str(task.task_id)):
            return answers.error(2013, "invalid params, file_id not exist")
        return _file(service, task)

    subject = service.subject(task, target=request.raw_path, task_id=asked or "")
    return await run(service, Exchange(call=Call.RETRIEVE, request=request, subject=subject, respond=respond))


def _file(service: Service, task: Task) -> Answer:
    video = service.behaviour.video
    expires = int(service.now + video.link_life)
    file: dict[str, object] = {
        "file_id": task.file_id,
        "bytes": 0,
        "created_at": int(task.ended_at),
        "filename": "output_aigc.mp4",
        "purpose": "video_generation",
        "download_url": service.video_url + signed_target(task, expires),
    }
    if video.backup_links:
        file["backup_download_url"] = service.video_url + signed_target(task, expires, backup=True)
    return answers.of_json({"file": file, "base_resp": answers.base_resp()})


async def _elsewhere(service: Service, request: web.Request) -> web.StreamResponse:
    record = note(service, request, "other")
    answer = answers.gateway(404, "", f"Invalid URL ({request.method} {request.path})")
    service.records.answered(record, answer.status, answer.code)
    return _plainly(answer)


def _plainly(answer: Answer) -> web.Response:
    body = answer.content.read(0, answer.content.length)
    return web.Response(status=answer.status, headers=answer.headers, body=body)


def _unauthorized(request: web.Request) -> Answer | None:
    if request.headers.get("Authorization", "").strip():
        return None
    return answers.error(1004)


def _parsed(body: bytes) -> dict[str, object] | None:
    try:
        order = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return order if isinstance(order, dict) else None
