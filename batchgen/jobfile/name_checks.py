"""Whether every name has a value, and every value a use, before the first job is made."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from batchgen.jobfile.blueprint import Blueprint
from batchgen.jobfile.fields import REQUEST
from batchgen.jobfile.flaws import Flaw, close_to, listed
from batchgen.jobfile.nodes import Node, Scalar
from batchgen.model import API_DEFAULTS

_SHOWN = 20  # names in a message


def name_flaws(
    blueprint: Blueprint, columns: Collection[str] | None, giver: str = "nothing"
) -> Iterator[Flaw]:
    """Names without a value, and matrix names that nothing uses.

    ``columns`` are those of the table, empty without one, None where only its rows can tell; ``giver`` is what
    does not give a value, for messages.
    """
    meant: set[str] = set()
    if columns is not None:
        yield from _without_value(blueprint, (*blueprint.matrix_names, *columns), meant, giver)
    yield from _without_use(blueprint, meant)


def _without_value(
    blueprint: Blueprint, given: Collection[str], meant: set[str], giver: str
) -> Iterator[Flaw]:
    """``meant`` gets the names that were probably misspelled."""
    told: set[tuple[str, str]] = set()
    for use in blueprint.uses():
        known = {*given, *_own_names(blueprint)} if use.key == "filename" else set(given)
        for name in sorted(use.template.names - known):
            near = close_to(name, known)
            meant.update([near] if near else ())
            if (use.key, name) not in told:
                told.add((use.key, name))
                names = listed([f"`{{{one}}}`" for one in sorted(known)[:_SHOWN]]) if known else "none"
                remedy = f"did you mean `{{{near}}}`?" if near else f"the names are {names}"
                message = f"`{use.key}` uses `{{{name[:60]}}}`, which {giver} gives a value"
                yield _at(use.place, message, remedy)


def _own_names(blueprint: Blueprint) -> set[str]:
    """What only a file name can use: the job itself."""
    metadata = {**blueprint.defaults.get("metadata", {}), **blueprint.values.get("metadata", {})}
    return {"id", "edition", "prompt", *API_DEFAULTS, *metadata}


def _without_use(blueprint: Blueprint, meant: Collection[str]) -> Iterator[Flaw]:
    used = {name for use in blueprint.uses() for name in use.template.names}
    for name, place in _given(blueprint):
        if name not in used and name not in REQUEST and name not in {"prompt", *meant}:
            message = f"nothing uses the values of `{name[:60]}`"
            remedy = (
                f"use `{{{name[:60]}}}` in the prompt, or remove it; for several clips of one request "
                "write `repeat: N`"
            )
            yield _at(place, message, remedy)


def _given(blueprint: Blueprint) -> Iterator[tuple[str, Scalar]]:
    """Every matrix name, where it stands first."""
    matrix = blueprint.matrix
    if matrix is None:
        return
    for axis in matrix.axes:
        yield axis.name, axis.key
    for name in matrix.added_names:
        yield name, next(extra[name] for extra in matrix.include if name in extra)


def _at(node: Node, message: str, remedy: str) -> Flaw:
    return Flaw(line=node.line, column=node.column, message=message, remedy=remedy)
