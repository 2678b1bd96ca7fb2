"""A manifest row as a row of a table: a column for each fact, of one type each.

``source`` and ``error`` become ``source.file``, ``error.code`` and so on, a key of the jobs' metadata the column
``metadata.KEY``; what else is nested (``request``, ``attempts``, ``warnings``) stands there as JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import cast

from batchgen.model import Record
from batchgen.reports.column_types import Type, as_text, speakable, type_of, wider
from batchgen.reports.dataset import column_of, settled
from batchgen.reports.rows import Row

#: Kinds of columns that need a word of their own: a moment in UTC, an exact amount of money.
MOMENT = "moment"
AMOUNT = "amount"

_PARTS = {"source": ("file", "line", "row"), "error": ("code", "message", "stage")}
#: What is no text.
_KINDS = {
    **dict.fromkeys(
        (
            "duration",
            "source.line",
            "source.row",
            "width",
            "height",
            "bytes",
            "submissions",
            "schema_version",
        ),
        "int64",
    ),
    **dict.fromkeys(("seconds", "fps"), "float64"),
    **dict.fromkeys(("in_job_file", "changed"), "bool"),
    **dict.fromkeys(("submitted_at", "generated_at", "finished_at"), MOMENT),
    "price": AMOUNT,
}
_NOT_TEXTS = {Type.BOOL, Type.INTEGER, Type.NUMBER}

Kinds = Mapping[str, Type | None]


def metadata_kinds(records: Iterable[Record]) -> dict[str, Type | None]:
    """All keys of the jobs' metadata with the type that holds all their values; times stay texts."""
    kinds: dict[str, Type | None] = {}
    for record in records:
        for key, value in record.metadata.items():
            kinds[key] = wider(kinds.get(key), type_of(value))
    return {key: kind if kind in _NOT_TEXTS else Type.STRING for key, kind in sorted(kinds.items())}


def columns(example: Row, metadata: Kinds) -> dict[str, str]:
    """The columns of a table of rows such as this one, in their order, each with its kind."""
    names = [name for name, _ in _facts(example)]
    told = {name: _KINDS.get(name, Type.STRING.value) for name in names}
    return told | {column_of(key): (kind or Type.STRING).value for key, kind in metadata.items()}


def flat_row(row: Row, metadata: Kinds) -> Row:
    """The row, a value for each of ``columns``; times and amounts stay the texts that they are."""
    values = cast("Mapping[str, object]", row["metadata"])
    told = {name: _plain(value) for name, value in _facts(row)}
    return told | {column_of(key): settled(values.get(key), kind) for key, kind in metadata.items()}


def _facts(row: Row) -> Iterator[tuple[str, object]]:
    for name, value in row.items():
        if name in _PARTS:
            parts = cast("Mapping[str, object] | None", value) or {}
            yield from ((f"{name}.{part}", parts.get(part)) for part in _PARTS[name])
        elif name != "metadata":
            yield name, value


def _plain(value: object) -> object:
    if isinstance(value, str):
        return speakable(value)
    return as_text(value) if isinstance(value, Mapping | list) else value
