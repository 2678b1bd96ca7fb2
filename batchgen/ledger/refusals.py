"""What the disk means when it refuses: no room, no right, or something else.  Decisions without side effects."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

from batchgen.errors import LedgerError, LedgerNotWritable

#: SQLite tells a full disk by a code of its own; a quota that is used up only as a write that failed.
_NO_ROOM = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR_WRITE,
    sqlite3.SQLITE_IOERR_FSYNC,
    sqlite3.SQLITE_IOERR_SHMSIZE,
}
#: Of the low eight bits, which say what kind of error it is.
_NO_WRITING = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}
_PRIMARY = 0xFF
#: What a system answers when it is asked to write: a person must act, and then the same command carries on.
NOT_WRITABLE = frozenset({
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO,
})  # fmt: skip


def lacks_room(error: sqlite3.Error) -> bool:
    """Whether a write may succeed once there is more room."""
    return _code(error) in _NO_ROOM


def not_opened(path: Path, error: sqlite3.Error | OSError, what: str = "opened") -> LedgerError:
    """The error for a ledger that can't be opened: LedgerNotWritable when only the writing is refused."""
    kind = LedgerNotWritable if _refuses_writing(path, error) else LedgerError
    return kind(f"{path}: the ledger can't be {what}: {error}")


def _refuses_writing(path: Path, error: sqlite3.Error | OSError) -> bool:
    if isinstance(error, OSError):
        return error.errno in NOT_WRITABLE
    code = _code(error)
    if code & _PRIMARY == sqlite3.SQLITE_CANTOPEN:  # also the log, which is made when the ledger is opened
        return path.parent.is_dir() and not os.access(path.parent, os.W_OK | os.X_OK)
    return code in _NO_ROOM or code & _PRIMARY in _NO_WRITING


def _code(error: sqlite3.Error) -> int:
    return int(getattr(error, "sqlite_errorcode", 0))
