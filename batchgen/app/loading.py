"""From the job file to staged jobs: everything is checked before anything else happens."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from batchgen import names
from batchgen.errors import JobFileError
from batchgen.jobfile import JobFile, edition_on, open_job_file
from batchgen.jobfile.mixtures import Mixtures
from batchgen.ledger import Staging
from batchgen.ledger.portions import Shard
from batchgen.model import Job, Problem

#: Problems and warnings that are listed at the most; a file with more has one cause, most likely.
MOST_PROBLEMS = 100


class Interrupted(Exception):
    """The user stopped the command while it was starting; nothing was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What reading found odd but not wrong."""

    jobs: int
    elsewhere: int  # jobs of the file that are in other shards
    warnings: tuple[Problem, ...]


def load(
    job_file: JobFile,
    staging: Staging,
    stopped: Callable[[], bool] = lambda: False,
    *,
    shard: Shard | None = None,
) -> Loaded:
    """Stage every job of this shard.  Blocks.  Raises JobFileError with all that is wrong, or Interrupted."""
    problems, warnings = _Bounded(), _Bounded()
    mixtures = Mixtures()
    for problem in job_file.problems:
        (warnings if problem.warning else problems).add(problem)
    for entry in _nameable(job_file.entries()):
        if stopped():
            raise Interrupted
        if isinstance(entry, Problem):
            (warnings if entry.warning else problems).add(entry)
        else:
            staging.add(entry)
            mixtures.add(entry)
    for problem in itertools.chain(staging.settle(MOST_PROBLEMS + 1), mixtures.problems()):
        (warnings if problem.warning else problems).add(problem)
    if problems.number:
        raise JobFileError(problems.sorted(job_file))
    elsewhere = 0 if shard is None else staging.keep(shard.has)
    return Loaded(jobs=len(staging), elsewhere=elsewhere, warnings=warnings.sorted(job_file))


def _nameable(entries: Iterator[Job | Problem]) -> Iterator[Job | Problem]:
    """The entries, with a problem for each job that would be paid for and then have a name that no file can have."""
    return entries if names.TAKES_ALL else map(_or_problem, entries)


def _or_problem(entry: Job | Problem) -> Job | Problem:
    if isinstance(entry, Problem):
        return entry
    name = entry.filename or f"{entry.id}.mp4"
    if names.can_name(entry.id + name):  # partial files and superseded clips are named after the id
        return entry
    return Problem(
        source=entry.source,
        job=entry.id,
        message=f"no file can have the name of its clip, `{name}`: the encoding of this locale is {names.ENCODING}",
        remedy=names.REMEDY,
    )


def read_jobs(path: str | Path) -> Iterator[Job]:
    """Every job of a job file, in its order, one at a time; entries that ask for the same are one job.

    Raises JobFileError with all that is wrong, before the first job.
    """
    job_file = open_job_file(Path(path))
    text = job_file.settings.edition
    edition = None if text is None else edition_on(text)
    with Staging() as staging:
        load(replace(job_file, edition=edition), staging)
        yield from staging


class _Bounded:
    """The first problems, and how many there were."""

    def __init__(self) -> None:
        self._kept: list[Problem] = []
        self.number = 0

    def add(self, problem: Problem) -> None:
        self.number += 1
        if len(self._kept) < MOST_PROBLEMS:
            self._kept.append(problem)

    def sorted(self, job_file: JobFile) -> tuple[Problem, ...]:
        def place(problem: Problem) -> tuple[bool, str, int, int]:
            source = problem.source  # what is wrong with the job file comes before the rows of its tables
            return source.file != str(job_file.path), source.file, source.line, source.column

        kept = sorted(self._kept, key=place)
        if self.number > len(kept):
            more = f"and {self.number - len(kept)} more"
            kept.append(Problem(source=kept[-1].source, message=more, warning=kept[-1].warning))
        return tuple(kept)
