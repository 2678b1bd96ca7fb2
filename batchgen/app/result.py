"""How a run ended: what people and programs are told, and the exit code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from batchgen.ledger.queries import Standing
from batchgen.model import Status
from batchgen.pipeline import Stop, StopKind
from batchgen.reports.manifest import read_manifest


class ExitCode(IntEnum):
    """What a program learns from a run."""

    DONE = 0  # every job has succeeded, now or earlier, or is dismissed
    UNSETTLED = 1  # some jobs are failed, unknown, held, or not yet on disk
    WRONG = 2  # usage, job file, configuration or ledger; nothing was sent
    HALTED = 3  # a person must act; the rest is pending
    UNFINISHED = 4  # the same command carries on
    BUSY = 5  # another run holds the folder
    BUG = 70
    INTERRUPTED = 130  # a second SIGINT


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """A finished run, as ``batchgen.run`` returns it."""

    exit_code: ExitCode
    sentence: str  # "200 ordered, 197 delivered, ..."
    attention: str  # every job that needs a person, grouped by reason, with commands; may be empty
    cost: str | None  # what was spent for what; None when nothing was
    counts: dict[Status, int]  # of the jobs in the job file that were selected
    output: Path
    manifest: Path
    simulated: bool
    stop: Stop | None = None

    def rows(self) -> Iterator[dict[str, object]]:
        """The rows of the manifest, one for each job, read from disk one at a time."""
        return read_manifest(self.manifest)

    @property
    def succeeded(self) -> bool:
        """Whether every job is on disk or dismissed."""
        return self.exit_code is ExitCode.DONE


def exit_code(standing: Standing, stop: Stop | None, *, written: bool = True) -> ExitCode:
    """The code of a run that has ended; of several that apply, the one for which most must be done.

    ``written``: whether the manifest could be written.
    """
    if (stop is not None and stop.halts) or not written:
        return ExitCode.HALTED
    if stop is not None and _is_unfinished(standing, stop):
        return ExitCode.UNFINISHED
    if standing.unsettled or standing.open_elsewhere:
        return ExitCode.UNSETTLED
    return ExitCode.DONE


def _is_unfinished(standing: Standing, stop: Stop) -> bool:
    """Whether the stop left something that a later run may settle."""
    if stop.kind is StopKind.SIGNAL:
        return bool(standing.unsettled or standing.open_elsewhere)
    return bool(standing.to_submit)
