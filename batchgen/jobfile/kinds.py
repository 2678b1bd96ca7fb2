"""The kinds of values that keys take.  Each reads a node, and describes itself as JSON Schema."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Protocol

from batchgen.jobfile import durations, ids, urls
from batchgen.jobfile.flaws import Wrong, did_you_mean, listed, secret_value, shown
from batchgen.jobfile.nodes import Broken, Mapping, Node, Scalar, Sequence
from batchgen.jobfile.scalars import described, resolve

Schema = dict[str, object]

_YES = frozenset({"true", "yes", "on", "y", "1"})
_NO = frozenset({"false", "no", "off", "n", "0"})
_LEADING_NUMBER = re.compile(r"\s*([0-9]{1,9})(\.0+)?\s*[a-zA-Z秒]*\s*", re.ASCII)
_LARGEST = 2**63 - 1
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_NO_CONTROL = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"


class Kind(Protocol):
    """What a key takes."""

    def read(self, node: Node) -> object:
        """The value of a node.  Raises Wrong when it is none of this kind."""

    def schema(self) -> Schema:
        """This kind as JSON Schema."""


def text_of(node: Node) -> str:
    """The text that a node is, to the letter.  Raises Wrong when it is something else."""
    if not isinstance(node, Scalar):
        raise Wrong(f"must be text, not {described(node)}", "put the text in double quotes")
    value = resolve(node)
    if isinstance(value, str):
        return value
    if value is None:
        raise Wrong("has no value", "write one, or remove the line")
    raise Wrong(f"must be text, not {described(node)}", f'put it in quotes: "{node.text[:60]}"')


def value_of(node: Node) -> object:
    """A scalar's value.  Raises Wrong for anything else."""
    if not isinstance(node, Scalar):
        raise Wrong(f"must be a single value, not {described(node)}")
    return resolve(node)


