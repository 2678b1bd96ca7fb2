"""Texts with ``{names}``, for jobs that come from combinations or tables.

``{name}`` is replaced by the value as it was written, ``{name|slug}`` by what of it can stand in a file name;
``{{`` and ``}}`` are braces.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from batchgen.jobfile.flaws import Wrong, did_you_mean, shown
from batchgen.jobfile.ids import slug

#: Bytes of a value that `|slug` keeps: room is left in an id for other values and for `repeat`.
SLUG_BYTES = 80
_FILTERS = ("slug",)
_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_BRACES = "write `{{` and `}}` for braces that are meant as they are"


class Unfilled(Exception):
    """A name has no value, or none that can stand in a text."""

    def __init__(self, name: str, message: str, remedy: str | None = None) -> None:
        super().__init__(message)
        self.name, self.message, self.remedy = name, message, remedy


class Slot(NamedTuple):
    """A place for the value of a name."""

    name: str
    slugged: bool


@dataclass(frozen=True, slots=True)
class Template:
    """A text with places for values."""

    text: str
    parts: tuple[str | Slot, ...]

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The places for values, in their order."""
        return tuple(part for part in self.parts if isinstance(part, Slot))

    @property
    def names(self) -> frozenset[str]:
        """The names that need a value."""
        return frozenset(slot.name for slot in self.slots)

    def fill(self, values: Mapping[str, object]) -> str:
        """The text with these values.  Raises Unfilled."""
        done: list[str] = []
        for part in self.parts:
            if isinstance(part, str):
                done.append(part)
                continue
            name, slugged = part
            value = values.get(name)
            text = value if type(value) is str else _in_text(name, value)
            done.append(slug(text, SLUG_BYTES) if slugged else text)
        return "".join(done)


def parse_template(text: str) -> Template:
    """Read a text with ``{names}``.  Raises Wrong that says which brace is odd."""
    parts: list[str | Slot] = []
    at = 0
    for found in _PIECE.finditer(text):
        parts.append(text[at : found.start()])
        at = found.end()
        piece = found.group()
        parts.append(_slot(piece[1:-1]) if found.group(1) is not None else _brace(piece))
    parts.append(text[at:])
    return Template(text, _joined(parts))


def _brace(piece: str) -> str:
    if len(piece) == 2:
        return piece[0]
    other = "`}`" if piece == "{" else "`{`"
    raise Wrong(f"has a `{piece}` without its {other}", _BRACES)


def _slot(inside: str) -> Slot:
    name, bar, filter_ = (word.strip() for word in inside.partition("|"))
    if not name:
        raise Wrong(f"has {shown('{' + inside + '}')}, which names nothing", _BRACES)
    if bar and filter_ not in _FILTERS:
        remedy = did_you_mean(filter_, _FILTERS) or "the only filter is `slug`"
        raise Wrong(f"has the filter {shown(filter_)} in {shown('{' + inside + '}')}", remedy)
    return Slot(name, bool(bar))


def _joined(parts: Iterable[str | Slot]) -> tuple[str | Slot, ...]:
    """The parts with neighbouring texts put together and empty ones left out."""
    kept: list[str | Slot] = []
    for part in parts:
        last = kept[-1] if kept else None
        if isinstance(part, str) and isinstance(last, str):
            kept[-1] = last + part
        elif part != "":
            kept.append(part)
    return tuple(kept)


def _in_text(name: str, value: object) -> str:
    """A value that is no text, as it stands in the file that it comes from."""
    if value is None:
        remedy = "fill it in, or leave the name out of the text"
        raise Unfilled(name, f"`{{{name}}}` has no value", remedy)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    raise Unfilled(name, f"`{{{name}}}` is a list or a mapping, which can't stand in a text")
