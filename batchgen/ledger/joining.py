"""Several ledgers become one: every job and every submission of each, under keys of their own.

The ledgers that are joined are copies that are brought up to date; nothing is written to any of them.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from batchgen.errors import LedgerError
from batchgen.ledger.layout import set_layout
from batchgen.ledger.portions import FAN_OUT_ABOVE
from batchgen.ledger.rows import to_clip
from batchgen.ledger.transaction import transaction
from batchgen.model import Clip

_PAGE = 500
_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One of the ledgers that are joined."""

    ledger: Path  # a copy, of this version
    output: Path  # the folder whose clips it knows
    job_files: dict[str, str]  # by what it calls a job file: the same one as seen from the new folder


def join(connection: sqlite3.Connection, parts: Sequence[Part], output: Path) -> list[int]:
    """Fill a new, empty ledger of the folder ``output``; the last submission's key of each part.

    Raises LedgerError that names both when two parts have the same job, task or file name.
    """
    connection.create_function("below", 2, lambda folder, name: os.path.relpath(Path(folder, name), output))
    ends: list[int] = []
    fanned = False
    with _without_rules(connection):
        for number, part in enumerate(parts):
            connection.execute("ATTACH ? AS part", (os.fsencode(part.ledger),))  # see reconcile
            try:
                with transaction(connection):
                    _refuse_clashes(connection, part, parts[:number], ends)
                    fanned = _take(connection, part) or fanned
            finally:
                connection.execute("DETACH part")
            ends.append(
                int(connection.execute("SELECT coalesce(max(key), 0) FROM submissions").fetchone()[0])
            )
    with transaction(connection):
        (jobs,) = connection.execute("SELECT count(*) FROM jobs").fetchone()
        set_layout(connection, fanned=fanned or jobs > FAN_OUT_ABOVE)
    return ends


@contextmanager
def _without_rules(connection: sqlite3.Connection) -> Iterator[None]:
    """While submissions are copied as they are: no rule of how they begin, nothing spent by them once more."""
    rules = connection.execute(
        "SELECT name, sql FROM main.sqlite_schema WHERE type = 'trigger' AND tbl_name = 'submissions' "
        "AND sql LIKE '%INSERT ON submissions%'"
    ).fetchall()
    for rule in rules:
        connection.execute(f"DROP TRIGGER {rule['name']}")
    yield
    for rule in rules:
        connection.execute(rule["sql"])


def _take(connection: sqlite3.Connection, part: Part) -> bool:
    """Copy one ledger; whether its clips are fanned out."""
    connection.create_function("moved", 1, lambda name: part.job_files.get(name, name))
    offsets = {
        "jobs": "(SELECT coalesce(max(key), 0) FROM main.jobs)",
        "submissions": "(SELECT coalesce(max(key), 0) FROM main.submissions)",
        "runs": "(SELECT coalesce(max(value + 0), 0) FROM main.facts WHERE name = 'run')",
    }
    keys = {name: int(connection.execute(f"SELECT {query}").fetchone()[0]) for name, query in offsets.items()}
    after = keys["submissions"]
    _copy(
        connection,
        "jobs",
        key=f"key + {keys['jobs']}",
        job_file="moved(job_file)",
        ordered_after=f"CASE ordered_after WHEN 0 THEN 0 ELSE ordered_after + {after} END",
    )
    _copy(
        connection,
        "submissions",
        key=f"key + {after}",
        job=f"job + {keys['jobs']}",
        run=f"CASE run WHEN 0 THEN 0 ELSE run + {keys['runs']} END",
        reused_from=f"below({_quoted(str(part.output))}, reused_from)",
    )
    connection.execute(_SPENT.format(runs=keys["runs"]))
    connection.execute(_TIMES)
    connection.execute(_RUNS)
    for name, value in connection.execute(
        "SELECT name, value FROM part.facts WHERE name LIKE ?", (f"{_LAST}%",)
    ):
        old = name.removeprefix(_LAST)
        connection.execute(
            "INSERT OR IGNORE INTO main.facts VALUES (?, ?)", (_LAST + part.job_files.get(old, old), value)
        )
    row = connection.execute("SELECT value FROM part.facts WHERE name = 'videos'").fetchone()
    return row is not None and row[0] == "fanned"


