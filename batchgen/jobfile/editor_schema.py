"""The JSON Schema of the job file, made from the declared keys, for editors and other programs."""

from __future__ import annotations

from enum import StrEnum

from batchgen.jobfile.fields import (
    DEFAULTS,
    JOB,
    MAKES_MANY,
    MANY,
    MANY_JOBS,
    SECTION_HELP,
    SECTIONS,
    SERVICE,
    TOP,
)
from batchgen.jobfile.kinds import Field, Fields, Schema
from batchgen.jobfile.matrix_kinds import PICKS
from batchgen.jobfile.urls import ENCRYPTED_PATTERN
from batchgen.settings import Budget, Limits, Polling, Service, Settings

_SETTINGS: dict[str, object] = {
    "service": Service(),
    "limits": Limits(),
    "polling": Polling(),
    "budget": Budget(),
}


def schema() -> dict[str, object]:
    """The JSON Schema (draft 2020-12) of the job file.

    It says all that a schema can say.  What it cannot: the bytes of an id, what jobs inherit from the
    defaults, that `6.0` is no integer, how many decimals an amount has, whether `{names}` have a value.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "batchgen job file",
        "type": "object",
        "required": ["jobs"],
        "properties": {**_sections(), **_properties(TOP, Settings()), "jobs": _jobs()},
        "patternProperties": {"^x-": {"description": "A place for anchors; ignored."}},
        "additionalProperties": False,
    }


def _sections() -> Schema:
    return {name: _section(name, declared) for name, declared in SECTIONS.items()}


def _section(name: str, declared: Fields) -> Schema:
    section = _object(declared, _SETTINGS.get(name))
    section["type"] = ["object", "null"]
    section["description"] = SECTION_HELP[name]
    if declared is DEFAULTS:
        section.update(_short_at_1080p())
    if declared is SERVICE:
        section.update(_encrypted())
    return section


def _jobs() -> Schema:
    many: Schema = {"anyOf": [{"required": [name]} for name in sorted(MAKES_MANY)]}
    job = {"type": "object", "if": many, "then": _many_jobs(), "else": _one_job()}
    return {
        "type": "array",
        "minItems": 1,
        "items": job,
        "description": "What to make: one entry a clip, or many.",
    }


def _one_job() -> Schema:
    fields = {name: field for name, field in JOB.items() if name not in MANY}
    return {**_object(fields, None), "required": ["prompt"], **_short_at_1080p()}


def _many_jobs() -> Schema:
    """A prompt may come from the entry, from a list of the matrix, or from the table."""
    listed: Schema = {"required": ["matrix"], "properties": {"matrix": {"required": ["prompt"]}}}
    twice = [{"required": [name], "properties": {"matrix": {"required": [name]}}} for name in PICKS]
    return {
        **_object(MANY_JOBS, None),
        "anyOf": [{"required": ["prompt"]}, listed, {"required": ["from"]}],
        "not": {"anyOf": twice},
        "dependentRequired": {"include": ["matrix"], "exclude": ["matrix"], "columns": ["from"]},
        **_short_at_1080p(),
    }


def _object(declared: Fields, defaults: object) -> Schema:
    return {"type": "object", "properties": _properties(declared, defaults), "additionalProperties": False}


def _properties(declared: Fields, defaults: object) -> Schema:
    return {name: _property(field, defaults) for name, field in declared.items()}


def _property(field: Field, defaults: object) -> Schema:
    described = field.schema()
    default = getattr(defaults, field.name, None) if defaults is not None else field.default
    if isinstance(default, StrEnum):
        default = str(default)
    if isinstance(default, (str, int, float)):
        described["default"] = default
    return described


def _encrypted() -> Schema:
    allowed: Schema = {"properties": {"allow_http": {"const": True}}, "required": ["allow_http"]}
    return {"if": allowed, "else": {"properties": {"base_url": {"pattern": ENCRYPTED_PATTERN}}}}


def _short_at_1080p() -> Schema:
    large: Schema = {"properties": {"resolution": {"const": "1080P"}}, "required": ["resolution"]}
    return {"if": large, "then": {"properties": {"duration": {"const": 6}}}}
