"""A text file that changes all at once: readers see the old one or the new one, also after a power cut."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Self


class AtomicText:
    """A context manager: what is written stands under the name when the block ends well, else nothing does.

    It is gathered in a hidden ``.part`` file of the same folder; one that a crash left is replaced.
    Raises OSError, with the old file untouched.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.part = path.with_name(f".{path.name.removeprefix('.')}.part")

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.part.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = open(  # noqa: PTH123  a descriptor has no path; closed in __exit__
            os.open(self.part, flags, 0o666), "w", encoding="utf-8", newline="\n", buffering=1 << 18
        )
        return self

    def write(self, text: str) -> None:
        """Add text to the file to be."""
        self._file.write(text)

    def flush(self) -> None:
        """Let ``part`` hold all that was written so far."""
        self._file.flush()

    def restart(self) -> None:
        """Forget what was written so far."""
        self._file.seek(0)
        self._file.truncate()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with self._file:
                if kind is None:
                    self._file.flush()
                    os.fsync(self._file.fileno())
            if kind is None:
                self.part.replace(self.path)
                sync_folder(self.path.parent)
        finally:
            self.part.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable.  Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
