"""Whether the lists of an entry go together with what stands beside them, before they are combined."""

from __future__ import annotations

from collections.abc import Iterator

from batchgen.jobfile.blueprint import Blueprint
from batchgen.jobfile.fields import MAX_JOBS
from batchgen.jobfile.flaws import Flaw, did_you_mean, listed, shown
from batchgen.jobfile.ids import slug
from batchgen.jobfile.matrix import Axis, Matrix, Named
from batchgen.jobfile.nodes import Mapping, Node
from batchgen.jobfile.templates import SLUG_BYTES, Slot

_MOST_COMPARISONS = 100_000_000  # a minute or two


def matrix_flaws(blueprint: Blueprint) -> Iterator[Flaw]:
    """Everything that is wrong with the combinations as such."""
    matrix = blueprint.matrix
    if matrix is None:
        return
    yield from _size_flaws(blueprint, matrix)
    yield from _doubled_keys(blueprint, matrix)
    odd = [flaw for pick in matrix.exclude for flaw in _exclude_flaws(matrix, pick)]
    yield from odd or _nothing_left(blueprint, matrix)
    for axis in matrix.axes:
        yield from _alike(blueprint, axis)


def stray_keys(node: Mapping) -> Iterator[Flaw]:
    """Keys that mean nothing without another one."""
    for name, other in (("include", "matrix"), ("exclude", "matrix"), ("columns", "from")):
        found = node.find(name)
        if found and not node.find(other):
            example = "matrix: {name: [one, two]}" if other == "matrix" else "from: prompts.csv"
            message = f"`{name}` means nothing without `{other}`"
            yield _at(found[0], message, f"write `{example}` beside it, or remove it")


def _size_flaws(blueprint: Blueprint, matrix: Matrix) -> Iterator[Flaw]:
    place = _place(blueprint, "matrix")
    number = matrix.size * blueprint.repeat
    picks = len(matrix.include) + len(matrix.exclude)
    if matrix.size == 0:
        yield _at(place, "`matrix` has no lists", "write `matrix: {name: [one, two]}`")
    elif number > MAX_JOBS:
        message = f"this entry stands for {number:,} clips; at most {MAX_JOBS:,} are allowed in one job file"
        yield _at(place, message, "shorten the lists, or split them over several job files")
    elif matrix.size * picks > _MOST_COMPARISONS:
        message = (
            f"{matrix.size:,} combinations would be held against {picks:,} entries of include and exclude"
        )
        yield _at(place, message, "split the matrix, or write the combinations as rows of a table (`from`)")


def _doubled_keys(blueprint: Blueprint, matrix: Matrix) -> Iterator[Flaw]:
    """A key of the job that every combination overrules."""
    for axis in matrix.axes:
        found = blueprint.node.find(axis.name) if axis.name in ("prompt", *blueprint.keys) else None
        if found:
            message = f"`{axis.name}` stands in the job and in its matrix"
            yield _at(found[0], message, "remove it here: every combination has its own")


def _exclude_flaws(matrix: Matrix, pick: Named) -> Iterator[Flaw]:
    """What would exclude nothing was meant to exclude something."""
    for name, value in pick.items():
        if name not in matrix.texts:
            remedy = did_you_mean(name, matrix.names) or f"the names are {listed(matrix.names)}"
            yield _at(value, f"`exclude` names `{name[:60]}`, which the matrix has no list of", remedy)
        elif value.text not in matrix.texts[name]:
            known = sorted(matrix.texts[name])
            remedy = did_you_mean(value.text, known) or f"the values are {listed(known[:20])}"
            message = (
                f"`exclude` names the value {shown(value.text)}, which is not in the list of `{name[:60]}`"
            )
            yield _at(value, message, remedy)


def _alike(blueprint: Blueprint, axis: Axis) -> Iterator[Flaw]:
    """Values that an id cannot tell from one another."""
    template = blueprint.id
    if template is None or Slot(axis.name, slugged=False) in template.parts:
        return
    first: dict[str, str] = {}
    for value in axis.values:
        word = slug(value.text, SLUG_BYTES)
        other = first.setdefault(word.casefold(), value.text)
        if other != value.text:
            message = f"in an id, {shown(value.text)} reads `{word}`, and so does {shown(other)}"
            yield _at(value, message, "change one of them, or number them in a list of their own")


def _nothing_left(blueprint: Blueprint, matrix: Matrix) -> Iterator[Flaw]:
    few = matrix.size * len(matrix.exclude) <= _MOST_COMPARISONS
    if matrix.size and few and next(matrix.combinations(), None) is None:
        message = "`exclude` leaves no combination"
        yield _at(_place(blueprint, "exclude"), message, "remove what excludes too much")


def _place(blueprint: Blueprint, key: str) -> Node:
    found = blueprint.node.find(key)
    return found[0] if found else blueprint.node


def _at(node: Node, message: str, remedy: str) -> Flaw:
    return Flaw(line=node.line, column=node.column, message=message, remedy=remedy)
