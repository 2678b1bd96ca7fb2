"""batchgen as a process of its own: started, killed, awaited."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import crash
from crash.child import VARIABLE

#: Nobody's key; it must never be found anywhere.
KEY = "sk-nobodys-key-5d02e1"
_TESTS = Path(crash.__file__).parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a process ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def killed(self) -> bool:
        """Whether SIGKILL ended it."""
        return self.code == -signal.SIGKILL


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What is to happen to the process beside its work; see ``crash.child``."""

    record: Path | None = None
    point: dict[str, object] | None = None
    without_links: bool = False
    sabotage: str = ""

    def text(self, home: Path) -> str:
        """As the child reads it."""
        return json.dumps(
            {
                "home": str(home),
                "record": None if self.record is None else str(self.record),
                "point": self.point,
                "without_links": self.without_links,
                "sabotage": self.sabotage,
            }
        )


@dataclass(slots=True)
class Lane:
    """A nursery, and so one process at a time."""

    nursery: asyncio.subprocess.Process
    _pid: int = field(default=0, init=False)
    _out: Path = field(default=Path(), init=False)

    async def start(self, folder: Path, *arguments: str, orders: Orders | None = None) -> None:
        """Start batchgen in a folder, whose output folder is ``output``."""
        environment = {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "DMXAPI_API_KEY": KEY,
            "TMPDIR": str(folder),
        }
        if orders is not None:
            environment[VARIABLE] = orders.text(folder / "output")
        self._out = folder / "said"
        order = {
            "arguments": arguments,
            "folder": str(folder),
            "environment": environment,
            "out": str(self._out.with_suffix(".out")),
            "err": str(self._out.with_suffix(".err")),
        }
        assert self.nursery.stdin is not None
        self.nursery.stdin.write(json.dumps(order).encode() + b"\n")
        self._pid = await self._number()

    def kill(self) -> None:
        """Kill the process.  One that has ended is not reaped before the next one starts: nobody else is hit."""
        os.kill(self._pid, signal.SIGKILL)

    async def ended(self) -> Ended:
        """Wait for the end of the process."""
        code = await self._number()
        out, err = (self._out.with_suffix(suffix).read_text("utf-8") for suffix in (".out", ".err"))
        return Ended(code=code, out=out, err=err)

    async def run(self, folder: Path, *arguments: str, orders: Orders | None = None) -> Ended:
        """Start a process and wait for its end."""
        await self.start(folder, *arguments, orders=orders)
        return await self.ended()

    async def _number(self) -> int:
        assert self.nursery.stdout is not None
        line = await self.nursery.stdout.readline()
        assert line, "the nursery has ended"
        return int(line)


@asynccontextmanager
async def lane() -> AsyncIterator[Lane]:
    """A lane; at the end its process, if one is left, and its nursery end."""
    paths = [str(_TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
    nursery = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "crash.nursery",
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    made = Lane(nursery)
    try:
        yield made
    finally:
        if made._pid and nursery.returncode is None:
            made.kill()
        await nursery.communicate(b"")  # no more orders: it ends
