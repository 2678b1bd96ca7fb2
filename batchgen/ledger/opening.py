"""Is this file a ledger that may be used?  Each refusal says what is wrong and what to do."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import psutil

from batchgen.errors import LedgerError

#: "bgen": marks our databases in SQLite's header.
APPLICATION_ID = 0x6267656E
VERSION = 1
_MAGIC = b"SQLite format 3\x00"
_QUICK_CHECK_BELOW = 64 * 1024**2  # bytes; a larger file is only checked for its length, to start at once
_BUSY_MS = 5000

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
    """Raise LedgerError for a file that is no SQLite database, or is cut short."""
    with path.open("rb") as file:
        header = file.read(100)
    size = path.stat().st_size
    if size == 0:
        raise _damaged(path, "it is empty")
    if not header.startswith(_MAGIC) or len(header) < 100:
        raise _damaged(path, "it is not a SQLite database")
    page = int.from_bytes(header[16:18], "big")
    pages = int.from_bytes(header[28:32], "big")
    wal = path.with_name(path.name + "-wal")
    if size < (1 if page == 1 else page) * pages and not (wal.exists() and wal.stat().st_size):
        raise _damaged(path, f"it is cut short ({size} bytes)")


def connect(path: Path, *, uri_suffix: str = "") -> sqlite3.Connection:
    """A connection as all parts of the ledger use it: explicit transactions, named columns, durable commits."""
    target = f"{path.absolute().as_uri()}{uri_suffix}"
    connection = sqlite3.connect(target, uri=True, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA temp_store = FILE")
    return connection


def create_schema(connection: sqlite3.Connection, facts: dict[str, str]) -> None:
    """Make an empty database a ledger, in one transaction."""
    schema = files("batchgen.ledger").joinpath("schema.sql").read_text("utf-8")
    names = ", ".join(f"({_quoted(name)}, {_quoted(value)})" for name, value in facts.items())
    connection.executescript(
        f"BEGIN IMMEDIATE; {schema} INSERT INTO facts VALUES {names};"
        f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION}; COMMIT;"
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def check_and_migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Raise LedgerError unless this is a sound ledger of a version that we can read; bring it up to date."""
    try:
        application = int(connection.execute("PRAGMA application_id").fetchone()[0])
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if path.stat().st_size < _QUICK_CHECK_BELOW:
            verdict = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
            if verdict != "ok":
                raise _damaged(path, verdict)
    except sqlite3.DatabaseError as error:
        raise _damaged(path, str(error)) from error
    if application != APPLICATION_ID:
        raise LedgerError(f"{path}: this is a SQLite database, but not a ledger of batchgen")
    if version > VERSION:
        raise LedgerError(
            f"{path}: the ledger is of version {version}, this batchgen reads up to {VERSION}: "
            "use the newer batchgen that wrote it"
        )
    migrate(connection, version)


#: What brings a ledger from the version before to the one given; each runs with its record in one transaction.
MIGRATIONS: dict[int, str] = {}


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring a ledger of an earlier version up to date, one version a transaction."""
    for target in range(version + 1, VERSION + 1):
        step = MIGRATIONS[target]
        connection.executescript(f"BEGIN IMMEDIATE; {step}; PRAGMA user_version = {target}; COMMIT;")


def _damaged(path: Path, why: str) -> LedgerError:
    return LedgerError(
        f"{path}: the ledger is damaged: {why}. Nothing was sent. Put back a copy of it if you have one; or "
        "move it away and restore what the manifest knows with --rebuild-ledger"
    )
