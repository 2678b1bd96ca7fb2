"""The program: a command is the default, and a misspelled one is no job file."""

from __future__ import annotations

import difflib
from pathlib import Path

import click

from batchgen import __version__


class RunByDefault(click.Group):
    """``batchgen JOBS.YAML`` is ``batchgen run JOBS.YAML``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put ``run`` first unless a command, or an option of the program itself, stands there."""
        own = {"--help", "-h", "--version"}
        _refuse_misspelled(args, list(self.commands))
        if args and args[0] not in self.commands and args[0] not in own:
            args = ["run", *args]
        return super().parse_args(ctx, args)

    def list_commands(self, _ctx: click.Context) -> list[str]:
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

    `batchgen JOBS.YAML` runs a job file, or carries on with it; `batchgen prompts.csv` a table of prompts.
    """
