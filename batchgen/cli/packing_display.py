"""How an export's progress is shown: a bar for people at a terminal, else a line for each shard."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

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
        from batchgen.cli import live  # noqa: PLC0415  what draws on terminals is long to import

        with live.packing(color=look.color) as bar:
            yield bar
    else:
        yield _Lines()


class _Lines(Watcher):
    def finished(self, shard: Shard, *, kept: bool) -> None:
        how = "there already" if kept else "written"
        screen.say(f"{clean(shard.file)} {how}: {count(shard.clips, 'clip')}, {size(shard.bytes)}")
