"""The gallery page: written after a run, and again whenever somebody asks for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from batchgen.app.inspecting import view
from batchgen.app.options import Options
from batchgen.app.place import Place
from batchgen.app.reporting import Findings, Survey
from batchgen.app.this_run import Run
from batchgen.app.timely import NoTime, in_time
from batchgen.errors import ConfigError, FolderNotWritable
from batchgen.ledger import Ledger, queries
from batchgen.ledger.refusals import NOT_WRITABLE
from batchgen.model import Problem
from batchgen.reports.commands import Commands
from batchgen.reports.gallery import PAGE, Beforehand, Heading, gallery_line, write_gallery


def show(this: Run, ledger: Ledger, findings: Findings, rows: Beforehand) -> None:
    """Write the page after a run.  Blocks.  Where that fails the run is unharmed, and the old page stands.

    ``rows`` are those made with the manifest; only where they were too many to keep are the records read again.
    """
    place = this.place
    again = this.commands.gallery()
    try:
        lines: Iterable[str] | None = rows.lines
        if lines is None:
            lines = map(gallery_line, ledger.ask(lambda db: queries.records(db, place.name)))
        timely = in_time(lines, findings.jobs, this.stopper.time_left)
        write_gallery(place.output, timely, lambda: _heading(place, findings))
    except OSError as error:
        this.warn(f"{place.output / PAGE}: can't be written: {error.strerror or error}; later: {again}")
    except NoTime:
        this.warn(f"{place.output / PAGE}: left as it was, to end the run soon; rebuild it: {again}")


def _heading(place: Place, findings: Findings) -> Heading:
    return Heading(job_file=place.job_file.path.name, sentence=findings.sentence, simulated=place.simulated)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The page as it was rebuilt."""

    page: Path
    sentence: str
    warnings: tuple[Problem, ...]


def rebuild(path: Path, options: Options, now: datetime, commands: Commands) -> Shown:
    """Write the page as things stand, also beside a run.  Blocks.

    Raises what ``status`` raises, ConfigError when there is nothing to show or a page of the user's stands
    there, FolderNotWritable.
    """
    with view(path, options, now) as seen:
        place = seen.place
        if not place.ledger.exists():
            raise ConfigError(f"{place.output}: there is nothing to show yet; first: {commands.run()}")
        survey = Survey(commands, place)
        records = survey.watch(seen.ledger.ask(lambda db: queries.records(db, place.name)))
        page = place.output / PAGE
        try:
            lines = map(gallery_line, records)
            ours = write_gallery(place.output, lines, lambda: _heading(place, survey.findings()))
        except OSError as error:
            problem = FolderNotWritable if error.errno in NOT_WRITABLE else ConfigError
            raise problem(f"{page}: can't be written: {error.strerror or error}") from error
        if not ours:
            raise ConfigError(f"{page}: this page is not from batchgen and is left alone; move it away first")
        return Shown(page=page, sentence=survey.findings().sentence, warnings=seen.warnings)
