"""What the account may do at the moment: sliding windows, and the refusals that follow from them."""

from __future__ import annotations

from collections import deque

from batchgen.simulator import answers
from batchgen.simulator.answers import Answer
from batchgen.simulator.behaviour import Crowded, Limits

MINUTE = 60.0  # seconds


class Window:
    """Counts events in any 60 s, and remembers the most there have been."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()
        self.most = 0

    def add(self, now: float) -> None:
        """An event."""
        self._times.append(now)
        self.most = max(self.most, self.count(now))

    def count(self, now: float) -> int:
        """Events in the 60 s up to now."""
        while self._times and self._times[0] <= now - MINUTE:
            self._times.popleft()
        return len(self._times)


def refuse_submission(
    limits: Limits, *, last_minute: int, at_once: int, balance: int | None
) -> Answer | None:
    """The answer to an order that the account may not give now, or ``None``."""
    if limits.submits_per_minute is not None and last_minute >= limits.submits_per_minute:
        return crowded(limits.submits_answer, limits.retry_after, {"task_id": ""})
    if balance is not None and balance <= 0:
        return answers.error(1008, task_id="")
    if limits.tasks_at_once is not None and at_once >= limits.tasks_at_once:
        return crowded(limits.tasks_answer, limits.retry_after, {"task_id": ""})
    return None


def refuse_get(limits: Limits, *, last_minute: int) -> Answer | None:
    """The answer to a question that the account may not ask now, or ``None``."""
    if limits.gets_per_minute is None or last_minute < limits.gets_per_minute:
        return None
    return crowded(limits.gets_answer, limits.retry_after, {})


def crowded(how: Crowded, retry_after: float | None, fields: dict[str, object]) -> Answer:
    """Too many: in the vendor's way or the gateway's."""
    if how is Crowded.HTTP:
        return answers.gateway(429, "rate_limit_exceeded", "too many requests", retry_after)
    return answers.of_json({**fields, "base_resp": answers.base_resp(int(how))}, 200, retry_after)
