"""The commands, and how each outcome becomes an exit code."""

from __future__ import annotations

import asyncio
import difflib
import json
import signal
import sys
import traceback
from collections.abc import Coroutine
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn, TypeVar, Unpack

import click

from batchgen import __version__
from batchgen.app import ExitCode, Options, RunResult, Stopper, inspecting, ordering, run
from batchgen.app.this_run import utc_now
from batchgen.cli import params, screen, signals
from batchgen.errors import (
    BatchgenError,
    Braked,
    ConfigError,
    DiskFull,
    FolderBusy,
    FolderNotWritable,
    JobFileError,
    LedgerNotWritable,
)
from batchgen.jobfile import STARTER, schema
from batchgen.reports.commands import Commands
from batchgen.reports.plain import Verbosity
from batchgen.reports.terminal import clean
from batchgen.settings import OnUnknown
from batchgen.simulator import Behaviour, Simulator, Times, serve

T = TypeVar("T")


class RunByDefault(click.Group):
    """``batchgen JOBS.YAML`` is ``batchgen run JOBS.YAML``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put ``run`` first unless a command, or an option of the program itself, stands there."""
        own = {"--help", "-h", "--version"}
        _refuse_misspelled(args, list(self.commands))
        if args and args[0] not in self.commands and args[0] not in own:
            args = ["run", *args]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        """In the order in which people meet them."""
        return list(self.commands)


def _refuse_misspelled(args: list[str], commands: list[str]) -> None:
    """A first word that is nearly a command, with a job file behind it, is no job file."""
    if len(args) < 2 or args[0] in commands or args[1].startswith("-") or Path(args[0]).exists():
        return
    meant = difflib.get_close_matches(args[0], commands, n=1)
    if meant:
        raise click.UsageError(f"there is no command {args[0]!r}; did you mean `batchgen {meant[0]}`?")


