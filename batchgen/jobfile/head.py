"""What stands above the jobs (or below them): settings, and defaults for every job."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from batchgen.jobfile.compose import duplicate
from batchgen.jobfile.fields import DEFAULTS, JOB, SECTIONS, TOP
from batchgen.jobfile.flaws import Flaw, Wrong, shown
from batchgen.jobfile.kinds import Field
from batchgen.jobfile.mappings import Values, read_mapping, unknown_key, wrong_value
from batchgen.jobfile.nodes import Broken, Mapping, Node, Scalar
from batchgen.jobfile.requests import request_flaws
from batchgen.jobfile.scalars import described, resolve
from batchgen.jobfile.templates import Template
from batchgen.jobfile.urls import CLEAR_TEXT, ENCRYPT, is_clear_text
from batchgen.settings import Budget, Limits, OnUnknown, Polling, Service, Settings

TOP_KEYS: tuple[str, ...] = (*SECTIONS, *TOP, "jobs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The settings, the defaults of the jobs, and what is wrong with either."""

    settings: Settings = field(default_factory=Settings)
    defaults: Values = field(default_factory=dict)
    filename: Template | None = None
    flaws: list[Flaw] = field(default_factory=list)


def read_head(pairs: Iterable[tuple[Scalar | Node, Node | None]], *, allow_http: bool = False) -> Head:
    """Read the keys of the file; ``jobs`` has the value None where it is a list, as it should be.

    ``allow_http``: the user said elsewhere that the key may travel unencrypted.
    """
    flaws: list[Flaw] = []
    values: dict[str, Any] = {}
    seen: dict[str, int] = {}
    service: Node | None = None
    for key, value in pairs:
        if not isinstance(key, Scalar):
            if not isinstance(key, Broken):
                flaws.append(_odd_key(key, "a key must be a word"))
        elif key.text in seen:
            flaws.append(duplicate(key, seen[key.text]))
        else:
            seen[key.text] = key.line
            _read_key(key, value, values, flaws)
            service = value if key.text == "service" else service
    if isinstance(service, Mapping) and not allow_http:
        flaws.extend(_clear_text(service, values["service"]))
    if "jobs" not in seen:
        message = "the file has no jobs"
        flaws.append(
            Flaw(line=1, column=1, message=message, remedy="add a list `jobs:` with a `- prompt: ...` each")
        )
    return Head(
        settings=_settings(values),
        defaults=values.get("defaults", {}),
        filename=values.get("filename"),
        flaws=flaws,
    )


def _read_key(key: Scalar, value: Node | None, values: dict[str, Any], flaws: list[Flaw]) -> None:
    name = key.text
    if name == "jobs":
        flaws.extend(_refuse_jobs(value))
    elif name.startswith("x-") or value is None:
        pass  # a place for anchors
    elif name == "<<" and key.plain:
        flaws.append(_odd_key(key, "`<<` cannot merge into the file itself"))
    elif name in SECTIONS:
        values[name] = _read_section(name, value, flaws)
    elif name in TOP:
        _read_value(TOP[name], key, value, values, flaws)
    elif name in JOB:
        into = "a job below `jobs:`" + (", or into `defaults:` for all" if name in DEFAULTS else "")
        message = f"a job file has no key {shown(name)}: it is one of a job"
        flaws.append(Flaw(line=key.line, column=key.column, message=message, remedy=f"move it into {into}"))
    else:
        known = {**TOP, **dict.fromkeys(TOP_KEYS, TOP["output"])}
        flaws.append(unknown_key(key, known, where="a job file"))


def _read_value(declared: Field, key: Scalar, value: Node, values: dict[str, Any], flaws: list[Flaw]) -> None:
    if isinstance(value, Broken):
        return
    try:
        values[declared.name] = declared.kind.read(value)
    except Wrong as wrong:
        flaws.append(wrong_value(key, value, wrong))


def _read_section(name: str, node: Node, flaws: list[Flaw]) -> Values:
    if name != "defaults":
        return read_mapping(node, SECTIONS[name], flaws, where=f"`{name}`")
    allowed, misplaced = _without_prompt(node)
    flaws.extend(misplaced)
    values = read_mapping(allowed, SECTIONS[name], flaws, where="`defaults`")
    if isinstance(node, Mapping):
        flaws.extend(request_flaws(node, values, {}))
    return values


def _clear_text(node: Mapping, service: Values) -> list[Flaw]:
    """An address to which the key would travel unencrypted, without the user's word that it may."""
    found = node.find("base_url")
    if found is None or service.get("allow_http") or not is_clear_text(str(service.get("base_url", ""))):
        return []
    return [wrong_value(*found, Wrong(f"is refused: {CLEAR_TEXT}", ENCRYPT))]


def _without_prompt(node: Node) -> tuple[Node, list[Flaw]]:
    """Keys of a job that are no defaults get a message of their own."""
    own = tuple(name for name in JOB if name not in DEFAULTS)
    if not isinstance(node, Mapping):
        return node, []
    misplaced = [
        Flaw(
            line=key.line,
            column=key.column,
            message=f"`{key.text}` cannot stand under `defaults`: each job has its own",
            remedy="move it into the jobs",
        )
        for key, _ in node.pairs
        if key.text in own
    ]
    return node._replace(pairs=[pair for pair in node.pairs if pair[0].text not in own]), misplaced


def _refuse_jobs(value: Node | None) -> list[Flaw]:
    if value is None or isinstance(value, Broken):
        return []
    remedy = "write a list below it, with a `- prompt: ...` for each job"
    if isinstance(value, Scalar) and resolve(value) is None:
        return [Flaw(line=value.line, column=value.column, message="`jobs` is empty", remedy=remedy)]
    message = f"`jobs` must be a list that is written out here, not {described(value)}"
    return [Flaw(line=value.line, column=value.column, message=message, remedy=remedy)]


def _odd_key(key: Node, message: str) -> Flaw:
    return Flaw(line=key.line, column=key.column, message=message, remedy="remove it")


def _settings(values: dict[str, Any]) -> Settings:
    chosen: dict[str, Any] = {name: values[name] for name in TOP if name in values and name != "filename"}
    if "on_unknown" in chosen:
        chosen["on_unknown"] = OnUnknown(chosen["on_unknown"])
    return Settings(
        service=Service(**values.get("service", {})),
        limits=Limits(**values.get("limits", {})),
        polling=Polling(**values.get("polling", {})),
        budget=Budget(**values.get("budget", {})),
        **chosen,
    )
