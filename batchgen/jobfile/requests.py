"""The keys of a job and the defaults become a request, when they go together."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as Map
from typing import Any, NamedTuple

from batchgen.jobfile.fields import REQUEST
from batchgen.jobfile.flaws import Flaw
from batchgen.jobfile.nodes import Mapping, Scalar
from batchgen.model import DEFAULT_MODEL, Request

Values = Map[str, Any]


def merged_keys(values: Values, defaults: Values) -> dict[str, Any]:
    """The request keys of a job but the prompt; defaults stand below the job's own keys."""
    return {name: value for both in (defaults, values) for name, value in both.items() if name in REQUEST}


def merged_request(values: Values, defaults: Values) -> Request:
    """The request of a job whose values are right."""
    return request_of(values["prompt"], merged_keys(values, defaults))


def request_of(prompt: str, keys: Values) -> Request:
    """The request for a prompt, with what ``keys`` name."""
    return Request(prompt=prompt, **{"model": DEFAULT_MODEL, **keys})


def merged_metadata(values: Values, defaults: Values) -> dict[str, object]:
    """The metadata of a job: its own keys above those of the defaults."""
    return {**defaults.get("metadata", {}), **values.get("metadata", {})}


#: Keys that do not go with every value of another one.
_CLASHING = frozenset({"duration", "resolution", "fast_pretreatment", "prompt_optimizer"})


class Clash(NamedTuple):
    """Request keys that do not go together."""

    names: tuple[str, ...]  # of the keys, the one to look at first
    message: str
    remedy: str
    warning: bool = False


def clashes(keys: Values) -> Iterator[Clash]:
    """What does not go together among the keys of a request."""
    if keys.get("resolution") == "1080P" and keys.get("duration", 6) != 6:
        yield Clash(
            ("duration", "resolution"),
            f"1080P clips are 6 seconds long, not {keys['duration']}",
            "write `duration: 6`, or `resolution: 768P` for 10 seconds",
        )
    if keys.get("fast_pretreatment") is True and keys.get("prompt_optimizer") is False:
        yield Clash(
            ("fast_pretreatment", "prompt_optimizer"),
            "`fast_pretreatment` does nothing while `prompt_optimizer` is false",
            "remove one of them",
            warning=True,
        )


def request_flaws(node: Mapping, values: Values, defaults: Values) -> list[Flaw]:
    """What does not go together, where ``node`` names one of the keys in question.

    What the defaults alone bring about is told once, with them, and not again for each job.
    """
    flaws: list[Flaw] = []
    if _CLASHING.isdisjoint(values):
        return flaws
    for clash in clashes({**defaults, **values}):
        place = _place(node, values, *clash.names)
        if place:
            flaws.append(_flaw(place, clash.message, clash.remedy, warning=clash.warning))
    return flaws


def _place(node: Mapping, values: Values, *names: str) -> Scalar | None:
    for name in names:
        found = node.find(name) if name in values else None
        if found:
            return found[0]
    return None


def _flaw(key: Scalar, message: str, remedy: str, *, warning: bool = False) -> Flaw:
    return Flaw(line=key.line, column=key.column, message=message, remedy=remedy, warning=warning)
