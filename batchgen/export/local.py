"""A folder of this machine as the place of an export."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from batchgen.download.disk import make_folders, sync_folder
from batchgen.errors import ConfigError, DiskFull, FolderNotWritable
from batchgen.export.damage import PIECE_BYTES

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
_NO_HARD_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


class LocalFolder:
    """Implements ``destination.Target``.  A file is gathered under a hidden ``.part`` name beside its own."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def sizes(self) -> dict[str, int]:
        """What the folder holds; nothing when it is not there."""
        with _errors(self.path):
            try:
                with os.scandir(self.path) as entries:
                    return {entry.name: entry.stat(follow_symlinks=False).st_size for entry in entries}
            except FileNotFoundError:
                return {}
            except NotADirectoryError as error:
                raise ConfigError(f"{self.path}: this is no folder") from error

    @contextmanager
    def new(self, name: str, /) -> Iterator[_Sink]:
        """A file that is there, and durable, when the block ends well."""
        with self._part(name) as sink:
            yield sink
            with _errors(self.path / name):
                sink.settle()
                _name(sink.part, self.path / name)
                sync_folder(self.path)

    def read(self, name: str, /) -> Iterator[bytes]:
        """A file's content."""
        with _errors(self.path / name), (self.path / name).open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                yield piece

    def put(self, name: str, content: bytes, /) -> None:
        """Replace a file of ours, durably."""
        with self._part(name) as sink, _errors(self.path / name):
            sink.write(content)
            sink.settle()
            sink.part.replace(self.path / name)
            sync_folder(self.path)

    @contextmanager
    def _part(self, name: str) -> Iterator[_Sink]:
        """The file to be, held so that no other export writes to it; gone at the end unless it was renamed."""
        part = self.path / f".{name}.part"
        with _errors(part):
            make_folders(self.path)
            file = os.fdopen(os.open(part, _FLAGS, 0o666), "wb", buffering=PIECE_BYTES)
        try:
            with _errors(part):
                _hold(part, file)
            try:
                yield _Sink(part, file)
            finally:
                with suppress(OSError):
                    part.unlink(missing_ok=True)
        finally:
            with suppress(OSError):  # what a full disk did not take was told by the write
                file.close()


_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


class _Sink:
    def __init__(self, part: Path, file: BinaryIO) -> None:
        self.part, self._file = part, file

    def write(self, content: bytes, /) -> None:
        with _errors(self.part):
            self._file.write(content)

    def settle(self) -> None:
        """Make all of it durable."""
        self._file.flush()
        os.fsync(self._file.fileno())


def _hold(part: Path, file: BinaryIO) -> None:
    """Be the only one that writes to it, and begin anew.  What a crash left has no holder."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ConfigError(f"{part.parent}: another export is writing there") from error
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    if not part.exists() or not os.path.samestat(part.lstat(), os.fstat(file.fileno())):
        raise ConfigError(f"{part.parent}: another export is writing there")
    file.truncate(0)


def _name(part: Path, final: Path) -> None:
    """Give the file its name, if nothing has it."""
    try:
        os.link(part, final, follow_symlinks=False)
    except FileExistsError as error:
        raise ConfigError(f"{final}: something stands there already, and is left alone") from error
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        if final.exists() or final.is_symlink():
            raise ConfigError(f"{final}: something stands there already, and is left alone") from error
        part.rename(final)


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    """Errors of the operating system, as ours."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        if error.errno in _NO_ROOM:
            raise DiskFull(f"{path}: {reason}; free some room, and the same command carries on") from error
        raise FolderNotWritable(f"{path}: {reason}") from error
