"""What every table is read as: rows with their numbers, and rows that cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

#: How many bytes one row may take.
MAX_ROW = 1024**2
#: How many columns a table may have.
MAX_COLUMNS = 10_000


class Row(NamedTuple):
    """Values by their columns; ``number`` counts from 1, as a spreadsheet or an editor shows it."""

    number: int
    values: dict[str, object]


class BadRow(NamedTuple):
    """A row that cannot be read, and what to do."""

    number: int
    message: str
    remedy: str | None = None


class Table(Protocol):
    """A table, opened."""

    @property
    def columns(self) -> tuple[str, ...] | None:
        """Its columns; None where only the rows can tell."""

    def rows(self) -> Iterator[Row | BadRow]:
        """Its rows, one at a time.  Raises Wrong where it cannot be read any further."""


def too_long(number: int) -> BadRow:
    """A row without end."""
    size = MAX_ROW // 1024**2
    return BadRow(number, f"this row takes more than {size} MiB", "shorten it")


def not_utf8(number: int, raw: bytes, error: UnicodeDecodeError) -> BadRow:
    """A row in another encoding."""
    message = f"the byte 0x{raw[error.start]:02X} at byte {error.start + 1} of the line is not UTF-8"
    return BadRow(number, message, "save the file as UTF-8")
