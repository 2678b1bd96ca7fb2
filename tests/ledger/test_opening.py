"""Which file is a ledger that may be used: every refusal is clear, and harms nothing."""

from __future__ import annotations

import os
import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import pytest

from batchgen.errors import IllegalTransition, LedgerError, LedgerNotWritable
from batchgen.ledger import Ledger, opening
from batchgen.ledger.opening import Mount, file_system_of, refuse_network
from ledger.workshop import NOON, ORIGIN, Desk, job, look, names, reconcile

OTHER_ORIGIN = "https://elsewhere.example"


def opened(path: Path, origin: str = ORIGIN, *, switch: bool = False) -> Ledger:
    return Ledger.open(path, origin=origin, now=NOON, switch=switch)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A sound ledger of two hundred jobs, closed."""
    path = tmp_path / "output" / "ledger.sqlite3"
    ledger = opened(path)
    reconcile(ledger, [job(f"job-{n}", "p" * 200) for n in range(200)])
    ledger.close()
    return path


# --- beginning and ending -------------------------------------------------------------------------------


def test_a_ledger_is_begun_where_there_is_none(tmp_path: Path) -> None:
    """Its folder is made, its version and its service are written down, and it opens again."""
    path = tmp_path / "new" / "folder" / "ledger.sqlite3"
    first = opened(path)
    salt = first.fact("salt")
    first.close()
    again = opened(path)
    assert (again.fact("origin"), again.fact("salt"), again.fact("nothing")) == (ORIGIN, salt, "")
    assert again.fact("created_at") == "2026-07-01T12:00:00.000+00:00"
    again.close()
    assert look(path, "PRAGMA user_version") == [(opening.VERSION,)]
    assert look(path, "PRAGMA application_id") == [(opening.APPLICATION_ID,)]


def test_commits_are_durable(path: Path) -> None:
    """Write-ahead log and full synchronisation: what is acknowledged survives the power."""
    ledger = opened(path)
    pragmas = ("journal_mode", "synchronous", "foreign_keys", "recursive_triggers", "fullfsync")
    assert [ledger._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in pragmas] == [
        "wal",
        2,
        1,
        1,
        1,
    ]
    ledger.close()


async def test_after_closing_the_one_file_is_the_state(tmp_path: Path) -> None:
    """The log is folded back: nothing stands beside the file, and a plain copy has every row."""
    desk = Desk(tmp_path / "ledger.sqlite3")
    await desk.ledger.start_writing()
    desk.has(*(f"job-{n}" for n in range(50)))
    for n in range(50):
        await desk.accept(f"job-{n}", f"t{n}")
    assert (tmp_path / "ledger.sqlite3-wal").stat().st_size > 0
    await desk.ledger.stop_writing()
    desk.ledger.close()
    assert list(names(tmp_path)) == ["ledger.sqlite3"]
    copy = tmp_path / "elsewhere" / "copy.sqlite3"
    copy.parent.mkdir()
    shutil.copyfile(desk.path, copy)
    ledger = opened(copy)
    count = ledger.ask(lambda db: db.execute("SELECT count(task_id) FROM submissions").fetchone()[0])
    ledger.close()
    assert count == 50


def test_a_log_that_a_crash_left_is_read(path: Path) -> None:
    """What was committed is there, though it never reached the file itself."""
    ledger = opened(path)
    ledger.change(lambda db: db.execute("UPDATE jobs SET dismissed = 'x'"))
    crashed = path.parent / "crashed"
    crashed.mkdir()
    for file in path.parent.glob("ledger.sqlite3*"):
        shutil.copyfile(file, crashed / file.name)
    ledger.close()
    again = opened(crashed / path.name)
    assert again.ask(lambda db: db.execute("SELECT count(dismissed) FROM jobs").fetchone()[0]) == 200
    again.close()
    assert list(names(crashed)) == [path.name]


def test_closing_beside_a_stranger_who_reads_is_no_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log stays then, and the next run folds it back."""
    monkeypatch.setattr(opening, "_BUSY_MS", 20)
    ledger = opened(path)
    stranger = sqlite3.connect(path, isolation_level=None)
    stranger.execute("BEGIN")
    stranger.execute("SELECT count(*) FROM jobs").fetchone()
    ledger.change(lambda db: db.execute("UPDATE jobs SET dismissed = 'x'"))
    ledger.close()
    assert path.with_name(path.name + "-wal").stat().st_size > 0
    stranger.close()
    again = opened(path)
    assert again.ask(lambda db: db.execute("SELECT count(dismissed) FROM jobs").fetchone()[0]) == 200
    again.close()
    assert list(names(path.parent)) == [path.name]