@click.group(cls=RunByDefault, context_settings={"help_option_names": ["--help", "-h"]})
@click.version_option(__version__, prog_name="batchgen")
def cli() -> None:
    """Turn a YAML job file into finished videos; pay for each clip once.

    `batchgen JOBS.YAML` runs a job file, or carries on with it.
    """


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit with its code."""
    sys.exit(_code_of(arguments))


def _code_of(arguments: list[str] | None) -> int:
    try:
        outcome = cli.main(arguments, prog_name="batchgen", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return ExitCode.WRONG
    except (click.Abort, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    except BatchgenError as error:
        return _tell(error)
    except Exception:
        traceback.print_exc()
        screen.say(
            "batchgen: this is a bug of batchgen; what was paid for stands in the ledger, and the same command "
            "carries on",
            error=True,
        )
        return ExitCode.BUG
    return outcome if isinstance(outcome, int) else ExitCode.DONE


def _tell(error: BatchgenError) -> int:
    match error:
        case JobFileError(problems=found):
            screen.problems(found)
            number = "1 problem" if len(found) == 1 else f"{len(found)} problems"
            screen.say(f"batchgen: {number} in the job file; nothing was sent", error=True)
        case Braked():
            _tell_brake(error)
        case FolderBusy():
            screen.say(f"batchgen: {clean(str(error))}; nothing was sent", error=True)
            return ExitCode.BUSY
        case _:
            lines = map(clean, str(error).splitlines())
            screen.say("batchgen: " + "\n  ".join(lines), error=True)
    halted = isinstance(error, DiskFull | FolderNotWritable | LedgerNotWritable)
    return ExitCode.HALTED if halted else ExitCode.WRONG


def _tell_brake(brake: Braked) -> None:
    lines = [f"batchgen: {brake}; nothing was sent", "  paid for, and no longer in the job file:"]
    lines += [f"    {clean(example)}" for example in brake.left_examples]
    lines += ["  new, and to be paid for:", *(f"    {clean(example)}" for example in brake.new_examples)]
    lines += [
        "  Jobs without an id are known by their request: an edit under `defaults` makes each a new one.",
        "  If that is what you want, run again with --accept-new; if not, undo the edit or give the jobs ids.",
    ]
    screen.say("\n".join(lines), error=True)


# --- options to types -----------------------------------------------------------------------------------


def _options(given: params.Given) -> Options:
    known = {field.name for field in fields(Options)}
    chosen: dict[str, Any] = {
        name: value for name, value in given.items() if name in known and value is not None
    }
    if "on_unknown" in chosen:
        chosen["on_unknown"] = OnUnknown(chosen["on_unknown"])
    return Options(**chosen)


def _look(given: params.Given) -> screen.Look:
    return screen.Look(
        progress=given.get("progress", "auto"),
        verbosity=screen.verbosity(verbose=given["verbose"], quiet=given["quiet"]),
        color=not given["no_color"],
        log_file=given.get("log_file"),
    )


def _commands(job_file: Path, given: params.Given) -> Commands:
    """What must stand in a command that is shown, so that it finds the same folder and service."""
    words: list[str] = []
    for option, value in (("-o", given["output"]), ("--base-url", given["base_url"])):
        if value is not None:
            words += [option, str(value)]
    if given["simulate"]:
        words.append("--simulate")
    key_file = given.get("api_key_file")
    running = () if key_file is None else ("--api-key-file", str(key_file))
    return Commands(job_file=str(job_file), options=tuple(words), run_options=running)


def _blocking(coroutine: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(coroutine)


# --- run and collect ------------------------------------------------------------------------------------


@cli.command("run")
@params.JOB_FILE
@params.everywhere
@params.submitting
@params.running
@click.option("--dry-run", is_flag=True, help="The same as `batchgen check`: send and write nothing.")
def run_(job_file: Path, **given: Unpack[params.Given]) -> int:
    """Run the job file, or carry on with it."""
    if given["dry_run"]:
        return _check(job_file, given, show=None)
    return _run(job_file, given, submit=True)


@cli.command()
@params.JOB_FILE
@params.everywhere
@params.running
def collect(job_file: Path, **given: Unpack[params.Given]) -> int:
    """Poll and download what is under way; submit nothing."""
    return _run(job_file, given, submit=False)


def _run(job_file: Path, given: params.Given, *, submit: bool) -> int:
    look = _look(given)
    with screen.observers(look) as observers:

        async def heeding_signals() -> RunResult:
            stopper = Stopper()
            with signals.heeded(stopper):
                return await run(
                    job_file,
                    _options(given),
                    observers=observers,
                    stopper=stopper,
                    commands=_commands(job_file, given),
                    submit=submit,
                )

        result = _blocking(heeding_signals())
    _tell_result(result, look)
    return result.exit_code


def _tell_result(result: RunResult, look: screen.Look) -> None:
    """What stands at the end, where the observers have not said it."""
    kind = screen.progress_kind(look)
    if kind == "json":
        return
    parts = [result.attention] if result.attention else []
    if look.verbosity > Verbosity.QUIET or result.attention:
        last = [] if kind == "plain" else [result.sentence]
        last += [result.cost] if result.cost else []
        if result.manifest.exists():
            what = "The clips, simulated ones," if result.simulated else "The clips"
            last.append(f"{what} and the manifest are in {clean(str(result.output))}")
        parts += ["\n".join(last)] if last else []
    if result.stop is not None and result.stop.halts:
        parts.append(f"Halted: {clean(result.stop.reason)}")
    if parts:
        screen.say("\n" + "\n\n".join(parts))


# --- check, status --------------------------------------------------------------------------------------


@cli.command()
@params.JOB_FILE
@params.everywhere
@click.option(
    "--switch-service", is_flag=True, help="Plan for this service although the ledger belongs to another."
)
@click.option("--regenerate-changed", is_flag=True, help="Plan as a run with this option would.")
@click.option("--accept-new", is_flag=True, help="Plan as a run with this option would.")
@click.option("--verify", is_flag=True, help="Read every stored clip and compare its hash with the ledger.")
@click.option("--show", metavar="ID", help="Print the exact body that would be sent for this job.")
def check(job_file: Path, show: str | None, **given: Unpack[params.Given]) -> int:
    """Validate everything, show the plan and the cost; send and write nothing."""
    return _check(job_file, given, show=show)


def _check(job_file: Path, given: params.Given, *, show: str | None) -> int:
    options, look = _options(given), _look(given)
    if show is not None:
        screen.say(inspecting.body_of(job_file, options, utc_now(), show))
        return ExitCode.DONE
    plan = inspecting.check(job_file, options, utc_now())
    screen.problems(plan.warnings)
    if look.verbosity > Verbosity.QUIET:
        screen.say(plan.text)
    if plan.brake is not None:
        _tell_brake(plan.brake)
        return ExitCode.WRONG
    if options.verify and plan.missing:
        return ExitCode.UNSETTLED
    return ExitCode.DONE


@cli.command()
@params.JOB_FILE
@params.everywhere
def status(job_file: Path, **given: Unpack[params.Given]) -> int:
    """Show where every job stands, and what to do about those that need attention."""
    look = _look(given)
    found = inspecting.status(job_file, _options(given), utc_now, _commands(job_file, given))
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


@cli.command()
@params.JOB_FILE
@params.everywhere
def audit(job_file: Path, **given: Unpack[params.Given]) -> int:
    """List every submission by time, task id and price as CSV, to hold against the provider's bill."""
    for line in inspecting.audit(job_file, _options(given), utc_now()):
        screen.say(line)
    return ExitCode.DONE


