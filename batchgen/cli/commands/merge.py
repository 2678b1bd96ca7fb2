"""``batchgen merge``: the folders of several shards become one."""

from __future__ import annotations

from pathlib import Path

import click

from batchgen.app import ExitCode
from batchgen.app.this_run import utc_now
from batchgen.cli import asked, params, screen
from batchgen.reports.terminal import clean
from batchgen.reports.words import count


@click.command()
@click.argument("folders", metavar="FOLDER ...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--to", metavar="DEST", required=True, type=click.Path(path_type=Path), help="The new output folder."
)
@click.option("--simulate", is_flag=True, help="Merge what simulated runs have made in these folders.")
@click.option(
    "--wait-lock",
    metavar="DURATION",
    type=params.Duration(),
    default=0.0,
    help="Wait so long for runs to leave the folders.",
)
def merge(folders: tuple[Path, ...], to: Path, *, simulate: bool, wait_lock: float) -> int:
    """Join the output folders of shards into a new one; nothing in them is changed or moved.

    Clips are linked or copied, and verified.  The same command carries on after an interruption.
    """
    from batchgen.app import merging  # noqa: PLC0415  folders are joined more seldom than anything else is done

    done = asked.blocking(merging.merge(folders, to, simulate=simulate, wait=wait_lock, now=utc_now))
    for line in done.missing:
        screen.warn(f"not taken: {line}")
    if done.missing_number > len(done.missing):
        screen.warn(f"and {done.missing_number - len(done.missing)} more")
    before = " (they were merged already)" if done.again else ""
    screen.say(
        f"{count(len(folders), 'folder')} merged into {clean(str(to))}{before}: {count(done.jobs, 'job')}, "
        f"{count(done.clips, 'clip')}"
    )
    if done.left:
        screen.say(f"{count(done.left, 'job')} not over yet: carry on in the new folder only")
    return ExitCode.UNSETTLED if done.missing_number else ExitCode.DONE


COMMANDS = (merge,)
