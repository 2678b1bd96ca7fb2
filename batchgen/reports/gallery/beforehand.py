"""The page's rows, made while the manifest's are: as long as they are few, no record is read for them again."""

from __future__ import annotations

from batchgen.model import Record
from batchgen.reports.gallery.parts import ORDINARY
from batchgen.reports.gallery.rows import gallery_row
from batchgen.reports.lines import as_line
from batchgen.reports.rows import Row


class Beforehand:
    """Takes jobs with their manifest rows, and keeps no more of them than would stand in the page itself."""

    def __init__(self, most: int = ORDINARY.inline) -> None:
        """``most`` is in characters."""
        self.lines: list[str] | None = []  # None: they were too many
        self._room = most

    def add(self, record: Record, row: Row) -> None:
        """Make the row of the next job."""
        if self.lines is None:
            return
        line = as_line(gallery_row(record, row))
        self._room -= len(line)
        if self._room < 0:
            self.lines = None
        else:
            self.lines.append(line)