# --- retry, adopt, dismiss ------------------------------------------------------------------------------


@cli.command()
@params.JOB_FILE
@click.argument("ids", metavar="[ID ...]", nargs=-1)
@params.everywhere
@params.locking
@click.option("--failed", is_flag=True, help="All jobs that have failed.")
@click.option("--unknown", is_flag=True, help="All jobs of unknown outcome, or allow those named.")
def retry(
    job_file: Path, ids: tuple[str, ...], *, failed: bool, unknown: bool, **given: Unpack[params.Given]
) -> int:
    """Order jobs again; the next run submits them."""
    ordered = _blocking(
        ordering.retry(
            job_file, _options(given), ids, failed=failed, unknown=unknown, now=utc_now, warn=screen.warn
        )
    )
    if not ordered:
        screen.say("no job was ordered again: none has failed or is of unknown outcome")
        return ExitCode.DONE
    number = "1 job is" if len(ordered) == 1 else f"{len(ordered)} jobs are"
    screen.say(f"{number} ordered again; the next run submits: {_commands(job_file, given).run()}")
    return ExitCode.DONE


@cli.command()
@params.JOB_FILE
@click.argument("id_", metavar="ID")
@click.argument("task_id", metavar="TASK_ID")
@params.everywhere
@params.locking
def adopt(job_file: Path, id_: str, task_id: str, **given: Unpack[params.Given]) -> int:
    """Bind a task found in the provider's console to a job."""
    _blocking(ordering.adopt(job_file, _options(given), id_, task_id, now=utc_now, warn=screen.warn))
    screen.say(
        f"job {clean(id_)} has task {clean(task_id)}; bring it in: {_commands(job_file, given).collect()}"
    )
    return ExitCode.DONE


@cli.command()
@params.JOB_FILE
@click.argument("ids", metavar="ID ...", nargs=-1, required=True)
@params.everywhere
@params.locking
@click.option("--reason", metavar="TEXT", required=True, help="Why; it stands in the manifest.")
def dismiss(job_file: Path, ids: tuple[str, ...], reason: str, **given: Unpack[params.Given]) -> int:
    """Settle failed, unknown or held jobs for good."""
    _blocking(ordering.dismiss(job_file, _options(given), ids, reason, now=utc_now, warn=screen.warn))
    screen.say(f"{'1 job' if len(ids) == 1 else f'{len(ids)} jobs'} dismissed")
    return ExitCode.DONE


# --- init, schema, simulate -----------------------------------------------------------------------------


@cli.command()
@click.argument("file", metavar="[FILE]", type=click.Path(path_type=Path), default=Path("jobs.yaml"))
def init(file: Path) -> int:
    """Write a commented job file to start from."""
    try:
        with file.open("x", encoding="utf-8") as target:
            target.write(STARTER)
    except FileExistsError:
        raise ConfigError(f"{file}: this file exists already, and is left alone") from None
    except OSError as error:
        raise ConfigError(f"{file}: can't be written: {error.strerror}") from error
    command = Commands(job_file=str(file)).run("--simulate")
    screen.say(f"{file} is written; try it without paying: {command}")
    return ExitCode.DONE


@cli.command("schema")
def schema_() -> int:
    """Print the JSON Schema of the job file."""
    screen.say(json.dumps(schema(), ensure_ascii=False, indent=2))
    return ExitCode.DONE


@cli.command()
@click.option(
    "--port", metavar="P", type=click.IntRange(0, 65535), default=0, help="The port; 0: any free one."
)
@click.option(
    "--video-port", metavar="P", type=click.IntRange(0, 65535), default=0, help="The video host's port."
)
@click.option(
    "--state",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Keep the tasks in this folder, so that they outlive the service.",
)
@click.option("--median", metavar="SECONDS", type=click.FloatRange(min=0), help="The median time of a task.")
def simulate(port: int, video_port: int, state: Path | None, median: float | None) -> int:
    """Serve the simulated service on loopback until stopped."""

    def ready(simulator: Simulator) -> None:
        screen.say(f"simulated service: {simulator.base_url}")
        screen.say(f"video host:        {simulator.video_url}")
        screen.say("any key will do; stop with Ctrl-C")

    async def until_stopped() -> None:
        behaviour = Behaviour() if median is None else Behaviour(times=Times(median=median))
        serving = asyncio.ensure_future(
            serve(behaviour, state=state, port=port, video_port=video_port, ready=ready)
        )
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, serving.cancel)
        await asyncio.wait({serving})
        if not serving.cancelled():
            serving.result()

    try:
        _blocking(until_stopped())
    except (OSError, ValueError) as error:
        raise ConfigError(f"the simulated service can't start: {error}") from error
    return ExitCode.DONE
