"""``export``: a folder's clips as WebDataset shards, or its manifest as a table.  Takes no lock, sends nothing.

It reads a copy of the ledger, as ``status`` does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from batchgen.app.inspecting import View, view
from batchgen.app.options import Options
from batchgen.errors import ConfigError
from batchgen.export import (
    KEY_DOT,
    Column,
    Format,
    Limits,
    Packed,
    Sample,
    Watcher,
    export_shards,
    export_table,
    open_target,
)
from batchgen.jobfile.ids import parse_id, slug
from batchgen.ledger import queries
from batchgen.model import Problem, Record, Status
from batchgen.reports import flat
from batchgen.reports.dataset import clip_facts
from batchgen.reports.lines import as_line
from batchgen.reports.rows import Row, manifest_row


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where an export goes, as the user said it."""

    to: str  # a folder, or an address that fsspec knows
    name: str | None = None  # what its files' names begin with; None: the job file's name


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardsExported:
    """The clips that were packed, and those that were not."""

    packed: Packed
    missing: int  # clips that were stored once, and are gone or no longer whole
    without: int  # jobs that have no clip yet
    warnings: tuple[Problem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableExported:
    """The table that is there now."""

    file: str
    rows: int
    written: bool  # false: the very same one was there already
    warnings: tuple[Problem, ...]


def to_shards(
    path: Path,
    options: Options,
    now: datetime,
    destination: Destination,
    limits: Limits,
    watcher: Watcher,
) -> ShardsExported:
    """Pack every clip of the folder.  Blocks.

    With ``options.verify`` every clip is read and compared before, and those that are damaged are left out.
    Raises what ``status`` raises, and as ``export_shards`` does.
    """
    with view(path, options, now) as seen:
        target = open_target(destination.to, _outermost(seen))
        kinds = flat.metadata_kinds(_delivered(seen))
        packed = export_shards(
            lambda: _samples(seen, kinds),
            target,
            _name(path, destination),
            limits,
            verify=options.verify,
            watcher=watcher,
        )
        counts = seen.ledger.ask(lambda db: queries.standing(db, seen.place.name, seen.ledger.among))
        return ShardsExported(
            packed=packed,
            missing=counts.missing,
            without=counts.jobs - counts.counts[Status.SUCCEEDED],
            warnings=seen.warnings,
        )


def to_table(
    path: Path, options: Options, now: datetime, destination: Destination, kind: Format
) -> TableExported:
    """Write the manifest as a table: a row for every job of the folder, whatever its status.  Blocks.

    Raises what ``status`` raises, and as ``export_table`` does.
    """
    with view(path, options, now) as seen:
        folder, name = _table_place(path, destination, kind)
        target = open_target(folder, _outermost(seen))
        kinds = flat.metadata_kinds(_records(seen))
        example = next(map(manifest_row, _records(seen)), None)
        if example is None:
            raise ConfigError(f"{path}: there is no job to tell of")
        columns = [Column(name=name, kind=kind) for name, kind in flat.columns(example, kinds).items()]
        counted = _Counted(flat.flat_row(manifest_row(record), kinds) for record in _records(seen))
        written = export_table(kind, columns, counted, target, name)
        return TableExported(file=name, rows=counted.number, written=written, warnings=seen.warnings)


def _outermost(seen: View) -> Path:
    """The user's output folder; simulated clips stand in a folder of it."""
    return seen.place.output.parent if seen.place.simulated else seen.place.output


def _records(seen: View) -> Iterator[Record]:
    records = seen.ledger.ask(lambda db: queries.records(db, seen.place.name, seen.ledger.among))
    return (record for record in records if record.selected)


def _delivered(seen: View) -> Iterator[Record]:
    """Every job whose clip stands, in the order of the keys."""
    return seen.ledger.ask(lambda db: queries.delivered(db, dot=KEY_DOT, among=seen.ledger.among))


def _samples(seen: View, kinds: flat.Kinds) -> Iterator[Sample]:
    for record in _delivered(seen):
        attempt = record.newest
        if attempt is None or attempt.file is None or attempt.clip is None:
            continue
        facts = clip_facts(manifest_row(record), kinds)
        yield Sample(
            id=record.id,
            clip=seen.place.output / attempt.file,
            size=attempt.clip.bytes,
            sha256=attempt.clip.sha256,
            facts=as_line(facts).encode(),
        )


class _Counted:
    """Rows, and how many there were."""

    def __init__(self, rows: Iterator[Row]) -> None:
        self._rows = rows
        self.number = 0

    def __iter__(self) -> Iterator[Row]:
        for row in self._rows:
            self.number += 1
            yield row


def _name(path: Path, destination: Destination) -> str:
    if destination.name is None:
        return slug(path.stem)
    try:
        return parse_id(destination.name)
    except ValueError as error:
        raise ConfigError(f"--name {destination.name!r} {error}") from error


def _table_place(path: Path, destination: Destination, kind: Format) -> tuple[str, str]:
    """The folder and the file; a destination that ends as the file would is the file."""
    ending = f".{kind.value}"
    if destination.name is not None or not destination.to.endswith(ending):
        return destination.to, _name(path, destination) + ending
    folder, slash, name = destination.to.rpartition("/")
    whole = folder + slash if folder.endswith(("/", ":")) else folder  # memory://x.csv, /x.csv
    return whole or slash or ".", name
