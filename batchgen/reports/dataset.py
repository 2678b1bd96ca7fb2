"""The clips of an output folder as a data set: which columns it has, of which type, and how much there is.

Loaders read columns of one type each and guess it from the first rows, so both are settled here: every row
of ``videos/metadata.jsonl`` has every column, and the data set card declares their types.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePosixPath
from typing import cast

from batchgen.reports.lines import as_line
from batchgen.reports.rows import Row

FOLDER = "videos"


class Type(StrEnum):
    """A column's type, as the Hugging Face card names it."""

    STRING = "string"
    BOOL = "bool"
    INTEGER = "int64"
    NUMBER = "float64"


#: Columns taken from the manifest row as they stand.
_ROW_COLUMNS = {
    "id": Type.STRING,
    "prompt": Type.STRING,
    "model": Type.STRING,
    "duration": Type.INTEGER,
    "resolution": Type.STRING,
}
#: Columns taken from the request; null where the request left it to the service.
_REQUEST_COLUMNS = dict.fromkeys(("prompt_optimizer", "fast_pretreatment", "aigc_watermark"), Type.BOOL)
_CLIP_COLUMNS = {
    "width": Type.INTEGER,
    "height": Type.INTEGER,
    "seconds": Type.NUMBER,
    "fps": Type.NUMBER,
    "codec": Type.STRING,
    "bytes": Type.INTEGER,
    "sha256": Type.STRING,
}


@dataclass(slots=True)
class Contents:
    """What a folder's data set holds; grows row by row, its size is that of the set of columns."""

    clips: Counter[tuple[str, str, int]] = field(default_factory=Counter)  # by model, resolution, seconds
    bytes: int = 0
    seconds: float = 0.0
    metadata: dict[str, Type | None] = field(default_factory=dict)  # None: only nulls so far

    def add(self, row: Row) -> None:
        """Count a manifest row, if its clip belongs to the data set."""
        if file_name(row) is None:
            return
        self.clips[str(row["model"]), str(row["resolution"]), cast("int", row["duration"])] += 1
        self.bytes += cast("int | None", row["bytes"]) or 0
        self.seconds += cast("float | None", row["seconds"]) or 0.0
        for key, value in cast("Mapping[str, object]", row["metadata"]).items():
            self.metadata[key] = _wider(self.metadata.get(key), _type_of(value))

    def columns(self) -> dict[str, Type]:
        """Every column but the video's own, with its type, in the order of the rows."""
        extra = {f"metadata.{key}": kind or Type.STRING for key, kind in self.metadata.items()}
        return _ROW_COLUMNS | _REQUEST_COLUMNS | _CLIP_COLUMNS | extra


def file_name(row: Row) -> str | None:
    """The clip's path below ``videos/``; None when it does not stand there."""
    file = row["file"]
    if not isinstance(file, str) or PurePosixPath(file).parts[:1] != (FOLDER,):
        return None
    return str(PurePosixPath(file).relative_to(FOLDER))


def metadata_row(row: Row, metadata: Mapping[str, Type | None]) -> Row | None:
    """The data set's row of a manifest row, or None when its clip is not part of it.

    ``metadata`` has all keys of the data set with their types; each becomes a column ``metadata.KEY``.
    """
    name = file_name(row)
    if name is None:
        return None
    request = cast("Mapping[str, object]", row["request"])
    values = cast("Mapping[str, object]", row["metadata"])
    return {
        "file_name": name,
        **{key: row[key] for key in _ROW_COLUMNS},
        **{key: request.get(key) for key in _REQUEST_COLUMNS},
        **{key: row[key] for key in _CLIP_COLUMNS},
        **dict(_flattened(values, metadata)),
    }


def _flattened(
    values: Mapping[str, object], metadata: Mapping[str, Type | None]
) -> Iterator[tuple[str, object]]:
    for key, kind in metadata.items():
        value = values.get(key)
        if kind is Type.STRING and value is not None and not isinstance(value, str):
            value = _as_text(value)
        elif kind is Type.NUMBER and isinstance(value, int):
            value = float(value)
        yield f"metadata.{key}", value


def _as_text(value: object) -> str:
    return as_line({"": value})[len('{"": ') : -1]


def _type_of(value: object) -> Type | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return Type.BOOL
    if isinstance(value, int):
        return Type.INTEGER if -(2**63) <= value < 2**63 else Type.STRING
    return Type.NUMBER if isinstance(value, float) else Type.STRING


def _wider(one: Type | None, other: Type | None) -> Type | None:
    """The type that holds both: whole numbers fit among others, anything else only as text."""
    if one is None or other is None or one is other:
        return one or other
    return Type.NUMBER if {one, other} == {Type.INTEGER, Type.NUMBER} else Type.STRING
