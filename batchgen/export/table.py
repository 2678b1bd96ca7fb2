"""The manifest as one table: Parquet with typed columns, or CSV."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import BinaryIO

from batchgen.errors import ConfigError, DiskFull
from batchgen.export.damage import PIECE_BYTES
from batchgen.export.destination import Target

_ROWS_AT_ONCE = 2_000
#: Kinds of columns that Arrow has no short name for.
MOMENT = "moment"  # in UTC, to the millisecond
AMOUNT = "amount"  # of money, exact


class Format(StrEnum):
    """A kind of table."""

    PARQUET = "parquet"
    CSV = "csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column.  Times and amounts come as texts, as a manifest row has them."""

    name: str
    kind: str  # MOMENT, AMOUNT, or a type as Arrow names it


Row = Mapping[str, object]
_Write = Callable[[Sequence[Column], Iterable[Row], BinaryIO], None]


def export_table(
    kind: Format, columns: Sequence[Column], rows: Iterable[Row], target: Target, name: str
) -> bool:
    """Write the table; false when the very same one is there already.

    Raises ConfigError when another file has the name or a library is missing, DiskFull and
    FolderNotWritable.
    """
    write: _Write = _write_parquet if kind is Format.PARQUET else write_csv
    with tempfile.TemporaryFile() as draft:
        try:
            write(columns, rows, draft)
            draft.flush()
        except OSError as error:
            raise DiskFull(f"{tempfile.gettempdir()}: {error.strerror}") from error
        if name in target.sizes():
            _refuse_another(target, name, _content(draft))
            return False
        with target.new(name) as sink:
            for piece in _content(draft):
                sink.write(piece)
    return True


def _content(draft: BinaryIO) -> Iterator[bytes]:
    draft.seek(0)
    while piece := draft.read(PIECE_BYTES):
        yield piece


def _refuse_another(target: Target, name: str, content: Iterator[bytes]) -> None:
    if not _same(target.read(name), content):
        raise ConfigError(
            f"{name}: another table stands there and is left alone; give another folder, or another --name"
        )


def _same(one: Iterator[bytes], other: Iterator[bytes]) -> bool:
    """Whether two contents are equal, however they are cut."""
    left = right = b""
    while True:
        left, right = left or next(one, b""), right or next(other, b"")
        common = min(len(left), len(right))
        if left[:common] != right[:common] or not common:
            return not left and not right
        left, right = left[common:], right[common:]


def write_csv(columns: Sequence[Column], rows: Iterable[Row], sink: BinaryIO) -> None:
    """UTF-8 with a header; null is an empty cell, ``true`` and ``false`` as in JSON."""
    text = io.TextIOWrapper(sink, "utf-8", newline="", write_through=False)
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow([column.name for column in columns])
    for row in rows:
        lines.writerow([_cell(row[column.name]) for column in columns])
    text.flush()
    text.detach()


def _cell(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value


def _write_parquet(columns: Sequence[Column], rows: Iterable[Row], sink: BinaryIO) -> None:
    try:
        import pyarrow as pa  # noqa: PLC0415  an extra
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError as error:
        raise ConfigError("a Parquet table needs pyarrow: pip install 'batchgen[export]'") from error
    kinds = {MOMENT: pa.timestamp("ms", tz="UTC"), AMOUNT: pa.decimal128(18, 6)}
    schema = pa.schema(
        [(column.name, kinds.get(column.kind) or pa.type_for_alias(column.kind)) for column in columns]
    )
    with parquet.ParquetWriter(sink, schema, compression="zstd") as writer:
        for some in _batches(_typed(columns, row) for row in rows):
            writer.write_table(pa.Table.from_pylist(some, schema))


def _typed(columns: Sequence[Column], row: Row) -> dict[str, object]:
    return {column.name: _value(row[column.name], column.kind) for column in columns}


def _value(value: object, kind: str) -> object:
    if isinstance(value, str) and kind == MOMENT:
        return datetime.fromisoformat(value)
    return Decimal(value) if isinstance(value, str) and kind == AMOUNT else value


def _batches(rows: Iterator[dict[str, object]]) -> Iterator[list[dict[str, object]]]:
    some: list[dict[str, object]] = []
    for row in rows:
        some.append(row)
        if len(some) == _ROWS_AT_ONCE:
            yield some
            some = []
    yield some
