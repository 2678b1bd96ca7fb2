"""What is drawn on a person's terminal: the live display of a run, and the bar of an export.

It brings the library that draws; only those import it who have a terminal before them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from batchgen.export import Watcher
from batchgen.reports.display import LiveDisplay, can_be_live


def is_possible(*, color: bool) -> bool:
    """Whether the terminal behind standard error can be drawn on."""
    return can_be_live(_console(color=color))


def display(*, color: bool) -> LiveDisplay:
    """The live display of a run."""
    return LiveDisplay(_console(color=color))


@contextmanager
def packing(*, color: bool) -> Iterator[Watcher]:
    """The bar of an export, until the block ends."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=_console(color=color),
        transient=True,
    )
    with bar:
        yield _Bar(bar)


def _console(*, color: bool) -> Console:
    return Console(stderr=True, no_color=not color)


class _Bar(Watcher):
    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._task = bar.add_task("looking", total=None)
        self._clips = self._all = 0

    def planned(self, clips: int, length: int) -> None:
        self._all = clips
        self._bar.update(self._task, total=length)

    def advanced(self, clips: int, length: int) -> None:
        self._clips += clips
        told = f"{self._clips}/{self._all} clips"
        self._bar.update(self._task, description=told, advance=length)
