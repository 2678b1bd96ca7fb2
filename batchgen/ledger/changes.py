"""A change of the ledger, as the writer takes it: of a kind, and with what this one is about.

A kind makes several changes with one call, as changes of one kind that come together cost less when they are made
together: one look at the budget, and one statement for many rows where very many come.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias, TypeVar

T = TypeVar("T")
V = TypeVar("V")
Value: TypeAlias = str | int | None

#: Makes changes, in their order: what each is about goes in, and what it gives comes out.  Each sees those before it.
#: Raises where one is refused, and whatever it has done by then is undone; so it may be called more than once.
Kind: TypeAlias = Callable[[sqlite3.Connection, Sequence[V]], Sequence[T]]

#: Rows that one statement is for, where so many are there: to set it up costs a third of what a row costs, and for
#: each one the interpreter is given away and waited for again.  The largest go first; rows that are left have a
#: simpler one each.
TOGETHER = (64, 16, 4)


def one_by_one(db: sqlite3.Connection, changes: Sequence[Callable[[sqlite3.Connection], T]]) -> Sequence[T]:
    """The kind of those changes that have nothing in common: functions of what is in the ledger."""
    return [change(db) for change in changes]


def statement(sql: str, *names: str) -> Kind[Sequence[Value], None]:
    """The kind of those changes that are one statement, each with values of these names.

    In ``sql`` each stands in braces, and ``{source}`` before WHERE.  The first is the key of what is changed.
    """
    single = sql.format(source="", **{name: f"?{number}" for number, name in enumerate(names, 1)})
    row = f"({', '.join('?' * len(names))})"
    update = sql.format(source="FROM new", **{name: f"new.{name}" for name in names})
    many = {
        size: f"WITH new ({', '.join(names)}) AS (VALUES {', '.join([row] * size)}) {update}"
        for size in TOGETHER
    }
    return _in_portions(single, many)


def insertion(sql: str, row: str) -> Kind[Sequence[Value], None]:
    """The kind of those changes that add one row each, as ``row`` writes it, with a value for each ``?`` in it.

    ``{rows}`` stands in ``sql``.  The first value is the key of what is added.
    """
    return _in_portions(
        sql.format(rows=row), {size: sql.format(rows=", ".join([row] * size)) for size in TOGETHER}
    )


def _in_portions(single: str, many: Mapping[int, str]) -> Kind[Sequence[Value], None]:
    """As many changes as there are, with the statements for many as far as they go."""

    def change(db: sqlite3.Connection, changes: Sequence[Sequence[Value]]) -> Sequence[None]:
        for some in _portions(changes):
            # Such a statement changes a row but once: of two changes to it one would be lost.
            if len(some) in many and len({values[0] for values in some}) == len(some):
                db.execute(many[len(some)], list(itertools.chain.from_iterable(some)))
            else:
                db.executemany(single, some)
        return (None,) * len(changes)

    return change


def question(sql: str) -> Callable[[sqlite3.Connection, Sequence[int]], list[sqlite3.Row]]:
    """What ``sql`` tells of several keys, in any order; ``{asked}`` stands in it for what a key must be."""
    single = sql.format(asked="= ?")
    many = {size: sql.format(asked=f"IN ({', '.join('?' * size)})") for size in TOGETHER}

    def ask(db: sqlite3.Connection, keys: Sequence[int]) -> list[sqlite3.Row]:
        rows: list[sqlite3.Row] = []
        for some in _portions(keys):
            if len(some) in many:
                rows += db.execute(many[len(some)], some)
            else:
                rows += [row for key in some for row in db.execute(single, (key,))]
        return rows

    return ask


def _portions(things: Sequence[T]) -> Iterator[Sequence[T]]:
    """All of them in their order: the largest portions first, and at the end those that are too few for one."""
    start = 0
    for size in TOGETHER:
        while len(things) - start >= size:
            yield things[start : start + size]
            start += size
    if start < len(things):
        yield things[start:]
