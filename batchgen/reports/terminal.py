"""Text that is safe and aligned on a terminal: nothing in it acts, and wide characters count as two cells."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

#: Categories that steer a terminal or its reader: controls, formats (bidi overrides among them), lone
#: surrogates, line and paragraph separators.
_ACTING = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
#: The joiner is part of ordinary emoji and of several scripts, and moves nothing.
_HARMLESS = frozenset({"\u200c", "\u200d"})


def clean(text: str) -> str:
    r"""The text on one line with everything that would act on a terminal written out, as in ``\x1b``.

    White space of any kind becomes single spaces.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_harmless, " ".join(text.split())))


def _harmless(character: str) -> str:
    if character in _HARMLESS or unicodedata.category(character) not in _ACTING:
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def shorten(text: str, cells: int) -> str:
    """The cleaned text in at most so many cells, with an ellipsis where it was cut."""
    line = clean(text[: 4 * max(cells, 0) + 64])
    if cell_len(line) <= cells:
        return line
    return set_cell_size(line, cells - 1).rstrip() + "…" if cells > 0 else ""


def pad(text: str, cells: int, *, right: bool = False) -> str:
    """The text filled up with spaces to so many cells, on the left when it is to stand ``right``."""
    filling = " " * max(0, cells - cell_len(text))
    return filling + text if right else text + filling


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, words: int = 1) -> list[str]:
    """Aligned lines of cleaned text: the first ``words`` columns stand left, the others (numbers) right."""
    lines = [[clean(cell) for cell in row] for row in (head, *rows)]
    widths = [max(cell_len(row[column]) for row in lines) for column in range(len(head))]
    return [
        "  ".join(
            pad(cell, width, right=column >= words)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in lines
    ]
