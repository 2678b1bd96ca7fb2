"""``batchgen simulate``: the simulated service, until it is stopped."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from batchgen.app import ExitCode
from batchgen.cli import asked, screen
from batchgen.errors import ConfigError

if TYPE_CHECKING:
    from batchgen.simulator import Simulator


@click.command()
@click.option(
    "--port", metavar="P", type=click.IntRange(0, 65535), default=0, help="The port; 0: any free one."
)
@click.option(
    "--video-port", metavar="P", type=click.IntRange(0, 65535), default=0, help="The video host's port."
)
@click.option(
    "--state",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Keep the tasks in this folder, so that they outlive the service.",
)
@click.option("--median", metavar="SECONDS", type=click.FloatRange(min=0), help="The median time of a task.")
def simulate(port: int, video_port: int, state: Path | None, median: float | None) -> int:
    """Serve the simulated service on loopback until stopped."""
    from batchgen.simulator import Behaviour, Times, serve  # noqa: PLC0415  no other command needs a server

    def ready(simulator: Simulator) -> None:
        screen.say(f"simulated service: {simulator.base_url}")
        screen.say(f"video host:        {simulator.video_url}")
        screen.say("any key will do; stop with Ctrl-C")

    async def until_stopped() -> None:
        behaviour = Behaviour() if median is None else Behaviour(times=Times(median=median))
        serving = asyncio.ensure_future(
            serve(behaviour, state=state, port=port, video_port=video_port, ready=ready)
        )
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, serving.cancel)
        await asyncio.wait({serving})
        if not serving.cancelled():
            serving.result()

    try:
        asked.blocking(until_stopped())
    except (OSError, ValueError) as error:
        raise ConfigError(f"the simulated service can't start: {error}") from error
    return ExitCode.DONE


COMMANDS = (simulate,)
