"""Values of a row: what they mean under request keys, and what of them goes into the metadata."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from batchgen.jobfile.columns import ID, PROMPT, Roles
from batchgen.jobfile.fields import MANY_JOBS, REQUEST
from batchgen.jobfile.flaws import Wrong, shown
from batchgen.jobfile.kinds import LARGEST
from batchgen.jobfile.many import Piece, Told
from batchgen.jobfile.nodes import Scalar
from batchgen.jobfile.tables import Row
from batchgen.model import Source

_METADATA = "metadata"
_REQUEST = frozenset(REQUEST)
_MAY_BE_LARGE = frozenset({int, dict, list})
_WHOLE = re.compile(r"-?[0-9]+\.0+")  # columns of whole numbers with gaps come as floats
_MOST_KNOWN = 10_000  # readings that are remembered


@dataclass(slots=True, kw_only=True)
class RowReader:
    """Reads the rows of one table.  ``typed``: its values have types, and are no texts to be read."""

    roles: Roles
    table: str
    typed: bool
    unsent: set[str] = field(default_factory=set)  # columns named as request keys that went into the metadata
    seen: set[str] = field(default_factory=set)  # mapped columns that some row had
    _known: dict[tuple[str, object, type], object] = field(default_factory=dict)

    def piece(self, row: Row) -> Piece:
        """What is particular to a row."""
        told: list[Told] = []
        values = row.values
        keys: dict[str, object] = {}
        for key, column in self.roles.mapped.items():
            value = values.get(column)
            if value is not None:
                self.seen.add(column)
                if value != "":
                    self._take(key, column, value, keys, told)
        used = self.roles.used
        metadata = {name: value for name, value in values.items() if name not in used}
        if self.typed:
            metadata = _typed(metadata, told)
        if not _REQUEST.isdisjoint(metadata):
            self.unsent.update(metadata.keys() & REQUEST.keys())
        id_ = self.roles.id
        if self.roles.id_implied and values.get(ID) in (None, ""):
            id_ = None
        return Piece(Source(file=self.table, line=row.number), id_, values, keys, metadata, told)

    def _take(self, key: str, column: str, value: object, keys: dict[str, object], told: list[Told]) -> None:
        if key == PROMPT and isinstance(value, str):
            keys[key] = value
            return
        try:
            keys[key] = self._read(key, value)
        except Wrong as wrong:
            where = "" if column == key else f" (column {shown(column)})"
            told.append(Told(f"`{key}`{where} {wrong.message}", wrong.remedy))

    def _read(self, key: str, value: object) -> object:
        try:
            at = key, value, type(value)
            if at in self._known:
                return self._known[at]
        except TypeError:  # a list or a mapping
            raise Wrong("must be a single value, not a list or a mapping") from None
        if key == PROMPT:
            raise Wrong(f"must be text, not {shown(value)}", "put it in quotes")
        read = MANY_JOBS[key].kind.read(self._scalar(value))
        if len(self._known) < _MOST_KNOWN:
            self._known[at] = read
        return read

    def _scalar(self, value: object) -> Scalar:
        """The value as it would stand in a job file."""
        if isinstance(value, str):
            text = value.strip()
            if not self.typed and _WHOLE.fullmatch(text):
                text = text.partition(".")[0]
            return Scalar(text, not self.typed, 1, 1)
        if isinstance(value, bool):
            return Scalar("true" if value else "false", plain=True, line=1, column=1)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return Scalar(str(value), plain=True, line=1, column=1)


def _typed(metadata: dict[str, object], told: list[Told]) -> dict[str, object]:
    """Metadata that came with types: an object under `metadata` is what it says."""
    for name, value in metadata.items():
        if type(value) in _MAY_BE_LARGE and not _fits(value):
            told.append(Told(f"the column {shown(name)} has a number of more than 64 bits", "quote it"))
    inner = metadata.get(_METADATA)
    if isinstance(inner, Mapping):
        del metadata[_METADATA]
        return {**metadata, **inner}
    return metadata


def _fits(value: object) -> bool:
    if isinstance(value, dict):
        return all(map(_fits, value.values()))
    if isinstance(value, list):
        return all(map(_fits, value))
    return type(value) is not int or -LARGEST - 1 <= value <= LARGEST
