"""What observers know of a run."""

from __future__ import annotations

import pytest

from batchgen.model import Status
from batchgen.reports.board import Board
from batchgen.reports.estimate import remaining
from reports.events import changed, ended, rested, started, stopping, vitals, warned
from reports.records import STALLED

S = Status


class Clock:
    """A clock that a test sets, in seconds."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_counts_follow_the_events() -> None:
    """Each change moves one job; the end tells what the ledger has."""
    board = Board()
    board.take(started(pending=3, succeeded=1))
    board.take(changed(S.SUBMITTING, S.PENDING))
    board.take(changed(S.SUBMITTED, S.SUBMITTING))
    assert {status: number for status, number in board.counts.items() if number} == {
        S.PENDING: 2,
        S.SUBMITTED: 1,
        S.SUCCEEDED: 1,
    }
    assert (board.total, board.under_way, board.to_submit) == (4, 1, 2)
    board.take(ended(pending=2, succeeded=2, submitted=0))
    assert (board.counts[S.SUCCEEDED], board.counts[S.SUBMITTED]) == (2, 0)


def test_a_job_that_was_not_accepted_is_still_to_be_submitted() -> None:
    """Unless no more submissions are made."""
    board = Board()
    board.take(started(pending=3))
    board.take(changed(S.SUBMITTING, S.PENDING))
    board.take(changed(S.PENDING, S.SUBMITTING))
    assert board.to_submit == 3
    board.take(stopping(halt=True))
    board.take(changed(S.PENDING, S.SUBMITTING))
    assert board.to_submit == 0


def test_a_job_that_was_not_counted_leaves_no_negative_number() -> None:
    """Jobs that left the job file are finished too."""
    board = Board()
    board.take(changed(S.GENERATED, S.SUBMITTED))
    assert min(board.counts.values()) == 0


def test_the_rate_is_that_of_the_last_seconds() -> None:
    """Half a minute without a byte is no speed, whatever came before."""
    board = Board()
    assert board.rate == 0
    for second in range(11):
        board.take(vitals(second, downloaded=1000 * second))
    assert board.rate == pytest.approx(1000)
    for second in range(11, 20):
        board.take(vitals(second, downloaded=10_000))
    assert board.rate == 0


@pytest.mark.parametrize(
    ("to_submit", "under_way", "turnaround", "idle", "expected"),
    [
        (100, 50, None, 0, None),
        (0, 0, 120, 0, None),
        (100, 50, 120, 0, 360),
        (10, 0, 120, 0, 1320),
        (0, 50, 120, 30, 90),
        (0, 1, 120, 130, None),
    ],
)
def test_the_estimate(
    to_submit: int, under_way: int, turnaround: float | None, idle: float, expected: float | None
) -> None:
    """Slots times throughput, and a turnaround for the last; none without a finished job or for stragglers."""
    assert remaining(to_submit=to_submit, under_way=under_way, turnaround=turnaround, idle=idle) == expected


def test_the_estimate_comes_from_jobs_that_ended_in_this_run() -> None:
    """One that was submitted before it teaches nothing about how long they take."""
    clock = Clock()
    board = Board(clock=clock)
    board.take(started(pending=2, submitted=1, to_submit=2))
    board.take(changed(S.SUBMITTING, S.PENDING, key=1))
    board.take(changed(S.SUBMITTED, S.SUBMITTING, key=1))
    clock.now = 50
    board.take(changed(S.SUCCEEDED, S.SUBMITTED, key=9))
    assert board.remaining is None
    clock.now = 60
    board.take(changed(S.SUBMITTING, S.PENDING, key=2))
    board.take(changed(S.SUCCEEDED, S.SUBMITTED, key=1))
    clock.now = 80
    assert board.remaining == 40


def test_a_resting_job_is_not_waited_for() -> None:
    """It has not ended, but this run is done with it."""
    board = Board()
    board.take(started(generated=1, pending=1))
    board.take(rested(STALLED))
    board.take(warned())
    assert board.under_way == 0
    assert len(board.latest) == 1


def test_only_a_few_of_the_latest_are_kept() -> None:
    """Memory does not grow with the number of jobs."""
    board = Board()
    for key in range(1000):
        board.take(changed(S.SUBMITTING, S.PENDING, key=key))
        board.take(changed(S.FAILED, S.SUBMITTING, key=key))
        board.take(vitals(key))
    assert len(board.latest) == 20
    assert len(board._pulses) < 10
    assert not board._turnaround._started
