"""Lines that a log file likes: each with its time, nothing that moves."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from enum import IntEnum
from typing import TextIO, assert_never

from batchgen.model import Fault, Status
from batchgen.ports import (
    Event,
    JobChanged,
    JobRested,
    Reused,
    RunEnded,
    RunStarted,
    Stopping,
    Vitals,
    Warned,
)
from batchgen.reports.board import ENDED, Board
from batchgen.reports.outlet import Outlet
from batchgen.reports.terminal import clean
from batchgen.reports.words import STATUS, clock, count, reused, rough, size

_PROGRESS_EVERY = 30.0  # seconds


class Verbosity(IntEnum):
    """How much is told."""

    QUIET = 0  # warnings and problems
    NORMAL = 1
    VERBOSE = 2  # every change of status too


#: From which verbosity on a change to a status is told; one to any other only to those who want all of them.
_LEAST = {
    Status.SUCCEEDED: Verbosity.NORMAL,
    Status.FAILED: Verbosity.QUIET,
    Status.UNKNOWN: Verbosity.QUIET,
}


class PlainLines:
    """An observer that writes a line for the start, each job that ends, progress, warnings and the end.

    Times are local, with their offset, so that they can be held against other logs of the machine; ``zone``
    is for another.  Warnings and halts go to ``problems``, if it is given; without a ``stream`` nothing else is
    written.  ``close`` it to have all lines written.
    """

    def __init__(
        self,
        stream: TextIO | None,
        *,
        problems: TextIO | None = None,
        verbosity: Verbosity = Verbosity.NORMAL,
        zone: tzinfo | None = None,
    ) -> None:
        self._out = None if stream is None else Outlet(stream, lost=_lost)
        self._problems = self._out
        if problems is not None and problems is not stream:
            self._problems = Outlet(problems, lost=_lost)
        self._verbosity = verbosity
        self._zone = zone
        self._board = Board()
        self._stamped: tuple[float | None, str] = (None, "")  # the second of the last line, and its text
        self._told_at = 0.0
        self._told: tuple[object, ...] = ()

    def close(self) -> None:
        """Write what is left; waits a few seconds at most."""
        for outlet in (self._out, self._problems):
            if outlet is not None:
                outlet.close()

    def observe(self, event: Event) -> None:
        """Write the line of an event, if it has one."""
        self._board.take(event)
        match event:
            case JobChanged():
                self._changed(event)
            case Vitals():
                self._progress(event)
            case JobRested():
                text = f"{clean(event.job_id)}: not over in this run, {_reason(event.fault)}"
                self._line(event.at, Verbosity.QUIET, text)
            case RunStarted():
                self._line(event.at, Verbosity.NORMAL, _start(event))
            case Warned():
                self._problem(event.at, f"warning: {clean(event.message)}")
            case Reused():
                self._line(event.at, Verbosity.NORMAL, f"reused: {reused(event.clips, clean(event.folder))}")
            case Stopping():
                self._problem(event.at, _stop(event))
            case RunEnded():
                text = f"end after {clock(event.elapsed)}: {clean(event.sentence)}"
                self._line(event.at, Verbosity.NORMAL, text)
            case _:
                assert_never(event)

    def _changed(self, event: JobChanged) -> None:
        least = _LEAST.get(event.status, Verbosity.VERBOSE)
        if self._verbosity >= least:  # else no words are made: of most changes most logs tell nothing
            self._line(event.at, least, f"{clean(event.job_id)}: {_change(event)}")

    def _progress(self, event: Vitals) -> None:
        """At most one line each half minute, by the run's own clock, and none if nothing has changed."""
        if event.elapsed - self._told_at < _PROGRESS_EVERY:
            return
        news = (*self._board.counts.values(), event.downloaded_bytes)
        if news == self._told:
            return
        self._told_at, self._told = event.elapsed, news
        self._line(event.at, Verbosity.NORMAL, _progress(self._board, event))

    def _line(self, at: datetime, least: Verbosity, text: str) -> None:
        if self._out is not None and self._verbosity >= least:
            self._out.write(f"{self._stamp(at)} {text}")

    def _problem(self, at: datetime, text: str) -> None:
        if self._problems is not None:
            self._problems.write(f"{self._stamp(at)} {text}")

    def _stamp(self, at: datetime) -> str:
        """The same text for all lines of a second: no offset changes within one."""
        second = at.timestamp() // 1
        known, text = self._stamped
        if second != known:
            text = at.astimezone(self._zone).isoformat(timespec="seconds")
            self._stamped = (second, text)  # both at once: warnings may come from another thread
        return text


def _counted(counts: Mapping[Status, int]) -> str:
    return ", ".join(f"{counts[status]} {word}" for status, word in STATUS.items() if counts.get(status))


def _start(event: RunStarted) -> str:
    where = f"{clean(event.job_file)} to {clean(event.output)}"
    service = "SIMULATED service, no real clips" if event.simulated else f"service {clean(event.service)}"
    jobs = _counted(event.counts) or "no jobs"
    return f"start: {where}, {service}; {jobs}; {count(event.to_submit, 'job')} to submit"


def _progress(board: Board, vitals: Vitals) -> str:
    rest = board.remaining
    parts = [
        f"{board.counts[Status.SUCCEEDED]} of {board.total} delivered",
        _counted(board.counts | {Status.SUCCEEDED: 0}),
        f"slots {vitals.at_service}/{vitals.slots}",
        *([f"{size(board.rate)}/s"] if board.rate else []),
        *([f"held back by {clean(vitals.held_by)}"] if vitals.held_by else []),
        f"{clock(vitals.elapsed)} elapsed",
        *([f"about {rough(rest)} left"] if rest is not None else []),
    ]
    return "progress: " + "; ".join(filter(None, parts))


def _change(event: JobChanged) -> str:
    if event.status is Status.SUCCEEDED:
        return f"succeeded{_clip(event)}"
    why = f", {_reason(event.fault)}" if event.fault else ""
    if event.status in ENDED:
        return f"{event.status}{why}"
    task = f", task {clean(event.task_id)}" if event.task_id else ""
    return f"{event.previous} to {event.status}{task}{why}"


def _clip(event: JobChanged) -> str:
    file = f", {clean(event.file)}" if event.file else ""
    return file + (f", {size(event.clip.bytes)}" if event.clip else "")


def _reason(fault: Fault) -> str:
    return f"{clean(fault.message)} (code {clean(fault.code)}, {fault.stage})"


def _stop(event: Stopping) -> str:
    return f"{'halt' if event.halt else 'stopping'}: no more submissions, {clean(event.reason)}"


def _lost(number: int) -> str:
    return f"... {count(number, 'line')} not written: the reader was too slow"
