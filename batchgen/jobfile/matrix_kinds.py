"""The kinds of values that combinations are made of: ``matrix``, ``include`` and ``exclude``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from batchgen.jobfile.flaws import Flaw, Wrong, WrongInside, shown
from batchgen.jobfile.kinds import Schema
from batchgen.jobfile.matrix import Axis, Named
from batchgen.jobfile.nodes import Broken, Mapping, Node, Scalar, Sequence
from batchgen.jobfile.scalars import described, resolve

#: Names that stand for something else where they would be used.
RESERVED = ("id", "edition", "metadata", "filename", "repeat")
#: These pick among the combinations.  They stand beside the lists or, as in CI matrices, among them.
PICKS = ("include", "exclude")
_VALUE: Schema = {"type": ["string", "number", "boolean"]}
_NAME: Schema = {"not": {"enum": list(RESERVED)}, "pattern": r"^[^{}|\s]([^{}|]*[^{}|\s])?$"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lists:
    """Names with the values that each takes in turn."""

    def read(self, node: Node) -> tuple[Axis, ...]:
        """The lists, in the order of the file."""
        if not isinstance(node, Mapping):
            raise Wrong(
                f"must be a mapping of lists, not {described(node)}", "write `matrix: {name: [one, two]}`"
            )
        flaws: list[Flaw] = []
        axes = tuple(_axis(key, value, flaws) for key, value in node.pairs)
        if flaws:
            raise WrongInside(flaws)
        return axes

    def schema(self) -> Schema:
        """A JSON object of arrays."""
        values: Schema = {"type": "array", "minItems": 1, "items": _VALUE, "uniqueItems": True}
        picks = dict.fromkeys(PICKS, Picks().schema())
        return {"type": "object", "properties": picks, "additionalProperties": values, "propertyNames": _NAME}


@dataclass(frozen=True, slots=True, kw_only=True)
class Picks:
    """A list of mappings, each with values by their names."""

    def read(self, node: Node) -> tuple[Named, ...]:
        """The mappings, in the order of the file."""
        if not isinstance(node, Sequence):
            raise Wrong(
                f"must be a list of mappings, not {described(node)}", "write `- {name: value}` below it"
            )
        flaws: list[Flaw] = []
        picks = tuple(_pick(item, flaws) for item in node.items)
        if flaws:
            raise WrongInside(flaws)
        return picks

    def schema(self) -> Schema:
        """A JSON array of objects."""
        item: Schema = {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": _VALUE,
            "propertyNames": _NAME,
        }
        return {"type": "array", "items": item}


def picks_beside(node: Mapping) -> tuple[Mapping, list[Flaw]]:
    """The entry with the picks that stand among its lists moved beside them, and what stands in both places."""
    found = node.find("matrix")
    lists = found[1] if found else None
    if not isinstance(lists, Mapping) or not any(key.text in PICKS for key, _ in lists.pairs):
        return node, []
    inner = [pair for pair in lists.pairs if pair[0].text in PICKS]
    rest = lists._replace(pairs=[pair for pair in lists.pairs if pair[0].text not in PICKS])
    pairs = [(key, rest if value is lists else value) for key, value in node.pairs]
    flaws = [_in_both(key, other[0]) for key, _ in inner if (other := node.find(key.text))]
    return node._replace(pairs=[*pairs, *inner]), flaws


def _in_both(key: Scalar, other: Scalar) -> Flaw:
    message = f"`{key.text}` stands in the matrix and beside it, in line {other.line}"
    return _at(key, message, "write all of it in one place")


def _axis(key: Scalar, node: Node, flaws: list[Flaw]) -> Axis:
    flaws.extend(_odd_name(key))
    values: list[Scalar] = []
    if isinstance(node, Sequence):
        values = [item for item in node.items if isinstance(item, Scalar) and resolve(item) is not None]
        flaws.extend(_odd_values(key, node, values))
    elif not isinstance(node, Broken):
        example = node.text[:60] if isinstance(node, Scalar) and node.text else "one, two"
        message = f"`{key.text[:60]}` must be a list of values, not {described(node)}"
        flaws.append(_at(key, message, f"write `{key.text[:60]}: [{example}]`"))
    return Axis(key=key, values=tuple(values))


def _odd_values(key: Scalar, node: Sequence, values: list[Scalar]) -> Iterator[Flaw]:
    if not node.items:
        message = f"the list of `{key.text[:60]}` is empty: there would be no combination at all"
        yield _at(key, message, "write values, or remove it")
    for item in node.items:
        if not isinstance(item, Broken) and item not in values:
            message = (
                f"a value of `{key.text[:60]}` must be a text, a number, true or false, not {described(item)}"
            )
            yield _at(item if not isinstance(item, Scalar) else key, message, "remove it")
    first: dict[str, Scalar] = {}
    for value in values:
        if first.setdefault(value.text, value) is not value:
            message = f"the value {shown(value.text)} stands twice in the list of `{key.text[:60]}`"
            yield _at(
                value, message, "remove one of them; for several clips of one request write `repeat: N`"
            )


def _pick(node: Node, flaws: list[Flaw]) -> Named:
    if not isinstance(node, Mapping) or not node.pairs:
        if not isinstance(node, Broken):
            what = "an empty mapping" if isinstance(node, Mapping) else described(node)
            flaws.append(_at(node, f"here stand values by their names, not {what}", "write `{name: value}`"))
        return {}
    chosen: dict[str, Scalar] = {}
    for key, value in node.pairs:
        flaws.extend(_odd_name(key))
        if isinstance(value, Scalar) and resolve(value) is not None:
            chosen[key.text] = value
        elif not isinstance(value, Broken):
            message = f"`{key.text[:60]}` must be a single value, not {described(value)}"
            flaws.append(_at(key, message, "write `name: value`; each further value is an item of its own"))
    return chosen


def _odd_name(key: Scalar) -> Iterator[Flaw]:
    name = key.text
    if name in RESERVED:
        remedy = f'give it another name; `{name}: "{{name}}"` of the job may use it' if name == "id" else None
        yield _at(key, f"`{name}` cannot be the name of a list of values", remedy or "give it another name")
    elif not name.strip() or name != name.strip() or set(name) & set("{}|"):
        message = f"{shown(name)} cannot be a name: it is blank, or has a space at an end, or one of `{{`, `}}`, `|`"
        yield _at(key, message, "give it another name")


def _at(node: Node, message: str, remedy: str) -> Flaw:
    return Flaw(line=node.line, column=node.column, message=message, remedy=remedy)
