"""How plain data stands in the columns."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from batchgen.ledger.rows import sure_time, to_time, to_video
from batchgen.model import VideoFacts

ZONES = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1), timezones=ZONES))  # noqa: DTZ001  with the zones
@example(datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC))
@example(datetime(2026, 7, 1, 0, 0, 0, 500, tzinfo=timezone(timedelta(hours=8))))
def test_a_moment_is_written_in_utc_to_the_millisecond(moment: datetime) -> None:
    """In the form of ISO 8601 that sorts; what is read back is the same millisecond."""
    written = to_time(moment)
    assert written == moment.astimezone(UTC).isoformat(timespec="milliseconds")
    assert sure_time(written) == moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@pytest.mark.parametrize("codec", ["avc1", 'a"b\\', "視頻"])
@pytest.mark.parametrize("seconds", [6.0, 5.875, 1e-7, 1e22])
def test_what_a_clip_says_of_itself_is_read_back(codec: str, seconds: float) -> None:
    """To the last digit, and compact."""
    video = VideoFacts(width=1366, height=768, seconds=seconds, fps=24.0, codec=codec)
    written = to_video(video)
    assert written == json.dumps(asdict(video), ensure_ascii=False, separators=(",", ":"))
    assert VideoFacts(**json.loads(written)) == video
