"""The agenda, the spacing, the rule for the unknown, and what may be concluded from "not found"."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen.polling import Agenda, Spacing, is_gone, is_lost_for_now
from batchgen.polling.rules import CEILING, FIRST_AGE, next_poll

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
ages = st.floats(0.0, 1e6)


@pytest.mark.parametrize(
    ("age", "wait"),
    [
        (0.0, 0.5),  # the first question
        (0.3, 0.2),
        (0.45, 0.09),  # after an earlier first one: a fifth of the age
        (0.5, 0.1),
        (2.0, 0.4),
        (10.0, 2.0),  # a fifth of the age
        (49.0, 9.8),
        (50.0, 10.0),  # never slower than the vendor's guide
        (3600.0, 10.0),
    ],
)
def test_next_poll(age: float, wait: float) -> None:
    """Early questions first, then a fifth of the age, ten seconds at most."""
    assert next_poll(age) == pytest.approx(wait)


@given(ages)
def test_a_task_is_never_asked_about_later_than_the_guide_says(age: float) -> None:
    """Between two questions lie more than nothing and at most ten seconds."""
    assert 0.0 < next_poll(age) <= CEILING


@given(ages, ages)
def test_older_tasks_are_asked_about_no_sooner(one: float, other: float) -> None:
    """The time of the next question grows with the age."""
    young, old = sorted((one, other))
    assert young + next_poll(young) <= old + next_poll(old) + 1e-9


def test_a_wave_of_polls_to_a_minute_is_small() -> None:
    """A task of a minute costs thirty questions or fewer, the first after half a second."""
    age, polls = 0.0, []
    while age < 60.0:
        age += next_poll(age)
        polls.append(age)
    assert polls[0] == FIRST_AGE
    assert len(polls) <= 30


@pytest.mark.parametrize(
    ("since", "answered", "gone"),
    [
        (None, 1.0, False),  # never missing
        (24.0, 1.0, True),
        (24.0, 23.9, True),
        (30.0, 0.0, True),
        (23.9, 1.0, False),  # not a day yet
        (24.0, None, False),  # another key, or no answer ever: nothing is concluded
        (48.0, 48.0, False),  # no other task has answered since
        (48.0, 50.0, False),
    ],
)
def test_gone_for_good(since: float | None, answered: float | None, gone: bool) -> None:  # noqa: FBT001  a column
    """Only "not found" over a day in which other tasks did answer means gone; columns are hours ago."""

    def ago(hours: float | None) -> datetime | None:
        return None if hours is None else NOON - timedelta(hours=hours)

    assert is_gone(since=ago(since), now=NOON, last_answer=ago(answered)) is gone


@pytest.mark.parametrize(
    ("times", "seconds", "lost"), [(3, 30.0, True), (2, 300.0, False), (30, 29.9, False), (0, 0.0, False)]
)
def test_lost_for_now(times: int, seconds: float, lost: bool) -> None:  # noqa: FBT001  a column
    """A run waits no longer for a task that was not found three times over half a minute."""
    assert is_lost_for_now(times=times, seconds=seconds) is lost


# --- spacing ---------------------------------------------------------------------------------------------


@given(st.floats(0.5, 50.0), st.lists(st.floats(0.0, 2.0), min_size=1, max_size=60))
def test_questions_are_spread(per_second: float, gaps: list[float]) -> None:
    """Two questions never leave closer than the ceiling's share, and none waits longer than it must."""
    spacing, now, left = Spacing(per_second), 0.0, [-math.inf]
    for gap in gaps:
        now += gap
        wait = spacing.delay(now)
        assert wait <= max(0.0, left[-1] + 1.0 / per_second - now) + 1e-9
        now += wait
        spacing.took(now)
        assert now - left[-1] >= 1.0 / per_second - 1e-9
        left.append(now)


def test_no_ceiling_means_no_wait() -> None:
    """Without a ceiling of the user's, questions leave when they are due."""
    spacing = Spacing(None)
    spacing.took(1.0)
    assert spacing.delay(1.0) == 0.0


def test_a_pause_holds_all_questions_and_never_shortens() -> None:
    """The service's limit on questions holds for all tasks; a shorter pause changes nothing."""
    spacing = Spacing(20.0)
    spacing.pause(30.0)
    spacing.pause(10.0)
    assert spacing.delay(5.0) == 25.0
    spacing.took(30.0)
    assert spacing.delay(30.0) == pytest.approx(0.05)


# --- the agenda ------------------------------------------------------------------------------------------


@given(st.lists(st.floats(-100.0, 100.0)))
def test_the_agenda_gives_the_first_due_first(moments: list[float]) -> None:
    """Items come back by time, those of one moment in the order in which they came."""
    agenda: Agenda[tuple[float, int]] = Agenda()
    for number, moment in enumerate(moments):
        is_first = all(moment < earlier for earlier in moments[:number])
        assert agenda.add(moment, (moment, number)) is is_first
    assert len(agenda) == len(moments)
    assert sorted(agenda.items()) == sorted((moment, number) for number, moment in enumerate(moments))
    popped = []
    while len(agenda):
        assert agenda.delay(0.0) == max(0.0, min(agenda.items())[0])
        popped.append(agenda.pop())
    assert popped == sorted(popped)
    assert agenda.delay(0.0) == math.inf


def test_items_need_no_order_of_their_own() -> None:
    """Two items of one moment are never compared."""
    agenda: Agenda[object] = Agenda()
    agenda.add(1.0, object())
    agenda.add(1.0, object())
    agenda.pop()
