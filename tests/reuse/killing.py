"""Kills the work of reusing and merging at its steps; run as ``python -m reuse.killing WHAT FOLDER [STRIDE]``.

A process of its own that forks for every step: the child is killed right before or right after it, and the parent
looks at what it has left, and lets the same command carry on.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ledger.workshop import NOON, job

from batchgen.app.merging import merge
from batchgen.errors import LedgerError
from batchgen.ledger import Ledger
from batchgen.ledger.portions import Shard
from reuse.folders import Folder

#: What makes something durable, or takes it away.
STEPS = ("link", "unlink", "rename", "replace", "fsync")


def kill_at(step: int) -> None:
    """End this process when it comes to the step of this number; every call counts twice, before and after."""
    counted = itertools.count(1)

    def watched(call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401  whatever the call has
            if next(counted) == step:
                os.kill(os.getpid(), signal.SIGKILL)
            outcome = call(*arguments, **options)
            if next(counted) == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return outcome

        return wrapper

    for name in STEPS:
        setattr(os, name, watched(getattr(os, name)))
    Ledger.change = watched(Ledger.change)  # type: ignore[method-assign]


def sweep(before: Path, work: Callable[[Path], None], check: Callable[[Path], None], stride: int) -> int:
    """Kill ``work`` at every ``stride``-th of its steps, each on a fresh copy of a folder; how many there are."""
    for step in itertools.count(1, stride):
        folder = before.with_name(f"step-{step}")
        shutil.copytree(before, folder)
        child = os.fork()
        if not child:
            kill_at(step)
            work(folder)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        check(folder)
        shutil.rmtree(folder)
        if not os.WIFSIGNALED(status):
            assert os.waitstatus_to_exitcode(status) == 0
            return step // stride
    raise AssertionError


# --- reusing ---------------------------------------------------------------------------------------------


def begin_reuse(folder: Path) -> None:
    """A folder that has paid for three clips, and one that asks for the same and one more."""

    async def pay() -> None:
        other = Folder(folder / "other")
        await other.ledger.start_writing()
        other.has("a", "b", "c")
        for number, id_ in enumerate("abc"):
            await other.make(id_, f"t{number}", number)
        await other.ledger.stop_writing()
        other.ledger.close()

    asyncio.run(pay())
    ours = Folder(folder / "ours")
    ours.has("a", "b", "c", "d")
    ours.ledger.close()


def reuse_all(folder: Path) -> None:
    """What a run does before it submits."""
    ours = Folder(folder / "ours")
    ours.settle()
    ours.take_from(folder / "other")
    ours.ledger.close()


def check_reuse(folder: Path) -> None:
    """Each clip was taken or was not, none is half taken; the next run takes the rest."""
    ours = Folder(folder / "ours")
    ours.settle()
    ours.check_files()
    assert ours.look("SELECT count(*) FROM reusing") == [(0,)]
    assert set(ours.statuses().values()) <= {"pending", "succeeded"}
    ours.ledger.close()
    reuse_all(folder)
    ours = Folder(folder / "ours")
    ours.check_files()
    assert ours.statuses() == {"a": "succeeded", "b": "succeeded", "c": "succeeded", "d": "pending"}
    assert not list(ours.output.rglob("*.part"))
    ours.ledger.close()
    other = Folder(folder / "other")
    other.check_files()
    other.ledger.close()


# --- merging ---------------------------------------------------------------------------------------------

JOBS = [job(f"j{n}") for n in range(5)]


def begin_merge(folder: Path) -> None:
    """Two shards, one of which is not over."""

    async def pay(number: int) -> None:
        shard = Shard(number=number, of=2)
        part = Folder(folder / f"s{number}")
        part.ledger.settle_shard(shard)
        await part.ledger.start_writing()
        jobs = [one for one in JOBS if shard.has(one.id)]
        part.has(*jobs)
        for place, one in enumerate(jobs[number - 1 :]):
            await part.make(one.id, f"t{number}{place}", 10 * number + place)
        await part.ledger.stop_writing()
        part.ledger.close()

    for number in (1, 2):
        asyncio.run(pay(number))


def merge_all(folder: Path) -> None:
    """What the command does."""
    parts = [folder / "s1", folder / "s2"]
    asyncio.run(merge(parts, folder / "all", simulate=False, wait=0.0, now=lambda: NOON))


def check_merge(folder: Path) -> None:
    """The sources are whole, the new folder is whole or has no ledger, and the same command ends it."""
    for number in (1, 2):
        _check_part(folder, number)
    if (folder / "all/ledger.sqlite3").exists():
        _check_whole(folder)
        _check_note(folder)
    merge_all(folder)
    for number in (1, 2):
        _check_part(folder, number)
    _check_whole(folder)
    assert (folder / "all/manifest.jsonl").read_text("utf-8").count("\n") == len(JOBS)
    assert not list(folder.rglob("*.part")), list(folder.rglob("*.part"))
    _check_note(folder)


def _check_note(folder: Path) -> None:
    """The shard that is not over says where it goes on."""
    noted = Folder(folder / "s2")
    assert noted.ledger.fact("merged_into") == "../all"
    noted.ledger.close()


def _check_part(folder: Path, number: int) -> None:
    part = Folder(folder / f"s{number}")
    part.check_files()
    shard = Shard(number=number, of=2)
    assert set(part.by_id()) == {one.id for one in JOBS if shard.has(one.id)}
    part.ledger.close()


def _check_whole(folder: Path) -> None:
    whole = Folder(folder / "all")
    whole.check_files()
    assert set(whole.by_id()) == {one.id for one in JOBS}
    whole.has(*JOBS)
    assert len(whole.orders()) == 1
    whole.ledger.close()


WORK = {
    "reuse": (begin_reuse, reuse_all, check_reuse),
    "merge": (begin_merge, merge_all, check_merge),
}


def main(what: str, folder: Path, stride: int) -> None:
    """Sweep over one kind of work and tell the number of kills."""
    begin, work, check = WORK[what]
    before = folder / "before"
    before.mkdir(parents=True)
    begin(before)
    try:
        sys.stdout.write(f"{sweep(before, work, check, stride)} kills\n")
    except LedgerError as error:
        raise AssertionError from error


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int([*sys.argv[3:], "1"][0]))
