"""The whole command line, and how each outcome becomes an exit code."""

from __future__ import annotations

import sys
import traceback
from typing import NoReturn

import click

from batchgen.app import ExitCode
from batchgen.cli import screen, streams, telling
from batchgen.cli.collector import spare_the_collector
from batchgen.cli.commands import export, files, look, merge, orders, run, simulate
from batchgen.cli.group import cli
from batchgen.errors import BatchgenError

#: In the order in which people meet them.
for command in (
    *run.COMMANDS,
    *look.COMMANDS,
    *orders.COMMANDS,
    *export.COMMANDS,
    *merge.COMMANDS,
    *files.COMMANDS,
    *simulate.COMMANDS,
):
    cli.add_command(command)


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit with its code."""
    if arguments is None:  # the process is this command's own
        streams.secure()
        spare_the_collector()
    code = _code_of(arguments)
    if arguments is None and (why := streams.lost()) is not None:
        screen.warn(f"standard output did not take everything: {why}")
    sys.exit(code)


def _code_of(arguments: list[str] | None) -> int:
    try:
        outcome = cli.main(arguments, prog_name="batchgen", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return ExitCode.WRONG
    except (click.Abort, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    except BatchgenError as error:
        return telling.error(error)
    except Exception:
        traceback.print_exc()
        screen.say(
            "batchgen: this is a bug of batchgen; what was paid for stands in the ledger, and the same command "
            "carries on",
            error=True,
        )
        return ExitCode.BUG
    return outcome if isinstance(outcome, int) else ExitCode.DONE
