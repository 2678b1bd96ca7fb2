"""All visits: every scene is recorded, then each of its steps is visited, two processes at a time or more."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

from batchgen.simulator import Simulator
from crash.processes import Lane, lane
from crash.scenes import BEHAVIOUR, SCENES, Theatre, make_trouble
from crash.visits import Visit, new_points, record, visit, visit_in_the_air

LANES = 2


@asynccontextmanager
async def opened(home: Path) -> AsyncIterator[tuple[Theatre, list[Lane]]]:
    """A service with its troubles, folders below ``home``, and lanes to run batchgen in."""
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(Simulator(BEHAVIOUR))
        make_trouble(simulator)
        lanes = [await stack.enter_async_context(lane()) for _ in range(LANES)]
        yield Theatre(simulator, home), lanes


async def tour(
    theatre: Theatre,
    lanes: Sequence[Lane],
    *,
    every: bool,
    out_of_time: Callable[[], bool] = lambda: False,
) -> tuple[list[Visit], int]:
    """Die before and after each step: when it first comes, or each time (``every``), in all scenes.

    Ends early when it is out of time: the number says how many visits are left.
    """
    known: set[str] = set()
    plan: deque[Callable[[Lane], Awaitable[Visit]]] = deque()
    for made in (False, True):
        plan.append(partial(visit_in_the_air, theatre, SCENES[0], made=made))
    for scene in SCENES:
        if scene.slow and not every:
            continue
        steps = await record(theatre, scene, lanes[0])
        points = new_points(steps, () if every else known, every=every)
        plan += [partial(visit, theatre, scene, point=point) for point in points]
        known |= steps.keys()
    found: list[Visit] = []

    async def work(one: Lane) -> None:
        while plan and not out_of_time():
            found.append(await plan.popleft()(one))

    await asyncio.gather(*map(work, lanes))
    return found, len(plan)
