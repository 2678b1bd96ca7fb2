"""JSON Lines: an object a line, its keys the columns."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO

from batchgen.jobfile.flaws import shown
from batchgen.jobfile.tables.lines import lines
from batchgen.jobfile.tables.rows import BadRow, Row


def _refuse_constant(word: str) -> object:
    raise ValueError(f"{word} is no JSON")


class _Twice(ValueError):
    """Two values under one key: which of them is meant cannot be known."""


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    values = dict(pairs)
    if len(values) != len(pairs):
        name, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise _Twice(f"the key {shown(name)} stands in this line twice")
    return values


_DECODE = json.JSONDecoder(parse_constant=_refuse_constant, object_pairs_hook=_object).decode
_SURROGATE = ("\\ud", "\\uD")  # how half of a character may come in


class JsonLines:
    """An object a line; what columns there are, only the lines can tell."""

    columns = None

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def rows(self) -> Iterator[Row | BadRow]:
        """A row a line; blank lines are left out."""
        for line in lines(self._file):
            yield line if isinstance(line, BadRow) else _row(*line)


def _row(number: int, text: str) -> Row | BadRow:
    try:
        values = _DECODE(text)
        if any(sign in text for sign in _SURROGATE):
            json.dumps(values, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        what = f"this line is no JSON: {error.msg} at character {error.pos + 1}"
        return BadRow(number, what, _remedy(text))
    except UnicodeEncodeError:
        message = "this line has half of a surrogate pair, which is no character"
        return BadRow(number, message, "write the character itself")
    except _Twice as error:
        return BadRow(number, str(error), "remove one of them")
    except (ValueError, RecursionError) as error:
        return BadRow(number, f"this line cannot be read: {error}", "write plain JSON values")
    if not isinstance(values, dict):
        message = f"this line is no JSON object but {shown(text)}"
        return BadRow(number, message, 'write `{"prompt": "..."}`, one object a line')
    return Row(number, values)


def _remedy(text: str) -> str:
    if text.startswith("["):
        return "write one object a line, without a list around them"
    if text == "{":
        return "write each object on a single line"
    return 'write one object a line, such as `{"prompt": "..."}`'
