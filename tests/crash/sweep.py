"""The long form: ``python -m crash.sweep --kills 300 --jobs 3000``, with the tests on PYTHONPATH.

Dies at every durable step, every time that it comes, then at random moments; prints a table of what was done
and found, and ends with 1 when a promise was broken.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from crash.batches import Figures, killed_at_random
from crash.processes import Lane
from crash.promises import Broken, Promise
from crash.scenes import Theatre
from crash.tour import opened, tour
from crash.visits import Visit

#: Jobs in one batch: small enough that each look at it is short, and that many batches come to their end.
BATCH = 250
#: Broken promises that are told one by one.
DETAILS = 50
#: Of the time, what the steps may take before the random kills begin.
_SHARE_OF_STEPS = 0.6


def main() -> None:
    """Read the arguments, sweep, print, exit."""
    parser = argparse.ArgumentParser(prog="python -m crash.sweep", description=__doc__)
    parser.add_argument("--kills", type=int, default=300, help="at random moments")
    parser.add_argument("--jobs", type=int, default=3000, help="over which these are spread")
    parser.add_argument("--steps", choices=("every", "first", "none"), default="every")
    parser.add_argument("--minutes", type=float, default=10.0, help="no new visit or kill after these")
    parser.add_argument("--seed", type=int, default=0, help="of the random moments")
    sys.exit(asyncio.run(_sweep(parser.parse_args())))


async def _sweep(given: argparse.Namespace) -> int:
    began = time.monotonic()

    def out_of(share: float) -> Callable[[], bool]:
        return lambda: time.monotonic() - began > share * 60 * given.minutes

    with tempfile.TemporaryDirectory(prefix="batchgen-crash-") as home:
        async with opened(Path(home)) as (theatre, lanes):
            visits: list[Visit] = []
            left = 0
            if given.steps != "none":
                steps = out_of(_SHARE_OF_STEPS)
                visits, left = await tour(theatre, lanes, every=given.steps == "every", out_of_time=steps)
            figures = await _random(theatre, lanes, given, out_of(1.0))
    broken = [*figures.broken, *(found for one in visits for found in one.broken)]
    print(_table(visits, left, figures, broken, time.monotonic() - began))  # noqa: T201  it is a command
    for line in itertools.islice(_details(visits, figures), DETAILS):
        print(line)  # noqa: T201  likewise
    return 1 if broken else 0


async def _random(
    theatre: Theatre, lanes: Sequence[Lane], given: argparse.Namespace, out_of_time: Callable[[], bool]
) -> Figures:
    """Batch after batch in each lane, until the kills are used up."""
    total, draw = Figures(), random.Random(given.seed)  # noqa: S311  repeatable draws, no secret
    share = -(-given.kills * BATCH // max(given.jobs, BATCH))
    left = given.kills

    async def work(lane: Lane) -> None:
        nonlocal left
        while left > 0 and not out_of_time():
            kills = min(share, left)
            left -= kills
            jobs = min(BATCH, given.jobs)
            one = await killed_at_random(
                theatre, lane, jobs=jobs, kills=kills, draw=draw, out_of_time=out_of_time
            )
            left += kills - one.kills
            total.add(one)

    await asyncio.gather(*map(work, lanes))
    return total


def _table(
    visits: Sequence[Visit], left: int, figures: Figures, broken: Iterable[Broken], seconds: float
) -> str:
    reached = sum(one.reached for one in visits)
    cut_short = figures.cut_short + sum(one.cut_short for one in visits)
    counts = Counter(one.promise for one in broken)
    rows: list[tuple[str, object]] = [
        ("kills at named steps", reached),
        ("steps that did not come that often a second time", len(visits) - reached),
        ("steps left out for want of time", left),
        ("kills at random moments", figures.kills),
        ("jobs in the batches of these", figures.jobs),
        ("POSTs found on their way by kills", cut_short),
        ("tasks that the service made for the batches", figures.tasks),
        ("clips of the batches on disk, whole", figures.clips),
        ("jobs of the batches ordered again by the user", figures.ordered_again),
        *((promise.value, counts[promise]) for promise in Promise),
        ("minutes", f"{seconds / 60:.1f}"),
    ]
    return "\n".join(["| | |", "|---|---:|", *(f"| {name} | {number} |" for name, number in rows)])


def _details(visits: Iterable[Visit], figures: Figures) -> Iterable[str]:
    for one in visits:
        for found in one.broken:
            yield f"{one.scene}, {one.point}: {found}"
    yield from map(str, figures.broken)


if __name__ == "__main__":
    main()