def test_closing_beside_a_stranger_who_rests_folds_the_log_back(path: Path) -> None:
    """The file alone is the state, though the log, empty, still has its name."""
    ledger = opened(path)
    stranger = sqlite3.connect(path)
    stranger.execute("SELECT count(*) FROM jobs").fetchone()
    ledger.change(lambda db: db.execute("UPDATE jobs SET dismissed = 'x'"))
    ledger.close()
    assert path.with_name(path.name + "-wal").stat().st_size == 0
    stranger.close()


# --- begun whole or not at all --------------------------------------------------------------------------


@dataclass
class Fault:
    """Where the beginning of a ledger is cut off."""

    error: BaseException

    def __call__(self, connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO facts VALUES ('half', 'done')")
        raise self.error


@pytest.mark.parametrize(
    "error", [sqlite3.OperationalError("database or disk is full"), OSError("gone"), KeyboardInterrupt()]
)
def test_a_ledger_that_could_not_be_begun_leaves_nothing(tmp_path: Path, error: BaseException) -> None:
    """The same command can begin it when the fault is gone."""
    path = tmp_path / "ledger.sqlite3"
    with pytest.raises(type(error)):
        opening.create(path, {"origin": ORIGIN}, Fault(error))
    assert names(tmp_path) == {}
    opened(path).close()


def test_a_draft_that_a_crash_left_is_no_ledger(tmp_path: Path) -> None:
    """It is thrown away, with all that stands beside it."""
    path = tmp_path / "ledger.sqlite3"
    for suffix in (".new", ".new-journal", ".new-wal", ".new-shm"):
        (tmp_path / f"ledger.sqlite3{suffix}").write_bytes(b"half of something")
    opened(path).close()
    assert list(names(tmp_path)) == ["ledger.sqlite3"]


def test_a_log_without_its_ledger_is_neither_deleted_nor_mixed_in(path: Path) -> None:
    """It holds what was paid for last: a person must put both together."""
    ledger = opened(path)
    ledger.change(lambda db: db.execute("UPDATE jobs SET dismissed = 'x'"))
    log = path.with_name(path.name + "-wal")
    content = log.read_bytes()
    ledger.close()
    path.unlink()
    log.write_bytes(content)
    for begin in (opened, _scratch):
        with pytest.raises(LedgerError, match=r"ledger\.sqlite3-wal"):
            begin(path)
    assert log.read_bytes() == content
    assert list(names(path.parent)) == [log.name]


def _scratch(path: Path) -> None:
    with Ledger.scratch(path, origin=ORIGIN, now=NOON):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_folder_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    """As an error of the ledger, whichever step meets it."""
    tmp_path.chmod(0o500)
    try:
        for path in (tmp_path / "ledger.sqlite3", tmp_path / "folder" / "ledger.sqlite3"):
            with pytest.raises(LedgerError, match="can't be opened"):
                opened(path)
    finally:
        tmp_path.chmod(0o700)


def test_a_file_in_place_of_the_folder_is_told(tmp_path: Path) -> None:
    """Not as a bug of ours."""
    (tmp_path / "output").write_text("a file")
    with pytest.raises(LedgerError, match="can't be opened"):
        opened(tmp_path / "output" / "ledger.sqlite3")


# --- refused --------------------------------------------------------------------------------------------


def set_pragma(path: Path, pragma: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA {pragma}")
    connection.commit()
    connection.close()


def flip_pages(path: Path) -> None:
    content = bytearray(path.read_bytes())
    for offset in range(4096, len(content), 4096):
        content[offset : offset + 64] = bytes(byte ^ 0xFF for byte in content[offset : offset + 64])
    path.write_bytes(content)


def harm_a_leaf(path: Path) -> None:
    """Only a check of every page finds this one."""
    content = bytearray(path.read_bytes())
    leaves = [at for at in range(4096, len(content), 4096) if content[at] == 13]  # leaves of tables
    content[leaves[-1]] = 0
    path.write_bytes(content)


def cut(path: Path, size: int) -> None:
    os.truncate(path, size)


def other_database(path: Path) -> None:
    path.unlink()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE songs (title TEXT)")
    connection.close()


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda path: set_pragma(path, "user_version = 99"), "version 99.*newer batchgen"),
        (flip_pages, "damaged"),
        (harm_a_leaf, "damaged"),
        (lambda path: cut(path, 0), "damaged: it is empty"),
        (lambda path: cut(path, 50), "damaged: it is not a SQLite database"),
        (lambda path: cut(path, 4096), "damaged: it is cut short"),
        (lambda path: cut(path, path.stat().st_size - 1), "damaged: it is cut short"),
        (
            lambda path: path.write_text("not a database at all\n" * 50),
            "damaged: it is not a SQLite database",
        ),
        (lambda path: path.write_bytes(b"SQLite format 3\0" + bytes(200)), "not a ledger of batchgen"),
        (other_database, "not a ledger of batchgen"),
    ],
    ids=["newer", "flipped", "leaf", "empty", "header cut", "page", "byte", "text", "zeros", "other"],
)
def test_a_file_that_may_not_be_used_is_refused(
    path: Path, harm: object, words: str, recwarn: pytest.WarningsRecorder
) -> None:
    """With its reason and its name, by a run and by a look alike, and to the byte as it was."""
    assert callable(harm)
    harm(path)
    before = path.read_bytes()
    with pytest.raises(LedgerError, match=words) as error:
        opened(path)
    assert str(path) in str(error.value)
    with pytest.raises(LedgerError, match=words) as error:
        _scratch(path)
    assert str(error.value).startswith(f"{path}: ")
    assert path.read_bytes() == before
    assert list(names(path.parent)) == [path.name]
    assert not recwarn.list


