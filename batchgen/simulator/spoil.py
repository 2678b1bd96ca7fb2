"""What an act makes of an answer, before anything goes over the wire: pure functions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from batchgen.simulator import answers
from batchgen.simulator.acts import (
    Act,
    Alter,
    Close,
    Code,
    Expired,
    Flood,
    Gateway,
    Raw,
    Redirect,
    Truncate,
)
from batchgen.simulator.answers import Answer, Slice, Text
from batchgen.simulator.behaviour import Call


def stands_in(act: Act | None) -> bool:
    """Whether the service never gets to do what it was asked."""
    match act:
        case Code(made=made) | Gateway(made=made) | Raw(made=made) | Close(made=made) | Flood(made=made):
            return not made
        case Redirect() | Expired():
            return True
        case _:
            return False


def spoiled(answer: Answer, act: Act | None, *, call: Call, target: str) -> Answer:
    """The answer that goes out in place of the true one."""
    match act:
        case Code():
            return _code(act, call)
        case Gateway():
            retry = act.retry_after
            return answers.shaped(act.shape, act.http_status, act.code, act.message, retry_after=retry)
        case Raw():
            headers = {**act.headers, "Content-Type": act.content_type}
            return Answer(
                status=act.http_status,
                headers=headers,
                content=Text(act.body.encode("utf-8", "surrogatepass")),
            )
        case Alter():
            return _altered(answer, act)
        case Truncate(after_bytes=count):
            stop = answer.content.length // 2 if count is None else min(count, answer.content.length)
            return replace(answer, content=Slice(whole=answer.content, start=0, stop=stop))
        case Redirect():
            location = target if act.location is None else act.location
            return Answer(status=act.http_status, headers={"Location": location})
        case Expired():
            return expired()
        case _:
            return answer


def expired() -> Answer:
    """The video host's refusal of a link whose time is over."""
    return answers.xml(403, "AccessDenied", "Request has expired.")


def _code(act: Code, call: Call) -> Answer:
    fields = {"task_id": ""} if call is Call.SUBMIT else {}
    data = {**fields, "base_resp": answers.base_resp(act.code, act.message)}
    return answers.of_json(data, act.http_status, act.retry_after)


def _altered(answer: Answer, act: Alter) -> Answer:
    data = json.loads(answer.content.read(0, answer.content.length))
    for path, value in act.set.items():
        *parents, name = path.split(".")
        holder = data
        for parent in parents:
            if not isinstance(holder.get(parent), dict):
                holder[parent] = {}
            holder = holder[parent]
        holder[name] = value
    for path in act.remove:
        _remove(data, path)
    return answers.of_json(data, answer.status)


def _remove(data: Mapping[str, object], path: str) -> None:
    *parents, name = path.split(".")
    holder: object = data
    for parent in parents:
        holder = holder.get(parent) if isinstance(holder, dict) else None
    if isinstance(holder, dict):
        holder.pop(name, None)
