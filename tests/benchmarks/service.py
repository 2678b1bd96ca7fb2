"""The simulated service as a process of its own, so that what it costs counts against nobody's client.

``python -m benchmarks.service MEDIAN SIGMA`` prints where it is and serves until its standard input is closed.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from batchgen.simulator import Behaviour, Simulator, Times


async def _serve(median: float, sigma: float) -> None:
    times = Times(median=median, sigma=sigma, long_factor=1.0, large_factor=1.0)
    async with Simulator(Behaviour(times=times, records_kept=1)) as simulator:
        os.write(1, f"{simulator.base_url}\n".encode())
        await asyncio.to_thread(sys.stdin.read)


@contextmanager
def serving(*, median: float, sigma: float = 0.4) -> Iterator[str]:
    """The base URL of a service whose tasks take so many seconds, lognormal, half of them less than ``median``."""
    command = [sys.executable, "-m", "benchmarks.service", str(median), str(sigma)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


if __name__ == "__main__":
    asyncio.run(_serve(float(sys.argv[1]), float(sys.argv[2])))
