"""Plain JSON data to and from dataclasses, strictly: an unknown key or a wrong type is refused with its name."""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, Union, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    T = TypeVar("T", bound="DataclassInstance")


class Unreadable(ValueError):
    """Data that does not fit; the message names the place."""


def require(condition: bool, rule: str) -> None:  # noqa: FBT001  the condition is the subject, not a flag
    """Raise ``Unreadable`` with the rule unless it holds."""
    if not condition:
        raise Unreadable(rule)


def build(kind: type[T], data: object, where: str = "") -> T:
    """Make a ``kind`` of a JSON object; keys that are missing take their defaults."""
    if not isinstance(data, Mapping):
        raise Unreadable(f"{where or kind.__name__}: an object is needed")
    values = _values(kind, data, where)
    missing = [name for name in _required(kind) if name not in values]
    if missing:
        raise Unreadable(f"{_at(where, missing[0])}: is missing")
    return kind(**values)


def merged(current: T, data: Mapping[str, object], where: str = "") -> T:
    """``current`` with the keys of a JSON object in place."""
    return dataclasses.replace(current, **_values(type(current), data, where))


def fields_of(value: DataclassInstance) -> dict[str, object]:
    """A dataclass as a JSON object."""
    return {item.name: dump(getattr(value, item.name)) for item in dataclasses.fields(value)}


def dump(value: object) -> object:
    """Dataclasses, tuples and mappings as JSON data."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return fields_of(value)
    if isinstance(value, Mapping):
        return {str(key): dump(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [dump(item) for item in value]
    return value


@cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    return get_type_hints(kind)


def _required(kind: type[DataclassInstance]) -> list[str]:
    return [
        item.name
        for item in dataclasses.fields(kind)
        if item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING
    ]


def _values(kind: type[DataclassInstance], data: Mapping[Any, object], where: str) -> dict[str, Any]:
    hints, names = _hints(kind), {item.name for item in dataclasses.fields(kind)}
    for key in data:
        if key not in names:
            raise Unreadable(f"{_at(where, str(key))}: unknown; known are {', '.join(sorted(names))}")
    return {key: _fit(hints[key], value, _at(where, key)) for key, value in data.items()}


def _at(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _fit(hint: Any, value: object, where: str) -> object:  # noqa: ANN401  typing has no type for a hint
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _fit_union(get_args(hint), value, where)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return value if isinstance(value, hint) else build(hint, value, where)
    if origin is tuple:
        return _fit_tuple(get_args(hint)[0], value, where)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return _fit_enum(hint, value, where)
    return _fit_plain(origin or hint, value, where)


def _fit_union(options: tuple[Any, ...], value: object, where: str) -> object:
    if value is None and type(None) in options:
        return None
    others = [option for option in options if option is not type(None)]
    return _fit(others[0], value, where)


def _fit_tuple(item: Any, value: object, where: str) -> object:  # noqa: ANN401  typing has no type for a hint
    if not isinstance(value, list | tuple):
        raise Unreadable(f"{where}: a list is needed")
    return tuple(_fit(item, entry, f"{where}[{index}]") for index, entry in enumerate(value))


def _fit_enum(hint: type[StrEnum], value: object, where: str) -> object:
    try:
        return hint(str(value))
    except ValueError as error:
        raise Unreadable(f"{where}: one of {', '.join(hint)} is needed") from error


def _fit_plain(hint: Any, value: object, where: str) -> object:  # noqa: ANN401  typing has no type for a hint
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    fits = isinstance(value, hint) and (hint is bool or not isinstance(value, bool))
    if not fits or (isinstance(value, float) and not math.isfinite(value)):
        raise Unreadable(f"{where}: {getattr(hint, '__name__', hint)} is needed, not {value!r:.80}")
    return value
