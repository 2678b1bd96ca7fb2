"""``--deadline``: a time of day, or so long from now."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta

from batchgen.jobfile import parse_duration

_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", re.ASCII)


def parse_deadline(text: str, now: datetime) -> datetime:
    """The moment that ``06:00`` (local time, the next one) or ``2h`` means; ``now`` is aware.

    Raises ValueError.
    """
    if ":" not in text:
        try:
            return now + timedelta(seconds=parse_duration(text))
        except (ValueError, OverflowError) as error:
            raise ValueError(
                f"{text!r} is no deadline: write a time such as 06:00, or so long as 2h"
            ) from error
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no time of day: write it as 06:00")
    at = time(int(match[1]), int(match[2]))
    today = now.astimezone().date()
    # Each day's time is made anew: the clocks may be set forward or back between the two.
    days = (datetime.combine(today + timedelta(days=ahead), at).astimezone() for ahead in range(3))
    return next(moment for moment in days if moment > now)
