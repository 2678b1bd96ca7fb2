"""The bytes of a job file: opened once per pass, read in bounded pieces, and looked at again for messages."""

from __future__ import annotations

import codecs
import difflib
import os
import re
import stat
from pathlib import Path
from typing import BinaryIO, NamedTuple

from batchgen.jobfile.flaws import Flaw, Stop
from batchgen.jobfile.nodes import MAX_BYTES

_PIECE = 1024**2  # bytes
_YAML = (".yaml", ".yml")
_LINE = 4096  # bytes of a line that a message looks at
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
#: What may begin a key at the left margin below ``jobs:``.  The other line breaks of YAML only make it look.
#: Each pattern begins with a byte of its own, to pass over all else at once: the whole file is looked at.
_MARGIN = tuple(
    map(re.compile, (rb"\n(?=[^\s#-]|-\S)", rb"\r(?=[^\s#-]|-\S)", rb"\xc2\x85", rb"\xe2\x80[\xa8\xa9]"))
)
#: A line break to YAML that is none to ``readline``.
_ODD_BREAK = re.compile(rb"\r(?!\n)|\xc2\x85|\xe2\x80[\xa8\xa9]")


class Stamp(NamedTuple):
    """What tells that a file is still the same."""

    device: int
    inode: int
    size: int
    modified: int  # nanoseconds


def stamp_of(file: BinaryIO) -> Stamp:
    """The stamp of an open file."""
    status = os.fstat(file.fileno())
    return Stamp(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


class Bounded:
    """A file that refuses to hand out more than ``MAX_BYTES`` unless it is told that a piece has ended."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = MAX_BYTES

    def read(self, size: int = -1) -> bytes:
        """The next bytes, as the YAML parser asks for them.  Raises ValueError at the bound."""
        piece = self._file.read(size)
        self._left -= len(piece)
        if self._left < 0:
            raise TooLong
        return piece

    def piece_ended(self) -> None:
        """What was read up to here is dealt with."""
        self._left = MAX_BYTES


class TooLong(Exception):
    """A job, or another part of the file, has no end."""


def open_source(path: Path) -> BinaryIO:
    """Open a job file.  Raises Stop with what to do when there is none, or it is no file of text."""
    try:
        # A pipe without a writer must not hold us.
        file = os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb")
    except OSError as error:
        raise Stop(_unopened(path, error)) from error
    try:
        _refuse_other_kinds(file)
    except BaseException:
        file.close()
        raise
    return file


def _refuse_other_kinds(file: BinaryIO) -> None:
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        raise Stop(_at_start("this is not an ordinary file", "write the jobs into a file: it is read twice"))
    start = file.read(4)
    file.seek(0)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in start[:2]:
        raise Stop(_at_start("the file is written in UTF-16 or UTF-32", "save it as UTF-8"))


def _at_start(message: str, remedy: str | None) -> Flaw:
    return Flaw(line=1, column=1, message=message, remedy=remedy)


def _unopened(path: Path, error: OSError) -> Flaw:
    if isinstance(error, FileNotFoundError):
        return _at_start("there is no such file", _neighbour(path) or _start(path))
    if isinstance(error, IsADirectoryError):
        return _at_start("this is a folder, not a job file", "name the YAML file in it")
    if isinstance(error, PermissionError):
        return _at_start("the file may not be read", "give yourself the right to read it")
    return _at_start(f"the file cannot be read: {error.strerror or error}", None)


def _start(path: Path) -> str:
    """What to do where there is nothing like the file that was named."""
    if str(path) == "-":
        return "write `from: -` in a job file to take rows from standard input"
    if path.suffix and path.suffix not in _YAML:
        return f"the path is relative to {Path.cwd()}"
    return "`batchgen init` writes one to start from"


def _neighbour(path: Path) -> str | None:
    kinds = {*_YAML, path.suffix}
    try:
        names = [entry.name for entry in path.parent.iterdir() if entry.suffix in kinds]
    except OSError:
        return None
    near = difflib.get_close_matches(path.name, names[:1000], n=1)
    return f"did you mean `{path.parent / near[0]}`?" if near else None


def has_margin_text(file: BinaryIO, line: int) -> bool:
    """Whether anything but list items begins at the left margin below ``line`` (from 1).

    May say yes where there is nothing (a second, slower look then tells), never no where there is a key.
    """
    reading_at = file.tell()  # the parser goes on from there
    try:
        return _margin_text(file, line)
    finally:
        file.seek(reading_at)


def _margin_text(file: BinaryIO, line: int) -> bool:
    file.seek(0)
    for _ in range(line):
        text = file.readline(_PIECE)
        # Lines are counted otherwise than here, or one is too long to be looked at whole.
        if not text.endswith(b"\n") or _ODD_BREAK.search(text):
            return True
    tail = b"\n"
    while piece := file.read(_PIECE):
        text = tail + piece
        if any(pattern.search(text) for pattern in _MARGIN):
            return True
        tail = piece[-4:]
    return False


def line_at(file: BinaryIO, line: int) -> str:
    """The start of a line (from 1), for a look at what went wrong there."""
    file.seek(0)
    at = 1
    while at < line:
        piece = file.readline(_PIECE)
        if not piece:
            return ""
        at += piece.endswith(b"\n")
    text = file.readline(_LINE).decode(errors="replace")
    return text.removeprefix("\ufeff") if line == 1 else text  # columns do not count the mark


def find_bad_character(file: BinaryIO) -> Flaw | None:
    """The first byte that is not UTF-8, or character that YAML does not allow."""
    file.seek(0)
    for number, raw in enumerate(iter(lambda: file.readline(_PIECE), b""), start=1):
        flaw = _bad_byte(raw, number) or _bad_character(raw, number)
        if flaw:
            return flaw
    return None


def _bad_byte(raw: bytes, line: int) -> Flaw | None:
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        if len(raw) == _PIECE and error.end == len(raw):  # a letter cut by the bound on lines
            return None
        column = len(raw[: error.start].decode(errors="replace")) + 1
        message = f"the byte 0x{raw[error.start]:02X} is not UTF-8"
        return Flaw(line=line, column=column, message=message, remedy="save the file as UTF-8")
    return None


def _bad_character(raw: bytes, line: int) -> Flaw | None:
    found = _UNPRINTABLE.search(raw.decode(errors="replace"))
    if found is None:
        return None
    message = f"the character U+{ord(found.group()):04X} may not stand in a YAML file"
    remedy = "remove it (it cannot be seen in most editors)"
    return Flaw(line=line, column=found.start() + 1, message=message, remedy=remedy)
