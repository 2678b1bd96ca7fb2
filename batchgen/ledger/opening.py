"""Is this file a ledger that may be used?  Each refusal says what is wrong and what to do."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import psutil

from batchgen.errors import LedgerError

#: "bgen": marks our databases in SQLite's header.
APPLICATION_ID = 0x6267656E
VERSION = 3
_MAGIC = b"SQLite format 3\x00"
_QUICK_CHECK_BELOW = 64 * 1024**2  # bytes; a larger file is only checked for its length, to start at once
_BUSY_MS = 5000
_LARGEST_PAGE = 65536  # bytes; stands as 1 in the header

#: File systems on which SQLite's locks or its write-ahead log can't be trusted.
NETWORK_FILE_SYSTEMS = frozenset({
    "9p", "afpfs", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "fuse.ceph", "fuse.davfs2", "fuse.gcsfuse",
    "fuse.glusterfs", "fuse.goofys", "fuse.juicefs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs", "gfs2", "glusterfs",
    "gpfs", "lustre", "ncpfs", "nfs", "nfs3", "nfs4", "ocfs2", "orangefs", "smb", "smb2", "smb3", "smbfs", "webdav",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mount:
    """A mounted file system: where, and of which type."""

    point: str
    type: str


def mounts() -> list[Mount]:
    """The file systems of this machine."""
    return [Mount(part.mountpoint, part.fstype) for part in psutil.disk_partitions(all=True)]


def file_system_of(path: Path, mounted: Iterable[Mount]) -> str:
    """The type of the file system on which ``path`` lies: that of the longest mount point above it."""
    real = os.path.realpath(path)
    above = [mount for mount in mounted if _is_below(real, mount.point)]
    # Of two mounts on one point the later one counts: it hides the earlier.
    return max(above, key=lambda mount: len(mount.point)).type if above else ""


def _is_below(path: str, point: str) -> bool:
    return path == point or path.startswith(point.rstrip("/") + "/")


def refuse_network(path: Path, mounted: Sequence[Mount]) -> None:
    """Raise LedgerError when ``path`` would lie on a network file system."""
    kind = file_system_of(path, tuple(reversed(mounted)))
    if kind.lower() in NETWORK_FILE_SYSTEMS:
        raise LedgerError(
            f"{path}: the ledger would lie on a network file system ({kind}), where its writes can't be made "
            "safe; set `ledger:` in the job file to a path on a local disk"
        )


def refuse_damaged_header(path: Path) -> None:
    """Raise LedgerError for a file that is no ledger, or is cut short.

    The file is only read: SQLite itself is not let near a database that is not ours.
    """
    with path.open("rb") as file:
        header = file.read(100)
    size = path.stat().st_size
    if size == 0:
        raise damaged(path, "it is empty")
    if not header.startswith(_MAGIC) or len(header) < 100:
        raise damaged(path, "it is not a SQLite database")
    if int.from_bytes(header[68:72], "big") != APPLICATION_ID:
        raise LedgerError(f"{path}: this is a SQLite database, but not a ledger of batchgen")
    page = int.from_bytes(header[16:18], "big")
    pages = int.from_bytes(header[28:32], "big")
    if size < (_LARGEST_PAGE if page == 1 else page) * pages and not has_log(path):
        raise damaged(path, f"it is cut short ({size} bytes)")


def refuse_lone_log(path: Path) -> None:
    """Raise LedgerError when the write-ahead log of a ledger is there and the ledger is not.

    SQLite would delete it, or mix it into a new ledger.
    """
    if has_log(path):
        raise LedgerError(
            f"{path}: the ledger is not there, but its newest changes are, in {path.name}-wal: put the ledger "
            "back beside them, or move them away"
        )


def has_log(path: Path) -> bool:
    """Whether anything stands in the write-ahead log beside this file."""
    log = path.with_name(path.name + "-wal")
    return log.exists() and log.stat().st_size > 0


def create(
    path: Path, facts: dict[str, str], fill: Callable[[sqlite3.Connection], None] | None = None
) -> None:
    """Begin a ledger.  It gets its name when it is whole, with what ``fill`` put in: no one finds half of one.

    Raises LedgerError beside a log without its ledger; sqlite3.Error and OSError when the disk refuses.
    """
    refuse_lone_log(path)
    draft = path.with_name(path.name + ".new")
    _remove(draft)
    try:
        connection = connect(draft)
        try:
            _create_schema(connection, facts)
            if fill is not None:
                fill(connection)
            connection.execute("PRAGMA journal_mode = WAL")
        finally:
            connection.close()
        draft.rename(path)
    except BaseException:
        _remove(draft)
        raise
    _sync_folder(path.parent)


def _remove(draft: Path) -> None:
    for suffix in ("", "-journal", "-wal", "-shm"):
        draft.with_name(draft.name + suffix).unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_PRAGMAS = (
    "synchronous = FULL",
    "fullfsync = ON",  # macOS: through the disk's own cache; elsewhere nothing
    "foreign_keys = ON",
    "recursive_triggers = ON",  # so that REPLACE can't delete unseen
    "temp_store = FILE",
)


def connect(path: Path, *, uri_suffix: str = "") -> sqlite3.Connection:
    """A connection as all parts of the ledger use it: explicit transactions, named columns, durable commits."""
    target = f"{path.absolute().as_uri()}{uri_suffix}"
    connection = sqlite3.connect(target, uri=True, isolation_level=None, check_same_thread=False)
    try:
        connection.row_factory = sqlite3.Row
        for pragma in (f"busy_timeout = {_BUSY_MS}", *_PRAGMAS):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def _create_schema(connection: sqlite3.Connection, facts: dict[str, str]) -> None:
    """Make an empty database a ledger, in one transaction."""
    schema = _text("schema.sql")
    names = ", ".join(f"({_quoted(name)}, {_quoted(value)})" for name, value in facts.items())
    connection.executescript(
        f"BEGIN IMMEDIATE; {schema} INSERT INTO facts VALUES {names};"
        f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION}; COMMIT;"
    )


def _text(name: str) -> str:
    return files("batchgen.ledger").joinpath(name).read_text("utf-8")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def connect_checked(path: Path) -> sqlite3.Connection:
    """A connection for writing.  Raises LedgerError unless this is a sound ledger of a version that we know."""
    try:
        connection = connect(path)
        try:
            _check(connection, path)
            _keep_log(connection, path)
            migrate(connection)
        except BaseException:
            connection.close()
            raise
    except sqlite3.OperationalError:
        raise  # locked, full, not to be read: nothing is wrong with the file
    except sqlite3.DatabaseError as error:
        raise damaged(path, str(error)) from error
    return connection


def _check(connection: sqlite3.Connection, path: Path) -> None:
    version = _version(connection)
    verdict = _quick_check(connection, path)
    if verdict != "ok":
        raise damaged(path, verdict)
    if version > VERSION:
        raise LedgerError(
            f"{path}: the ledger is of version {version}, this batchgen reads up to {VERSION}: "
            "use the newer batchgen that wrote it"
        )


def _quick_check(connection: sqlite3.Connection, path: Path) -> str:
    if path.stat().st_size >= _QUICK_CHECK_BELOW:
        return "ok"
    return str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])


def _keep_log(connection: sqlite3.Connection, path: Path) -> None:
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise LedgerError(f"{path}: SQLite can't keep a write-ahead log here (its journal mode is {mode})")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


#: What brings a ledger from the version before to the one given; each runs with its record in one transaction.
MIGRATIONS: dict[int, str] = {2: _text("version_2.sql"), 3: _text("version_3.sql")}


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a ledger of an earlier version up to date, one version a transaction."""
    for target in range(_version(connection) + 1, VERSION + 1):
        step = MIGRATIONS[target]
        connection.executescript(f"BEGIN IMMEDIATE; {step}; PRAGMA user_version = {target}; COMMIT;")


def damaged(path: Path, why: str) -> LedgerError:
    """The error for a file that can't be trusted any more."""
    return LedgerError(
        f"{path}: the ledger is damaged: {why}. Nothing was sent. Put back a copy of it if you have one; or "
        "move it away and restore what the manifest knows with --rebuild-ledger"
    )
