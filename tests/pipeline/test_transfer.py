"""A clip has a place among the downloads while its bytes move, and only then."""

from __future__ import annotations

import asyncio

import pytest

from batchgen.pipeline.calls import Calls
from batchgen.pipeline.transfer import Place


async def test_a_second_transfer_waits_for_a_place_anew() -> None:
    """Another clip may have it meanwhile, and there are never more at once than places."""
    places, calls = asyncio.Semaphore(1), Calls()
    ours, theirs = Place(places, calls), Place(places, calls)
    await ours.take()
    async with ours.transfer():
        assert places.locked()
    async with theirs.transfer():
        again = asyncio.create_task(ours.take())
        await asyncio.sleep(0.01)
        assert not again.done()
    await again
    assert (ours.is_held, theirs.is_held) == (True, False)
    ours.leave()
    ours.leave()
    await places.acquire()
    assert places.locked()  # what is left twice is one place


async def test_only_a_transfer_is_cut_off() -> None:
    """At the end of a run; also one that waits for its place, and then none begins."""
    places, calls = asyncio.Semaphore(1), Calls()
    done: list[str] = []

    async def fetch(name: str, seconds: float, sealing: float) -> None:
        async with Place(places, calls).transfer():
            await asyncio.sleep(seconds)
        await asyncio.sleep(sealing)
        done.append(name)

    tasks = [asyncio.create_task(fetch("seals", 0.0, 0.1))]
    await asyncio.sleep(0.02)
    tasks += [asyncio.create_task(fetch(name, 9.0, 0.0)) for name in ("moves", "waits")]
    await asyncio.sleep(0.02)
    calls.cut()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert done == ["seals"]
    assert [type(one) for one in outcomes[1:]] == [asyncio.CancelledError, asyncio.CancelledError]
    assert not places.locked()
    with pytest.raises(asyncio.CancelledError):
        await fetch("late", 0.0, 0.0)
