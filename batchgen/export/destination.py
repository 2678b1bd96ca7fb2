"""Where an export goes: a folder, or any address that fsspec knows.

A file appears under its name when it is whole, and not before; one that is there already is never written over.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from batchgen.errors import ConfigError
from batchgen.export.addresses import is_address, shown
from batchgen.export.local import LocalFolder


class Sink(Protocol):
    """What takes a file's content."""

    def write(self, content: bytes, /) -> object:
        """Add content, all of it."""
        ...


class Target(Protocol):
    """A place for files.

    All methods raise DiskFull, or FolderNotWritable for whatever else keeps them from their work.
    """

    def sizes(self) -> dict[str, int]:
        """The files that are there, by name, in bytes."""
        ...

    def new(self, name: str, /) -> AbstractContextManager[Sink]:
        """A file that is there when the block ends well.  Raises ConfigError when something has the name."""
        ...

    def read(self, name: str, /) -> Iterator[bytes]:
        """A file's content."""
        ...

    def put(self, name: str, content: bytes, /) -> None:
        """Give a file of ours this content, all at once."""
        ...


def open_target(to: str, inside: Path) -> Target:
    """The place that ``to`` names.

    Raises ConfigError when it lies in the output folder ``inside``, or a library is missing for it.
    """
    target = _remote(to) if is_address(to) else LocalFolder(Path(to))
    if isinstance(target, LocalFolder) and target.path.resolve().is_relative_to(inside.resolve()):
        raise ConfigError(
            f"{to}: this lies in the output folder, which is a data set itself; give a folder outside of {inside}"
        )
    return target


def _remote(to: str) -> Target:
    try:
        from batchgen.export.remote import Remote  # noqa: PLC0415  an extra
    except ImportError as error:
        raise ConfigError(f"{shown(to)}: this needs fsspec: pip install 'batchgen[export]'") from error
    path = Remote.local_path(to)
    return Remote(to) if path is None else LocalFolder(path)
