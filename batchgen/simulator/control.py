"""The control under ``/_simulator/``: JSON in and out, for tests in other processes and other languages.

=======================  ==================================================================================
``GET behaviour``        what is set
``PATCH behaviour``      set some of it: ``{"limits": {"tasks_at_once": 8}}``
``GET faults``           the rules in force, each with how often it fired
``POST faults``          add a rule or a list of rules (see ``faults.read_rule``)
``DELETE faults``        nothing goes wrong any more
``POST reset``           the same, and counting begins anew
``GET records``          the newest requests; ``?call=submit``, ``?since=NUMBER``
``GET tasks``            every task made
``GET stats``            counts
=======================  ==================================================================================

None of these is recorded or counted.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from functools import partial

from aiohttp import web

from batchgen.simulator import answers, plain
from batchgen.simulator.behaviour import changed
from batchgen.simulator.clips import clip_of
from batchgen.simulator.faults import dump_rule, read_rule
from batchgen.simulator.records import dump_record
from batchgen.simulator.service import Service
from batchgen.simulator.tasks import Task

BATCH = 50  # rows that are made into JSON before others get their turn


def add_control(app: web.Application, service: Service) -> None:
    """Route the control; goes before ``add_api``, which answers everything that is left."""
    for method, name, handler in (
        ("GET", "behaviour", _behaviour),
        ("PATCH", "behaviour", _change),
        ("GET", "faults", _faults),
        ("POST", "faults", _add_faults),
        ("DELETE", "faults", _clear_faults),
        ("POST", "reset", _reset),
        ("GET", "records", _records),
        ("GET", "tasks", _tasks),
        ("GET", "stats", _stats),
    ):
        app.router.add_route(method, f"/_simulator/{name}", partial(handler, service))


async def _behaviour(service: Service, _request: web.Request) -> web.StreamResponse:
    return _json(plain.dump(service.behaviour))


async def _change(service: Service, request: web.Request) -> web.StreamResponse:
    try:
        data = await request.json()
        if not isinstance(data, dict):
            raise plain.Unreadable("an object is needed")
        service.behaviour = changed(service.behaviour, data)
    except ValueError as error:
        return _json({"error": str(error)}, status=400)
    return _json(plain.dump(service.behaviour))


async def _faults(service: Service, _request: web.Request) -> web.StreamResponse:
    return _json([{**dump_rule(rule), "fired": fired} for rule, fired in service.faults.list()])


async def _add_faults(service: Service, request: web.Request) -> web.StreamResponse:
    try:
        data = await request.json()
        rules = [read_rule(item) for item in (data if isinstance(data, list) else [data])]
    except ValueError as error:
        return _json({"error": str(error)}, status=400)
    for rule in rules:
        service.faults.add(rule)
    return _json([dump_rule(rule) for rule in rules], status=201)


async def _clear_faults(service: Service, _request: web.Request) -> web.StreamResponse:
    service.faults.clear()
    return web.Response(status=204)


async def _reset(service: Service, _request: web.Request) -> web.StreamResponse:
    service.reset()
    return web.Response(status=204)


async def _stats(service: Service, _request: web.Request) -> web.StreamResponse:
    return _json(service.stats())


async def _records(service: Service, request: web.Request) -> web.StreamResponse:
    call, since = request.query.get("call"), request.query.get("since", "0")
    if not since.isdecimal():
        return _json({"error": "since: a number of a record is needed"}, status=400)
    chosen = [
        record
        for record in service.records.newest
        if call in (None, record.call) and record.number > int(since)
    ]
    return await _array(request, (dump_record(record) for record in chosen))


async def _tasks(service: Service, request: web.Request) -> web.StreamResponse:
    return await _array(request, (_task(service, task) for task in service.tasks.all()))


def _task(service: Service, task: Task) -> dict[str, object]:
    ready = task.has_file and task.ended(service.now)
    return {
        "task_id": str(task.task_id),
        "file_id": str(task.file_id),
        "status": task.status(service.now, service.behaviour.times),
        "prompt": task.prompt,
        "body": json.loads(task.body),
        "duration": task.duration,
        "resolution": task.resolution,
        "made_at": task.made_at,
        "ended_at": task.ended_at,
        "ending": plain.dump(task.ending),
        "clip_bytes": clip_of(task, service.behaviour.video).length if ready else None,
    }


async def _array(request: web.Request, rows: Iterable[object]) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": answers.JSON_TYPE})
    await response.prepare(request)
    waiting, glue = bytearray(b"["), b""
    for number, row in enumerate(rows, start=1):
        waiting += glue + json.dumps(row).encode()
        glue = b",\n"
        if number % BATCH == 0:
            await response.write(bytes(waiting))
            waiting.clear()
            await asyncio.sleep(0)
    await response.write(bytes(waiting) + b"]\n")
    return response


def _json(data: object, status: int = 200) -> web.Response:
    return web.json_response(data, status=status)
