"""What a command imports: what it uses, and nothing that is long to import and for others only."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest
from whole.house import KEY, House

#: What each of these is for; all together they take several times as long to import as all else.
SENDING = {"aiohttp", "batchgen.app.assembling", "batchgen.hailuo.client", "batchgen.download.fetch"}
SERVING = {"aiohttp.web", "batchgen.simulator", "batchgen.simulator.server"}
DRAWING = {"rich.console", "rich.live", "rich.progress", "rich.text", "batchgen.reports.display"}
PACKING = {"fsspec", "pyarrow", "batchgen.export", "batchgen.app.exporting"}
LOCKING = {"filelock"}
MERGING = {"batchgen.app.merging", "batchgen.ledger.joining"}
REBUILDING = {"batchgen.ledger.rebuild"}
ALL = SENDING | SERVING | DRAWING | PACKING | LOCKING | MERGING | REBUILDING

_COMMAND = """
import sys
from batchgen.cli import main
try:
    main(sys.argv[1:])
finally:
    print("imported:", *sys.modules, file=sys.stderr)
"""


async def told(house: House, script: str, *arguments: str) -> list[str]:
    """The last line of what a process says on standard error that does this and ends well, as words."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        script,
        *arguments,
        cwd=house.folder,
        env={"PATH": os.environ["PATH"], "HOME": str(house.folder), "DMXAPI_API_KEY": KEY},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    assert process.returncode == 0, said.decode()
    return said.decode().splitlines()[-1].split()


async def imported(house: House, *arguments: str, script: str = _COMMAND) -> set[str]:
    """Which of all these a process has imported that does this."""
    said = await told(house, script, *arguments)
    assert said[0] == "imported:"
    return ALL & set(said)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--version",),
        ("--help",),
        ("run", "--help"),
        ("schema",),
        ("check", "jobs.yaml"),
        ("audit", "jobs.yaml"),
    ],
    ids=" ".join,
)
async def test_what_only_looks_needs_none_of_it(house: House, arguments: tuple[str, ...]) -> None:
    """No HTTP library, no server, nothing that draws, packs, locks, merges or rebuilds."""
    house.write([{"id": "fox", "prompt": "A fox"}])
    assert await imported(house, *arguments) == set()


async def test_a_run_sends_and_locks_and_does_nothing_else(house: House) -> None:
    """The next run has nothing to send and needs nothing that sends; those that look see what is there."""
    house.write([{"id": "fox", "prompt": "A fox"}])
    here = ("jobs.yaml", "--base-url", house.sim.base_url)
    assert await imported(house, *here) == SENDING | LOCKING
    assert await imported(house, *here) == LOCKING
    assert await imported(house, "status", *here) == set()
    assert await imported(house, "gallery", *here) == set()


async def test_what_is_asked_for_is_imported(house: House) -> None:
    """The simulated service brings a server; an export brings what packs."""
    house.write([{"id": "fox", "prompt": "A fox"}])
    assert await imported(house, "jobs.yaml", "--simulate") == SENDING | SERVING | LOCKING
    packing = await imported(house, "export", "jobs.yaml", "--simulate", "--to", "out")
    assert packing == {"batchgen.export", "batchgen.app.exporting"}


async def test_the_package_alone_needs_none_of_it(house: House) -> None:
    """Nor does a script that reads jobs."""
    script = "import batchgen, sys; print('imported:', *sys.modules, file=sys.stderr)"
    assert await imported(house, script=script) == set()


async def test_what_was_imported_is_left_alone_by_the_collector(house: House) -> None:
    """In a process of the command's own; who calls it from a program keeps a collector that sees everything."""
    script = """
import gc, sys
from batchgen.cli import main
given = None if sys.argv[1] == "process" else ["--version"]
sys.argv = ["batchgen", "--version"]
try:
    main(given)
finally:
    print(gc.get_freeze_count() > 0, file=sys.stderr)
"""
    assert await told(house, script, "process") == ["True"]
    assert await told(house, script, "program") == ["False"]
