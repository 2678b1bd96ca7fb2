"""The page's rows in parts: in the page itself while they are few, in files beside it when they are many.

A page on the disk may not read other files, but it may name scripts, and loads them one by one while
people look at the first already.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from batchgen.reports.atomic import AtomicText

PARTS = "gallery"
_NAME = re.compile(r"\.?\d{4,}-[0-9a-f]{16}\.js(\.part)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Where rows are divided, in characters."""

    part: int = 1 << 20  # a browser reads so much without stalling
    inline: int = 2 << 20  # so much in all stands in the page: some five thousand ordinary rows


ORDINARY = Sizes()


@dataclass(frozen=True, slots=True)
class Part:
    """A file with rows, by its path relative to the page."""

    file: str
    rows: int


class Parts:
    """Takes rows one by one and holds a bounded number of them.

    A part's name is made of its content: an older page keeps finding its own parts until the new page stands,
    and a part that has not changed is not written again.
    """

    def __init__(self, folder: Path, sizes: Sizes = ORDINARY) -> None:
        """``folder`` is that of the page; the parts go below it."""
        self.folder = folder / PARTS
        self.written: list[Part] = []
        self._sizes = sizes
        self._held: list[list[str]] = []
        self._open: list[str] = []
        self._open_size = self._held_size = 0

    def add(self, line: str) -> None:
        """Take the next row, a JSON object on a line.  Raises OSError when the disk does not take a part."""
        self._open.append(line)
        self._open_size += len(line)
        if self._open_size >= self._sizes.part:
            self._close()

    def end(self) -> list[str]:
        """After the last row: the rows that belong into the page itself, none if they went into files."""
        if self.written:
            self._close()
            return []
        return [line for part in [*self._held, self._open] for line in part]

    def _close(self) -> None:
        part, self._open = self._open, []
        self._held_size += self._open_size
        self._open_size = 0
        if part:
            self._held.append(part)
        if self.written or self._held_size > self._sizes.inline:
            for held in self._held:
                self._write(held)
            self._held = []

    def _write(self, lines: list[str]) -> None:
        text = part_text(len(self.written), lines)
        name = f"{len(self.written):04}-{sha256(text.encode()).hexdigest()[:16]}.js"
        if self.folder.is_symlink():
            raise OSError(f"{self.folder} is a symbolic link")
        path = self.folder / name
        if not path.exists():
            with AtomicText(path) as file:
                file.write(text)
        self.written.append(Part(f"{PARTS}/{name}", len(lines)))

    def tidy(self) -> None:
        """Once the page stands: remove parts of earlier pages, and nothing else."""
        if self.folder.is_symlink() or not self.folder.is_dir():
            return
        kept = {Path(part.file).name for part in self.written}
        for path in self.folder.iterdir():
            if path.name not in kept and _NAME.fullmatch(path.name):
                path.unlink(missing_ok=True)
        if not any(self.folder.iterdir()):
            self.folder.rmdir()


def part_text(number: int, lines: list[str]) -> str:
    """A script that hands its rows to the page as JSON: what a key is called can have no effect then."""
    return f"galleryPart({number}, {json.dumps(rows_text(lines), ensure_ascii=False)});\n"


def rows_text(lines: list[str]) -> str:
    """Rows as a JSON array, one on a line."""
    return "[\n" + ",\n".join(lines) + "\n]"
