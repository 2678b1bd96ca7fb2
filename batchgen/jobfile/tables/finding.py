"""Which files ``from`` means, and how each is opened."""

from __future__ import annotations

import codecs
import glob
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, NamedTuple

from batchgen import names
from batchgen.jobfile.flaws import Wrong, did_you_mean, listed, shown
from batchgen.jobfile.source_kinds import STANDARD_INPUT
from batchgen.jobfile.tables.delimited import Delimited
from batchgen.jobfile.tables.jsonl import JsonLines
from batchgen.jobfile.tables.parquet import Parquet
from batchgen.jobfile.tables.rows import Table
from batchgen.jobfile.tables.text import Text

#: The ends of names that tables may have.
KINDS = (".csv", ".tsv", ".jsonl", ".txt", ".parquet")
#: How many files one pattern may match.
MAX_FILES = 100_000


class Found(NamedTuple):
    """A table that is there: where it is read, what it is called in messages, what kind it is."""

    path: Path
    name: str
    kind: str


class SpooledInput:
    """Standard input, kept in a temporary file so that it can be read more than once."""

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None

    def path(self) -> Path:
        """Where it is kept; read to its end when this is asked first.  Raises Wrong."""
        if self._file is None:
            if sys.stdin is None or sys.stdin.isatty():
                raise Wrong(
                    "is `-`, and standard input is a terminal",
                    "pipe JSON lines in: `... | batchgen JOBS.YAML`",
                )
            self._file = tempfile.NamedTemporaryFile(prefix="batchgen-", suffix=".jsonl")  # noqa: SIM115  kept open
            shutil.copyfileobj(sys.stdin.buffer, self._file)
            self._file.flush()
        return Path(self._file.name)

    def __del__(self) -> None:
        if self._file is not None:
            self._file.close()


def find_tables(text: str, home: Path, spooled: SpooledInput) -> list[Found]:
    """The files that ``from`` means, sorted by name; relative to ``home``.  Raises Wrong."""
    if text == STANDARD_INPUT:
        return [Found(spooled.path(), "standard input", ".jsonl")]
    try:
        return _matching(text, home)
    except OSError as error:
        raise Wrong(f"cannot be looked up: {error.strerror or error}") from error


def _matching(text: str, home: Path) -> list[Found]:
    path = home / text
    if not names.can_name(text):
        raise Wrong(
            f"has letters that no name has here: the encoding of this locale is {names.ENCODING}",
            names.REMEDY,
        )
    if path.is_dir():
        raise Wrong(f"names a folder: {path}", f"write a pattern, such as `{Path(text) / '*.csv'}`")
    if not glob.has_magic(text) or path.exists():
        return [_found(path)]
    matching = sorted(glob.glob(text, root_dir=home, recursive=True))  # noqa: PTH207  it takes absolute ones too
    found = [_found(home / name) for name in matching if not (home / name).is_dir()]
    if not found:
        raise Wrong(f"matches no file: {shown(text)}", _others(path.parent))
    if len(found) > MAX_FILES:
        raise Wrong(f"matches {len(found):,} files; at most {MAX_FILES:,} are allowed", "join some of them")
    return found


def _found(path: Path) -> Found:
    kind = path.suffix.lower()
    if not path.exists():
        raise Wrong(f"names a file that is not there: {path}", _neighbour(path))
    if kind not in KINDS:
        remedy = "tables are " + listed([f"`{known}`" for known in KINDS])
        raise Wrong(f"names a file of a kind that is no table: {path}", remedy)
    if not names.is_text(str(path)):  # it stands in the source of every job
        raise Wrong(f"names {path}: {names.NO_TEXT}", names.RENAME)
    return Found(path, str(path), kind)


def _neighbour(path: Path) -> str:
    return did_you_mean(path.name, _tables_in(path.parent)) or _others(path.parent)


def _others(folder: Path) -> str:
    tables = _tables_in(folder)
    there = (
        f"there: {', '.join(tables[:5])}{' …' if len(tables) > 5 else ''}"
        if tables
        else "there are no tables there"
    )
    return f"paths are relative to the job file; {there}"


def _tables_in(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in os.scandir(folder) if Path(entry.name).suffix.lower() in KINDS)
    except OSError:
        return []


@contextmanager
def open_table(found: Found) -> Iterator[Table]:
    """A table, opened.  Raises Wrong."""
    with _opened(found.path) as file:
        before = os.fstat(file.fileno())
        match found.kind:
            case ".csv":
                yield Delimited(file, ",")
            case ".tsv":
                yield Delimited(file, "\t")
            case ".txt":
                yield Text(file)
            case ".parquet":
                yield Parquet(found.path)
            case _:
                yield JsonLines(file)
        after = os.fstat(file.fileno())
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise Wrong("was changed while it was being read", "run the command again")


def _opened(path: Path) -> BinaryIO:
    try:
        # A pipe without a writer must not hold us.
        file = os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb")
    except OSError as error:
        raise Wrong(f"cannot be read: {error.strerror or error}") from error
    try:
        _refuse_other_kinds(file)
    except BaseException:
        file.close()
        raise
    return file


def _refuse_other_kinds(file: BinaryIO) -> None:
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        raise Wrong(
            "is not an ordinary file", "write the rows into a file, or pipe JSON lines in (`from: -`)"
        )
    start = file.read(4)
    file.seek(0)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in start[:2]:
        raise Wrong("is written in UTF-16 or UTF-32", "save it as UTF-8")
