"""How long tasks took is kept from one run to the next, apart for each service and kind of task."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from batchgen.ledger import Ledger, task_times
from batchgen.model import TaskKind
from ledger.workshop import NOON, ORIGIN, Desk

SD: TaskKind = ("MiniMax-Hailuo-2.3", "768P", 6)
HD: TaskKind = ("MiniMax-Hailuo-2.3", "1080P", 6)


def kept(path: Path, origin: str = ORIGIN) -> dict[TaskKind, dict[float, float]]:
    """What the next run reads."""
    ledger = Ledger.open(path, origin=ORIGIN, now=NOON)
    try:
        return ledger.ask(lambda db: task_times.read(db, origin))
    finally:
        ledger.close()


async def test_what_was_learnt_is_there_the_next_night(tmp_path: Path) -> None:
    """To the last count; what is learnt anew of a kind stands in the place of what was known of it."""
    desk = Desk(tmp_path / "ledger.sqlite3")
    await desk.ledger.start_writing()
    await desk.book.learnt({SD: {90.0: 2.0, 120.0: 3.25}, HD: {200.5: 1.0}})
    await desk.book.learnt({SD: {91.8: 7.0}})
    await desk.ledger.stop_writing()
    desk.ledger.close()
    assert kept(desk.path) == {SD: {91.8: 7.0}, HD: {200.5: 1.0}}
    assert kept(desk.path, "https://elsewhere.example") == {}


def test_a_new_ledger_knows_nothing(tmp_path: Path) -> None:
    """Nor does one that was begun by an earlier version: see the migrations."""
    assert kept(tmp_path / "ledger.sqlite3") == {}


@pytest.mark.parametrize("odd", [-1.0, 0.0, 1e308, float("inf")])
def test_numbers_that_mean_nothing_are_read_as_they_are(tmp_path: Path, odd: float) -> None:
    """Who plans with them must judge them; reading never fails on them."""
    path = tmp_path / "ledger.sqlite3"
    kept(path)
    stranger = sqlite3.connect(path)
    stranger.execute("INSERT INTO task_times VALUES (?, ?, ?, ?, ?, ?)", (ORIGIN, *SD, odd, odd))
    stranger.commit()
    stranger.close()
    assert kept(path) == {SD: {odd: odd}}