def test_a_damaged_ledger_says_what_can_be_done(path: Path) -> None:
    """Put back a copy, or rebuild."""
    cut(path, 4096)
    with pytest.raises(LedgerError, match="--rebuild-ledger"):
        opened(path)


def test_a_ledger_with_the_largest_pages_is_held_to_its_length(tmp_path: Path) -> None:
    """SQLite writes 1 for 65536."""
    path = tmp_path / "ledger.sqlite3"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA page_size = 65536")
    connection.execute(f"PRAGMA application_id = {opening.APPLICATION_ID}")
    connection.execute("CREATE TABLE t (x)")
    connection.close()
    opening.refuse_damaged_header(path)
    cut(path, 65536)
    with pytest.raises(LedgerError, match="cut short"):
        opening.refuse_damaged_header(path)


def test_a_ledger_that_is_locked_is_not_called_damaged(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Someone else writes it: nothing is wrong with the file."""
    monkeypatch.setattr(opening, "_BUSY_MS", 20)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("BEGIN EXCLUSIVE")
    connection.execute("UPDATE jobs SET dismissed = 'x'")
    with pytest.raises(LedgerError, match="can't be opened: database is locked"):
        opened(path)
    connection.execute("ROLLBACK")
    connection.close()
    opened(path).close()


def test_a_ledger_belongs_to_one_service(path: Path) -> None:
    """A run against another is refused, unless the user switches; then it belongs to that one."""
    with pytest.raises(LedgerError, match=f"{ORIGIN}.*{OTHER_ORIGIN}.*--switch-service"):
        opened(path, OTHER_ORIGIN)
    opened(path).close()
    opened(path, OTHER_ORIGIN, switch=True).close()
    opened(path, OTHER_ORIGIN).close()
    with pytest.raises(LedgerError, match=OTHER_ORIGIN):
        opened(path)


# --- network file systems -------------------------------------------------------------------------------

MOUNTS = [
    Mount("/", "ext4"),
    Mount("/home", "nfs4"),
    Mount("/home/local", "xfs"),
    Mount("/mnt/share", "CIFS"),
    Mount("/mnt/bucket", "fuse.s3fs"),
    Mount("/mnt/twice", "nfs"),
    Mount("/mnt/twice", "ext4"),
]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/data/ledger.sqlite3", "ext4"),
        ("/home/me/output/ledger.sqlite3", "nfs4"),
        ("/home", "nfs4"),
        ("/homely/ledger.sqlite3", "ext4"),
        ("/home/local/ledger.sqlite3", "xfs"),
        ("/home/local/../me/ledger.sqlite3", "nfs4"),
        ("/mnt/bucket/x", "fuse.s3fs"),
    ],
)
def test_the_file_system_of_a_path(path: str, kind: str) -> None:
    """That of the longest mount point above it."""
    assert file_system_of(Path(path), MOUNTS) == kind


@pytest.mark.parametrize(
    ("path", "refused"),
    [
        ("/data/ledger.sqlite3", None),
        ("/home/me/ledger.sqlite3", "nfs4"),
        ("/home/local/ledger.sqlite3", None),
        ("/mnt/share/ledger.sqlite3", "CIFS"),
        ("/mnt/bucket/ledger.sqlite3", "fuse.s3fs"),
        ("/mnt/twice/ledger.sqlite3", None),
    ],
)
def test_network_file_systems_are_refused(path: str, refused: str | None) -> None:
    """With their type and the way out; of two mounts on one point the later counts."""
    if refused is None:
        refuse_network(Path(path), MOUNTS)
        return
    with pytest.raises(LedgerError, match=rf"{refused}.*`ledger:`"):
        refuse_network(Path(path), MOUNTS)


def test_a_ledger_on_a_network_file_system_is_not_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither by a run nor, as its dry run, by a look."""
    monkeypatch.setattr(opening, "mounts", lambda: [Mount("/", "nfs")])
    for begin in (opened, _scratch):
        with pytest.raises(LedgerError, match="network file system"):
            begin(tmp_path / "ledger.sqlite3")
    assert names(tmp_path) == {}


# --- migrations -----------------------------------------------------------------------------------------


def test_an_earlier_version_is_brought_up_to_date(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step with its record; the rows stay."""
    later = opening.VERSION + 2
    monkeypatch.setattr(opening, "VERSION", later)
    steps = {later - 1: "ALTER TABLE jobs ADD COLUMN one TEXT", later: "UPDATE jobs SET one = 'two'"}
    monkeypatch.setattr(opening, "MIGRATIONS", steps)
    ledger = opened(path)
    assert (
        ledger.ask(lambda db: db.execute("SELECT count(*) FROM jobs WHERE one = 'two'").fetchone()[0]) == 200
    )
    ledger.close()
    assert look(path, "PRAGMA user_version") == [(later,)]


def test_a_migration_that_fails_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ledger is of the version before, and opens with the program before."""
    before = opening.VERSION
    with monkeypatch.context() as newer:
        newer.setattr(opening, "VERSION", before + 1)
        steps = {before + 1: "ALTER TABLE jobs ADD COLUMN one TEXT; INSERT INTO nowhere VALUES (1)"}
        newer.setattr(opening, "MIGRATIONS", steps)
        with pytest.raises(LedgerError, match="nowhere"):
            opened(path)
    ledger = opened(path)
    columns = {
        row["name"] for row in ledger.ask(lambda db: db.execute("PRAGMA table_info (jobs)").fetchall())
    }
    ledger.close()
    assert "one" not in columns


def test_errors_of_the_ledger_are_one_family() -> None:
    """Who catches LedgerError has them all."""
    assert issubclass(LedgerNotWritable, LedgerError)
    assert issubclass(IllegalTransition, LedgerError)
