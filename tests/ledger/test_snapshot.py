"""A look at the ledger leaves no trace: the same names, sizes and times, whoever else has it open."""

from __future__ import annotations

import itertools
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from batchgen.errors import LedgerError
from batchgen.ledger import Ledger, snapshot
from ledger.workshop import NOON, ORIGIN, job, names, reconcile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A closed ledger with one job."""
    path = tmp_path / "output" / "ledger.sqlite3"
    ledger = Ledger.open(path, origin=ORIGIN, now=NOON)
    reconcile(ledger, [job("a")])
    ledger.close()
    return path


def seen(path: Path) -> list[str]:
    """The ids that a look finds, after it has changed all that can be changed."""
    with Ledger.scratch(path, origin=ORIGIN, now=NOON) as ledger:
        ids = ledger.ask(lambda db: [row["id"] for row in db.execute("SELECT id FROM jobs ORDER BY key")])
        reconcile(ledger, [job("scratch")])
        ledger.change(lambda db: db.execute("UPDATE jobs SET dismissed = 'x'"))
        return ids


def add(ledger: Ledger, *ids: str) -> None:
    reconcile(ledger, [job(id_) for id_ in ids])


def test_a_look_at_nothing_leaves_nothing(tmp_path: Path) -> None:
    """A plan for a new folder does not make the folder."""
    assert seen(tmp_path / "output" / "ledger.sqlite3") == []
    assert names(tmp_path) == {}


def test_a_look_at_a_closed_ledger(path: Path) -> None:
    """Nothing beside it, not a time changed."""
    before = names(path.parent)
    assert seen(path) == ["a"]
    assert names(path.parent) == before


def test_a_look_at_a_ledger_that_is_in_use(path: Path) -> None:
    """What is committed is seen, though it stands in the log alone."""
    ledger = Ledger.open(path, origin=ORIGIN, now=NOON)
    add(ledger, "a", "b")
    before = names(path.parent)
    assert set(before) == {path.name, f"{path.name}-wal", f"{path.name}-shm"}
    assert seen(path) == ["a", "b"]
    assert names(path.parent) == before
    ledger.close()


def test_a_look_during_a_transaction(path: Path) -> None:
    """What is not committed is not seen, and nobody waits."""
    ledger = Ledger.open(path, origin=ORIGIN, now=NOON)
    add(ledger, "a", "b")
    ledger._connection.execute("BEGIN IMMEDIATE")
    ledger._connection.execute("UPDATE jobs SET id = 'uncommitted'")
    before = names(path.parent)
    assert seen(path) == ["a", "b"]
    assert names(path.parent) == before
    ledger._connection.execute("ROLLBACK")
    ledger.close()


HOLDER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from batchgen.ledger import Ledger
ledger = Ledger.open(Path(sys.argv[1]), origin=sys.argv[2], now=datetime.now(UTC))
ledger.change(lambda db: db.execute("UPDATE jobs SET id = 'other process'"))
print("ready", flush=True)
sys.stdin.readline()
ledger.close()
"""


def hold(path: Path) -> subprocess.Popen[str]:
    """Another process has the ledger open, with something in its log."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path), ORIGIN],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "ready\n"
    return holder


def test_a_look_beside_another_process(path: Path) -> None:
    """It is not disturbed, and still folds its log back at the end."""
    holder = hold(path)
    before = names(path.parent)
    assert seen(path) == ["other process"]
    assert names(path.parent) == before
    _, _ = holder.communicate("\n", timeout=30)
    assert holder.returncode == 0
    assert list(names(path.parent)) == [path.name]


@pytest.mark.parametrize("without", [[], ["-shm"]])
def test_a_look_after_a_crash(path: Path, without: list[str]) -> None:
    """The log that it left is read, and still there for the next run."""
    holder = hold(path)
    holder.kill()
    holder.communicate(timeout=30)
    for suffix in without:
        path.with_name(path.name + suffix).unlink()
    before = names(path.parent)
    assert f"{path.name}-wal" in before
    assert seen(path) == ["other process"]
    assert names(path.parent) == before


def test_a_look_at_another_service_is_refused_as_a_run_is(path: Path) -> None:
    """Unless the user switches; nothing stays of that."""
    with (
        pytest.raises(LedgerError, match=f"^{path}: .*belongs to"),
        Ledger.scratch(path, origin="https://elsewhere.example", now=NOON),
    ):
        pass
    with Ledger.scratch(path, origin="https://elsewhere.example", now=NOON, switch=True) as ledger:
        assert ledger.fact("origin") == "https://elsewhere.example"
    assert seen(path) == ["a"]


def during_the_copy(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], None], times: int) -> None:
    """Something happens between copying the file and copying its log."""
    copyfile, left = shutil.copyfile, [times]

    def slow(source: Path, target: Path) -> Path:
        if source.name.endswith("-wal") and left[0]:
            left[0] -= 1
            happens()
        return Path(copyfile(source, target))

    monkeypatch.setattr(shutil, "copyfile", slow)


def test_a_log_that_grows_during_the_copy(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commits and checkpoints meanwhile do no harm: the log still has every page."""
    ledger = Ledger.open(path, origin=ORIGIN, now=NOON)
    add(ledger, "a", "b")

    def more() -> None:
        add(ledger, "a", "b", *(f"more-{n}" for n in range(500)))
        ledger._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    during_the_copy(monkeypatch, more, 1)
    assert len(seen(path)) == 502
    ledger.close()


def test_a_log_that_begins_anew_during_the_copy(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the copy would be of two times: it is made again."""
    ledger = Ledger.open(path, origin=ORIGIN, now=NOON)
    add(ledger, "a", "b")
    count = itertools.count()

    def anew() -> None:
        ledger._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        add(ledger, "a", "b", *(f"more-{next(count)}" for _ in range(300)))

    during_the_copy(monkeypatch, anew, 2)
    assert len(seen(path)) == 302
    ledger.close()


def test_a_ledger_that_never_rests_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After twenty tries, rather than a copy that mixes two times."""
    ledger = Ledger.open(path, origin=ORIGIN, now=NOON)
    add(ledger, "a", "b")

    def anew() -> None:
        ledger._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        ledger.change(lambda db: db.execute("UPDATE jobs SET source_line = source_line + 1"))

    during_the_copy(monkeypatch, anew, 1000)
    with pytest.raises(LedgerError, match="too fast"):
        seen(path)
    ledger.close()


def test_the_copy_of_a_ledger_with_a_log_is_sound(path: Path) -> None:
    """SQLite's own check finds nothing."""
    ledger = Ledger.open(path, origin=ORIGIN, now=NOON)
    add(ledger, "a", *(f"more-{n}" for n in range(2000)))
    copy = path.with_name("copy.sqlite3")
    snapshot.snapshot(path, copy)
    ledger.close()
    connection = sqlite3.connect(copy)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("SELECT count(*) FROM jobs").fetchone() == (2001,)
    connection.close()
