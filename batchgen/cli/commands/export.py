"""``batchgen export``: the clips as WebDataset shards, or the manifest as a table."""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

import click

from batchgen.app import ExitCode, exporting
from batchgen.app.this_run import utc_now
from batchgen.cli import asked, params, screen, signals
from batchgen.cli.packing_display import shown_packing
from batchgen.export import Format, Limits, shown
from batchgen.reports.plain import Verbosity
from batchgen.reports.terminal import clean
from batchgen.reports.words import count, size

_SHARDS = "webdataset"
_DEFAULT_SHARD = 10**9  # bytes


@click.command()
@params.JOB_FILE
@click.option(
    "--to",
    metavar="DEST",
    required=True,
    help="A folder outside of the output folder, or an address such as s3://bucket/folder.",
)
@click.option(
    "--format",
    "kind",
    type=click.Choice([_SHARDS, *(kind.value for kind in Format)]),
    default=_SHARDS,
    show_default=True,
    help="The clips in tar archives, each with its facts; or the manifest as a table.",
)
@click.option(
    "--name", metavar="NAME", help="What the files' names begin with, instead of the job file's name."
)
@click.option(
    "--shard-size",
    metavar="SIZE",
    type=params.Size(),
    help="At most so much in one archive, such as 500MB or 2GiB.  [default: 1GB]",
)
@click.option(
    "--clips-per-shard", metavar="N", type=params.COUNT, help="At most so many clips in one archive."
)
@click.option(
    "--verify",
    is_flag=True,
    help="Read every clip first and leave out damaged ones; compare to the byte what is there already.",
)
@params.everywhere
@params.selecting
def export(
    job_file: Path,
    to: str,
    kind: str,
    name: str | None,
    shard_size: int | None,
    clips_per_shard: int | None,
    **given: Unpack[params.Given],
) -> int:
    """Pack what was made for the tools of the field; the same command carries on after an interruption."""
    destination = exporting.Destination(to=to, name=name)
    try:
        with signals.raised():
            if kind != _SHARDS:
                if shard_size is not None or clips_per_shard is not None:
                    raise click.UsageError("--shard-size and --clips-per-shard are for --format webdataset")
                return _table(job_file, destination, Format(kind), given)
            limits = Limits(size=shard_size or _DEFAULT_SHARD, clips=clips_per_shard)
            return _shards(job_file, destination, limits, given)
    except KeyboardInterrupt:
        screen.say(
            "batchgen: interrupted; what is written stays, and the same command carries on", error=True
        )
        return ExitCode.UNFINISHED


def _shards(job_file: Path, destination: exporting.Destination, limits: Limits, given: params.Given) -> int:
    look = asked.look(given)
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
        screen.say(_told(done, destination))
    incomplete = packed.damaged or done.missing or not packed.clips
    return ExitCode.UNSETTLED if incomplete else ExitCode.DONE


def _told(done: exporting.ShardsExported, destination: exporting.Destination) -> str:
    packed = done.packed
    place = clean(shown(destination.to))
    without = f"; {count(done.without, 'job')} without a clip" if done.without else ""
    if not packed.clips and not packed.damaged:
        return f"there is no clip to export yet{without}"
    there = f", {packed.kept} of them there already" if packed.kept else ""
    what = f"{count(packed.clips, 'clip')} in {count(packed.written + packed.kept, 'shard')}{there}"
    return f"{what}, {size(packed.bytes)}, in {place}{without}"


def _table(job_file: Path, destination: exporting.Destination, kind: Format, given: params.Given) -> int:
    look = asked.look(given)
    done = exporting.to_table(job_file, asked.options(given), utc_now(), destination, kind)
    screen.problems(done.warnings)
    if look.verbosity > Verbosity.QUIET:
        to = clean(shown(destination.to))
        file = to if to.endswith(done.file) else f"{to.rstrip('/')}/{done.file}"
        screen.say(f"{count(done.rows, 'row')} in {file}{'' if done.written else ', there already'}")
    return ExitCode.DONE


COMMANDS = (export,)
