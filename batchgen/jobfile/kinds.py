"""What it is to be a key of the job file, and the kinds of values that many keys take.

A kind reads a node, and describes itself as JSON Schema.
"""

from __future__ import annotations

import re
from collections.abc import Mapping as Map
from dataclasses import dataclass
from typing import Protocol

from batchgen.jobfile.flaws import Wrong, did_you_mean, listed, shown
from batchgen.jobfile.nodes import Node, Scalar
from batchgen.jobfile.scalars import described, resolve

Schema = dict[str, object]

#: The largest whole number that the ledger and readers of JSON can hold.
LARGEST = 2**63 - 1
_YES = frozenset({"true", "yes", "on", "y", "1"})
_NO = frozenset({"false", "no", "off", "n", "0"})
_LEADING_NUMBER = re.compile(r"\s*([0-9]{1,9})(\.0+)?\s*[a-zA-Z秒]*\s*", re.ASCII)


class Kind(Protocol):
    """What a key takes."""

    def read(self, node: Node) -> object:
        """The value of a node.  Raises Wrong, or WrongInside, when it is none of this kind."""

    def schema(self) -> Schema:
        """This kind as JSON Schema."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One key: its name, what it takes, what it is for, and what the service takes for granted."""

    name: str
    kind: Kind
    help: str
    default: object = None

    def schema(self) -> Schema:
        """What the key takes, and what it is for, as JSON Schema."""
        return {**self.kind.schema(), "description": self.help}


Fields = Map[str, Field]


def fields(*declared: Field) -> Fields:
    """Keys by their names."""
    return {field.name: field for field in declared}


def text_of(node: Node) -> str:
    """The text that a node is, to the letter.  Raises Wrong when it is something else."""
    if not isinstance(node, Scalar):
        raise Wrong(f"must be text, not {described(node)}", "put the text in double quotes")
    value = resolve(node)
    if isinstance(value, str):
        return value
    if value is None:
        raise Wrong("has no value", "write one, or remove the line")
    raise Wrong(f"must be text, not {described(node)}", f'put it in quotes: "{node.text[:60]}"')


def value_of(node: Node) -> object:
    """A scalar's value.  Raises Wrong for anything else."""
    if not isinstance(node, Scalar):
        raise Wrong(f"must be a single value, not {described(node)}")
    return resolve(node)


@dataclass(frozen=True, slots=True, kw_only=True)
class Boolean:
    """``true`` or ``false``, and nothing that only looks like it."""

    def read(self, node: Node) -> bool:
        """The truth value."""
        value = value_of(node)
        if isinstance(value, bool):
            return value
        word = str(value).strip().lower()
        meant = "true" if word in _YES else "false" if word in _NO else None
        remedy = f"write {meant}, without quotes" if meant else None
        raise Wrong(f"must be true or false, not {described(node)}", remedy)

    def schema(self) -> Schema:
        """A JSON boolean."""
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Integer:
    """A whole number: one of ``choices``, or within bounds; ``nullable`` when null means no limit."""

    minimum: int = 0
    maximum: int = LARGEST
    choices: tuple[int, ...] = ()
    nullable: bool = False

    def read(self, node: Node) -> int | None:
        """The number."""
        value = value_of(node)
        if value is None and self.nullable:
            return None
        if type(value) is not int:
            raise Wrong(f"must be {self._wanted()}, not {described(node)}", self._remedy(node))
        if not self._fits(value):
            raise Wrong(f"must be {self._wanted()}, not {shown(value)}")
        return value

    def _fits(self, value: int) -> bool:
        return value in self.choices if self.choices else self.minimum <= value <= self.maximum

    def _wanted(self) -> str:
        if self.choices:
            return listed(self.choices)
        least = f"a whole number from {self.minimum}"
        most = "" if self.maximum == LARGEST else f" to {self.maximum}"
        return least + most + (", or null for no limit" if self.nullable else "")

    def _remedy(self, node: Node) -> str | None:
        found = _LEADING_NUMBER.fullmatch(node.text) if isinstance(node, Scalar) else None
        if found is None or not self._fits(int(found.group(1))):
            return None
        return f"write {int(found.group(1))}, as a whole number without quotes or unit"

    def schema(self) -> Schema:
        """A JSON integer with its bounds."""
        if self.choices:
            return {"type": "integer", "enum": list(self.choices)}
        bounds: Schema = {"minimum": self.minimum}
        if self.maximum != LARGEST:
            bounds["maximum"] = self.maximum
        return {"type": ["integer", "null"] if self.nullable else "integer", **bounds}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of a few words, to the letter."""

    words: tuple[str, ...]

    def read(self, node: Node) -> str:
        """The word."""
        value = value_of(node)
        if isinstance(value, str) and value in self.words:
            return value
        remedy = did_you_mean(str(node.text), self.words) if isinstance(node, Scalar) else None
        raise Wrong(f"must be {listed(self.words)}, not {described(node)}", remedy)

    def schema(self) -> Schema:
        """A JSON enumeration."""
        return {"type": "string", "enum": list(self.words)}
