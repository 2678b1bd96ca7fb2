"""Any address that fsspec knows (``s3://bucket/folder``, ``memory://``) as the place of an export."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from batchgen.errors import BatchgenError, ConfigError, FolderNotWritable
from batchgen.export.addresses import shown
from batchgen.export.damage import PIECE_BYTES

#: They have no folders to be made; asked for one, they would make a bucket of any misspelled name.
_OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "memory"}
_EXTRAS = {"s3": "s3", "s3a": "s3"}


class Remote:
    """Implements ``destination.Target``.

    Files are written in a transaction of the file system: an upload becomes visible by its last call, and is
    given up when anything goes wrong before.
    """

    def __init__(self, url: str) -> None:
        self._shown = shown(url)
        self._fs, self._path = _open(url)

    @staticmethod
    def local_path(url: str) -> Path | None:
        """The folder of this machine that the address means, if it does."""
        fs, path = _open(url)
        return Path(path) if isinstance(fs, LocalFileSystem) else None

    def sizes(self) -> dict[str, int]:
        """What stands there; nothing where nobody has written yet."""
        with self._errors():
            self._fs.invalidate_cache()
            try:
                found = self._fs.ls(self._path, detail=True)
            except FileNotFoundError:
                return {}
            return {posixpath.basename(one["name"].rstrip("/")): one["size"] or 0 for one in found}

    @contextmanager
    def new(self, name: str, /) -> Iterator[_Sink]:
        """A file that is there when the block ends well."""
        path = self._at(name)
        with self._errors():
            if self._fs.exists(path):
                raise ConfigError(f"{self._shown}: {name} stands there already, and is left alone")
            self._make_folder()
            with self._written(path) as sink:
                yield sink
            self._fs.invalidate_cache()
            if self._fs.size(path) != sink.length:
                raise FolderNotWritable(f"{self._shown}: {name} did not arrive whole")

    def read(self, name: str, /) -> Iterator[bytes]:
        """A file's content."""
        with self._errors(), self._fs.open(self._at(name), "rb") as file:
            while piece := file.read(PIECE_BYTES):
                yield piece

    def put(self, name: str, content: bytes, /) -> None:
        """Replace a file of ours."""
        with self._errors():
            self._make_folder()
            self._fs.pipe_file(self._at(name), content)

    def _make_folder(self) -> None:
        names = self._fs.protocol
        if _OBJECT_STORES.isdisjoint([names] if isinstance(names, str) else names):
            self._fs.makedirs(self._path, exist_ok=True)

    def _at(self, name: str) -> str:
        return f"{self._path.rstrip('/')}/{name}"

    @contextmanager
    def _written(self, path: str) -> Iterator[_Sink]:
        with self._fs.transaction:
            file = self._fs.open(path, "wb")
            try:
                yield (sink := _Sink(file))
                sink.close()
            except BaseException:
                with suppress(AttributeError):  # a file that is not fsspec's own has no such switch
                    file.closed = True  # else it would upload what it has when it is forgotten
                raise

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Whatever the file system and the libraries below it raise, as ours."""
        try:
            yield
        except BatchgenError:
            raise
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            raise FolderNotWritable(
                f"{self._shown}: {reason}; once that is mended the same command carries on"
            ) from error


class _Sink:
    """Counts what goes through."""

    def __init__(self, file: Any) -> None:  # noqa: ANN401  fsspec has no types
        self._file = file
        self.length = 0

    def write(self, content: bytes, /) -> None:
        self._file.write(content)
        self.length += len(content)

    def close(self) -> None:
        self._file.close()


def _open(url: str) -> tuple[Any, str]:
    try:
        return fsspec.core.url_to_fs(url)  # type: ignore[no-any-return]
    except ImportError as error:
        extra = _EXTRAS.get(url.partition(":")[0])
        remedy = f"pip install 'batchgen[{extra}]'" if extra else str(error)
        raise ConfigError(f"{shown(url)}: a library is missing: {remedy}") from error
    except ValueError as error:
        raise ConfigError(f"{shown(url)}: this address can't be used: {error}") from error
