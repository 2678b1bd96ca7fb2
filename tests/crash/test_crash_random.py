"""Killed at random moments, again and again, one batch comes to its end as if nothing had been."""

from __future__ import annotations

import random
from pathlib import Path

from crash.batches import killed_at_random
from crash.tour import opened


async def test_killed_a_dozen_times_at_random_moments(tmp_path: Path) -> None:
    """One batch, carried on after each kill: at most one task a job, every clip on disk in the end."""
    draw = random.Random(20_260_701)  # noqa: S311  repeatable draws, no secret
    async with opened(tmp_path) as (theatre, lanes):
        figures = await killed_at_random(theatre, lanes[0], jobs=120, kills=12, draw=draw)
    assert not figures.broken, "\n".join(map(str, figures.broken))
    assert figures.kills >= 6, "the batch was done too soon to prove much"
    assert figures.clips == 120 + 12, "each job's clip, and the earlier ones of those regenerated"
