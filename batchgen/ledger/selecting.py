"""A selection, settled in a temporary table: the keys of the jobs that a command is about."""

from __future__ import annotations

import json
import shlex
import sqlite3
from collections.abc import Iterator
from enum import StrEnum

from batchgen.errors import ConfigError
from batchgen.ledger.hints import no_match
from batchgen.ledger.selection import Described, Matcher, Sample, Selection
from batchgen.ledger.transaction import roll_back
from batchgen.model import Status


class Among(StrEnum):
    """Of which jobs a query speaks, as a condition on their keys."""

    EVERY = "1"
    SELECTED = "{} IN (SELECT key FROM temp.selected)"

    def sql(self, key: str = "key") -> str:
        """The condition, for the column of this name."""
        return self.format(key)


def select(
    reader: sqlite3.Connection, writer: sqlite3.Connection, selection: Selection, job_file: str
) -> None:
    """Settle which jobs of the job file are selected, for both connections.  Nothing becomes durable.

    Raises ConfigError when nothing is, or a part of the selection matches no job.
    """
    for db in (reader, writer):
        db.execute("DROP TABLE IF EXISTS temp.selected")
        db.execute("CREATE TEMP TABLE selected (key INTEGER PRIMARY KEY)")
    try:
        matcher = Matcher(selection)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    keys = _matching(reader, matcher, job_file, selection)
    _fill(reader, keys)
    silent = matcher.silent()
    if silent:
        raise no_match(reader, silent, job_file)
    if reader.execute("SELECT 1 FROM temp.selected LIMIT 1").fetchone() is None:
        raise ConfigError(f"no job matches all of {shlex.join(selection.words())}")
    _fill(writer, (row["key"] for row in reader.execute("SELECT key FROM temp.selected")))


def _matching(db: sqlite3.Connection, matcher: Matcher, job_file: str, selection: Selection) -> Iterator[int]:
    chosen = None if selection.sample is None else Sample(selection.sample)
    for row in db.execute(_JOBS, (job_file,)):
        if matcher.matches(_described(row, values=bool(selection.where))):
            if chosen is None:
                yield row["key"]
            else:
                chosen.add(row["id"], row["key"])
    if chosen is not None:
        yield from chosen.keys()


def _fill(db: sqlite3.Connection, keys: Iterator[int]) -> None:
    db.execute("BEGIN")
    try:
        db.executemany("INSERT INTO temp.selected VALUES (?)", ((key,) for key in keys))
        db.execute("COMMIT")
    except BaseException:
        roll_back(db)
        raise


def _described(row: sqlite3.Row, *, values: bool) -> Described:
    """With its values only where they are looked at: reading them is most of the work."""
    return Described(
        id=row["id"],
        status=Status(row["status"]),
        edition=row["edition"],
        request=json.loads(row["request"]) if values else {},
        metadata=json.loads(row["metadata"]) if values else {},
    )


_JOBS = """
SELECT key, id, status, edition, request, metadata FROM standing WHERE job_file = ? AND in_job_file = 1"""
