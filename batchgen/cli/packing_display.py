"""How an export's progress is shown: a bar for people at a terminal, else a line for each shard."""

from __future__ import annotations

import sys
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

from batchgen.cli import screen
from batchgen.export import Shard, Watcher
from batchgen.reports.plain import Verbosity
from batchgen.reports.terminal import clean
from batchgen.reports.words import count, size


@contextmanager
def shown_packing(look: screen.Look) -> Iterator[Watcher]:
    """What shows the progress, until the block ends."""
    if look.verbosity is Verbosity.QUIET:
        yield Watcher()
    elif look.verbosity is Verbosity.NORMAL and sys.stderr.isatty():
        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True, no_color=not look.color),
            transient=True,
        )
        with bar:
            yield _Bar(bar)
    else:
        yield _Lines()


class _Bar(Watcher):
    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._task = bar.add_task("looking", total=None)
        self._clips = self._all = 0

    def planned(self, shards: int, clips: int, length: int) -> None:  # noqa: ARG002  a bar has no room for it
        self._all = clips
        self._bar.update(self._task, total=length)

    def advanced(self, clips: int, length: int) -> None:
        self._clips += clips
        told = f"{self._clips}/{self._all} clips"
        self._bar.update(self._task, description=told, advance=length)


class _Lines(Watcher):
    def finished(self, shard: Shard, *, kept: bool) -> None:
        how = "there already" if kept else "written"
        screen.say(f"{clean(shard.file)} {how}: {count(shard.clips, 'clip')}, {size(shard.bytes)}")
