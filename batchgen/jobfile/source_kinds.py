"""The kinds of values that say where rows come from: ``from`` and ``columns``."""

from __future__ import annotations

from collections.abc import Mapping as Map
from dataclasses import dataclass

from batchgen.jobfile.flaws import Flaw, Wrong, WrongInside, did_you_mean, listed, shown
from batchgen.jobfile.kinds import Schema, text_of
from batchgen.jobfile.nodes import Broken, Mapping, Node, Scalar
from batchgen.jobfile.scalars import described, resolve

#: What ``from`` says for rows of JSON on standard input.
STANDARD_INPUT = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class TablePath:
    """The path of a table, or a pattern of such paths, relative to the job file; or ``-``."""

    def read(self, node: Node) -> str:
        """The path, as written."""
        text = text_of(node)
        if not text.strip() or not text.isprintable() or len(text) > 1000:
            raise Wrong("is not a path: it is blank, too long or has control characters")
        if text.startswith("~"):
            raise Wrong("begins with `~`, which is not expanded", "write the path in full")
        return text

    def schema(self) -> Schema:
        """A text."""
        return {"type": "string", "maxLength": 1000, "pattern": r"^(?!~)(?=.*\S)[^\x00-\x1f\x7f-\x9f]+$"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Request keys, each with the column that it is taken from."""

    keys: tuple[str, ...]

    def read(self, node: Node) -> Map[str, Scalar]:
        """The columns by the request keys."""
        if not isinstance(node, Mapping):
            raise Wrong(
                f"must be a mapping of keys, not {described(node)}", "write `columns: {duration: seconds}`"
            )
        flaws: list[Flaw] = []
        found: dict[str, Scalar] = {}
        for key, value in node.pairs:
            if key.text not in self.keys:
                flaws.append(self._unknown(key))
            elif isinstance(value, Scalar) and resolve(value) is not None:
                found[key.text] = value
            elif not isinstance(value, Broken):
                message = f"`{key.text}` must name a column, not {described(value)}"
                flaws.append(Flaw(line=key.line, column=key.column, message=message))
        if flaws:
            raise WrongInside(flaws)
        return found

    def _unknown(self, key: Scalar) -> Flaw:
        message = f"`columns` maps request keys to columns, and {shown(key.text)} is none"
        remedy = did_you_mean(key.text, self.keys) or f"the request keys are {listed(self.keys)}"
        if key.text in {"id", "metadata", "filename"}:
            remedy = f'remove it here, and write `{key.text}: "{{column}}"` in the job'
        return Flaw(line=key.line, column=key.column, message=message, remedy=remedy)

    def schema(self) -> Schema:
        """A JSON object of names."""
        name: Schema = {"type": ["string", "number", "boolean"]}
        return {"type": "object", "properties": dict.fromkeys(self.keys, name), "additionalProperties": False}
