"""The kinds of values that a budget takes: amounts, a currency, and mappings within mappings."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from batchgen.jobfile import amounts
from batchgen.jobfile.flaws import Flaw, Wrong, WrongInside
from batchgen.jobfile.kinds import Fields, Schema, text_of, value_of
from batchgen.jobfile.mappings import read_mapping
from batchgen.jobfile.nodes import Mapping, Node, Scalar
from batchgen.jobfile.scalars import described, resolve
from batchgen.settings import LARGEST_AMOUNT


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """An amount of money, as a number or as a text of digits: ``2``, ``2.5``, ``"2.50"``."""

    def read(self, node: Node) -> Decimal:
        """The amount, exactly as written."""
        if value_of(node) is None:
            raise Wrong("has no value", f"{amounts.FORM}; or remove the line")
        amount = _decimal_of(node)
        if amount is None:
            raise Wrong(f"must be an amount of money, not {described(node)}", amounts.FORM)
        try:
            return amounts.bounded(amount)
        except ValueError as error:
            message, _, remedy = str(error).partition("; ")
            raise Wrong(f"is {described(node)}, but {message}", remedy) from None

    def schema(self) -> Schema:
        """A JSON number, or a text of digits."""
        number: Schema = {"type": "number", "minimum": 0, "maximum": int(LARGEST_AMOUNT)}
        return {"anyOf": [number, {"type": "string", "pattern": amounts.PATTERN}]}


def _decimal_of(node: Node) -> Decimal | None:
    """A number as its own digits say it, never as the float that they would make."""
    value = value_of(node)
    if not isinstance(node, Scalar) or isinstance(value, bool):
        return None
    if isinstance(value, str) and not amounts.is_amount(value):
        return None
    try:
        return Decimal(node.text)
    except InvalidOperation:  # infinite, not a number, or an exponent beyond all bounds
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Currency:
    """The code of a currency: three capital letters, as in ISO 4217."""

    def read(self, node: Node) -> str:
        """The code."""
        text = text_of(node)
        if re.fullmatch("[A-Z]{3}", text):
            return text
        code = text.strip().upper()
        remedy = f"write {code}" if re.fullmatch("[A-Z]{3}", code) else "write for example CNY or USD"
        raise Wrong(f"must be three capital letters, not {described(node)}", remedy)

    def schema(self) -> Schema:
        """Three capital letters."""
        return {"type": "string", "pattern": "^[A-Z]{3}$"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A mapping of declared keys, at least one of them; all that is wrong in it is told at once.

    ``where`` and ``entry`` name the mapping and its keys in messages, ``example`` shows one that is right, and
    ``make`` turns the values into what the setting holds.
    """

    where: str
    fields: Fields
    example: str
    entry: str = "key"
    make: Callable[[dict[str, Any]], object] = dict

    def read(self, node: Node) -> object:
        """What ``make`` made of the values."""
        if isinstance(node, Scalar) and resolve(node) is None:
            raise Wrong("has no value", f"write it like `{self.example}`, or remove the line")
        if not isinstance(node, Mapping):
            message = f"must be a mapping of {self.entry}s, not {described(node)}"
            raise Wrong(message, f"write it like `{self.example}`")
        if not node.pairs:
            raise Wrong("is empty", f"write it like `{self.example}`, or remove the line")
        flaws: list[Flaw] = []
        values = read_mapping(node, self.fields, flaws, where=self.where, entry=self.entry)
        if flaws:
            raise WrongInside(flaws)
        return self.make(values)

    def schema(self) -> Schema:
        """A JSON object with at least one of the keys."""
        return {
            "type": "object",
            "properties": {name: field.schema() for name, field in self.fields.items()},
            "additionalProperties": False,
            "minProperties": 1,
        }
