"""A prompt a line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from batchgen.jobfile.tables.lines import lines
from batchgen.jobfile.tables.rows import BadRow, Row

PROMPT = "prompt"


class Text:
    """Lines of text, each a prompt; blanks at their ends count for nothing."""

    columns = (PROMPT,)

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def rows(self) -> Iterator[Row | BadRow]:
        """A row a line; blank lines are left out."""
        for line in lines(self._file):
            yield line if isinstance(line, BadRow) else Row(line[0], {PROMPT: line[1]})
