"""Changes of one kind: made together they come to the same as one by one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

import pytest

from batchgen.ledger.changes import TOGETHER, insertion, one_by_one, question, statement

MOST = max(TOGETHER)
NUMBERS = sorted({0, 1, 2, 3 * MOST, *(size + more for size in TOGETHER for more in (-1, 0, 1))})
put = statement(
    "UPDATE notes SET text = {text}, n = {n} {source} WHERE notes.key = {key}", "key", "n", "text"
)
add = insertion("INSERT INTO notes (text, key, n) VALUES {rows}", row="('new', ?, ?)")
find = question("SELECT key, text FROM notes WHERE key {asked} AND text <> 'no'")


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    """A table with very many notes."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE notes (key INTEGER PRIMARY KEY, n INTEGER UNIQUE, text TEXT)")
    connection.executemany("INSERT INTO notes VALUES (?, NULL, '')", [(key,) for key in range(3 * MOST)])
    yield connection
    connection.close()


def statements(db: sqlite3.Connection) -> list[str]:
    """Every statement from here on."""
    seen: list[str] = []
    db.set_trace_callback(seen.append)
    return seen


@pytest.mark.parametrize("number", NUMBERS)
def test_each_change_has_its_own_values(db: sqlite3.Connection, number: int) -> None:
    """However many come, and nothing else is touched."""
    assert list(put(db, [(key, 10 * key, f"text {key}") for key in range(number)])) == [None] * number
    assert db.execute("SELECT key, n, text FROM notes WHERE n IS NOT NULL OR text <> ''").fetchall() == [
        (key, 10 * key, f"text {key}") for key in range(number)
    ]


#: Two of the largest portions and one of each other, and three that are left over.
MANY = 2 * MOST + sum(TOGETHER[1:]) + 3
FEW = 2 + len(TOGETHER[1:]) + 3


def test_very_many_need_few_statements(db: sqlite3.Connection) -> None:
    """One for each portion, the largest ones first, and one for each that is left over."""
    seen = statements(db)
    put(db, [(key, key, "x") for key in range(MANY)])
    assert len(seen) == FEW


@pytest.mark.parametrize("number", NUMBERS)
def test_each_row_that_is_added_has_its_own_values(db: sqlite3.Connection, number: int) -> None:
    """However many come."""
    assert list(add(db, [(1000 + key, key) for key in range(number)])) == [None] * number
    assert db.execute("SELECT key, n, text FROM notes WHERE key >= 1000").fetchall() == [
        (1000 + key, key, "new") for key in range(number)
    ]


def test_very_many_rows_need_few_statements(db: sqlite3.Connection) -> None:
    """As changes do."""
    seen = statements(db)
    add(db, [(1000 + key, key) for key in range(MANY)])
    assert len(seen) == FEW


def test_a_question_about_very_many_needs_few_statements(db: sqlite3.Connection) -> None:
    """As changes do."""
    seen = statements(db)
    find(db, range(MANY))
    assert len(seen) == FEW


@pytest.mark.parametrize("number", [2, *TOGETHER])
def test_a_row_that_is_refused_is_raised(db: sqlite3.Connection, number: int) -> None:
    """None takes the place of another."""
    with pytest.raises(sqlite3.IntegrityError, match=r"UNIQUE constraint failed: notes\.key"):
        add(db, [(2000 - max(1, key), key) for key in range(number)])


@pytest.mark.parametrize("size", TOGETHER)
def test_of_two_changes_to_one_row_the_later_one_stays(db: sqlite3.Connection, size: int) -> None:
    """Also among so many that one statement would be for all of them."""
    changes = [(key % (size - 1), key, f"text {key}") for key in range(size)]
    put(db, changes)
    assert db.execute("SELECT n, text FROM notes WHERE key = 0").fetchall() == [changes[-1][1:]]


@pytest.mark.parametrize("size", TOGETHER)
def test_of_two_changes_to_one_row_neither_is_lost(db: sqlite3.Connection, size: int) -> None:
    """The second meets what the first has made of the row, and may be refused for it."""
    db.execute(
        "CREATE TRIGGER once BEFORE UPDATE ON notes WHEN OLD.n IS NOT NULL BEGIN SELECT RAISE(ABORT, 'twice'); END"
    )
    with pytest.raises(sqlite3.IntegrityError, match="twice"):
        put(db, [(key % (size - 1), key, "x") for key in range(size)])


@pytest.mark.parametrize("number", [2, *TOGETHER])
def test_a_refusal_is_raised(db: sqlite3.Connection, number: int) -> None:
    """The caller undoes the rest."""
    with pytest.raises(sqlite3.IntegrityError, match=r"UNIQUE constraint failed: notes\.n"):
        put(db, [(key, max(1, key), "x") for key in range(number)])


@pytest.mark.parametrize("number", NUMBERS)
def test_a_question_is_answered_for_every_key_that_there_is(db: sqlite3.Connection, number: int) -> None:
    """For those there are no rows of, nothing is told."""
    put(db, [(key, key, "no" if key % 5 == 0 else f"text {key}") for key in range(number)])
    expected = [(key, f"text {key}") for key in range(number) if key % 5]
    assert sorted(tuple(row) for row in find(db, range(number))) == expected
    assert find(db, [1000 + key for key in range(number)]) == []


def test_functions_are_called_in_their_order(db: sqlite3.Connection) -> None:
    """Each sees what those before it have done."""

    def read(db: sqlite3.Connection) -> Sequence[object]:
        return [n for (n,) in db.execute("SELECT n FROM notes WHERE n IS NOT NULL ORDER BY n")]

    changes = [
        lambda db: put(db, [(1, 1, "x")]),
        read,
        lambda db: put(db, [(2, 2, "x")]),
        read,
    ]
    assert one_by_one(db, changes)[1::2] == [[1], [1, 2]]
