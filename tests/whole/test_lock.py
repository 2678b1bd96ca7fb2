"""One run at a time in a folder, while looking is always allowed."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from pathlib import Path

from batchgen.app import lock
from batchgen.simulator import Behaviour, Times
from whole.house import KEY, House, tree, until

FOX: list[dict[str, object]] = [{"id": "fox", "prompt": "A fox"}]


async def test_one_run_at_a_time(house: House) -> None:
    """A second one ends in 5 with pid and age, or waits; looking is allowed all the while."""
    house.sim.behaviour = Behaviour(times=Times(median=60.0, sigma=0.0))
    house.write(FOX)
    running = await house.start("jobs.yaml")
    await until(lambda: house.calls().get("query"), "a question")
    pid = running.process.pid
    for command in (
        ["run", "jobs.yaml"],
        ["collect", "jobs.yaml"],
        ["dismiss", "jobs.yaml", "fox", "--reason", "x"],
    ):
        ended = await house.run(*command)
        assert ended.code == 5, ended.err
        assert re.search(rf"process {pid}, since .* \(\d+ s ago\)", ended.err)
    names = set(house.output.rglob("*"))
    looked = await house.run("status", "jobs.yaml")
    assert looked.code == 0, looked.err
    assert f"process {pid}" in looked.out
    assert "1 ordered, 0 delivered, 1 under way" in looked.out
    planned = await house.run("check", "jobs.yaml")
    assert planned.code == 0, planned.err
    assert set(house.output.rglob("*")) == names
    waiting = await house.start("jobs.yaml", "--wait-lock", "1m")
    house.later(120)
    assert (await running.ended()).code == 0
    assert (await waiting.ended()).code == 0
    assert house.calls()["submit"] == 1


async def test_a_run_that_holds_the_folder_goes_before_whatever_is_wrong(house: House) -> None:
    """5 before 2: a key that is missing, a wrong job, a wrong setting; but not for one who would wait."""
    house.sim.behaviour = Behaviour(times=Times(median=60.0, sigma=0.0))
    house.write(FOX)
    house.write([*FOX, {"prompt": "A fox", "duraton": 6}], "wrong.yaml")
    house.write(FOX, "head.yaml", limits={"in_flite": 5})
    wrong: list[tuple[list[str], str | None]] = [
        (["jobs.yaml"], None),
        (["collect", "jobs.yaml"], None),
        (["wrong.yaml"], KEY),
        (["head.yaml"], KEY),
        (["retry", "wrong.yaml", "fox"], KEY),
        (["adopt", "wrong.yaml", "fox", "1"], KEY),
        (["dismiss", "wrong.yaml", "fox", "--reason", "x"], KEY),
    ]
    for words, key in wrong:
        assert (await house.run(*words, key=key)).code == 2, words
    assert not house.output.exists(), "nothing is made just to look"
    running = await house.start("jobs.yaml")
    await until(lambda: house.calls().get("query"), "a question")
    for words, key in wrong:
        ended = await house.run(*words, key=key)
        assert (ended.code, words) == (5, words), ended.err
        assert f"process {running.process.pid}, since " in ended.err
    waiting = await house.run("jobs.yaml", "--wait-lock", "1m", key=None)
    assert waiting.code == 2
    assert "no API key" in waiting.err
    unreadable = await house.run("nope.yaml")
    assert unreadable.code == 2, "it names no folder"
    house.later(120)
    assert (await running.ended()).code == 0
    for words, key in wrong:
        assert (await house.run(*words, key=key)).code == 2, words
    assert house.calls()["submit"] == 1


async def test_a_ledger_elsewhere_that_is_held_goes_before_too(house: House) -> None:
    """Its lock lies beside it."""
    house.sim.behaviour = Behaviour(times=Times(median=60.0, sigma=0.0))
    house.write(FOX, ledger="ours.sqlite3")
    running = await house.start("jobs.yaml")
    await until(lambda: house.calls().get("query"), "a question")
    assert (await house.run("jobs.yaml", "-o", "other", key=None)).code == 5
    assert not (house.folder / "other").exists()
    house.later(120)
    assert (await running.ended()).code == 0


async def test_a_look_at_the_lock_ends_no_run_that_begins(tmp_path: Path) -> None:
    """A command that looks whether it is held has it for a moment."""
    let_go = lock._taken(tmp_path / ".batchgen.lock")
    assert let_go is not None
    asyncio.get_running_loop().call_later(0.05, let_go)
    async with lock.hold(tmp_path, tmp_path / "ledger.sqlite3", wait=0, now=lambda: datetime.now(UTC)):
        assert lock._taken(tmp_path / ".batchgen.lock") is None


async def test_a_killed_run_holds_no_folder(house: House) -> None:
    """The lock dies with its process."""
    house.sim.behaviour = Behaviour(times=Times(median=30.0, sigma=0.0))
    house.write(FOX)
    running = await house.start("jobs.yaml")
    await until(lambda: house.calls().get("query"), "a question")
    running.process.kill()
    await running.ended()
    before = tree(house.output)
    for command in ("status", "check"):
        looked = await house.run(command, "jobs.yaml")
        assert looked.code == 0, looked.err
        assert "under way" in looked.out
        assert "process" not in looked.out
    assert tree(house.output) == before, "looking leaves what the kill left"
    house.later(60)
    assert (await house.run("jobs.yaml")).code == 0
    house.check_clips(1)
