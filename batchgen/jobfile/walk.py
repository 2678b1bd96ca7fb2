"""One pass over a job file, from top to bottom: its keys, and its jobs one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import yaml
from yaml.events import (
    DocumentEndEvent,
    MappingEndEvent,
    MappingStartEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from batchgen.jobfile.compose import Composer, Event
from batchgen.jobfile.flaws import Flaw, Stop
from batchgen.jobfile.nodes import Node, Scalar
from batchgen.jobfile.source import Bounded, TooLong
from batchgen.jobfile.syntax import explain

#: libyaml's parser where PyYAML has it (thirty times as fast), else the one in Python.
LOADER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A key of the file other than ``jobs``, with its value; or ``jobs`` when it is not a list."""

    key: Node
    value: Node
    flaws: list[Flaw]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsStart:
    """The list of jobs begins.  ``simple``: a key below it would begin at the left margin."""

    key: Scalar
    simple: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One entry of the list of jobs."""

    node: Node
    flaws: list[Flaw]


@dataclass(frozen=True, slots=True)
class JobsEnd:
    """The list of jobs is over."""


Part = Pair | JobsStart | Item | JobsEnd


def walk(file: BinaryIO, loader: type[Any] | None = None) -> Iterator[Part]:
    """The parts of the file in its order.  Raises Stop where it cannot be read any further."""
    bounded = Bounded(file)
    try:
        # The parser reads ahead already while it is made.
        events = (loader or LOADER)(bounded)
        yield from _Walk(bounded, events.get_event).parts()
    except (yaml.YAMLError, TooLong, ValueError, OverflowError, OSError) as error:
        raise Stop(explain(error, file)) from error


class _Walk:
    def __init__(self, bounded: Bounded, next_event: Any) -> None:  # noqa: ANN401  the parser is untyped
        self._bounded = bounded
        self._next = next_event
        self._composer = Composer(next_event)

    def parts(self) -> Iterator[Part]:
        root = self._root()
        if type(root) is not MappingStartEvent:
            raise Stop(
                _flaw(root, "a job file is a mapping of keys with a list `jobs:`", "begin with `jobs:`")
            )
        if root.tag is not None:
            raise Stop(_flaw(root, "YAML tags are refused", "remove it"))
        simple = _at_margin(root)
        jobs_seen = False
        while type(event := self._next()) is not MappingEndEvent:
            key = self._composer.compose(event)
            value = self._next()
            if (
                not jobs_seen
                and type(value) is SequenceStartEvent
                and isinstance(key, Scalar)
                and key.text == "jobs"
            ):
                jobs_seen = True
                yield from self._jobs(key, value, simple=simple)
            else:
                node = self._composer.compose(value)
                yield Pair(key=key, value=node, flaws=self._composer.take_flaws())
            self._bounded.piece_ended()
        self._end()

    def _root(self) -> Event:
        self._next()  # the stream
        if type(self._next()) is StreamEndEvent:
            flaw = Flaw(
                line=1,
                column=1,
                message="the file is empty",
                remedy="`batchgen init` writes one to start from",
            )
            raise Stop(flaw)
        return self._next()

    def _jobs(self, key: Scalar, start: SequenceStartEvent, *, simple: bool) -> Iterator[Part]:
        yield JobsStart(key=key, simple=simple and not start.flow_style)
        compose, take, next_event = self._composer.compose, self._composer.take_flaws, self._next
        while type(event := next_event()) is not SequenceEndEvent:
            node = compose(event)
            yield Item(node=node, flaws=take())
            self._bounded.piece_ended()
        yield JobsEnd()

    def _end(self) -> None:
        while type(event := self._next()) is DocumentEndEvent:
            pass
        if type(event) is not StreamEndEvent:
            raise Stop(_flaw(event, "a second YAML document begins here", "keep one document in a file"))


def _at_margin(root: Event) -> bool:
    return not root.flow_style and root.start_mark.column == 0


def _flaw(event: Event, message: str, remedy: str) -> Flaw:
    mark = event.start_mark
    return Flaw(line=mark.line + 1, column=mark.column + 1, message=message, remedy=remedy)
