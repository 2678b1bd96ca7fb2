"""A copy of a ledger that may be in use, without a trace beside it: no lock, no new file, no changed time."""

from __future__ import annotations

import shutil
from pathlib import Path

from batchgen.errors import LedgerError

_TRIES = 20
_LOG_HEADER = 32  # bytes; its salts change whenever the log begins anew


def snapshot(path: Path, copy: Path) -> None:
    """Copy the ledger with its write-ahead log, as plain files.

    First the file, then the log: until the log begins anew it holds every page that was written to the file
    meanwhile, so what was read of the file in passing does not matter.  When it did begin anew, all is copied
    again.  Raises OSError, and LedgerError when the ledger was never at rest for so long.
    """
    for _ in range(_TRIES):
        before = _mark(path)
        shutil.copyfile(path, copy)
        _copy_log(path, copy)
        if _mark(path) == before:
            return
    raise LedgerError(f"{path}: the ledger is being written too fast to be copied; try again")


def _copy_log(path: Path, copy: Path) -> None:
    log = _log(copy)
    log.unlink(missing_ok=True)
    try:
        shutil.copyfile(_log(path), log)
    except FileNotFoundError:
        log.unlink(missing_ok=True)


def _mark(path: Path) -> tuple[bytes, int, int]:
    """What stays the same while nothing but the end of the log grows."""
    try:
        with _log(path).open("rb") as log:
            header = log.read(_LOG_HEADER)
    except FileNotFoundError:
        header = b""
    if header:
        return header, 0, 0
    status = path.stat()
    return header, status.st_mtime_ns, status.st_size


def _log(path: Path) -> Path:
    return path.with_name(path.name + "-wal")
