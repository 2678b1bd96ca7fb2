"""The tasks that the service was asked to do, and how each of them stands at a moment."""

from __future__ import annotations

import heapq
import json
import math
import random
from collections.abc import Callable
from dataclasses import dataclass

from batchgen.simulator.acts import Ending
from batchgen.simulator.behaviour import Behaviour, Times

#: Ids grow with the wall clock, about as fast as the real ones, so that a service without memory of earlier
#: ones still gives none of theirs again.
IDS_PER_SECOND = 190_000
FIRST_ID = 10**14


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One accepted order.  Times are seconds since the epoch."""

    task_id: int
    file_id: int
    made_at: float
    ended_at: float  # decided when it is made
    duration: int  # seconds of video
    resolution: str
    body: str  # the order as ASCII JSON
    ending: Ending | None = None  # None: it ends well

    @property
    def prompt(self) -> str:
        """As it was sent."""
        return str(json.loads(self.body)["prompt"])

    @property
    def has_file(self) -> bool:
        """Whether its end brings a clip."""
        return self.ending is None or self.ending.file

    def ended(self, now: float) -> bool:
        """Whether it holds a slot no more."""
        return now >= self.ended_at

    def status(self, now: float, times: Times) -> str:
        """The service's word for how it stands."""
        if self.ended(now):
            return "Success" if self.ending is None else self.ending.status
        fraction = (now - self.made_at) / (self.ended_at - self.made_at)
        if fraction < times.preparing_until:
            return "Preparing"
        return "Queueing" if fraction < times.queueing_until else "Processing"


def seconds_needed(behaviour: Behaviour, ordinal: int, duration: int, resolution: str) -> float:
    """How long the task with this number takes: the same for the same seed, whatever happens around it."""
    times = behaviour.times
    if times.median <= 0:
        return 0.0
    draw = random.Random(f"{behaviour.seed}/{ordinal}")  # noqa: S311  repeatable draws, no secret
    seconds = draw.lognormvariate(math.log(times.median), times.sigma)
    seconds *= times.long_factor if duration > 6 else 1.0
    return seconds * (times.large_factor if resolution == "1080P" else 1.0)


class Tasks:
    """Every task ever made.  ``keep`` makes a task durable before it counts, and may raise OSError."""

    def __init__(self, keep: Callable[[Task], None] = lambda _: None, *, seed: int = 0) -> None:
        self._keep = keep
        self._steps = random.Random(seed)  # noqa: S311  gaps between ids, no secret
        self._by_task: dict[int, Task] = {}
        self._by_file: dict[int, Task] = {}
        self._ends: list[float] = []  # a heap: of tasks that may not have ended
        self._last_id = 0
        self.most_at_once = 0

    def __len__(self) -> int:
        return len(self._by_task)

    def all(self) -> list[Task]:
        """Oldest first."""
        return list(self._by_task.values())

    def restore(self, task: Task) -> None:
        """Take in a task that an earlier service made."""
        self._by_task[task.task_id] = task
        self._by_file[task.file_id] = task
        self._last_id = max(self._last_id, task.task_id, task.file_id)
        heapq.heappush(self._ends, task.ended_at)

    def make(
        self,
        *,
        body: dict[str, object],
        duration: int,
        resolution: str,
        ending: Ending | None,
        now: float,
        behaviour: Behaviour,
    ) -> Task:
        """A new task, durable when this returns."""
        task_id = self._next_id(now)
        task = Task(
            task_id=task_id,
            file_id=self._next_id(now),
            made_at=now,
            ended_at=now + seconds_needed(behaviour, len(self), duration, resolution),
            duration=duration,
            resolution=resolution,
            body=json.dumps(body),
            ending=ending,
        )
        self._keep(task)
        self.restore(task)
        self.most_at_once = max(self.most_at_once, self.at_once(now))
        return task

    def _next_id(self, now: float) -> int:
        step = self._steps.randint(1, 4000)
        self._last_id = max(self._last_id + step, FIRST_ID + step, int(now * IDS_PER_SECOND))
        return self._last_id

    def at_once(self, now: float) -> int:
        """How many tasks have not ended."""
        while self._ends and self._ends[0] <= now:
            heapq.heappop(self._ends)
        return len(self._ends)

    def by_task_id(self, text: str) -> Task | None:
        """The task with this id, spelled exactly so."""
        number = _number(text)
        return None if number is None else self._by_task.get(number)

    def by_file_id(self, text: str) -> Task | None:
        """The task whose file has this id, spelled exactly so."""
        number = _number(text)
        return None if number is None else self._by_file.get(number)


def _number(text: str) -> int | None:
    plain = text.isascii() and text.isdecimal() and len(text) < 20 and not text.startswith("0")
    return int(text) if plain else None
