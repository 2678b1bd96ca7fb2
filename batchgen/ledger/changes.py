"""A change of the ledger, as the writer takes it: of a kind, and with what this one is about.

A kind makes several changes with one call, as changes of one kind that come together cost less when they are made
together: one look at the budget, and one statement for many rows where very many come.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Sequence
from typing import TypeAlias, TypeVar

T = TypeVar("T")
V = TypeVar("V")
Value: TypeAlias = str | int | None

#: Makes changes, in their order: what each is about goes in, and what it gives comes out.  Each sees those before it.
#: Raises where one is refused, and whatever it has done by then is undone; so it may be called more than once.
Kind: TypeAlias = Callable[[sqlite3.Connection, Sequence[V]], Sequence[T]]

#: Rows that one statement is for, where so many are there: to set it up is a third of what a row costs.  Fewer have a
#: simpler one each: that is what most commits of a run bring.
TOGETHER = 16


def one_by_one(db: sqlite3.Connection, changes: Sequence[Callable[[sqlite3.Connection], T]]) -> Sequence[T]:
    """The kind of those changes that have nothing in common: functions of what is in the ledger."""
    return [change(db) for change in changes]


def statement(sql: str, *names: str) -> Kind[Sequence[Value], None]:
    """The kind of those changes that are one statement, each with values of these names.

    In ``sql`` each stands in braces, and ``{source}`` before WHERE.  The first is the key of what is changed.
    """
    single = sql.format(source="", **{name: f"?{number}" for number, name in enumerate(names, 1)})
    rows = ", ".join([f"({', '.join('?' * len(names))})"] * TOGETHER)
    update = sql.format(source="FROM new", **{name: f"new.{name}" for name in names})
    return _in_portions(single, f"WITH new ({', '.join(names)}) AS (VALUES {rows}) {update}")


def insertion(sql: str, row: str) -> Kind[Sequence[Value], None]:
    """The kind of those changes that add one row each, as ``row`` writes it, with a value for each ``?`` in it.

    ``{rows}`` stands in ``sql``.  The first value is the key of what is added.
    """
    return _in_portions(sql.format(rows=row), sql.format(rows=", ".join([row] * TOGETHER)))


def _in_portions(single: str, many: str) -> Kind[Sequence[Value], None]:
    """As many changes as there are, with the statement for many as far as it goes."""

    def change(db: sqlite3.Connection, changes: Sequence[Sequence[Value]]) -> Sequence[None]:
        for start in range(0, len(changes), TOGETHER):
            some = changes[start : start + TOGETHER]
            # Such a statement changes a row but once: of two changes to it one would be lost.
            if len({values[0] for values in some}) == TOGETHER:
                db.execute(many, list(itertools.chain.from_iterable(some)))
            else:
                db.executemany(single, some)
        return (None,) * len(changes)

    return change


def question(sql: str) -> Callable[[sqlite3.Connection, Sequence[int]], list[sqlite3.Row]]:
    """What ``sql`` tells of several keys, in any order; ``{asked}`` stands in it for what a key must be."""
    single = sql.format(asked="= ?")
    many = sql.format(asked=f"IN ({', '.join('?' * TOGETHER)})")

    def ask(db: sqlite3.Connection, keys: Sequence[int]) -> list[sqlite3.Row]:
        rows: list[sqlite3.Row] = []
        for start in range(0, len(keys), TOGETHER):
            some = keys[start : start + TOGETHER]
            if len(some) == TOGETHER:
                rows += db.execute(many, some)
            else:
                rows += [row for key in some for row in db.execute(single, (key,))]
        return rows

    return ask
