"""The harness notices: a product that breaks a promise is found out, each by the promise that it breaks."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from crash.promises import Promise
from crash.scenes import SCENES
from crash.steps import Point
from crash.tour import opened
from crash.visits import visit


@pytest.mark.parametrize(
    ("sabotage", "point", "promise"),
    [
        ("forget_intents", Point(step="Hailuo.submit", after=True), Promise.PAID_TWICE),
        (
            "write_in_place",
            Point(step="fsync videos/ID.mp4 in store.give_name", after=True),
            Promise.WHOLE,
        ),
        ("drop_the_earlier_clip", None, Promise.LOST),
        ("leave_out_a_row", None, Promise.HONEST),
    ],
)
async def test_a_broken_promise_is_found(
    tmp_path: Path, sabotage: str, point: Point | None, promise: Promise
) -> None:
    """What is wrong in the product shows in what a visit finds."""
    async with opened(tmp_path) as (theatre, lanes):
        found = await visit(theatre, SCENES[0], lanes[0], point, sabotage)
    assert found.reached == (point is not None)
    assert promise in {broken.promise for broken in found.broken}, found


async def test_a_sound_product_is_found_sound(tmp_path: Path) -> None:
    """Without a kill and without sabotage there is nothing to find."""
    async with opened(tmp_path) as (theatre, lanes):
        found = await visit(theatre, SCENES[0], lanes[0], None)
    assert (found.reached, found.broken, found.cut_short) == (False, (), 0)


async def test_the_long_form_is_one_command() -> None:
    """It prints its table and ends with 0 when nothing was broken."""
    words = ("--kills", "3", "--jobs", "20", "--steps", "none")
    sweep = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "crash.sweep",
        *words,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await sweep.communicate()
    assert sweep.returncode == 0, out.decode()
    assert "| kills at random moments | 3 |" in out.decode()
    assert "| clips paid for twice | 0 |" in out.decode()
