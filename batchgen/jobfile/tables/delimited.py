"""Tables in text: cells divided by commas or tabs, quoted where they must be, the columns named in the first row."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import BinaryIO

from batchgen.jobfile.flaws import Wrong, shown
from batchgen.jobfile.tables.rows import MAX_COLUMNS, MAX_ROW, BadRow, Row, not_utf8, too_long

_BOM = b"\xef\xbb\xbf"


class _TooLong(Exception):
    """A row has no end."""


class _Lines:
    """Lines for the reader of cells.  What is not UTF-8 is kept in ``bad`` and read as it can be."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = MAX_ROW
        self._begun = False
        self.bad: tuple[bytes, UnicodeDecodeError] | None = None

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        raw = self._file.readline(MAX_ROW + 1)
        if not raw:
            raise StopIteration
        if not self._begun:
            self._begun = True
            raw = raw.removeprefix(_BOM)
        self._left -= len(raw)
        if self._left < 0:
            raise _TooLong
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            self.bad = self.bad or (raw, error)
            return raw.decode(errors="replace")

    def row_ended(self) -> None:
        """What was read up to here is dealt with."""
        self._left, self.bad = MAX_ROW, None


class Delimited:
    """A table in text.  Raises Wrong when its first row names no columns."""

    def __init__(self, file: BinaryIO, delimiter: str) -> None:
        self._lines = _Lines(file)
        self._reader = csv.reader(self._lines, delimiter=delimiter, strict=True)
        self._number = 0
        self._columns = self._header()

    @property
    def columns(self) -> tuple[str, ...]:
        """The named columns."""
        return tuple(name for name in self._columns if name)

    def _header(self) -> list[str]:
        for cells in self._cells():
            if isinstance(cells, BadRow):
                raise Wrong(f"has a first row that cannot be read: {cells.message}", cells.remedy)
            if any(cell.strip() for cell in cells):
                return _names(cells)
        raise Wrong("is empty", "let its first row name the columns")

    def rows(self) -> Iterator[Row | BadRow]:
        """The rows below the first; those without any value are left out, and so are cells without one."""
        columns, wide = self._columns, len(self._columns)
        for cells in self._cells():
            if isinstance(cells, BadRow):
                yield cells
            elif len(cells) > wide and any(cells[wide:]):
                yield self._too_wide(cells)
            elif values := {
                name: cell for name, cell in zip(columns, cells, strict=False) if cell and not cell.isspace()
            }:
                if "" in values:
                    message = f"{shown(values[''])} stands in a column without a name"
                    yield BadRow(self._number, message, "name the column in the first row, or empty the cell")
                else:
                    yield Row(self._number, dict(values))

    def _cells(self) -> Iterator[list[str] | BadRow]:
        """The cells of each row; ``_number`` is that of the row, blank ones counted."""
        while True:
            self._number += 1
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield _unreadable(self._number, str(error))
            except _TooLong:
                yield too_long(self._number)._replace(
                    remedy="close the quote, if one that opens here is never closed"
                )
                return
            else:
                yield self._checked(cells)
            self._lines.row_ended()

    def _checked(self, cells: list[str]) -> list[str] | BadRow:
        if self._lines.bad is not None:
            return not_utf8(self._number, *self._lines.bad)
        if any("\r" in cell for cell in cells):
            return [cell.replace("\r\n", "\n") for cell in cells]
        return cells

    def _too_wide(self, cells: list[str]) -> BadRow:
        message = f"{len(cells)} cells, and the first row names {len(self._columns)} columns"
        return BadRow(self._number, message, "put a cell that has the delimiter in it in double quotes")


def _names(cells: list[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    if len(names) > MAX_COLUMNS:
        raise Wrong(f"has {len(names):,} columns; at most {MAX_COLUMNS:,} are allowed")
    twice = next((name for place, name in enumerate(names) if name and name in names[:place]), None)
    if twice is not None:
        raise Wrong(f"has two columns named {shown(twice)}", "give one of them another name")
    return names


def _unreadable(number: int, words: str) -> BadRow:
    if "expected after" in words:
        message, remedy = (
            "after a closing quote nothing may follow but the delimiter",
            'write `""` for a quote',
        )
    elif "unexpected end of data" in words:
        message, remedy = (
            "a quote that opens in this row is never closed",
            'close it, or write `""` for a quote',
        )
    elif "field larger" in words:
        message, remedy = "a cell has more than 131,072 characters", "is a quote never closed?"
    elif "new-line character" in words:
        message, remedy = "the lines end in CR alone", "save the file with LF or CRLF at the ends of lines"
    else:
        message, remedy = f"this row cannot be read ({words})", "look at its quotes"
    return BadRow(number, message, remedy)
