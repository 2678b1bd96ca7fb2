"""How the program is started: as a module, as a command, as a service, from a script."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import aiohttp

from whole.house import House

_SCRIPT = """
import asyncio, batchgen

async def main():
    ids = [job.id for job in batchgen.read_jobs("jobs.yaml")]
    result = await batchgen.run("jobs.yaml", batchgen.Options(simulate=True))
    assert [row["id"] for row in result.rows()] == ids == ["fox"]
    assert result.succeeded and result.simulated and result.exit_code == 0
    print(result.sentence)

asyncio.run(main(), debug=False)  # a busy machine makes any callback slow
"""


async def test_the_simulated_service_serves_until_it_is_stopped(house: House) -> None:
    """``simulate --port`` says where it listens, answers there, keeps its tasks, and ends in 0."""
    running = await house.start("simulate", "--state", "state", "--median", "0.1", service=False, key=None)
    first = (await running.line()).decode()
    base_url = first.rsplit(" ", 1)[1].strip()
    async with aiohttp.ClientSession() as session, session.get(f"{base_url}/_simulator/stats") as answer:
        assert (await answer.json())["tasks_made"] == 0
    house.write([{"id": "fox", "prompt": "A fox"}])
    ended = await house.run("jobs.yaml", "--base-url", base_url, service=False)
    assert ended.code == 0, ended.err
    taken = await house.run("simulate", "--port", base_url.rsplit(":", 1)[1], service=False, key=None)
    assert taken.code == 2
    assert "can't start" in taken.err
    running.send(signal.SIGINT)
    stopped = await running.ended()
    assert (stopped.code, stopped.err) == (0, "")
    assert (house.folder / "state" / "tasks.jsonl").stat().st_size > 0


async def test_the_installed_command_is_the_module(house: House) -> None:
    """``batchgen`` beside the interpreter does what ``python -m batchgen`` does."""
    command = Path(sys.executable).with_name("batchgen")
    process = await asyncio.create_subprocess_exec(command, "--version", stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    assert out.decode() == (await house.run("--version", service=False)).out


async def test_a_script_can_do_the_same(house: House) -> None:
    """The public API reads jobs, runs them, and reads the rows back."""
    house.write([{"id": "fox", "prompt": "A fox"}])
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-X",
        "dev",
        "-c",
        _SCRIPT,
        cwd=house.folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert (process.returncode, err.decode()) == (0, "")
    assert out.decode() == "1 ordered, 1 delivered; nothing paid twice.\n"
