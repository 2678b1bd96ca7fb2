"""What the options of a command ask for, as the types that the program below takes."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from batchgen.app import Options
from batchgen.cli import params, screen
from batchgen.reports.commands import Commands
from batchgen.settings import OnUnknown

T = TypeVar("T")


def options(given: params.Given) -> Options:
    """Those that a run or another command takes."""
    known = {field.name for field in fields(Options)}
    chosen: dict[str, Any] = {
        name: value for name, value in given.items() if name in known and value is not None
    }
    if "on_unknown" in chosen:
        chosen["on_unknown"] = OnUnknown(chosen["on_unknown"])
    return Options(**chosen)


def look(given: params.Given) -> screen.Look:
    """How to show what happens."""
    return screen.Look(
        progress=given.get("progress", "auto"),
        verbosity=screen.verbosity(verbose=given["verbose"], quiet=given["quiet"]),
        color=not given["no_color"],
        log_file=given.get("log_file"),
    )


def commands(job_file: Path, given: params.Given) -> Commands:
    """What must stand in a command that is shown, so that it finds the same folder and service."""
    words: list[str] = []
    for option, value in (
        ("-o", given["output"]),
        ("--base-url", given["base_url"]),
        ("--shard", given["shard"]),
        ("--edition", given["edition"]),
    ):
        if value is not None:
            words += [option, str(value)]
    words += [word for key, value in given["defaults"] for word in ("--default", f"{key}={value}")]
    words += [f"--{name.replace('_', '-')}" for name in ("allow_http", "simulate") if given[name]]
    key_file = given.get("api_key_file")
    running = () if key_file is None else ("--api-key-file", str(key_file))
    return Commands(
        job_file=str(job_file),
        options=tuple(words),
        run_options=running,
        selection=options(given).selection.words(),
    )


def blocking(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run to its end what is asynchronous."""
    return asyncio.run(coroutine)
