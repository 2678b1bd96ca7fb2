"""The kinds of values that settings take: durations, rates, addresses, names of variables, paths."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from batchgen.jobfile import durations, urls
from batchgen.jobfile.flaws import Wrong, did_you_mean, secret_value, shown
from batchgen.jobfile.kinds import Schema, text_of, value_of
from batchgen.jobfile.nodes import Node, Scalar
from batchgen.jobfile.scalars import described


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
