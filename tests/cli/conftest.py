"""The house of the whole runs, with the command line in this process: for all that needs no process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from whole.house import KEY, QUICK, Clock, Ended, House

from batchgen.app import Stopper
from batchgen.cli import main as command_line
from batchgen.cli import signals
from batchgen.simulator import Simulator


@dataclass(slots=True)
class HouseHere(House):
    """Runs commands in a thread of this process; signals are for real processes."""

    async def run(self, *arguments: str, **options: Any) -> Ended:  # noqa: ANN401  those of start
        """Run a command to its end."""
        key, service = options.get("key", KEY), options.get("service", True)
        words = [*arguments, *(["--base-url", self.sim.base_url] if service else [])]
        env = {"PATH": os.environ["PATH"], "HOME": str(self.folder), **options.get("env", {})}
        if key is not None:
            env["DMXAPI_API_KEY"] = key
        began = time.monotonic()
        with _in(self.folder, env) as (out, err):
            code = await asyncio.to_thread(_exit_code, words)
        self.said += [out.getvalue(), err.getvalue()]
        seconds = time.monotonic() - began
        return Ended(code=code, out=out.getvalue(), err=err.getvalue(), seconds=seconds)


@contextlib.contextmanager
def _in(folder: Path, env: dict[str, str]) -> Iterator[tuple[io.StringIO, io.StringIO]]:
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(folder),
        mock.patch.dict(os.environ, env, clear=True),
        mock.patch.object(signals, "heeded", _unheeded),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        yield out, err


def _unheeded(_: Stopper) -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext()


def _exit_code(words: list[str]) -> int:
    with pytest.raises(SystemExit) as ended:
        command_line(words)
    assert isinstance(ended.value.code, int)
    return int(ended.value.code)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A folder and a service whose tasks take a fifth of a second; whatever the test does, no secret is left."""
    clock = Clock()
    async with Simulator(QUICK, now=clock.read) as sim:
        built = HouseHere(tmp_path, sim, clock)
        yield built
        built.check_no_secret()
