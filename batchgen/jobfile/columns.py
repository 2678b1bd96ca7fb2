"""What the columns of a table are for: request keys, names in texts, metadata; and whether they are there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from batchgen.jobfile.blueprint import Blueprint
from batchgen.jobfile.fields import REQUEST
from batchgen.jobfile.flaws import Flaw, close_to, did_you_mean, shown
from batchgen.jobfile.name_checks import name_flaws
from batchgen.jobfile.nodes import Node
from batchgen.jobfile.templates import Template, parse_template

PROMPT, ID = "prompt", "id"
_SHOWN = 20  # columns in a message


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """What becomes of the columns of one table."""

    mapped: Mapping[str, str]  # columns by the request keys that are taken from them
    id: Template | None
    id_implied: bool  # made of the column `id`: a row without one has none
    used: frozenset[str]  # these do not go into the metadata


def roles_of(blueprint: Blueprint, columns: tuple[str, ...] | None, *, alone: bool) -> Roles:
    """The roles of the columns, None where only the rows can tell which there are.

    Without a prompt in the entry the column `prompt` is it, and without an id the column `id`.  Of a table that
    stands ``alone``, without a job file, columns named as request keys are these.
    """
    mapped = {key: column.text for key, column in blueprint.columns.items()}
    if alone:
        mapped = {**{key: key for key in REQUEST}, **mapped}
    if blueprint.prompt is None and PROMPT not in blueprint.matrix_names:
        mapped.setdefault(PROMPT, PROMPT)
    implied = blueprint.id is None and ID not in blueprint.values and (columns is None or ID in columns)
    used = {name for use in blueprint.uses() for name in use.template.names} | set(mapped.values())
    return Roles(
        mapped=mapped,
        id=parse_template("{id}") if implied else blueprint.id,
        id_implied=implied,
        used=frozenset(used | ({ID} if implied else set())),
    )


def column_flaws(
    blueprint: Blueprint, columns: tuple[str, ...] | None, table: str, *, alone: bool
) -> Iterator[Flaw]:
    """What the entry asks of a table that it does not have."""
    yield from _same_id(blueprint)
    yield from name_flaws(blueprint, columns, f"no column of {table}")
    if columns is None:
        return
    for column in blueprint.columns.values():
        if column.text not in columns:
            message = f"{table} has no column {shown(column.text)}"
            yield _at(column, message, did_you_mean(column.text, columns) or told_columns(columns))
    if blueprint.prompt is None and PROMPT not in (*blueprint.matrix_names, *blueprint.columns, *columns):
        yield _no_prompt(blueprint, columns, table, alone=alone)
    for axis in blueprint.matrix.axes if blueprint.matrix else ():
        if axis.name in columns:
            message = f"`{axis.name}` is a list of the matrix and a column of {table}"
            yield _at(axis.key, message, "give the list another name, or remove it")


def _no_prompt(blueprint: Blueprint, columns: tuple[str, ...], table: str, *, alone: bool) -> Flaw:
    """Neither the entry nor the table says what the clips shall show."""
    near = close_to(PROMPT, columns) or "NAME"
    remedy = (
        f"give `--default 'prompt={{{near}}}'`" if alone else f"write `columns: {{prompt: {near}}}` beside it"
    )
    message = f"the job has no prompt, and {table} no column `prompt`"
    return _at(_place(blueprint, "from"), message, f"{remedy}; {told_columns(columns)}")


def told_columns(columns: tuple[str, ...]) -> str:
    """The columns, with what they may mean when there is but one."""
    names = ", ".join(shown(name) for name in columns[:_SHOWN])
    if len(columns) == 1 and any(mark in columns[0] for mark in ";\t|"):
        return f"its only column is {names}: save it with commas (or tabs, as .tsv) between the cells"
    return f"its columns are {names}, as its first row names them"


def _same_id(blueprint: Blueprint) -> Iterator[Flaw]:
    if blueprint.id is not None and blueprint.id.names <= set(blueprint.matrix_names):
        message = "`id` would be the same for every row"
        yield _at(_place(blueprint, ID), message, 'use a column in it, such as `id: "{image_id|slug}"`')


def _place(blueprint: Blueprint, key: str) -> Node:
    found = blueprint.node.find(key)
    return found[1] if found else blueprint.node


def _at(node: Node, message: str, remedy: str) -> Flaw:
    return Flaw(line=node.line, column=node.column, message=message, remedy=remedy)
