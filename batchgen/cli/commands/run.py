"""``batchgen run`` and ``batchgen collect``."""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

import click

from batchgen.app import RunResult, Stopper, run
from batchgen.cli import asked, params, screen, signals, telling
from batchgen.cli.commands.look import plan_only
from batchgen.download.memory import keep_freed_memory


@click.command("run")
@params.JOB_FILE
@params.everywhere
@params.submitting
@params.reusing
@params.selecting
@params.running
@click.option("--dry-run", is_flag=True, help="The same as `batchgen check`: send and write nothing.")
def run_(job_file: Path, **given: Unpack[params.Given]) -> int:
    """Run the job file, or carry on with it."""
    if given["dry_run"]:
        return plan_only(job_file, given, show=None)
    return _run(job_file, given, submit=True)


@click.command()
@params.JOB_FILE
@params.everywhere
@params.running
def collect(job_file: Path, **given: Unpack[params.Given]) -> int:
    """Poll and download what is under way; submit nothing."""
    return _run(job_file, given, submit=False)


def _run(job_file: Path, given: params.Given, *, submit: bool) -> int:
    keep_freed_memory()
    look = asked.look(given)
    with screen.observers(look) as observers:

        async def heeding_signals() -> RunResult:
            stopper = Stopper()
            with signals.heeded(stopper):
                return await run(
                    job_file,
                    asked.options(given),
                    observers=observers,
                    stopper=stopper,
                    commands=asked.commands(job_file, given),
                    submit=submit,
                )

        result = asked.blocking(heeding_signals())
    telling.result(result, look)
    return result.exit_code


COMMANDS = (run_, collect)
