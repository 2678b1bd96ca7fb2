"""Parquet files, through pyarrow, which comes with the extra ``parquet``."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from batchgen.jobfile.flaws import Wrong, shown
from batchgen.jobfile.tables.rows import MAX_COLUMNS, BadRow, Row

_BATCH = 256  # rows
_PLAIN = frozenset({str, int, bool, type(None)})


class Parquet:
    """A Parquet file.  Raises Wrong when it is none, or pyarrow is not installed."""

    def __init__(self, path: Path) -> None:
        self._file = _opened(path)
        names: list[str] = list(self._file.schema_arrow.names)
        self.columns = tuple(names)
        if len(names) > MAX_COLUMNS:
            raise Wrong(f"has {len(names):,} columns; at most {MAX_COLUMNS:,} are allowed")
        if len(set(names)) < len(names):
            raise Wrong("has two columns of one name", "give one of them another name")

    def rows(self) -> Iterator[Row | BadRow]:
        """The rows, from 1, a batch of them in memory at a time."""
        number = 0
        try:
            for batch in self._file.iter_batches(batch_size=_BATCH):
                for values in batch.to_pylist():
                    number += 1
                    yield _row(number, values)
        except OSError as error:  # pyarrow's own errors are among them
            raise Wrong(f"is damaged after row {number}: {error}", "write it anew") from error


def _opened(path: Path) -> Any:  # noqa: ANN401  pyarrow has no types
    try:
        from pyarrow import ArrowException, parquet  # noqa: PLC0415  an extra
    except ImportError:
        raise Wrong(
            "is a Parquet file, and pyarrow is not installed", "pip install 'batchgen[parquet]'"
        ) from None
    try:
        return parquet.ParquetFile(path)
    except (OSError, ArrowException) as error:
        raise Wrong(f"is no Parquet file: {error}", "write it anew, or name it as what it is") from error


def _row(number: int, values: dict[str, object]) -> Row | BadRow:
    try:
        return Row(number, {name: _plain(value) for name, value in values.items()})
    except TypeError as error:
        return BadRow(number, str(error), "leave the column out, or turn it into text")


def _plain(value: object) -> object:
    """What JSON can carry of a value."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    raise TypeError(f"a value of the kind {shown(type(value).__name__)} cannot stand in a manifest")
