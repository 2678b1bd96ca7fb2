"""An entry that stands for many jobs, read once: its texts with names, its combinations, its columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from batchgen.jobfile.fields import MANY_JOBS, REQUEST
from batchgen.jobfile.flaws import Flaw, Wrong
from batchgen.jobfile.mappings import wrong_value
from batchgen.jobfile.matrix import Matrix
from batchgen.jobfile.nodes import Mapping as MappingNode
from batchgen.jobfile.nodes import Node, Scalar
from batchgen.jobfile.requests import merged_keys
from batchgen.jobfile.template_kinds import templates_in
from batchgen.jobfile.templates import Template


class Use(NamedTuple):
    """A text with names, and where it stands."""

    key: str
    template: Template
    place: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Blueprint:
    """What all jobs of one entry have in common.  ``chosen``: what matrix values under request keys mean."""

    node: MappingNode
    values: Mapping[str, Any]
    defaults: Mapping[str, Any]
    matrix: Matrix | None
    filename: Template | None  # of the entry, or else of the file
    chosen: Mapping[tuple[str, str], object] = field(default_factory=dict)

    @property
    def prompt(self) -> Template | None:
        """The prompt that the entry itself has."""
        found: Template | None = self.values.get("prompt")
        return found

    @property
    def id(self) -> Template | None:
        """The id that the entry itself has."""
        found: Template | None = self.values.get("id")
        return found

    @property
    def repeat(self) -> int:
        """How many clips of each job."""
        times: int = self.values.get("repeat", 1)
        return times

    @property
    def columns(self) -> Mapping[str, Scalar]:
        """Columns by the request keys that are taken from them."""
        found: Mapping[str, Scalar] = self.values.get("columns", {})
        return found

    @property
    def keys(self) -> dict[str, object]:
        """The request keys that all jobs start from."""
        return merged_keys(self.values, self.defaults)

    @property
    def matrix_names(self) -> tuple[str, ...]:
        """Every name that the combinations give a value."""
        return (*self.matrix.names, *self.matrix.added_names) if self.matrix else ()

    def uses(self) -> Iterator[Use]:
        """Every text of the entry that may use names."""
        for key in ("prompt", "id", "filename"):
            found = self.node.find(key)
            template = self.values.get(key)
            if found and isinstance(template, Template):
                yield Use(key, template, found[1])
        if "filename" not in self.values and self.filename is not None:
            yield Use("filename", self.filename, self.node)
        found = self.node.find("metadata")
        for template in templates_in(self.values.get("metadata", {})):
            yield Use("metadata", template, found[1] if found else self.node)
        for (name, _), value in self.chosen.items():
            if name == "prompt" and isinstance(value, Template):
                yield Use("prompt", value, self.node)


def make_blueprint(
    node: MappingNode, values: Mapping[str, Any], defaults: Mapping[str, Any], filename: Template | None
) -> tuple[Blueprint, list[Flaw]]:
    """The blueprint of an entry, and what is wrong with its values under request keys."""
    matrix = None
    if "matrix" in values:
        include, exclude = values.get("include", ()), values.get("exclude", ())
        matrix = Matrix(axes=values["matrix"], include=include, exclude=exclude)
    chosen, flaws = _chosen(matrix) if matrix else ({}, [])
    blueprint = Blueprint(
        node=node,
        values=values,
        defaults=defaults,
        matrix=matrix,
        filename=values.get("filename", filename),
        chosen=chosen,
    )
    return blueprint, flaws


def _chosen(matrix: Matrix) -> tuple[dict[tuple[str, str], object], list[Flaw]]:
    chosen: dict[tuple[str, str], object] = {}
    flaws: list[Flaw] = []
    lists = [(axis.name, value) for axis in matrix.axes for value in axis.values]
    for name, value in [*lists, *(pair for extra in matrix.include for pair in extra.items())]:
        if name != "prompt" and name not in REQUEST:
            continue
        try:
            chosen[name, value.text] = MANY_JOBS[name].kind.read(value)
        except Wrong as wrong:
            flaws.append(wrong_value(value._replace(text=name), value, wrong))
    return chosen, flaws
