"""Where everything is printed: displays, errors, reports."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from batchgen.cli.streams import Sink
from batchgen.errors import ConfigError
from batchgen.model import Problem
from batchgen.ports import Observer
from batchgen.reports.jsonl import JsonLines
from batchgen.reports.outlet import Forgiving
from batchgen.reports.plain import PlainLines, Verbosity
from batchgen.reports.terminal import clean


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How a command shows what happens."""

    progress: str = "auto"
    verbosity: Verbosity = Verbosity.NORMAL
    color: bool = True
    log_file: Path | None = None


def verbosity(*, verbose: bool, quiet: bool) -> Verbosity:
    """What ``-v`` and ``-q`` ask for.  Raises click's usage error for both."""
    if verbose and quiet:
        raise click.UsageError("-v and -q contradict each other")
    return Verbosity.VERBOSE if verbose else Verbosity.QUIET if quiet else Verbosity.NORMAL


def say(text: str, *, error: bool = False) -> None:
    """Print a text for people; what the terminal must not see was cleaned by those who made it."""
    stream = Forgiving(sys.stderr if error else sys.stdout)
    stream.write(text + "\n")
    stream.flush()


def warn(message: str) -> None:
    """Print a warning."""
    say(f"batchgen: warning: {clean(message)}", error=True)


def problems(found: Iterable[Problem]) -> None:
    """Print problems or warnings of a job file, one a line, in the form that editors can jump to."""
    for problem in found:
        kind = "warning: " if problem.warning else ""
        say(f"{kind}{clean(str(problem))}", error=True)


def progress_kind(look: Look) -> str:
    """What ``auto`` means here: a live display only for a person at a terminal who wants it."""
    if look.progress != "auto":
        return look.progress
    if look.verbosity is Verbosity.NORMAL and sys.stdout.isatty():
        from batchgen.cli import live  # noqa: PLC0415  what draws on terminals is long to import; cron has none

        if live.is_possible(color=look.color):
            return "bar"
    return "plain"


@contextmanager
def observers(look: Look) -> Iterator[list[Observer]]:
    """The observers that a command asks for, closed at the end.  Raises ConfigError."""
    with ExitStack() as stack:
        found: list[Observer] = []
        kind = progress_kind(look)
        if kind == "bar":
            from batchgen.cli import live  # noqa: PLC0415  likewise

            found.append(stack.enter_context(live.display(color=look.color)))
        else:  # whatever else is shown, warnings go to standard error
            stream = sys.stdout if kind == "plain" else None
            plain = PlainLines(stream, problems=sys.stderr, verbosity=look.verbosity)
            stack.callback(plain.close)
            found.append(plain)
        if kind == "json":
            lines = JsonLines(sys.stdout)
            stack.callback(lines.close)
            found.append(lines)
        if look.log_file is not None:
            found.append(stack.enter_context(_log(look.log_file)))
        yield found


@contextmanager
def _log(path: Path) -> Iterator[Observer]:
    """The log file; one that does not take everything ends no run, and is told of once."""
    try:
        sink = Sink(path)
    except OSError as error:
        raise ConfigError(f"{path}: the log file can't be written: {error.strerror}") from error
    try:
        with io.TextIOWrapper(sink, encoding="utf-8") as file:
            log = PlainLines(file, verbosity=Verbosity.VERBOSE)
            try:
                yield log
            finally:
                log.close()
    finally:
        if sink.trouble is not None:
            why = sink.trouble.strerror or sink.trouble
            warn(f"{path}: lines of the log file are lost, they could not be written: {why}")