def _copy(connection: sqlite3.Connection, table: str, **changed: str) -> None:
    names = [row["name"] for row in connection.execute(f"PRAGMA part.table_info ({table})")]
    values = [changed.get(name, name) for name in names]
    if "reused_from" in names:
        place = names.index("reused_from")
        values[place] = f"CASE WHEN reused_from IS NULL THEN NULL ELSE {values[place]} END"
    connection.execute(
        f"INSERT INTO main.{table} ({', '.join(names)}) SELECT {', '.join(values)} FROM part.{table} ORDER BY key"
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


# --- what can't be joined ---------------------------------------------------------------------------------


def _refuse_clashes(
    connection: sqlite3.Connection, part: Part, earlier: Sequence[Part], ends: Sequence[int]
) -> None:
    for query, what in ((_SAME_JOB, "job {}"), (_SAME_TASK, "task {}"), (_SAME_FILE, "a clip {}")):
        clashes = connection.execute(query, (_SHOWN,)).fetchall()
        if clashes:
            both = (
                f"{what.format(row['name'])} is in {_owner(row['submission'], earlier, ends)} and in {part.output}"
                for row in clashes
            )
            raise LedgerError("these folders can't be joined:\n" + "\n".join(both))


def _owner(submission: int | None, earlier: Sequence[Part], ends: Sequence[int]) -> str:
    """The part that a submission came from; of a job that was never sent only that it is one of the earlier ones."""
    if submission is None or len(earlier) == 1:
        return str(earlier[0].output) if len(earlier) == 1 else "one of the folders before"
    found = (part.output for part, end in zip(earlier, ends, strict=True) if submission <= end)
    return str(next(found))


_NEWEST = "(SELECT max(key) FROM main.submissions WHERE job = ours.key)"

_SAME_JOB = f"""
SELECT theirs.id AS name, {_NEWEST} AS submission
FROM part.jobs AS theirs JOIN main.jobs AS ours USING (id_folded) LIMIT ?"""

_SAME_TASK = """
SELECT theirs.task_id AS name, ours.key AS submission
FROM part.submissions AS theirs JOIN main.submissions AS ours
  ON ours.origin = theirs.origin AND ours.task_id = theirs.task_id
  AND ours.task_id IS NOT NULL AND ours.reason <> 'reuse'
WHERE theirs.reason <> 'reuse' LIMIT ?"""

_SAME_FILE = f"""
SELECT theirs.file AS name, {_NEWEST} AS submission
FROM part.jobs AS theirs JOIN main.jobs AS ours USING (file_folded) LIMIT ?"""

_SPENT = """
INSERT INTO main.spent
SELECT CASE run WHEN 0 THEN 0 ELSE run + {runs} END, day, currency, failed, clips, micros FROM part.spent WHERE true
ON CONFLICT DO UPDATE SET clips = clips + excluded.clips, micros = micros + excluded.micros"""

_TIMES = """
INSERT INTO main.task_times SELECT * FROM part.task_times WHERE true
ON CONFLICT DO UPDATE SET tasks = tasks + excluded.tasks"""

_RUNS = """
INSERT INTO main.facts SELECT 'run', value FROM part.facts WHERE name = 'run'
ON CONFLICT DO UPDATE SET value = value + excluded.value"""

_LAST = "last run of "


# --- the clips -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A clip that should stand in the new folder, as it does in the folder of its part."""

    submission: int
    job_id: str
    file: str
    clip: Clip


def clips(db: sqlite3.Connection) -> Iterator[Standing]:
    """Every clip that was stored, earlier ones of its job among them, in the order of the submissions."""
    last = 0
    while True:
        rows = db.execute(_CLIPS, (last, _PAGE)).fetchall()
        for row in rows:
            clip = to_clip(row)
            if clip is not None:
                yield Standing(submission=row["key"], job_id=row["job_id"], file=row["file"], clip=clip)
        if len(rows) < _PAGE:
            return
        last = rows[-1]["key"]


_CLIPS = """
SELECT s.*, j.id AS job_id FROM submissions AS s JOIN jobs AS j ON j.key = s.job
WHERE s.state = 'succeeded' AND NOT s.missing AND s.key > ? ORDER BY s.key LIMIT ?"""


def left_to_do(db: sqlite3.Connection) -> int:
    """How many jobs a run would still send, ask for or fetch, or might be charged for."""
    (number,) = db.execute(
        "SELECT count(*) FROM standing WHERE (status = 'pending' AND in_job_file AND dismissed IS NULL) "
        "OR status IN ('submitting', 'unknown', 'submitted', 'generated')"
    ).fetchone()
    return int(number)


def job_files(db: sqlite3.Connection) -> list[str]:
    """Every job file that the ledger knows, those in use first."""
    rows: Iterable[sqlite3.Row] = db.execute(
        "SELECT job_file FROM jobs GROUP BY job_file ORDER BY max(in_job_file) DESC, job_file"
    )
    return [row["job_file"] for row in rows]
