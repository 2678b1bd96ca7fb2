"""Ledgers of earlier versions: what they hold stays, and they end as if they had been begun today."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from batchgen.ledger import Ledger, opening, queries
from batchgen.model import State
from ledger.workshop import JOB_FILE, NOON, ORIGIN, Desk, job, look

OLD_SCHEMA = Path(__file__).with_name("schema_version_1.sql")
FACTS = {"origin": ORIGIN, "salt": "salt", "created_at": "2026-07-01T12:00:00.000+00:00"}
VIDEO = '{"width":1366,"height":768,"seconds":6.0,"fps":24.0,"codec":"avc1"}'
MOMENT = "2026-07-01T12:00:01.000+00:00"


def begin_old(path: Path) -> sqlite3.Connection:
    """A ledger exactly as the first release made it."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(
        f"PRAGMA journal_mode = WAL; BEGIN; {OLD_SCHEMA.read_text('utf-8')}; "
        f"PRAGMA application_id = {opening.APPLICATION_ID}; PRAGMA user_version = 1; COMMIT;"
    )
    connection.executemany("INSERT INTO facts VALUES (?, ?)", FACTS.items())
    return connection


def fill(db: sqlite3.Connection) -> None:
    """A job for each state that a submission can have, one that failed before it succeeded, one never sent."""
    states = [*State, None]
    for key, state in enumerate(states, 1):
        file = None if state is None else f"videos/{key}.mp4"
        db.execute(
            "INSERT INTO jobs (key, id, id_folded, explicit_id, job_file, position, in_job_file, request, digest,"
            " model, prompt, duration, resolution, metadata, source_file, source_line, warnings, file, file_folded)"
            " VALUES (?, ?, ?, 1, ?, ?, 1, ?, ?, 'm', 'p', 6, '768P', '{}', 'jobs.yaml', 1, '[]', ?, ?)",
            (key, f"j{key}", f"j{key}", JOB_FILE, key, '{"prompt":"p","model":"m"}', f"d{key}", file, file),
        )
        if state is not None:
            if state is State.SUCCEEDED:
                send(db, key, State.FAILED)
            send(db, key, state)


def send(db: sqlite3.Connection, job_key: int, state: State) -> None:
    """A submission that came to this state by legal steps."""
    (key,) = db.execute(
        "INSERT INTO submissions (job, state, reason, account, origin, key_print, request, digest, intended_at,"
        " charged, run, day, price, currency) VALUES (?, 'submitting', 'first', 'default', ?, 'print', "
        "'{\"prompt\":\"p\",\"model\":\"m\"}', ?, ?, 'perhaps', 1, '2026-07-01', 2000000, 'CNY') RETURNING key",
        (job_key, ORIGIN, f"d{job_key}", MOMENT),
    ).fetchone()
    steps = {
        State.SUBMITTED: f"task_id = 't{key}'",
        State.GENERATED: f"file_id = 'f{key}', charged = 'yes'",
        State.SUCCEEDED: f"file = 'videos/{job_key}.mp4', sha256 = 'x', bytes = 7, video = '{VIDEO}'",
        State.NOT_ACCEPTED: "charged = 'no'",
    }
    way = {
        State.SUBMITTING: [],
        State.GENERATED: [State.SUBMITTED, State.GENERATED],
        State.SUCCEEDED: [State.SUBMITTED, State.GENERATED, State.SUCCEEDED],
    }.get(state, [state])
    for step in way:
        db.execute(
            f"UPDATE submissions SET state = ?{', ' + steps[step] if step in steps else ''} WHERE key = ?",  # noqa: S608  our own texts
            (step, key),
        )


def shape(path: Path) -> dict[str, str]:
    """Every table, index, trigger and view as the database has it, without comments, blanks and quotes."""
    rows = look(path, "SELECT type || ' ' || name, sql FROM sqlite_schema WHERE sql IS NOT NULL")
    return {str(name): re.sub(r'--[^\n]*|[\s"]', "", str(sql)) for name, sql in rows}


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A ledger of the first release, with a job of each kind."""
    path = tmp_path / "output" / "ledger.sqlite3"
    path.parent.mkdir()
    connection = begin_old(path)
    fill(connection)
    connection.close()
    return path


def test_a_migrated_ledger_is_shaped_as_a_new_one(old: Path, tmp_path: Path) -> None:
    """Whatever version it began with, each program finds the same tables, rules and view."""
    Ledger.open(old, origin=ORIGIN, now=NOON).close()
    new = tmp_path / "new.sqlite3"
    Ledger.open(new, origin=ORIGIN, now=NOON).close()
    assert shape(old) == shape(new)
    assert look(old, "PRAGMA user_version") == [(opening.VERSION,)]
    assert look(old, "PRAGMA foreign_key_check") == []
    assert look(old, "PRAGMA integrity_check") == [("ok",)]


def test_a_migration_keeps_every_row(old: Path) -> None:
    """Jobs, submissions, facts and what was spent are what they were, to the last field."""
    tables = ("jobs", "submissions", "facts", "spent", "transitions")

    def content() -> dict[str, list[dict[str, object]]]:
        db = sqlite3.connect(old)
        db.row_factory = sqlite3.Row
        found = {
            table: [dict(row) for row in db.execute(f"SELECT * FROM {table} WHERE 1")]  # noqa: S608  our own texts
            for table in tables
        }
        db.close()
        return found

    before = content()
    Ledger.open(old, origin=ORIGIN, now=NOON).close()
    after = content()
    for table in tables:
        kept = [
            {name: row[name] for name in was} for row, was in zip(after[table], before[table], strict=True)
        ]
        assert kept == before[table]
    assert {row["reused_from"] for row in after["submissions"]} == {None}
    assert {row["filename"] for row in after["jobs"]} == {None}


async def test_a_migrated_ledger_goes_on(old: Path) -> None:
    """Keys go on behind the last one, statuses are what they were, the rules hold, clips stand side by side."""
    desk = Desk(old)
    await desk.ledger.start_writing()
    statuses = {**desk.statuses()}
    assert statuses == {
        "j1": "submitting", "j2": "unknown", "j3": "submitted", "j4": "generated", "j5": "succeeded",
        "j6": "failed", "j7": "pending", "j8": "pending",
    }  # fmt: skip
    last = int(str(desk.look("SELECT max(key) FROM submissions")[0][0]))
    desk.ledger.change(lambda db: db.execute('UPDATE jobs SET request = \'{"prompt":"p"}\''))
    submission = await desk.intend("j8")
    assert (submission.key, desk.look("SELECT file FROM jobs WHERE id = 'j8'")) == (
        last + 1,
        [("videos/j8.mp4",)],
    )
    with pytest.raises(Exception, match="illegal transition"):
        desk.ledger.change(lambda db: db.execute("DELETE FROM submissions"))
    await desk.ledger.stop_writing()
    desk.ledger.close()


def test_a_folder_with_clips_stays_as_it_is(old: Path) -> None:
    """However many jobs its file gets now: names that people know are not mixed with others."""
    desk = Desk(old)
    desk.has(*(job(f"j{n}") for n in range(1, 9)), accept_new=True)
    assert desk.ledger.fact("videos") == "flat"
    assert desk.ledger.ask(lambda db: queries.standing(db, JOB_FILE)).jobs == 8
    desk.ledger.close()
