"""What a deadline on the command line means, on any day and in any zone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from batchgen.app.deadline import parse_deadline


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A zone whose clocks are set twice a year."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize(
    ("now", "text", "moment"),
    [
        ("2026-07-01T20:00", "06:00", "2026-07-02T04:00"),  # 22:00 in Berlin; the next morning
        ("2026-07-01T03:00", "6:00", "2026-07-01T04:00"),  # 05:00; in an hour
        ("2026-07-01T04:00", "06:00", "2026-07-02T04:00"),  # it is six: the next one
        ("2026-07-01T22:30", "23:59", "2026-07-02T21:59"),  # 00:30 of the next day already
        ("2026-03-28T20:00", "06:00", "2026-03-29T04:00"),  # the clocks are set forward in that night
        ("2026-10-24T20:00", "06:00", "2026-10-25T05:00"),  # the clocks are set back in that night
        ("2026-07-01T20:00", "2h", "2026-07-01T22:00"),
        ("2026-07-01T20:00", "1h30m", "2026-07-01T21:30"),
        ("2026-07-01T20:00", "0s", "2026-07-01T20:00"),
    ],
)
def test_a_deadline(now: str, text: str, moment: str) -> None:
    """A time of day is the next one where the user is; a duration counts from now."""
    begins = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert parse_deadline(text, begins) == datetime.fromisoformat(moment).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "24:00", "6:0", "06:60", "tomorrow", "06:00:00", "-1h", "99999h", ":", "٠٦:٠٠"]
)
def test_what_is_no_deadline(text: str) -> None:
    """The message says what to write."""
    with pytest.raises(ValueError, match="06:00"):
        parse_deadline(text, datetime(2026, 7, 1, tzinfo=UTC))


def test_a_deadline_is_aware() -> None:
    """So that it means one moment."""
    assert parse_deadline("06:00", datetime.now(UTC)) - datetime.now(UTC) <= timedelta(days=1)
