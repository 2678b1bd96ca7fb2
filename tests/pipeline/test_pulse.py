"""What wakes those who wait: a beat, the end of something else, or time."""

from __future__ import annotations

import asyncio
import math

import pytest
from fakes import clock

from batchgen.pipeline.flow import Pulse

pytestmark = pytest.mark.looptime


async def test_a_beat_wakes_all_who_wait_and_nobody_who_comes_later() -> None:
    """Each beat is for those who wait then."""
    pulse = Pulse()
    waiting = [asyncio.create_task(pulse.wait(seconds)) for seconds in (math.inf, 60.0)]
    await asyncio.sleep(1.0)
    pulse.beat()
    await asyncio.gather(*waiting)
    assert clock() == pytest.approx(1.0, abs=1e-3)
    await pulse.wait(2.0)
    assert clock() == pytest.approx(3.0, abs=1e-3)


async def test_the_end_of_something_else_ends_the_wait() -> None:
    """Also when it ended before; and it ends none that comes later."""
    pulse, other = Pulse(), asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(1.0, other.set_result, None)
    await pulse.wait(60.0, unless=other)
    await pulse.wait(60.0, unless=other)
    assert clock() == pytest.approx(1.0, abs=1e-3)
    await pulse.wait(2.0)
    assert clock() == pytest.approx(3.0, abs=1e-3)


async def test_what_comes_at_the_same_moment_is_one_waking() -> None:
    """A timer, a beat, another beat and the end of something else: none minds the others."""
    loop, pulse, other = asyncio.get_running_loop(), Pulse(), asyncio.get_running_loop().create_future()
    broken: list[object] = []
    loop.set_exception_handler(lambda _, context: broken.append(context))
    for come in (pulse.beat, pulse.beat, lambda: other.set_result(None)):
        loop.call_later(1.0, come)
    await pulse.wait(1.0, unless=other)
    pulse.beat()
    assert clock() == pytest.approx(1.0, abs=1e-3)
    assert not broken


async def test_a_timer_ends_with_its_wait() -> None:
    """However often a beat comes first: the loop would walk through all of them."""
    loop, pulse = asyncio.get_running_loop(), Pulse()
    for _ in range(3):
        loop.call_soon(pulse.beat)
        await pulse.wait(3600.0)
    assert not [timer for timer in loop._scheduled if not timer.cancelled()]  # type: ignore[attr-defined]


async def test_who_stops_waiting_leaves_nothing_behind() -> None:
    """However often it is waited without a beat: neither in the pulse nor at what else was waited for."""
    pulse, other = Pulse(), asyncio.get_running_loop().create_future()
    for _ in range(3):
        await pulse.wait(0.1, unless=other)
    given_up = asyncio.create_task(pulse.wait(unless=other))
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.wait({given_up})
    assert not pulse._waiting
    assert not other._callbacks
