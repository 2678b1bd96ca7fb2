"""The manifest as a table, read back with the libraries that people use."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import pytest
from reports.records import BROKE, attempt, delivered, record

from batchgen.errors import ConfigError
from batchgen.export import AMOUNT, MOMENT, Column, Format, export_table
from batchgen.export.local import LocalFolder
from batchgen.model import Record, State
from batchgen.reports import flat
from batchgen.reports.rows import Row, manifest_row
from export.clips import contents

pandas = pytest.importorskip("pandas", reason="pandas is not installed (extra `test`)")
parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed (extra `export`)")

JOBS = [
    delivered("train-1", metadata={"n": 1, "mixed": 1, "deep": {"a": [1]}, "day": "2026-07-01"}),
    record(attempt(price="2.50", currency="CNY"), id="狐狸", metadata={"n": 2.5, "mixed": "x"}),
    record(attempt(State.FAILED), id="broken", prompt='two\nlines, "quoted"'),
    record(id="pending", metadata={"n": None, "on": True}),
]


def table(records: Iterable[Record]) -> tuple[list[Column], list[Row]]:
    """The columns and rows of these jobs."""
    kept = list(records)
    kinds = flat.metadata_kinds(kept)
    columns = [
        Column(name=name, kind=kind) for name, kind in flat.columns(manifest_row(kept[0]), kinds).items()
    ]
    return columns, [flat.flat_row(manifest_row(job), kinds) for job in kept]


def written(kind: Format, folder: Path, records: Iterable[Record] = JOBS) -> Path:
    """A table of these jobs."""
    assert export_table(kind, *table(records), LocalFolder(folder), f"t.{kind}")
    return folder / f"t.{kind}"


def test_a_parquet_table_has_typed_columns(tmp_path: Path) -> None:
    """All jobs in their order, whatever their status; what is not known is null."""
    found = parquet.read_table(written(Format.PARQUET, tmp_path))
    rows = {row["id"]: row for row in found.to_pylist()}
    assert list(rows) == ["train-1", "狐狸", "broken", "pending"]
    assert [row["status"] for row in rows.values()] == ["succeeded", "succeeded", "failed", "pending"]
    told = {
        name: str(found.schema.field(name).type) for name in ("bytes", "seconds", "changed", "submitted_at")
    }
    assert told == {
        "bytes": "int64",
        "seconds": "double",
        "changed": "bool",
        "submitted_at": "timestamp[ms, tz=UTC]",
    }
    assert rows["狐狸"]["price"] == Decimal("2.5")
    assert rows["狐狸"]["submitted_at"] == dt.datetime(2026, 7, 1, 12, 0, 1, tzinfo=dt.UTC)
    assert (rows["broken"]["error.code"], rows["train-1"]["error.code"]) == (BROKE.code, None)
    assert (rows["train-1"]["source.file"], rows["train-1"]["source.line"]) == ("jobs.yaml", 12)
    assert (rows["pending"]["file"], rows["pending"]["bytes"], rows["pending"]["price"]) == (None, None, None)


def test_metadata_is_flattened_to_one_type_a_key(tmp_path: Path) -> None:
    """Numbers among numbers, text where values are mixed, JSON for what is nested, texts of times as they are."""
    found = parquet.read_table(written(Format.PARQUET, tmp_path)).to_pydict()
    told = {
        key.removeprefix("metadata."): values for key, values in found.items() if key.startswith("metadata.")
    }
    assert told == {
        "n": [1.0, 2.5, None, None],
        "mixed": ["1", "x", None, None],
        "deep": ['{"a": [1]}', None, None, None],
        "day": ["2026-07-01", None, None, None],
        "on": [None, None, None, True],
    }


def test_the_order_of_metadata_keys_does_not_matter() -> None:
    """Keys written in another order in the job file make no other table, and no other shard."""
    jobs = [delivered("x", metadata={"b": 1, "a": 2})], [delivered("x", metadata={"a": 2, "b": 1})]
    one, other = (list(flat.metadata_kinds(some).items()) for some in jobs)
    assert one == other


def test_a_csv_table_says_the_same(tmp_path: Path) -> None:
    """Null is an empty cell; line ends and quotes in a prompt come back."""
    path = written(Format.CSV, tmp_path)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == ["train-1", "狐狸", "broken", "pending"]
    assert rows[2]["prompt"] == 'two\nlines, "quoted"'
    assert (rows[1]["price"], rows[0]["price"], rows[0]["changed"]) == ("2.50", "", "false")
    assert rows[0]["submitted_at"] == "2026-07-01T12:00:01.000Z"
    frame = pandas.read_csv(path)
    assert list(frame["metadata.n"])[:2] == [1.0, 2.5]
    assert list(frame.columns) == parquet.read_schema(written(Format.PARQUET, tmp_path)).names


def test_every_fact_of_a_manifest_row_is_in_the_table() -> None:
    """Also one that a later version adds: as text, until somebody gives it a type."""
    row = manifest_row(JOBS[0]) | {"new": {"a": 1}}
    told = flat.columns(row, {})
    missing = row.keys() - told.keys() - {"source", "error", "metadata"}
    assert not missing
    assert (told["new"], flat.flat_row(row, {})["new"]) == ("string", '{"a": 1}')
    assert {flat.MOMENT, flat.AMOUNT} == {MOMENT, AMOUNT} <= set(told.values())


@pytest.mark.parametrize("kind", list(Format))
def test_what_utf8_can_not_say_does_not_spoil_a_table(tmp_path: Path, kind: Format) -> None:
    """Half a character, in a value or in a key."""
    path = written(
        kind, tmp_path, [delivered("a", prompt="x\ud800", metadata={"k\udc00": "\ud800", "n": 2**70})]
    )
    assert path.stat().st_size


@pytest.mark.parametrize("kind", list(Format))
def test_a_table_is_not_overwritten(tmp_path: Path, kind: Format) -> None:
    """The very same one is left as it is, another is refused."""
    path = written(kind, tmp_path)
    before = path.read_bytes()
    assert not export_table(kind, *table(JOBS), LocalFolder(tmp_path), path.name)
    with pytest.raises(ConfigError, match="another table stands there and is left alone"):
        export_table(kind, *table(JOBS[:2]), LocalFolder(tmp_path), path.name)
    path.write_bytes(before + b"x")
    with pytest.raises(ConfigError, match="left alone"):
        export_table(kind, *table(JOBS), LocalFolder(tmp_path), path.name)
    assert contents(LocalFolder(tmp_path)) == {path.name: before + b"x"}


def test_a_long_table_is_written_in_pieces(tmp_path: Path) -> None:
    """More rows than are held at once."""
    columns = [Column(name="n", kind="int64")]
    rows: Iterable[Row] = ({"n": n} for n in range(4500))
    assert export_table(Format.PARQUET, columns, rows, LocalFolder(tmp_path), "t.parquet")
    found = parquet.ParquetFile(io.BytesIO((tmp_path / "t.parquet").read_bytes()))
    assert found.num_row_groups == 3
    assert found.read()["n"].to_pylist() == list(range(4500))
