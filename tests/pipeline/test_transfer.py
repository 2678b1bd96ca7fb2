"""A clip has a place among the downloads while its bytes move, and only then."""

from __future__ import annotations

import asyncio

import pytest

from batchgen.pipeline.calls import Calls
from batchgen.pipeline.transfer import Place, Places


async def test_a_second_transfer_waits_for_a_place_anew() -> None:
    """Another clip may have it meanwhile, and there are never more at once than places."""
    places, calls = Places(1, 1), Calls()
    ours, theirs = Place(places, calls), Place(places, calls)
    await ours.take()
    async with ours.transfer():
        assert places.coming.locked()
    async with theirs.transfer():
        again = asyncio.create_task(ours.take())
        await asyncio.sleep(0.01)
        assert not again.done()
    await again
    assert (ours.is_held, theirs.is_held) == (True, False)
    ours.leave()
    ours.leave()
    await places.coming.acquire()
    assert places.coming.locked()  # what is left twice is one place


async def test_room_is_had_until_it_is_vacated() -> None:
    """As long as the clip is in memory: of three clips the third waits for the first, though no place is held."""
    places, calls = Places(1, 1), Calls()
    first, second, third = (Place(places, calls) for _ in range(3))
    for place in (first, second):
        async with place.transfer():
            pass
    waiting = asyncio.create_task(third.take())
    await asyncio.sleep(0.01)
    assert not waiting.done()
    first.vacate()
    first.vacate()
    await waiting
    assert third.is_held
    assert places.in_memory.locked()  # what is vacated twice is room for one


async def test_nobody_has_a_place_while_they_wait_for_room() -> None:
    """A clip in memory may need a place again, for its second link: who waits for room must not have the last one."""
    places, calls = Places(1, 0), Calls()
    ours, theirs = Place(places, calls), Place(places, calls)
    async with ours.transfer():
        waiting = asyncio.create_task(theirs.take())
        await asyncio.sleep(0.01)
    async with asyncio.timeout(1.0):
        await ours.take()
    assert not waiting.done()
    ours.vacate()
    await waiting


async def test_only_a_transfer_is_cut_off() -> None:
    """At the end of a run; also one that waits for its place, and then none begins."""
    places, calls = Places(1, 1), Calls()
    done: list[str] = []

    async def fetch(name: str, seconds: float, sealing: float) -> None:
        place = Place(places, calls)
        try:
            async with place.transfer():
                await asyncio.sleep(seconds)
            await asyncio.sleep(sealing)
            done.append(name)
        finally:
            place.vacate()

    tasks = [asyncio.create_task(fetch("seals", 0.0, 0.1))]
    await asyncio.sleep(0.02)
    tasks += [asyncio.create_task(fetch(name, 9.0, 0.0)) for name in ("moves", "waits")]
    await asyncio.sleep(0.02)
    calls.cut()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert done == ["seals"]
    assert [type(one) for one in outcomes[1:]] == [asyncio.CancelledError, asyncio.CancelledError]
    assert not places.coming.locked()
    with pytest.raises(asyncio.CancelledError):
        await fetch("late", 0.0, 0.0)
