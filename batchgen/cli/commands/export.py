"""``batchgen export``: the clips as WebDataset shards, or the manifest as a table."""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

import click

from batchgen.app import ExitCode
from batchgen.cli import params, screen, signals

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
    type=click.Choice([_SHARDS, "parquet", "csv"]),
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
    try:
        with signals.raised():
            from batchgen.cli import packing  # noqa: PLC0415  no other command packs anything

            if kind != _SHARDS:
                if shard_size is not None or clips_per_shard is not None:
                    raise click.UsageError("--shard-size and --clips-per-shard are for --format webdataset")
                return packing.table(job_file, to, name, kind, given)
            limits = packing.Limits(size=shard_size or _DEFAULT_SHARD, clips=clips_per_shard)
            return packing.shards(job_file, to, name, limits, given)
    except KeyboardInterrupt:
        screen.say(
            "batchgen: interrupted; what is written stays, and the same command carries on", error=True
        )
        return ExitCode.UNFINISHED


COMMANDS = (export,)
