"""The kinds of values that keys of a job take: prompts, ids, metadata."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from batchgen.jobfile import ids
from batchgen.jobfile.flaws import Wrong, shown
from batchgen.jobfile.kinds import LARGEST, Schema, text_of
from batchgen.jobfile.nodes import Broken, Mapping, Node, Scalar, Sequence
from batchgen.jobfile.scalars import described, resolve

_UNSENDABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_NO_CONTROL = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """The prompt: sent to the letter.  Characters are counted as Unicode code points."""

    longest: int

    def read(self, node: Node) -> str:
        """The prompt, unchanged."""
        return self.checked(text_of(node))

    def checked(self, text: str) -> str:
        """The prompt, unchanged.  Raises Wrong when it cannot be sent."""
        if len(text) > self.longest:
            raise Wrong(
                f"has {len(text):,} characters; the service takes at most {self.longest}", "shorten it"
            )
        if not text or text.isspace():
            raise Wrong("is empty", "say what the clip shall show")
        odd = None if text.isprintable() else _UNSENDABLE.search(text)
        if odd:
            raise Wrong(*_unsendable(odd.group()))
        return text

    def schema(self) -> Schema:
        """A text with a bounded length that is not blank."""
        patterns = [{"pattern": r"\S"}, {"pattern": _NO_CONTROL}]
        return {"type": "string", "minLength": 1, "maxLength": self.longest, "allOf": patterns}


def _unsendable(letter: str) -> tuple[str, str]:
    if letter >= "\ud800":
        return "has half of a surrogate pair, which is no character", "write the character itself"
    return f"has the control character U+{ord(letter):04X}; the service refuses such prompts", "remove it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifier:
    """The id of a job."""

    def read(self, node: Node) -> str:
        """The id, in Unicode's form NFC."""
        text = text_of(node)
        try:
            return ids.parse_id(text)
        except ValueError as error:
            raise Wrong(f"{shown(text)} {error}", f"write for example `{ids.slug(text)}`") from None

    def schema(self) -> Schema:
        """A text of characters that may stand in a file name."""
        return {"type": "string", "minLength": 1, "maxLength": ids.MAX_BYTES, "pattern": ids.PATTERN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """Whatever JSON can carry, under keys that are text.  Nothing at all is an empty mapping."""

    def read(self, node: Node) -> dict[str, object]:
        """The metadata as plain dicts, lists and values."""
        return json_of_mapping(node, _text)

    def schema(self) -> Schema:
        """Any JSON object."""
        return {"type": ["object", "null"]}


#: What becomes of a text, given its node.
TextReader = Callable[[Scalar], object]


def _text(node: Scalar) -> object:
    return node.text


def json_of_mapping(node: Node, text: TextReader) -> dict[str, object]:
    """A mapping as plain data; nothing at all is an empty one.  Raises Wrong for what JSON cannot carry."""
    if isinstance(node, Scalar) and resolve(node) is None:
        return {}
    if not isinstance(node, Mapping):
        raise Wrong(f"must be a mapping of keys, not {described(node)}", "write `metadata: {name: value}`")
    return _json_mapping(node, text)


def _json_mapping(node: Mapping, text: TextReader) -> dict[str, object]:
    return {_json_key(key): _json(value, text) for key, value in node.pairs}


def _json_key(key: Scalar) -> str:
    if isinstance(resolve(key), str):
        return key.text
    raise _quote(f"has a key that is not text: {described(key)}", key)


def _json(node: Node, text: TextReader) -> object:
    if isinstance(node, Mapping):
        return _json_mapping(node, text)
    if isinstance(node, Sequence):
        return [_json(item, text) for item in node.items]
    if isinstance(node, Broken):
        return None
    value = resolve(node)
    if isinstance(value, str):
        return text(node)
    if isinstance(value, float) and not math.isfinite(value):
        raise _quote("has a number that JSON cannot carry", node)
    if type(value) is int and not -LARGEST - 1 <= value <= LARGEST:
        raise _quote("has a number of more than 64 bits", node)
    return value


def _quote(message: str, node: Scalar) -> Wrong:
    return Wrong(message, f'quote it: "{node.text[:60]}"', at=(node.line, node.column))
