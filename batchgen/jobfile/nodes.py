"""The parts of a job file as they are read: text, lists and mappings that know where they stand.

They are named tuples and not dataclasses because a file of a hundred thousand jobs makes a million of them.
Lines and columns count from 1.
"""

from __future__ import annotations

from typing import NamedTuple

#: How deep lists and mappings may nest, aliases counted as if they were written out.
MAX_DEPTH = 40
#: How many values one job, or one key above the jobs, may hold, aliases counted as if they were written out.
MAX_VALUES = 10_000
#: How many characters one text may have.
MAX_TEXT = 65_536
#: How many values may be kept for aliases in one file.
MAX_ANCHORED = 1_000_000
#: How many bytes one job, or one key above the jobs, may take in the file, comments among them.
MAX_BYTES = 16 * 1024**2


class Scalar(NamedTuple):
    """A word, a number or a text; ``plain`` when it is written without quotes and not as a block."""

    text: str
    plain: bool
    line: int
    column: int


class Sequence(NamedTuple):
    """A list; ``size`` and ``height`` count what is below it, aliases written out."""

    items: list[Node]
    line: int
    column: int
    size: int
    height: int


class Mapping(NamedTuple):
    """Keys and values, in the order of the file; merged ones last."""

    pairs: list[tuple[Scalar, Node]]
    line: int
    column: int
    size: int
    height: int

    def find(self, name: str) -> tuple[Scalar, Node] | None:
        """The key of that name and its value."""
        return next((pair for pair in self.pairs if pair[0].text == name), None)


class Broken(NamedTuple):
    """Something that is wrong and was told already: whoever meets it says nothing more."""

    line: int
    column: int


Node = Scalar | Sequence | Mapping | Broken


def size_of(node: Node) -> int:
    """How many values a node stands for."""
    return node.size if isinstance(node, (Sequence, Mapping)) else 1


def height_of(node: Node) -> int:
    """How many levels of lists and mappings a node has."""
    return node.height if isinstance(node, (Sequence, Mapping)) else 0
