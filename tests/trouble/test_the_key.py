"""The API key and the signatures of links are found nowhere, however much is logged and whatever the service says."""

from __future__ import annotations

import base64
from pathlib import Path

from whole import house as whole_house
from whole.house import KEY, House, until

from batchgen.hailuo.secret import _coded
from batchgen.simulator import (
    Act,
    Call,
    Close,
    Code,
    Conditions,
    Cut,
    Expired,
    Gateway,
    Hang,
    Raw,
    Redirect,
    Shape,
    Simulator,
)

_LOG_EVERYTHING = """\
import logging
logging.basicConfig(level=logging.DEBUG, filename="everything.log")
logging.getLogger("asyncio").debug("logging has begun")
"""
_ENCODED = base64.b64encode(KEY.encode()).decode()

#: Texts that hold the key, by which a service could bring it into our messages.
ECHOES = (
    f"no such key: {KEY}",
    f"got 'Bearer {KEY}'",
    f"header {_ENCODED}",
    f"https://h/x?{KEY}&Signature=abc",
)


#: What goes wrong with clips, one after the other.
SPOILED: tuple[Act, ...] = (
    Expired(),
    Cut(),
    Close(),
    Redirect(location="file:///x?Signature=abc"),
    Hang(seconds=0.2),
)


def _command_line(number: int) -> str:
    """What everybody on the machine can read of a process."""
    return Path(f"/proc/{number}/cmdline").read_text()


def _faults(sim: Simulator) -> None:
    """Each of many things goes wrong once for some job."""
    for number, echo in enumerate(ECHOES):
        sim.fault(Call.SUBMIT, Code(code=1026, message=echo), Conditions(prompt=f"prompt {number}"))
        sim.fault(Call.QUERY, Gateway(message=echo), Conditions(times=1, skip=number))
        sim.fault(
            Call.RETRIEVE, Gateway(shape=Shape.FLAT, message=echo, code=KEY), Conditions(times=1, skip=number)
        )
        sim.fault(Call.SUBMIT, Raw(body=echo, http_status=502), Conditions(prompt=f"page {number}"))
    for skip, act in enumerate(SPOILED):
        sim.fault(Call.VIDEO, act, Conditions(times=1, skip=skip))


async def test_no_byte_that_a_run_leaves_behind_tells_a_secret(house: House) -> None:
    """All logs at their lowest level, asyncio and warnings in debug mode: neither key nor base64 nor signature."""
    (house.folder / "site").mkdir()
    (house.folder / "site" / "sitecustomize.py").write_text(_LOG_EVERYTHING)
    _faults(house.sim)
    house.write(
        [
            {"id": f"j{n}-{kind}", "prompt": f"{kind} {n} x"}
            for kind in ("prompt", "page", "even")
            for n in range(6)
        ],
        limits={"submits_per_minute": None, "min_free_bytes": 0, "download_patience": 5},
    )
    path = f"{house.folder / 'site'}:{Path(whole_house.__file__).parents[2]}"
    running = await house.start(
        *("jobs.yaml", "-v", "--log-file", "run.log", "--progress", "json"),
        python=("-X", "dev"),
        env={"PYTHONPATH": path, "PYTHONASYNCIODEBUG": "1"},
    )
    await until(lambda: house.sim.tasks, "tasks")
    house.said.append(_command_line(running.process.pid))
    ended = await running.ended()
    assert ended.code == 1, ended.err
    assert "Traceback" not in ended.err
    log = (house.folder / "everything.log").read_text()
    assert "logging has begun" in log
    assert "[key]" in "".join(house.said)
    signatures = {
        part
        for record in house.sim.records
        for part in record.query.split("&")
        if part.startswith("Signature=")
    }
    assert signatures
    coded = {form for shift in range(3) for form in _coded(KEY.encode(), shift)}
    house.secrets = (KEY, *coded, *signatures, "Signature=")
    house.check_no_secret()
