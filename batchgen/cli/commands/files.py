"""``batchgen init`` and ``batchgen schema``: a job file to start from, and what editors know of it."""

from __future__ import annotations

import json
from pathlib import Path

import click

from batchgen.app import ExitCode
from batchgen.cli import screen
from batchgen.errors import ConfigError
from batchgen.jobfile import STARTER, schema
from batchgen.reports.commands import Commands


@click.command()
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


@click.command("schema")
def schema_() -> int:
    """Print the JSON Schema of the job file."""
    screen.say(json.dumps(schema(), ensure_ascii=False, indent=2))
    return ExitCode.DONE


COMMANDS = (init, schema_)