@dataclass(frozen=True, slots=True, kw_only=True)
class Boolean:
    """``true`` or ``false``, and nothing that only looks like it."""

    def read(self, node: Node) -> bool:
        """The truth value."""
        value = value_of(node)
        if isinstance(value, bool):
            return value
        word = str(value).strip().lower()
        meant = "true" if word in _YES else "false" if word in _NO else None
        remedy = f"write {meant}, without quotes" if meant else None
        raise Wrong(f"must be true or false, not {described(node)}", remedy)

    def schema(self) -> Schema:
        """A JSON boolean."""
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Integer:
    """A whole number: one of ``choices``, or within bounds; ``nullable`` when null means no limit."""

    minimum: int = 0
    maximum: int = _LARGEST
    choices: tuple[int, ...] = ()
    nullable: bool = False

    def read(self, node: Node) -> int | None:
        """The number."""
        value = value_of(node)
        if value is None and self.nullable:
            return None
        if type(value) is not int:
            raise Wrong(f"must be {self._wanted()}, not {described(node)}", self._remedy(node))
        if not self._fits(value):
            raise Wrong(f"must be {self._wanted()}, not {shown(value)}")
        return value

    def _fits(self, value: int) -> bool:
        return value in self.choices if self.choices else self.minimum <= value <= self.maximum

    def _wanted(self) -> str:
        if self.choices:
            return listed(self.choices)
        least = f"a whole number from {self.minimum}"
        most = "" if self.maximum == _LARGEST else f" to {self.maximum}"
        return least + most + (", or null for no limit" if self.nullable else "")

    def _remedy(self, node: Node) -> str | None:
        found = _LEADING_NUMBER.fullmatch(node.text) if isinstance(node, Scalar) else None
        if found is None or not self._fits(int(found.group(1))):
            return None
        return f"write {int(found.group(1))}, as a whole number without quotes or unit"

    def schema(self) -> Schema:
        """A JSON integer with its bounds."""
        if self.choices:
            return {"type": "integer", "enum": list(self.choices)}
        bounds: Schema = {"minimum": self.minimum}
        if self.maximum != _LARGEST:
            bounds["maximum"] = self.maximum
        return {"type": ["integer", "null"] if self.nullable else "integer", **bounds}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A number above zero, or null for no ceiling."""

    def read(self, node: Node) -> float | None:
        """The number, in events a second."""
        value = value_of(node)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise Wrong(f"must be a number above 0, or null for no ceiling, not {described(node)}")
        if not 0 < value <= 1e6:
            raise Wrong(f"must be a number above 0 and at most 1,000,000, not {shown(value)}")
        return float(value)

    def schema(self) -> Schema:
        """A JSON number above zero."""
        return {"type": ["number", "null"], "exclusiveMinimum": 0, "maximum": 1_000_000}


@dataclass(frozen=True, slots=True, kw_only=True)
class Duration:
    """A duration in seconds, or as people write it; ``auto`` adds the word that stands for None."""

    auto: bool = False

    def read(self, node: Node) -> float | None:
        """Seconds; None for ``auto``."""
        value = value_of(node)
        if self.auto and value == "auto":
            return None
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            seconds = self._number(value)
        elif isinstance(value, str):
            seconds = self._words(value)
        else:
            raise Wrong(f"must be a duration, not {described(node)}", durations.FORMS)
        if seconds <= 0:
            raise Wrong("must be longer than 0 seconds", durations.FORMS)
        return seconds

    def _number(self, value: float) -> float:
        if not math.isfinite(value) or value > durations.LONGEST:
            raise Wrong("may be at most a year")
        return float(value)

    def _words(self, text: str) -> float:
        try:
            return durations.parse_duration(text)
        except ValueError:
            what = (
                f"`auto` or a duration, not {shown(text)}" if self.auto else f"a duration, not {shown(text)}"
            )
            raise Wrong(
                f"must be {what}", did_you_mean(text, ["auto"] * self.auto) or durations.FORMS
            ) from None

    def schema(self) -> Schema:
        """A number of seconds, or a text with units."""
        number: Schema = {"type": "number", "exclusiveMinimum": 0, "maximum": durations.LONGEST}
        forms = [number, {"type": "string", "pattern": durations.PATTERN}]
        return {"anyOf": [{"const": "auto"}, *forms] if self.auto else forms}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of a few words, to the letter."""

    words: tuple[str, ...]

    def read(self, node: Node) -> str:
        """The word."""
        value = value_of(node)
        if isinstance(value, str) and value in self.words:
            return value
        remedy = did_you_mean(str(node.text), self.words) if isinstance(node, Scalar) else None
        raise Wrong(f"must be {listed(self.words)}, not {described(node)}", remedy)

    def schema(self) -> Schema:
        """A JSON enumeration."""
        return {"type": "string", "enum": list(self.words)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """The prompt: sent to the letter.  Characters are counted as Unicode code points."""

    longest: int

    def read(self, node: Node) -> str:
        """The prompt, unchanged."""
        text = text_of(node)
        if len(text) > self.longest:
            raise Wrong(
                f"has {len(text):,} characters; the service takes at most {self.longest}", "shorten it"
            )
        if not text.strip():
            raise Wrong("is empty", "say what the clip shall show")
        odd = None if text.isprintable() else _CONTROL.search(text)
        if odd:
            message = f"has the control character U+{ord(odd.group()):04X}; the service refuses such prompts"
            raise Wrong(message, "remove it")
        return text

    def schema(self) -> Schema:
        """A text with a bounded length that is not blank."""
        patterns = [{"pattern": r"\S"}, {"pattern": _NO_CONTROL}]
        return {"type": "string", "minLength": 1, "maxLength": self.longest, "allOf": patterns}


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
class Url:
    """The address of the service."""

    def read(self, node: Node) -> str:
        """The address, without a slash at its end.  A refused one is not shown: it may hold a key."""
        try:
            return urls.parse_base_url(_hidden_text(node, urls.EXAMPLE))
        except ValueError as error:
            message, _, remedy = str(error).partition("; ")
            raise Wrong(f"is refused: {message}", remedy or None) from None

    def schema(self) -> Schema:
        """A text that looks like an address."""
        return {"type": "string", "maxLength": 500, "pattern": urls.PATTERN}


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableName:
    """The name of an environment variable.  What is none is never shown: it may be the key itself."""

    def read(self, node: Node) -> str:
        """The name."""
        remedy = "write the variable's name, and put the key into the variable"
        text = _hidden_text(node, remedy)
        if secret_value(text):
            raise Wrong("holds what looks like a key, and not the name of a variable (not shown)", remedy)
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,63}", text, re.ASCII):
            raise Wrong(
                "is not the name of a variable: letters, digits and `_` (the value is not shown)", remedy
            )
        return text

    def schema(self) -> Schema:
        """A text that can name a variable."""
        return {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]{0,63}$"}


