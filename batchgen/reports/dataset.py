"""The clips of an output folder as a data set: which columns it has, of which type, and how much there is.

Loaders read columns of one type each and guess it from the first rows, so both are settled here: every row
of ``videos/metadata.jsonl`` has every column, and the data set card declares their types.  A key of the jobs'
metadata is the column ``metadata.KEY``; what is nested in it stands there as JSON.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import cast

from batchgen.model import API_DEFAULTS
from batchgen.reports.column_types import Type, as_text, speakable, type_of, wider
from batchgen.reports.rows import Row

FOLDER = "videos"

#: The keys of the jobs' metadata, each a column, with their types; None: only nulls so far.
Columns = Mapping[str, Type | None]

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


#: Texts of the user's: their type is not settled before all of them were seen.
_TEXT_COLUMNS = ("id", "prompt")


@dataclass(slots=True)
class Contents:
    """What a folder's data set holds; grows row by row, its size is that of the set of columns."""

    clips: Counter[tuple[str, str, int]] = field(default_factory=Counter)  # by model, resolution, seconds
    bytes: int = 0
    seconds: float = 0.0
    metadata: dict[str, Type | None] = field(default_factory=dict)  # None: only nulls so far
    texts: dict[str, Type | None] = field(default_factory=dict)

    def add(self, row: Row) -> None:
        """Count a manifest row, if its clip belongs to the data set."""
        if file_name(row) is None:
            return
        ordered = _as_ordered(row)
        self.clips[str(ordered["model"]), str(ordered["resolution"]), cast("int", ordered["duration"])] += 1
        self.bytes += cast("int | None", row["bytes"]) or 0
        self.seconds += cast("float | None", row["seconds"]) or 0.0
        for key, value in cast("Mapping[str, object]", row["metadata"]).items():
            _widen(self.metadata, key, value)
        for key in _TEXT_COLUMNS:
            _widen(self.texts, key, ordered[key])

    def columns(self) -> dict[str, Type]:
        """Every column but the video's own, with its type, in the order of the rows."""
        texts = {key: kind for key, kind in self.texts.items() if kind is not None}
        extra = {column_of(key): kind or Type.STRING for key, kind in self.metadata.items()}
        return _ROW_COLUMNS | texts | _REQUEST_COLUMNS | _CLIP_COLUMNS | extra


def _widen(kinds: dict[str, Type | None], key: str, value: object) -> None:
    """Let a column hold one more value; in a column of text there is room for all."""
    if kinds.get(key) is not Type.STRING:
        kinds[key] = wider(kinds.get(key), type_of(value))


#: What pathlib may leave out of a path: only where it is found is the slow way needed.
_UNTIDY = re.compile(r"/[./]|/$")


def file_name(row: Row) -> str | None:
    """The clip's path below ``videos/``; None when it does not stand there."""
    file = row["file"]
    if not isinstance(file, str):
        return None
    name = file.removeprefix(f"{FOLDER}/")
    if name != file and not _UNTIDY.search(file):
        return name
    path = PurePosixPath(file)
    return str(path.relative_to(FOLDER)) if path.parts[:1] == (FOLDER,) else None


def column_of(key: str) -> str:
    """The column of a key of the jobs' metadata."""
    return f"metadata.{speakable(key)}"


def metadata_row(row: Row, metadata: Columns) -> Row | None:
    """The data set's row of a manifest row, or None when its clip is not part of it.

    ``metadata`` has all keys of the data set with their types; each becomes a column ``metadata.KEY``.
    """
    name = file_name(row)
    if name is None:
        return None
    ordered = _as_ordered(row)
    values = cast("Mapping[str, object]", row["metadata"])
    return {
        "file_name": name,
        **{key: ordered[key] for key in (*_ROW_COLUMNS, *_REQUEST_COLUMNS)},
        **{key: row[key] for key in _CLIP_COLUMNS},
        **{column_of(key): settled(_sayable(values.get(key)), kind) for key, kind in metadata.items()},
    }


def _sayable(value: object) -> object:
    """The value as the manifest has it: JSON has no word for what is not a number."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def same_rows(earlier: Columns, columns: Columns) -> bool:
    """Whether rows that were made for the ``earlier`` columns are to the letter those for ``columns``."""
    return earlier.keys() == columns.keys() and all(
        kind is None or kind is columns[key] for key, kind in earlier.items()
    )


def clip_facts(row: Row, metadata: Columns) -> Row:
    """What goes with a clip when it leaves the folder, its metadata with every key of the set and one type each.

    Nothing in it changes while the clips and their metadata stay the same.
    """
    ordered = _as_ordered(row)
    values = cast("Mapping[str, object]", row["metadata"])
    return {
        **{key: ordered[key] for key in (*_ROW_COLUMNS, *_REQUEST_COLUMNS)},
        "metadata": {speakable(key): settled(values.get(key), kind) for key, kind in metadata.items()},
        **{key: row[key] for key in (*_CLIP_COLUMNS, "task_id", "service", "finished_at")},
    }


def settled(value: object, kind: Type | None) -> object:
    """A value as its column's type has it."""
    if kind is Type.STRING and value is not None and not isinstance(value, str):
        return as_text(value)
    if kind is Type.NUMBER and isinstance(value, int):
        return float(value)
    return speakable(value) if isinstance(value, str) else value


def _as_ordered(row: Row) -> Row:
    """The id and what was asked of the service for this clip.

    A job that was edited after its clip was paid for has another request now; the clip keeps the one that
    it was made from, which then stands with the attempt.
    """
    request = cast("Mapping[str, object]", row["request"])
    told = {key: row[key] for key in _ROW_COLUMNS}
    attempts = cast("list[Mapping[str, object]]", row["attempts"])
    counted = [attempt for attempt in attempts if attempt["outcome"] != "not_accepted"]
    earlier = cast("Mapping[str, object] | None", counted[-1]["request"]) if counted else None
    if earlier is not None:
        request = earlier
        told |= {key: earlier.get(key, API_DEFAULTS.get(key)) for key in _ROW_COLUMNS if key != "id"}
    told = {key: speakable(value) if isinstance(value, str) else value for key, value in told.items()}
    return told | {key: request.get(key) for key in _REQUEST_COLUMNS}
