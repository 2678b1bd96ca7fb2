"""``batchgen retry``, ``adopt`` and ``dismiss``: the user's word on single jobs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Unpack

import click

from batchgen.app import ExitCode, ordering
from batchgen.app.place import resolve
from batchgen.app.this_run import utc_now
from batchgen.cli import asked, params, screen
from batchgen.reports.terminal import clean


@click.command()
@params.JOB_FILE
@click.argument("ids", metavar="[ID ...]", type=params.Text(), nargs=-1)
@params.everywhere
@params.selecting
@params.locking
@click.option("--failed", is_flag=True, help="All jobs that have failed.")
@click.option("--unknown", is_flag=True, help="All jobs of unknown outcome, or allow those named.")
def retry(
    job_file: Path, ids: tuple[str, ...], *, failed: bool, unknown: bool, **given: Unpack[params.Given]
) -> int:
    """Order jobs again; the next run submits them."""
    ordered = asked.blocking(
        ordering.retry(
            job_file, asked.options(given), ids, failed=failed, unknown=unknown, now=utc_now, warn=screen.warn
        )
    )
    if not ordered:
        screen.say("no job was ordered again: none has failed or is of unknown outcome")
        return ExitCode.DONE
    again = asked.options(given).selection.at(ordered)
    commands = asked.commands(job_file, given).of(resolve(job_file, asked.options(given)).day)
    run = replace(commands, selection=again.words()).run()
    number = "1 job is" if len(ordered) == 1 else f"{len(ordered)} jobs are"
    screen.say(f"{number} ordered again; the next run submits: {run}")
    return ExitCode.DONE


@click.command()
@params.JOB_FILE
@click.argument("id_", metavar="ID", type=params.Text())
@click.argument("task_id", metavar="TASK_ID")
@params.everywhere
@params.locking
def adopt(job_file: Path, id_: str, task_id: str, **given: Unpack[params.Given]) -> int:
    """Bind a task found in the provider's console to a job."""
    asked.blocking(
        ordering.adopt(job_file, asked.options(given), id_, task_id, now=utc_now, warn=screen.warn)
    )
    screen.say(
        f"job {clean(id_)} has task {clean(task_id)}; bring it in: {asked.commands(job_file, given).collect()}"
    )
    return ExitCode.DONE


@click.command()
@params.JOB_FILE
@click.argument("ids", metavar="[ID ...]", type=params.Text(), nargs=-1)
@params.everywhere
@params.selecting
@params.locking
@click.option(
    "--reason", metavar="TEXT", type=params.Text(), required=True, help="Why; it stands in the manifest."
)
def dismiss(job_file: Path, ids: tuple[str, ...], reason: str, **given: Unpack[params.Given]) -> int:
    """Settle failed, unknown or held jobs for good."""
    number = asked.blocking(
        ordering.dismiss(job_file, asked.options(given), ids, reason, now=utc_now, warn=screen.warn)
    )
    if not number:
        screen.say("no job was dismissed: none of those selected has failed, is of unknown outcome or held")
        return ExitCode.DONE
    screen.say(f"{'1 job' if number == 1 else f'{number} jobs'} dismissed")
    return ExitCode.DONE


COMMANDS = (retry, adopt, dismiss)
