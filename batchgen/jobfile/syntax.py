"""Errors of the YAML syntax, said so that one can mend them.

The parser's own words are searched for a few telling ones; both parsers of PyYAML are known here.
"""

from __future__ import annotations

import re
from typing import BinaryIO, NamedTuple

import yaml

from batchgen.jobfile.flaws import Flaw
from batchgen.jobfile.nodes import MAX_BYTES
from batchgen.jobfile.source import TooLong, find_bad_character, line_at

_QUOTE = "put the text in double quotes"
_AFTER_QUOTE = "let the keys of a job begin in one column; after a closing quote nothing may follow"
_LINE_UP = "let the keys of one job begin in the same column, and the `-` of all jobs too"


class _Saying(NamedTuple):
    """When the parser's words contain ``telling``, this is what to say; ``start``: where it began matters."""

    telling: str
    message: str
    remedy: str
    start: bool = False


_SAYINGS = (
    _Saying(
        "unexpected end of stream", "a quote that opens here is never closed", "close the quote", start=True
    ),
    _Saying("document separator", "a quote that opens here is never closed", "close the quote", start=True),
    _Saying("tab character", "a tab stands where only spaces may", "indent with spaces"),
    _Saying(
        "mapping values are not allowed",
        "a `: ` stands where no key can be",
        f"{_QUOTE} if the colon belongs to it; else look at the indentation",
    ),
    _Saying(
        "could not find expected ':'",
        "here is a line of text without a key",
        "write `key: value`; a text over several lines stands in quotes or below `>-`",
        start=True,
    ),
    _Saying(
        "sequence entries are not allowed",
        "a list item cannot begin here",
        f"begin the list on a line of its own; {_QUOTE} if the dash belongs to it",
    ),
    _Saying(
        "',' or ']'",
        "a list that opens here with `[` goes wrong",
        f"close it with `]`, or {_QUOTE}",
        start=True,
    ),
    _Saying(
        "',' or '}'",
        "a mapping that opens here with `{` goes wrong",
        f"close it with `}}`, or {_QUOTE}",
        start=True,
    ),
    _Saying(
        "unknown escape",
        "a backslash in double quotes begins an escape that YAML does not know",
        "write two backslashes, or use single quotes",
    ),
    _Saying(
        "invalid Unicode character escape",
        "this escape is no character (half of a surrogate pair?)",
        "write the character itself, or \\U and its eight hex digits",
    ),
    _Saying("hexdecimal", "an escape needs more hex digits here", "write two backslashes if none was meant"),
    _Saying("hexadecimal", "an escape needs more hex digits here", "write two backslashes if none was meant"),
    _Saying("alphabetic or numeric", "an unquoted text cannot begin with `*` or `&`", _QUOTE, start=True),
    _Saying(
        "tag",
        "a YAML tag (`!`) stands here; tags are refused",
        "remove it; quote the value if it begins with `!`",
    ),
    _Saying(
        "comment or line break",
        "after `>` or `|` the text begins on the next line",
        f"or {_QUOTE}",
        start=True,
    ),
    _Saying(
        "indentation indicators",
        "after `>` or `|` the text begins on the next line",
        f"or {_QUOTE}",
        start=True,
    ),
    _Saying("incompatible YAML", "the file asks for another version of YAML", "remove the `%YAML` line"),
    _Saying("directive", "a line that begins with `%` is a YAML directive", "remove it, or quote the text"),
    _Saying("<document start>", "the text here belongs to nothing above it", _LINE_UP),
    _Saying("expected '-' indicator", "this line does not line up with the list above it", _LINE_UP),
    _Saying("but found '?'", "this line does not line up with the list above it", _LINE_UP),
    _Saying("expected key", "this does not belong to the keys above it", _AFTER_QUOTE),
    _Saying("<block end>", "this does not belong to the keys above it", _AFTER_QUOTE),
    _Saying("node content", "a value is missing here", f"write one, or {_QUOTE}"),
)
_BRACKET_FIRST = re.compile(r"^[\s-]*\w[\w-]*:\s+([\[{])")


def explain(error: Exception, file: BinaryIO) -> Flaw:
    """What a parser's error means, and what to do.  Reads the file again, so it must still be open."""
    if isinstance(error, TooLong):
        return _too_long()
    if isinstance(error, yaml.MarkedYAMLError):
        return _marked(error, file)
    if isinstance(error, OSError):
        return Flaw(line=1, column=1, message=f"the file cannot be read: {error.strerror or error}")
    return find_bad_character(file) or Flaw(
        line=1,
        column=1,
        message="this is not valid YAML",
        remedy="look for escapes in double quotes that are no characters",
    )


def _too_long() -> Flaw:
    size = MAX_BYTES // 1024**2
    message = f"one job, or one key above the jobs, takes more than {size} MiB"
    return Flaw(line=1, column=1, message=message, remedy="split it, or remove what is commented out")


def _marked(error: yaml.MarkedYAMLError, file: BinaryIO) -> Flaw:
    words = error.problem or ""
    if "cannot start any token" in words:
        return _odd_start(error, file)
    if error.problem_mark is not None:
        hint = _bracket(error.problem_mark.line + 1, file)
        if hint and ("expected key" in words or "<block end>" in words or "' or ']'" in words):
            return hint
    for saying in _SAYINGS:
        if saying.telling in words:
            line, column = _place(error, start=saying.start)
            return Flaw(line=line, column=column, message=saying.message, remedy=saying.remedy)
    line, column = _place(error, start=False)
    remedy = "look at the quotes and the indentation here and in the line above"
    return Flaw(line=line, column=column, message=f"this is not valid YAML ({words})", remedy=remedy)


def _place(error: yaml.MarkedYAMLError, *, start: bool) -> tuple[int, int]:
    marks = (error.context_mark, error.problem_mark) if start else (error.problem_mark, error.context_mark)
    mark = next((mark for mark in marks if mark is not None), None)
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def _odd_start(error: yaml.MarkedYAMLError, file: BinaryIO) -> Flaw:
    line, column = _place(error, start=False)
    odd = line_at(file, line)[column - 1 : column]
    if odd in {"\t", ""}:
        return Flaw(
            line=line,
            column=column,
            message="a tab stands where only spaces may",
            remedy="indent with spaces",
        )
    name = odd if odd.isprintable() else f"U+{ord(odd):04X}"
    message = f"an unquoted text cannot begin with `{name}`"
    return Flaw(line=line, column=column, message=message, remedy=_QUOTE)


def _bracket(line: int, file: BinaryIO) -> Flaw | None:
    found = _BRACKET_FIRST.match(line_at(file, line))
    if found is None:
        return None
    message = f"an unquoted text cannot begin with `{found.group(1)}`: YAML takes it for a list or a mapping"
    return Flaw(line=line, column=found.start(1) + 1, message=message, remedy=_QUOTE)
