"""The keys of a job and the defaults become a request, when they go together."""

from __future__ import annotations

from collections.abc import Mapping as Map
from typing import Any

from batchgen.jobfile.fields import REQUEST
from batchgen.jobfile.flaws import Flaw
from batchgen.jobfile.nodes import Mapping, Scalar
from batchgen.model import DEFAULT_MODEL, Request

Values = Map[str, Any]


def merged_request(values: Values, defaults: Values) -> Request:
    """The request of a job whose values are right; defaults stand below the job's own keys."""
    chosen = {name: defaults[name] for name in REQUEST if name in defaults}
    chosen.update((name, values[name]) for name in REQUEST if name in values)
    model = chosen.pop("model", DEFAULT_MODEL)
    return Request(prompt=values["prompt"], model=model, **chosen)


def merged_metadata(values: Values, defaults: Values) -> dict[str, object]:
    """The metadata of a job: its own keys above those of the defaults."""
    return {**defaults.get("metadata", {}), **values.get("metadata", {})}


def request_flaws(node: Mapping, values: Values, defaults: Values) -> list[Flaw]:
    """What does not go together, where ``node`` names one of the keys in question.

    What the defaults alone bring about is told once, with them, and not again for each job.
    """
    flaws: list[Flaw] = []
    both = {**defaults, **values}
    if both.get("resolution") == "1080P" and both.get("duration", 6) != 6:
        place = _place(node, values, "duration", "resolution")
        if place:
            message = f"1080P clips are 6 seconds long, not {both['duration']}"
            remedy = "write `duration: 6`, or `resolution: 768P` for 10 seconds"
            flaws.append(_flaw(place, message, remedy))
    if both.get("fast_pretreatment") is True and both.get("prompt_optimizer") is False:
        place = _place(node, values, "fast_pretreatment", "prompt_optimizer")
        if place:
            message = "`fast_pretreatment` does nothing while `prompt_optimizer` is false"
            flaws.append(_flaw(place, message, "remove one of them", warning=True))
    return flaws


def _place(node: Mapping, values: Values, *names: str) -> Scalar | None:
    for name in names:
        found = node.find(name) if name in values else None
        if found:
            return found[0]
    return None


def _flaw(key: Scalar, message: str, remedy: str, *, warning: bool = False) -> Flaw:
    return Flaw(line=key.line, column=key.column, message=message, remedy=remedy, warning=warning)