def _hidden_text(node: Node, remedy: str) -> str:
    value = value_of(node)
    if value is None:
        raise Wrong("has no value", "write one, or remove the line")
    if not isinstance(value, str):
        raise Wrong("must be text (the value is not shown)", remedy)
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePath:
    """A path relative to the job file, without placeholders; ``nullable`` when null means the default."""

    nullable: bool = False

    def read(self, node: Node) -> str | None:
        """The path, as written."""
        if self.nullable and value_of(node) is None:
            if isinstance(node, Scalar) and node.text == "~":
                raise Wrong("is `~`, which is YAML's word for nothing", "write the path in full")
            return None
        text = text_of(node)
        if "{" in text or "}" in text:
            raise Wrong(
                "must have no placeholders: the ledger must be found again tomorrow", "write a fixed path"
            )
        if not text.strip() or not text.isprintable() or len(text) > 1000:
            raise Wrong("is not a path: it is blank, too long or has control characters")
        if text.startswith("~"):
            raise Wrong("begins with `~`, which is not expanded", "write the path in full")
        return text

    def schema(self) -> Schema:
        """A text without braces."""
        pattern = r"^(?!~)(?=.*\S)[^{}\x00-\x1f\x7f-\x9f]+$"
        return {
            "type": ["string", "null"] if self.nullable else "string",
            "maxLength": 1000,
            "pattern": pattern,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """Whatever JSON can carry, under keys that are text.  Nothing at all is an empty mapping."""

    def read(self, node: Node) -> dict[str, object]:
        """The metadata as plain dicts, lists and values."""
        if isinstance(node, Scalar) and resolve(node) is None:
            return {}
        if not isinstance(node, Mapping):
            raise Wrong(
                f"must be a mapping of keys, not {described(node)}", "write `metadata: {name: value}`"
            )
        return _json_mapping(node)

    def schema(self) -> Schema:
        """Any JSON object."""
        return {"type": ["object", "null"]}


def _json_mapping(node: Mapping) -> dict[str, object]:
    return {_json_key(key): _json(value) for key, value in node.pairs}


def _json_key(key: Scalar) -> str:
    if isinstance(resolve(key), str):
        return key.text
    raise _quote(f"has a key that is not text: {described(key)}", key)


def _json(node: Node) -> object:
    if isinstance(node, Mapping):
        return _json_mapping(node)
    if isinstance(node, Sequence):
        return [_json(item) for item in node.items]
    if isinstance(node, Broken):
        return None
    value = resolve(node)
    if isinstance(value, float) and not math.isfinite(value):
        raise _quote("has a number that JSON cannot carry", node)
    if type(value) is int and not -_LARGEST - 1 <= value <= _LARGEST:
        raise _quote("has a number of more than 64 bits", node)
    return value


def _quote(message: str, node: Scalar) -> Wrong:
    return Wrong(message, f'quote it: "{node.text[:60]}"', at=(node.line, node.column))
