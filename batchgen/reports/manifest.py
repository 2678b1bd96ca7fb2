"""``manifest.jsonl`` and ``videos/metadata.jsonl``: written as jobs end, rewritten whole, read back.

The functions block on the disk; call them in a thread.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO

from batchgen.model import Record
from batchgen.reports.atomic import AtomicText
from batchgen.reports.dataset import FOLDER, Columns, Contents, file_name, metadata_row, same_rows
from batchgen.reports.lines import as_line
from batchgen.reports.rows import Row, manifest_row

MANIFEST = "manifest.jsonl"
METADATA = f"{FOLDER}/metadata.jsonl"

#: So many clips are looked at before it is settled which columns the data set seems to have.
_FIRST_CLIPS = 500


class ManifestWriter:
    """Keeps the manifest of one output folder.  Raises OSError when the disk does not take it."""

    def __init__(self, folder: Path, watch: Callable[[Record, Row], None] | None = None) -> None:
        """``watch`` is told of each job and its row as all are rewritten."""
        self._watch = watch
        self.path = folder / MANIFEST
        self.metadata_path = folder / METADATA

    def append(self, records: Iterable[Record]) -> None:
        """Add the rows of jobs that have just ended; a line that a crash tore is left behind as it is."""
        lines = b"".join(as_line(manifest_row(record)).encode() + b"\n" for record in records)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self.path, flags, 0o666)
        try:
            _write_whole(descriptor, lines if _ends_whole(descriptor) else b"\n" + lines)
        finally:
            os.close(descriptor)

    def rewrite(self, records: Iterable[Record]) -> Contents:
        """Write both files anew from all records, in one pass; returns what the data set holds.

        Which columns the data set has is known only after the last record.  Mostly the first clips have them all,
        so its rows are written along; where another column, or another type, came up later, they are made again
        from the manifest just written.  Memory does not grow with the number of records.
        """
        contents = Contents()
        with AtomicText(self.path) as manifest, AtomicText(self.metadata_path) as metadata:
            along = _Along(metadata, contents)
            for record in records:
                row = manifest_row(record)
                manifest.write(as_line(row) + "\n")
                contents.add(row)
                along.add(row)
                if self._watch is not None:
                    self._watch(record, row)
            along.end()
            manifest.flush()
            if not along.right:
                metadata.restart()
                _write_again(metadata, manifest.part, contents)
        return contents


class _Along:
    """Writes the data set's rows while the columns that they were given are ``right``.

    The first clips wait for each other: columns that not every clip has mostly come up among them.
    """

    def __init__(self, file: AtomicText, contents: Contents) -> None:
        self._file, self._contents = file, contents
        self._waiting: list[Row] = []
        self._columns: Columns | None = None  # of the rows written so far
        self.right = True

    def add(self, row: Row) -> None:
        """Take the row that was counted last."""
        if not self.right or file_name(row) is None:
            return
        if self._columns is None:
            self._waiting.append(row)
            if len(self._waiting) >= _FIRST_CLIPS:
                self.end()
            return
        columns = self._contents.metadata
        if columns != self._columns:
            self.right = same_rows(self._columns, columns)
            self._columns = dict(columns)
        self._write(row)

    def end(self) -> None:
        """Write the rows that are still waiting."""
        self._columns = dict(self._contents.metadata)
        for row in self._waiting:
            self._write(row)
        self._waiting = []

    def _write(self, row: Row) -> None:
        line = metadata_row(row, self._contents.metadata)
        if line is not None:
            self._file.write(as_line(line) + "\n")


def _write_again(metadata: AtomicText, manifest: Path, contents: Contents) -> None:
    with manifest.open(encoding="utf-8") as rows:
        for line in rows:
            row = metadata_row(json.loads(line), contents.metadata)
            if row is not None:
                metadata.write(as_line(row) + "\n")


def read_manifest(path: Path, *, torn: Callable[[int], None] | None = None) -> Iterator[Row]:
    """The last row of each id, in the order of the file.

    Lines that are no row (torn by a crash) are skipped; ``torn`` is told their numbers, from 1.  The file is
    read twice, and two integers are kept for each id: some 150 MB for a million.
    Raises OSError.
    """
    newest: dict[int, int] = {}
    with path.open("rb") as file:
        for number, row in _rows(file):
            if row is not None:
                newest[_key(row)] = number
            elif torn is not None:
                torn(number)
        file.seek(0)
        for number, row in _rows(file):
            if row is not None and newest[_key(row)] == number:
                yield row


def _rows(file: BinaryIO) -> Iterator[tuple[int, Row | None]]:
    for number, line in enumerate(file, 1):
        if line.strip():
            yield number, _row(line)


def _row(line: bytes) -> Row | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) and isinstance(row.get("id"), str) else None


def _key(row: Row) -> int:
    digest = blake2b(str(row["id"]).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def _ends_whole(descriptor: int) -> bool:
    length = os.lseek(descriptor, 0, os.SEEK_END)
    return length == 0 or os.pread(descriptor, 1, length - 1) == b"\n"


def _write_whole(descriptor: int, line: bytes) -> None:
    """One write in all but the strangest cases; a disk that fills mid-line leaves a torn one, and raises."""
    while line:
        line = line[os.write(descriptor, line) :]
