"""Which words without quotes are not text: the idea of YAML 1.2's core schema, a little narrower.

``true``/``false``, ``null``/``~``/nothing, decimal integers and floats are values; all else is text, to the
letter.  So ``yes``, ``no``, ``on``, ``off``, dates, ``1:30``, ``0x1f``, ``1_000`` and ``007`` stay as written.
"""

from __future__ import annotations

import re

from batchgen.jobfile.flaws import shown
from batchgen.jobfile.nodes import Broken, Mapping, Node, Scalar, Sequence

_WORDS: dict[str, bool | None] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,399})", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", re.ASCII)
_NUMBER_STARTS = frozenset("-+.0123456789")
_LONGEST_NUMBER = 400  # digits; more of them are text, before they cost time


def resolve(node: Scalar) -> bool | float | int | str | None:
    """The value that a scalar stands for."""
    text = node.text
    if not node.plain:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_STARTS or len(text) > _LONGEST_NUMBER:
        return text
    return _number(text)


def _number(text: str) -> float | int | str:
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _SPECIAL.fullmatch(text):
        return float(text.replace(".", ""))
    return text


def described(node: Node) -> str:
    """What a value is, for a message."""
    if isinstance(node, Sequence):
        return "a list"
    if isinstance(node, Mapping):
        return "a mapping of keys"
    if isinstance(node, Broken):
        return "unreadable"
    value = resolve(node)
    kind = {str: "the text", int: "the number", float: "the number"}.get(type(value))
    return (
        f"{kind} {shown(node.text) if isinstance(value, str) else node.text[:60]}" if kind else shown(value)
    )
