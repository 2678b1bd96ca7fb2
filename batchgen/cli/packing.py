"""What ``batchgen export`` does and tells: clips packed into shards, or the manifest as a table."""

from __future__ import annotations

from pathlib import Path

from batchgen.app import ExitCode, exporting
from batchgen.app.this_run import utc_now
from batchgen.cli import asked, params, screen
from batchgen.cli.packing_display import shown_packing
from batchgen.export import Format, Limits, shown
from batchgen.reports.plain import Verbosity
from batchgen.reports.terminal import clean
from batchgen.reports.words import count, size

__all__ = ["Limits", "shards", "table"]


def shards(job_file: Path, to: str, name: str | None, limits: Limits, given: params.Given) -> int:
    """Pack the clips; returns the exit code."""
    look = asked.look(given)
    destination = exporting.Destination(to=to, name=name)
    with shown_packing(look) as watcher:
        done = exporting.to_shards(job_file, asked.options(given), utc_now(), destination, limits, watcher)
    screen.problems(done.warnings)
    packed = done.packed
    for damaged in packed.examples:
        screen.warn(str(damaged))
    if packed.damaged:
        mend = asked.commands(job_file, given).run("--restore-missing")
        screen.warn(
            f"{count(packed.damaged, 'clip')} damaged, so {count(packed.spoiled, 'shard')} not written; "
            f"{mend} fetches such clips again, then the same command carries on; or leave them out: "
            "another --to with --verify"
        )
    if done.missing:
        screen.warn(f"left out, as they are missing or damaged: {count(done.missing, 'clip')}")
    if look.verbosity > Verbosity.QUIET:
        screen.say(_told(done, to))
    incomplete = packed.damaged or done.missing or not packed.clips
    return ExitCode.UNSETTLED if incomplete else ExitCode.DONE


def _told(done: exporting.ShardsExported, to: str) -> str:
    packed = done.packed
    place = clean(shown(to))
    without = f"; {count(done.without, 'job')} without a clip" if done.without else ""
    if not packed.clips and not packed.damaged:
        return f"there is no clip to export yet{without}"
    there = f", {packed.kept} of them there already" if packed.kept else ""
    what = f"{count(packed.clips, 'clip')} in {count(packed.written + packed.kept, 'shard')}{there}"
    return f"{what}, {size(packed.bytes)}, in {place}{without}"


def table(job_file: Path, to: str, name: str | None, kind: str, given: params.Given) -> int:
    """Write the manifest as a table; returns the exit code."""
    look = asked.look(given)
    destination = exporting.Destination(to=to, name=name)
    done = exporting.to_table(job_file, asked.options(given), utc_now(), destination, Format(kind))
    screen.problems(done.warnings)
    if look.verbosity > Verbosity.QUIET:
        place = clean(shown(to))
        file = place if place.endswith(done.file) else f"{place.rstrip('/')}/{done.file}"
        screen.say(f"{count(done.rows, 'row')} in {file}{'' if done.written else ', there already'}")
    return ExitCode.DONE
