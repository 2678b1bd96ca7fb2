"""An entry with tables becomes jobs: a row a job, or as many as there are combinations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from batchgen.jobfile.cells import RowReader
from batchgen.jobfile.columns import column_flaws, roles_of
from batchgen.jobfile.flaws import Flaw, Wrong, shown
from batchgen.jobfile.making import Maker
from batchgen.jobfile.many import Combined, Told
from batchgen.jobfile.mappings import wrong_value
from batchgen.jobfile.tables import BadRow, Found, SpooledInput, Table, find_tables, open_table
from batchgen.model import Job, Problem, Source

_TYPED = frozenset({".jsonl", ".parquet"})


@dataclass(slots=True, kw_only=True)
class Sourcing:
    """The tables of one entry.  ``alone``: the table stands without a job file."""

    maker: Maker
    label: str | None  # of the entry
    file: str  # in which the entry stands
    home: Path
    spooled: SpooledInput
    alone: bool = False
    _told: set[tuple[int, int]] = field(default_factory=set)  # places in the entry
    _seen: set[str] = field(default_factory=set)
    _unsent: set[str] = field(default_factory=set)
    _any: bool = False  # rows, in any of them
    _at: int = 0  # the row that was read last

    def jobs(self) -> Iterator[Job | Problem]:
        """The jobs of every row, and what is wrong with rows, tables, and the entry."""
        try:
            tables = find_tables(self.maker.blueprint.values["from"], self.home, self.spooled)
        except Wrong as wrong:
            found = self.maker.blueprint.node.find("from")
            yield from self._problems([wrong_value(*found, wrong)] if found else [])
            return
        for table in tables:
            yield from self._jobs_of(table)
        if self._any:
            yield from self._problems(self._never_seen())
            yield from self._problems(self._never_sent())

    def _jobs_of(self, found: Found) -> Iterator[Job | Problem]:
        self._at = 0
        try:
            with open_table(found) as table:
                flaws = list(column_flaws(self.maker.blueprint, table.columns, found.name, alone=self.alone))
                yield from self._problems(flaws)
                if not flaws:
                    yield from self._rows_of(found, table)
        except Wrong as wrong:
            yield _bad(found, BadRow(self._at + 1, f"this table {wrong.message}", wrong.remedy))
        except OSError as error:
            message = f"this table cannot be read: {error.strerror or error}"
            yield _bad(found, BadRow(self._at + 1, message))

    def _rows_of(self, found: Found, table: Table) -> Iterator[Job | Problem]:
        reader = RowReader(
            roles=roles_of(self.maker.blueprint, table.columns, alone=self.alone),
            table=found.name,
            typed=found.kind in _TYPED,
            seen=self._seen,
            unsent=self._unsent,
        )
        combined, make = Combined.of(self.maker.blueprint), self.maker.make
        row = None
        for row in table.rows():
            self._at = row.number
            if isinstance(row, BadRow):
                yield _bad(found, row)
            elif combined.matrix is None:
                yield from make(reader.piece(row))
            else:
                for piece in combined.over(reader.piece(row)):
                    yield from make(piece)
        if row is None:
            yield _bad(found, BadRow(1, "this table has no rows"), warning=True)
        self._any = self._any or row is not None

    def _never_seen(self) -> Iterator[Flaw]:
        """Columns that are asked for, and that no row of a table without a first row has."""
        for column in self.maker.blueprint.columns.values():
            if column.text not in self._seen:
                message = f"no row has a value in the column {shown(column.text)}"
                yield Flaw(
                    line=column.line, column=column.column, message=message, remedy="is it misspelled?"
                )

    def _never_sent(self) -> Iterator[Flaw]:
        """Columns that look as if they were meant for the request."""
        node = self.maker.blueprint.node
        for name in sorted(self._unsent):
            message = f"the column `{name}` goes into the metadata and is not sent"
            remedy = f"write `columns: {{{name}: {name}}}` to send it"
            yield Flaw(line=node.line, column=node.column, message=message, remedy=remedy, warning=True)

    def _problems(self, flaws: Iterable[Flaw]) -> Iterator[Problem]:
        """What is wrong with the entry; of many tables only the first is told."""
        earlier = frozenset(self._told)
        for flaw in flaws:
            place = flaw.line, flaw.column
            if flaw.warning or place not in earlier:
                self._told.add(place)
                yield flaw.problem(self.file, self.label)


def _bad(found: Found, row: BadRow, *, warning: bool = False) -> Problem:
    source = Source(file=found.name, line=row.number)
    return Told(row.message, row.remedy, warning).problem(source)
