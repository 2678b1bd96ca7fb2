"""A job file, opened: its settings at once, its jobs as a stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from batchgen import names
from batchgen.errors import JobFileError
from batchgen.jobfile.alone import table_entry
from batchgen.jobfile.entries import EntryReader
from batchgen.jobfile.flaws import Flaw, Stop
from batchgen.jobfile.head import read_head
from batchgen.jobfile.mappings import Values
from batchgen.jobfile.nodes import Mapping, Node, Scalar
from batchgen.jobfile.source import Stamp, has_margin_text, open_source, stamp_of
from batchgen.jobfile.tables import KINDS, SpooledInput
from batchgen.jobfile.templates import Template
from batchgen.jobfile.walk import Item, JobsEnd, JobsStart, Pair, walk
from batchgen.model import Job, Problem, Source
from batchgen.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFile:
    """A job file whose head was read.

    ``settings`` have their defaults where the head is wrong; ``problems`` are those of the head.
    """

    path: Path
    settings: Settings
    problems: tuple[Problem, ...]
    defaults: Values
    stamp: Stamp
    filename: Template | None = None
    edition: str | None = None  # of the jobs; the one who opens the file knows the day
    loader: type[Any] | None = None
    spooled: SpooledInput = field(default_factory=SpooledInput)
    table: Mapping | None = None  # the one entry of a table that stands without a job file

    def entries(self) -> Iterator[Job | Problem]:
        """The jobs in the file's order, repeated ones several times, and problems as they are found.

        Can be called again; memory does not depend on how long the file is.  Nothing is raised: what ends
        the reading early is the last problem.
        """
        if self.table is not None:
            yield from self._entry_reader().read(Item(node=self.table, flaws=[]), 1)
            return
        label: str | None = None
        try:
            with open_source(self.path) as file:
                self._refuse_change(file)
                reader = self._entry_reader()
                number = 0
                for part in walk(file, self.loader):
                    if isinstance(part, Item):
                        number += 1
                        yield from reader.read(part, number)
                        label = f"number {number + 1}"
                    elif isinstance(part, JobsStart):
                        start, label = part.key, "number 1"
                    elif isinstance(part, JobsEnd):
                        label = None
                        if number == 0:
                            yield _no_jobs(start).problem(str(self.path))
                self._refuse_change(file)
        except Stop as stop:
            yield stop.flaw.problem(str(self.path), label)

    def _entry_reader(self) -> EntryReader:
        return EntryReader(
            file=str(self.path),
            defaults=self.defaults,
            filename=self.filename,
            edition=self.edition,
            home=self.path.parent,
            spooled=self.spooled,
            alone=self.table is not None,
        )

    def _refuse_change(self, file: BinaryIO) -> None:
        if stamp_of(file) != self.stamp:
            message = "the file was changed while it was being read"
            raise Stop(Flaw(line=1, column=1, message=message, remedy="run the command again"))


def _no_jobs(key: Scalar) -> Flaw:
    message, remedy = "`jobs` is empty", "write a `- prompt: ...` below it for each job"
    return Flaw(line=key.line, column=key.column, message=message, remedy=remedy)


def open_job_file(
    path: Path,
    *,
    loader: type[Any] | None = None,
    allow_http: bool = False,
    given: Sequence[tuple[str, str]] = (),
) -> JobFile:
    """Read what stands above the jobs, and what stands below them if anything does.

    A table is a job file of its own; ``given`` are keys and values for its rows, as the command line has them.
    Raises JobFileError when the file cannot be opened, is not YAML up to its jobs, or is no mapping.
    ``loader`` is one of PyYAML's, the fastest there is by default.  ``allow_http``: the user said elsewhere
    that the key may travel unencrypted.
    """
    if not names.is_text(str(path)):  # it stands in every job's source
        raise _unreadable(path, [Flaw(line=1, column=1, message=_NO_TEXT, remedy=names.RENAME)])
    if path.suffix.lower() in KINDS:
        return _open_table(path, given)
    if given:
        source = Source(file=str(path), line=1)
        raise JobFileError((Problem(source=source, message=_OWN_DEFAULTS, remedy=_WRITE_THEM),))
    return _open_yaml(path, loader, allow_http=allow_http)


_NO_TEXT = f"the file has a path that can't be written down: {names.NO_TEXT}"


def _open_yaml(path: Path, loader: type[Any] | None, *, allow_http: bool) -> JobFile:
    pairs: list[tuple[Node, Node | None]] = []
    flaws: list[Flaw] = []
    try:
        with open_source(path) as file:
            stamp = stamp_of(file)
            _collect(file, loader, pairs, flaws)
    except OSError as error:
        flaw = Flaw(line=1, column=1, message=f"the file cannot be read: {error.strerror or error}")
        raise _unreadable(path, [flaw]) from error
    except Stop as stop:
        if not any(value is None for _, value in pairs):  # else the entries will tell
            raise _unreadable(path, [*flaws, stop.flaw]) from stop
    head = read_head(pairs, allow_http=allow_http)
    return JobFile(
        path=path,
        settings=head.settings,
        problems=_problems(path, [*flaws, *head.flaws]),
        defaults=head.defaults,
        stamp=stamp,
        filename=head.filename,
        loader=loader,
    )


_OWN_DEFAULTS = "--default is for tables without a job file"
_WRITE_THEM = "write the keys under `defaults:` in the file"


def _open_table(path: Path, given: Sequence[tuple[str, str]]) -> JobFile:
    entry, flaws = table_entry(path.name, given)
    if flaws:
        raise JobFileError(tuple(flaw.problem("--default") for flaw in flaws))
    try:
        with open_source(path) as file:
            stamp = stamp_of(file)
    except Stop as stop:
        raise _unreadable(path, [stop.flaw]) from stop
    return JobFile(path=path, settings=Settings(), problems=(), defaults={}, stamp=stamp, table=entry)


def _collect(
    file: BinaryIO, loader: type[Any] | None, pairs: list[tuple[Node, Node | None]], flaws: list[Flaw]
) -> None:
    """The keys of the file.  Where nothing can stand below the jobs, they are not read."""
    for part in walk(file, loader):
        if isinstance(part, Pair):
            pairs.append((part.key, part.value))
            flaws.extend(part.flaws)
        elif isinstance(part, JobsStart):
            pairs.append((part.key, None))
            if part.simple and not has_margin_text(file, part.key.line):
                return


def _problems(path: Path, flaws: Iterable[Flaw]) -> tuple[Problem, ...]:
    ordered = sorted(flaws, key=lambda flaw: (flaw.line, flaw.column))
    return tuple(flaw.problem(str(path)) for flaw in ordered)


def _unreadable(path: Path, flaws: list[Flaw]) -> JobFileError:
    return JobFileError(_problems(path, flaws))
