"""``batchgen check``, ``status``, ``audit`` and ``gallery``: they look, and change nothing but the page."""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

import click

from batchgen.app import ExitCode, inspecting, showing
from batchgen.app.this_run import utc_now
from batchgen.cli import asked, params, screen, telling
from batchgen.reports.plain import Verbosity
from batchgen.reports.terminal import clean


@click.command()
@params.JOB_FILE
@params.everywhere
@params.selecting
@params.reusing
@click.option(
    "--switch-service", is_flag=True, help="Plan for this service although the ledger belongs to another."
)
@click.option("--regenerate-changed", is_flag=True, help="Plan as a run with this option would.")
@click.option("--accept-new", is_flag=True, help="Plan as a run with this option would.")
@click.option("--verify", is_flag=True, help="Read every stored clip and compare its hash with the ledger.")
@click.option(
    "--show", metavar="ID", type=params.Text(), help="Print the exact body that would be sent for this job."
)
def check(job_file: Path, show: str | None, **given: Unpack[params.Given]) -> int:
    """Validate everything, show the plan and the cost; send and write nothing."""
    return plan_only(job_file, given, show=show)


def plan_only(job_file: Path, given: params.Given, *, show: str | None) -> int:
    """Show what a run would do, or with ``show`` the body of one job."""
    options, look = asked.options(given), asked.look(given)
    if show is not None:
        screen.say(inspecting.body_of(job_file, options, utc_now(), show))
        return ExitCode.DONE
    plan = inspecting.check(job_file, options, utc_now())
    screen.problems(plan.warnings)
    if look.verbosity > Verbosity.QUIET:
        screen.say(plan.text)
    if plan.brake is not None:
        telling.brake(plan.brake)
        return ExitCode.WRONG
    if options.verify and plan.missing:
        return ExitCode.UNSETTLED
    return ExitCode.DONE


@click.command()
@params.JOB_FILE
@params.everywhere
@params.selecting
def status(job_file: Path, **given: Unpack[params.Given]) -> int:
    """Show where every job stands, and what to do about those that need attention."""
    look = asked.look(given)
    found = inspecting.status(job_file, asked.options(given), utc_now, asked.commands(job_file, given))
    screen.problems(found.warnings)
    parts = [found.findings.attention] if found.findings.attention else []
    if look.verbosity > Verbosity.QUIET:
        parts.insert(0, found.table)
        parts.append("\n".join(filter(None, [found.findings.sentence, found.findings.cost])))
    if found.running:
        parts.append(clean(found.running))
    if parts:
        screen.say("\n\n".join(parts))
    return ExitCode.DONE


@click.command()
@params.JOB_FILE
@params.everywhere
def audit(job_file: Path, **given: Unpack[params.Given]) -> int:
    """List every submission by time, task id and price as CSV, to hold against the provider's bill."""
    for line in inspecting.audit(job_file, asked.options(given), utc_now()):
        screen.say(line)
    return ExitCode.DONE


@click.command()
@params.JOB_FILE
@params.everywhere
def gallery(job_file: Path, **given: Unpack[params.Given]) -> int:
    """Rebuild the gallery page: every job with its clip, to open in a browser."""
    look = asked.look(given)
    shown = showing.rebuild(job_file, asked.options(given), utc_now(), asked.commands(job_file, given))
    screen.problems(shown.warnings)
    if look.verbosity > Verbosity.QUIET:
        screen.say(f"{clean(shown.sentence)}\nOpen in a browser: {clean(str(shown.page))}")
    return ExitCode.DONE


COMMANDS = (check, status, gallery, audit)
