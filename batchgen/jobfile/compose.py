"""Parser events become nodes: one job at a time, with bounds, without ever building an object.

Written for speed where it must be: these methods run once for each of a million values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
)

from batchgen.jobfile.flaws import Flaw, Stop, shown
from batchgen.jobfile.nodes import (
    MAX_ANCHORED,
    MAX_DEPTH,
    MAX_TEXT,
    MAX_VALUES,
    Broken,
    Mapping,
    Node,
    Scalar,
    Sequence,
    height_of,
    size_of,
)

#: An event of the parser, whose types say less than is known here: its marks are always there.
Event = Any


class Composer:
    """Composes nodes from events, remembers anchors, and collects what is wrong with either."""

    def __init__(self, next_event: Callable[[], Event]) -> None:
        self._next = next_event
        self._anchors: dict[str, Node | None] = {}  # None: still being composed
        self._anchored = 0
        self._flaws: list[Flaw] = []

    def take_flaws(self) -> list[Flaw]:
        """What was found wrong since this was last asked."""
        flaws, self._flaws = self._flaws, []
        return flaws

    def compose(self, event: Event, depth: int = 0) -> Node:
        """The node that begins with this event.  Raises Stop at a bound, and what the parser raises."""
        kind = type(event)
        if kind is ScalarEvent:
            if event.anchor is None and event.tag is None and len(event.value) < MAX_TEXT:
                mark = event.start_mark
                if event.style == '"' and not event.value.isascii():
                    return self._checked(event)
                return Scalar(event.value, event.implicit[0], mark.line + 1, mark.column + 1)
            return self._anchored_node(event, depth)
        if kind is AliasEvent:
            return self._alias(event, depth)
        if event.anchor is None and event.tag is None:
            return self._container(event, depth)
        return self._anchored_node(event, depth)

    # --- lists and mappings -----------------------------------------------------------------------------

    def _container(self, event: Event, depth: int) -> Node:
        if depth >= MAX_DEPTH:
            raise Stop(
                _flaw(event, f"lists and mappings nest deeper than {MAX_DEPTH} levels", "flatten them")
            )
        if type(event) is MappingStartEvent:
            return self._mapping(event, depth + 1)
        return self._sequence(event, depth + 1)

    def _sequence(self, start: Event, depth: int) -> Sequence:
        items: list[Node] = []
        size, height = 1, 0
        while type(event := self._next()) is not SequenceEndEvent:
            item = self.compose(event, depth)
            items.append(item)
            size += size_of(item)
            height = max(height, height_of(item))
            if size > MAX_VALUES:
                raise _too_many(start)
        return Sequence(items, start.start_mark.line + 1, start.start_mark.column + 1, size, height + 1)

    def _mapping(self, start: Event, depth: int) -> Mapping:
        pairs: list[tuple[Scalar, Node]] = []
        merged: list[Node] = []
        seen: dict[str, int] = {}
        size, height = 1, 0
        while type(event := self._next()) is not MappingEndEvent:
            key = self.compose(event, depth)
            value = self.compose(self._next(), depth)
            size += size_of(value) + 1
            height = max(height, height_of(value))
            if size > MAX_VALUES:
                raise _too_many(start)
            if type(key) is not Scalar:
                self._refuse_key(key)
            elif key.text == "<<" and key.plain:
                merged.append(value)
            elif key.text in seen:
                self._flaws.append(duplicate(key, seen[key.text]))
            else:
                seen[key.text] = key.line
                pairs.append((key, value))
        for value in merged:
            self._merge(value, pairs, seen)
        return Mapping(pairs, start.start_mark.line + 1, start.start_mark.column + 1, size, height + 1)

    def _merge(self, value: Node, pairs: list[tuple[Scalar, Node]], seen: dict[str, int]) -> None:
        sources = value.items if isinstance(value, Sequence) else [value]
        for source in sources:
            if isinstance(source, Mapping):
                fresh = [pair for pair in source.pairs if pair[0].text not in seen]
                seen.update((key.text, key.line) for key, _ in fresh)
                pairs.extend(fresh)
            elif not isinstance(source, Broken):
                message = "`<<` merges mappings, and this is none"
                remedy = "write an alias of a mapping: `<<: *name`"
                self._flaws.append(_at(source, message, remedy))

    def _refuse_key(self, key: Node) -> None:
        if not isinstance(key, Broken):
            self._flaws.append(_at(key, "a key must be a word", "quote it if it begins with `[` or `{`"))

    # --- the rarer kinds --------------------------------------------------------------------------------

    def _checked(self, event: Event) -> Node:
        try:
            event.value.encode()
        except UnicodeEncodeError:  # only the parser in Python lets it pass
            message = "this text has half of a surrogate pair, which is no character"
            return self._break(event, message, "write the character itself, or \\U and its eight hex digits")
        return _scalar(event)

    def _anchored_node(self, event: Event, depth: int) -> Node:
        name = event.anchor
        if name is not None:
            self._anchors[name] = None
        node = self._tagged_node(event, depth)
        if name is not None and self._anchors[name] is None:
            self._anchors[name] = node
            self._anchored += size_of(node)
            if self._anchored > MAX_ANCHORED:
                raise Stop(_flaw(event, "the file has too many anchors", "use fewer `&names`"))
        return node

    def _tagged_node(self, event: Event, depth: int) -> Node:
        if type(event) is not ScalarEvent:
            node = self._container(event, depth)
        elif len(event.value) > MAX_TEXT:
            message = f"a text of {len(event.value):,} characters; at most {MAX_TEXT:,} are allowed"
            return self._break(event, message, "shorten it")
        elif event.style == '"':
            node = self._checked(event)
        else:
            node = _scalar(event)
        if event.tag is None:
            return node
        message = f"the YAML tag {shown(event.tag)} is refused: a job file holds plain values only"
        return self._break(event, message, "remove it; quote the value if it begins with `!`")

    def _alias(self, event: Event, depth: int) -> Node:
        name = event.anchor
        if name not in self._anchors:
            message = f"the alias `*{name[:60]}` has no anchor above it"
            return self._break(event, message, f"write `&{name[:60]}` before the value, or quote the text")
        node = self._anchors[name]
        if node is None:
            message = f"the alias `*{name[:60]}` stands inside its own anchor"
            return self._break(event, message, "write the value out")
        if depth + height_of(node) > MAX_DEPTH:
            raise Stop(
                _flaw(event, f"lists and mappings nest deeper than {MAX_DEPTH} levels", "flatten them")
            )
        return node

    def _break(self, event: Event, message: str, remedy: str) -> Broken:
        flaw = _flaw(event, message, remedy)
        self._flaws.append(flaw)
        return Broken(flaw.line, flaw.column)


def _scalar(event: Event) -> Scalar:
    mark = event.start_mark
    return Scalar(event.value, event.implicit[0], mark.line + 1, mark.column + 1)


def duplicate(key: Scalar, first: int) -> Flaw:
    """The flaw of a key that stands twice in one mapping."""
    message = f"the key {shown(key.text)} stands here twice; the first is in line {first}"
    return _at(key, message, "remove one of them")


def _at(node: Node, message: str, remedy: str) -> Flaw:
    return Flaw(line=node.line, column=node.column, message=message, remedy=remedy)


def _flaw(event: Event, message: str, remedy: str) -> Flaw:
    mark = event.start_mark
    return Flaw(line=mark.line + 1, column=mark.column + 1, message=message, remedy=remedy)


def _too_many(start: Event) -> Stop:
    message = f"more than {MAX_VALUES:,} values in one place, aliases counted as if they were written out"
    return Stop(_flaw(start, message, "use fewer values or aliases; nothing below this was read"))
