"""From an open ledger to the end of the last call: puts the pipeline together and runs it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

from batchgen.app.ground import Ground
from batchgen.app.reporting import Appender
from batchgen.app.this_run import Run
from batchgen.errors import ConfigError
from batchgen.ledger import Ledger, queries
from batchgen.pipeline import Stop


async def drive(this: Run, ledger: Ledger, key: str, held: Ground, *, submits: bool) -> Stop | None:
    """Run the pipeline, if there is anything to do; ``submits``: there are jobs to submit."""
    place = this.place
    under_way = await ledger.read(lambda db: queries.under_way(db, place.name, place.origin, ledger.among))
    if not under_way and not submits:
        return this.stopper.stop
    from batchgen.app.assembling import assemble  # noqa: PLC0415  costly, and every night has runs with nothing to do

    async with AsyncExitStack() as stack:
        base_url = place.base_url
        if place.simulated:
            base_url = await stack.enter_async_context(_simulated(place.output / ".service"))
        appender = Appender(ledger, place.output, this.warn, held.check)
        pipeline = await assemble(
            this, ledger, key, base_url, submits=submits, appender=appender, held=held, stack=stack
        )
        await ledger.start_writing(reserve=submits)
        stack.push_async_callback(ledger.stop_writing)
        await stack.enter_async_context(_running(appender.work()))
        with this.stopper.attached(pipeline.stop):
            return await pipeline.run(under_way)


@asynccontextmanager
async def _simulated(state: Path) -> AsyncIterator[str]:
    """The base URL of a simulated service; its tasks persist in the folder ``state``."""
    from batchgen.simulator import Simulator  # noqa: PLC0415  a run that pays needs no server

    async with AsyncExitStack() as stack:
        try:
            simulator = await stack.enter_async_context(Simulator(state=state))
        except (OSError, ValueError) as error:
            raise ConfigError(f"the simulated service can't start: {error}") from error
        yield simulator.base_url


@asynccontextmanager
async def _running(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Let something run beside, and end it."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
