"""Lines of bounded length, decoded, with what cannot be decoded told by its line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from batchgen.jobfile.tables.rows import MAX_ROW, BadRow, not_utf8, too_long

_BOM = b"\xef\xbb\xbf"


def lines(file: BinaryIO) -> Iterator[tuple[int, str] | BadRow]:
    """Every line with its number (from 1), its end stripped; blank lines are left out."""
    for number, raw in enumerate(iter(lambda: file.readline(MAX_ROW + 1), b""), start=1):
        if len(raw) > MAX_ROW:
            skip_line(file, raw)
            yield too_long(number)
            continue
        try:
            text = (raw.removeprefix(_BOM) if number == 1 else raw).decode().strip()
        except UnicodeDecodeError as error:
            yield not_utf8(number, raw, error)
            continue
        if text:
            yield number, text


def skip_line(file: BinaryIO, begun: bytes) -> None:
    """Read on to the end of a line that has begun, without keeping it."""
    while begun and not begun.endswith(b"\n"):
        begun = file.readline(MAX_ROW)
