"""The state machine stands in the database: it refuses what is illegal, whoever asks."""

# ruff: noqa: S608  SQL is put together from this file's own texts

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from batchgen.ledger import Ledger, opening
from batchgen.model import State
from ledger.workshop import NOON, ORIGIN

S = State
LEGAL = {
    (S.SUBMITTING, S.SUBMITTED),
    (S.SUBMITTING, S.UNKNOWN),
    (S.SUBMITTING, S.FAILED),
    (S.SUBMITTING, S.NOT_ACCEPTED),
    (S.UNKNOWN, S.SUBMITTED),
    (S.UNKNOWN, S.FAILED),
    (S.UNKNOWN, S.NOT_ACCEPTED),
    (S.SUBMITTED, S.GENERATED),
    (S.SUBMITTED, S.FAILED),
    (S.GENERATED, S.SUCCEEDED),
    (S.GENERATED, S.FAILED),
    (S.SUCCEEDED, S.GENERATED),
}
#: The way to each state, and what becomes known on it.
WAY: dict[State, list[State]] = {
    S.SUBMITTING: [],
    S.UNKNOWN: [S.UNKNOWN],
    S.NOT_ACCEPTED: [S.NOT_ACCEPTED],
    S.FAILED: [S.FAILED],
    S.SUBMITTED: [S.SUBMITTED],
    S.GENERATED: [S.SUBMITTED, S.GENERATED],
    S.SUCCEEDED: [S.SUBMITTED, S.GENERATED, S.SUCCEEDED],
}
FACTS = {
    S.SUBMITTED: ", task_id = 't' || key",
    S.GENERATED: ", file_id = 'f', charged = 'yes'",
    S.SUCCEEDED: ", file = 'videos/a.mp4', sha256 = 'x'",
    S.NOT_ACCEPTED: ", charged = 'no'",
}
ALL_FACTS = ", task_id = 't' || key, file_id = 'f', charged = 'yes', file = 'videos/a.mp4', sha256 = 'x'"


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A new ledger with the job 1."""
    path = tmp_path / "ledger.sqlite3"
    opening.create(path, {"origin": ORIGIN})
    connection = opening.connect(path)
    connection.execute(
        "INSERT INTO jobs (key, id, id_folded, explicit_id, job_file, position, in_job_file, request, digest, model,"
        " prompt, duration, resolution, metadata, source_file, source_line, warnings)"
        " VALUES (1, 'a', 'a', 1, 'jobs.yaml', 0, 1, '{}', 'd', 'm', 'p', 6, '768P', '{}', 'jobs.yaml', 1, '[]')"
    )
    yield connection
    connection.close()


def intend(db: sqlite3.Connection, state: str = "submitting", **columns: object) -> int:
    """A submission of job 1; its key."""
    row = {
        "job": 1,
        "state": state,
        "reason": "first",
        "account": "default",
        "origin": ORIGIN,
        "key_print": "p",
        "request": "{}",
        "digest": "d",
        "intended_at": "2026-07-01T12:00:00.000+00:00",
        "charged": "perhaps",
        "day": "2026-07-01",
        **columns,
    }
    marks = ", ".join("?" * len(row))
    inserted = db.execute(
        f"INSERT INTO submissions ({', '.join(row)}) VALUES ({marks}) RETURNING key", tuple(row.values())
    )
    return int(inserted.fetchone()[0])


def bring(db: sqlite3.Connection, state: State) -> int:
    """A submission in this state, come there legally; its key."""
    key = intend(db)
    for step in WAY[state]:
        move(db, key, step, FACTS.get(step, ""))
    return key


def move(db: sqlite3.Connection, key: int, state: str, facts: str = "") -> None:
    db.execute(f"UPDATE submissions SET state = ?{facts} WHERE key = ?", (state, key))


def refused(db: sqlite3.Connection, statement: str, *values: object) -> str:
    """The words with which the database refuses a statement; nothing has changed then."""
    before = [db.execute(f"SELECT * FROM {table}").fetchall() for table in ("jobs", "submissions", "facts")]
    with pytest.raises(sqlite3.IntegrityError) as error:
        db.execute(statement, values)
    after = [db.execute(f"SELECT * FROM {table}").fetchall() for table in ("jobs", "submissions", "facts")]
    assert [list(map(tuple, rows)) for rows in before] == [list(map(tuple, rows)) for rows in after]
    return str(error.value)


def test_the_table_of_transitions_is_that_of_the_contract(db: sqlite3.Connection) -> None:
    """The twelve legal transitions, and no other."""
    rows = {(S(row["old"]), S(row["new"])) for row in db.execute("SELECT * FROM transitions")}
    assert rows == LEGAL


@pytest.mark.parametrize(("old", "new"), sorted(LEGAL))
def test_a_legal_transition_works(db: sqlite3.Connection, old: State, new: State) -> None:
    """Every legal pair can be walked."""
    key = bring(db, old)
    move(db, key, new, FACTS.get(new, "") if old is not S.SUCCEEDED else "")
    assert db.execute("SELECT state FROM submissions WHERE key = ?", (key,)).fetchone()[0] == new


@pytest.mark.parametrize(
    ("old", "new"),
    sorted((old, new) for old, new in product(S, S) if old is not new and (old, new) not in LEGAL),
)
def test_an_illegal_transition_is_refused(db: sqlite3.Connection, old: State, new: State) -> None:
    """Every other pair is refused, even with all facts that the new state asks for."""
    key = bring(db, old)
    facts = FACTS[new] if new is S.NOT_ACCEPTED else ALL_FACTS if new not in {S.SUBMITTING, S.UNKNOWN} else ""
    if old in {S.SUBMITTED, S.GENERATED, S.SUCCEEDED}:
        facts = facts.replace(", task_id = 't' || key", "")
    assert "illegal transition" in refused(
        db, f"UPDATE submissions SET state = ?{facts} WHERE key = ?", new, key
    )


@pytest.mark.parametrize(
    "state", ["lost", "", "SUBMITTED", *(state for state in S if state is not S.SUBMITTING)]
)
def test_a_submission_starts_with_the_intent(db: sqlite3.Connection, state: str) -> None:
    """No row can begin in a state that it did not reach, nor enter one that does not exist."""
    with pytest.raises(sqlite3.IntegrityError, match="starts as submitting"):
        intend(db, state, task_id="t", file_id="f", file="videos/a.mp4", sha256="x")
    key = intend(db)
    if state not in set(S):
        assert "illegal transition" in refused(
            db, "UPDATE submissions SET state = ? WHERE key = ?", state, key
        )


def test_a_submission_cannot_start_with_a_task(db: sqlite3.Connection) -> None:
    """A task id comes from an answer, and there is none before the POST."""
    with pytest.raises(sqlite3.IntegrityError, match="starts as submitting"):
        intend(db, task_id="t")


@pytest.mark.parametrize(
    ("state", "change"),
    [
        (S.SUBMITTING, "state = 'submitted'"),
        (S.SUBMITTING, "state = 'submitted', task_id = ''"),
        (S.SUBMITTING, "state = 'not_accepted'"),
        (S.SUBMITTING, "state = 'not_accepted', charged = 'no', task_id = 't'"),
        (S.SUBMITTING, "state = 'unknown', charged = 'no'"),
        (S.SUBMITTING, "charged = 'no'"),
        (S.SUBMITTING, "charged = 'maybe'"),
        (S.UNKNOWN, "task_id = 't'"),
        (S.UNKNOWN, "state = 'submitted'"),
        (S.SUBMITTED, "state = 'generated', charged = 'yes'"),
        (S.SUBMITTED, "state = 'generated', charged = 'yes', file_id = ''"),
        (S.SUBMITTED, "state = 'generated', file_id = 'f', charged = 'perhaps'"),
        (S.GENERATED, "state = 'succeeded', sha256 = 'x'"),
        (S.GENERATED, "state = 'succeeded', file = 'videos/a.mp4'"),
        (S.SUCCEEDED, "file = NULL"),
        (S.SUCCEEDED, "sha256 = NULL"),
        (S.SUCCEEDED, "missing = 2"),
    ],
)
def test_a_state_needs_its_facts(db: sqlite3.Connection, state: State, change: str) -> None:
    """No submitted without a task id, no succeeded without a file, nothing free that is not known to be."""
    key = bring(db, state)
    assert "CHECK constraint failed" in refused(db, f"UPDATE submissions SET {change} WHERE key = ?", key)


@pytest.mark.parametrize("state", [S.SUBMITTED, S.GENERATED, S.SUCCEEDED])
@pytest.mark.parametrize("value", ["another", None])
def test_a_task_id_never_changes(db: sqlite3.Connection, state: State, value: str | None) -> None:
    """Nor is it ever taken away."""
    key = bring(db, state)
    assert "a task id never changes" in refused(
        db, "UPDATE submissions SET task_id = ? WHERE key = ?", value, key
    )


def test_a_failed_task_keeps_its_id(db: sqlite3.Connection) -> None:
    """Also after the end."""
    key = bring(db, S.SUBMITTED)
    move(db, key, S.FAILED)
    assert "a task id never changes" in refused(db, "UPDATE submissions SET task_id = 'x' WHERE key = ?", key)


@pytest.mark.parametrize(
    "column", ["job", "reason", "account", "origin", "key_print", "request", "digest", "intended_at", "key"]
)
def test_what_was_sent_never_changes(db: sqlite3.Connection, column: str) -> None:
    """A submission stays with its job, its request and its addressee."""
    key = bring(db, S.SUBMITTED)
    assert "never changes" in refused(db, f"UPDATE submissions SET {column} = 2 WHERE key = ?", key)


@pytest.mark.parametrize("state", list(S))
def test_nothing_that_was_sent_is_deleted(db: sqlite3.Connection, state: State) -> None:
    """Neither the submission nor its job."""
    bring(db, state)
    assert "never deleted" in refused(db, "DELETE FROM submissions")
    assert "never deleted" in refused(db, "DELETE FROM jobs")


def test_replacing_is_deleting(db: sqlite3.Connection) -> None:
    """REPLACE, which deletes without saying so, is refused as well."""
    bring(db, S.SUBMITTED)
    statement = (
        "INSERT OR REPLACE INTO submissions (key, job, state, reason, account, origin, key_print, request, digest,"
        " intended_at, charged, day) SELECT key, job, 'submitting', reason, account, origin, key_print, request,"
        " digest, intended_at, charged, day FROM submissions"
    )
    assert "never deleted" in refused(db, statement)


def test_a_job_that_was_never_sent_may_go(db: sqlite3.Connection) -> None:
    """There is nothing to remember of it."""
    db.execute("DELETE FROM jobs")
    assert db.execute("SELECT count(*) FROM jobs").fetchone()[0] == 0


def test_the_name_of_a_clip_is_fixed(db: sqlite3.Connection) -> None:
    """Once a job was submitted its file is the same for ever."""
    db.execute("UPDATE jobs SET file = 'videos/a.mp4', file_folded = 'videos/a.mp4'")
    assert "is fixed" in refused(db, "UPDATE jobs SET file = 'videos/b.mp4'")
    assert "is fixed" in refused(db, "UPDATE jobs SET file = NULL")


def test_a_job_has_one_post_at_a_time(db: sqlite3.Connection) -> None:
    """The second intent is refused until the first has an outcome."""
    key = intend(db)
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        intend(db)
    move(db, key, S.UNKNOWN)
    assert intend(db) == key + 1


def test_a_task_belongs_to_one_submission(db: sqlite3.Connection) -> None:
    """The same id at another service is another task."""
    first, second = bring(db, S.UNKNOWN), bring(db, S.UNKNOWN)
    move(db, first, S.SUBMITTED, ", task_id = 'same'")
    assert "UNIQUE" in refused(
        db, "UPDATE submissions SET state = 'submitted', task_id = 'same' WHERE key = ?", second
    )
    elsewhere = intend(db, origin="https://elsewhere.example")
    move(db, elsewhere, S.SUBMITTED, ", task_id = 'same'")


def test_ids_are_unique_whatever_their_case(db: sqlite3.Connection) -> None:
    """The folded id is the key of the folder."""
    statement = (
        "INSERT INTO jobs SELECT 2, 'A', id_folded, explicit_id, job_file, position, in_job_file, request, digest,"
        " model, prompt, duration, resolution, metadata, source_file, source_line, edition, warnings, NULL, NULL,"
        " 0, 'first', 0, NULL, 0, NULL, NULL FROM jobs"
    )
    assert "UNIQUE" in refused(db, statement)


def test_a_submission_belongs_to_a_job(db: sqlite3.Connection) -> None:
    """There is no submission of a job that does not exist."""
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        intend(db, job=7)


def test_the_status_of_a_job_is_that_of_its_newest_submission_that_counts(db: sqlite3.Connection) -> None:
    """Not accepted counts as none, and what was settled by a new order counts no more."""

    def status() -> str:
        return str(db.execute("SELECT status FROM standing").fetchone()[0])

    assert status() == "pending"
    for state in S:
        if state is S.SUBMITTING:
            continue
        bring(db, state)
        if state is not S.NOT_ACCEPTED:
            assert status() == state
    before = status()
    bring(db, S.NOT_ACCEPTED)
    assert status() == before
    db.execute("UPDATE jobs SET ordered_after = (SELECT max(key) FROM submissions)")
    assert status() == "pending"
    bring(db, S.NOT_ACCEPTED)
    assert status() == "pending"


def test_every_state_of_the_model_is_in_the_database(tmp_path: Path) -> None:
    """Model and schema name the same states."""
    ledger = Ledger.open(tmp_path / "ledger.sqlite3", origin=ORIGIN, now=NOON)
    rows = ledger.ask(lambda db: db.execute("SELECT old, new FROM transitions").fetchall())
    ledger.close()
    assert {state for row in rows for state in row} == set(S)
