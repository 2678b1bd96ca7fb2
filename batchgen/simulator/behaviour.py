"""How the simulated service behaves when nothing is broken: times, limits, links.  Frozen data.

Durations are seconds and sizes are bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from batchgen.simulator import plain


class Call(StrEnum):
    """What a client can ask for: the three calls of the API, and the clip from the video host."""

    SUBMIT = "submit"
    QUERY = "query"
    RETRIEVE = "retrieve"
    VIDEO = "video"


class Crowded(StrEnum):
    """How a limit is told: the vendor's code under HTTP 200, or the gateway's HTTP 429."""

    RATE = "1002"
    CONNECTIONS = "1041"
    HTTP = "429"


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """How long tasks take: lognormal, so that half of them take less than ``median``."""

    median: float = 3.0
    sigma: float = 0.4  # of the logarithm; 0: every task takes the median
    long_factor: float = 1.6  # 10 s clips take so many times longer than 6 s clips
    large_factor: float = 1.8  # 1080P clips, than 768P clips
    preparing_until: float = 0.05  # a fraction of the task's time
    queueing_until: float = 0.2

    def __post_init__(self) -> None:
        plain.require(self.median >= 0 and self.sigma >= 0, "median and sigma are not negative")
        plain.require(
            0 <= self.preparing_until <= self.queueing_until <= 1, "phases are fractions in ascending order"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an account may do; ``None`` is no limit.  Limits on GETs and on submissions are separate."""

    submits_per_minute: int | None = None  # tasks made in any 60 s
    submits_answer: Crowded = Crowded.RATE
    tasks_at_once: int | None = None
    tasks_answer: Crowded = Crowded.CONNECTIONS
    gets_per_minute: int | None = None  # queries and retrieves answered in any 60 s
    gets_answer: Crowded = Crowded.RATE
    retry_after: float | None = None  # told in a Retry-After header, when there is one
    balance_clips: int | None = None  # tasks that can still be paid for, from when this is set


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """How long each call takes to be answered."""

    submit: float = 0.0
    query: float = 0.0
    retrieve: float = 0.0
    video: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Video:
    """The links and the host that they lead to."""

    link_life: float = 3600.0
    backup_links: bool = False  # a backup_download_url beside the download_url
    ignore_ranges: bool = False
    bytes_per_second: float | None = None  # for each connection
    padding_min: int = 16  # how much longer a task's clip is than the shipped one, drawn by task id
    padding_max: int = 40_000

    def __post_init__(self) -> None:
        plain.require(
            0 <= self.padding_min <= self.padding_max < 2**32 - 8, "padding fits an MP4 box of 32 bit length"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """Everything about the simulated service that can be set before or while it runs."""

    seed: int = 0  # of the tasks' times and ids
    times: Times = field(default_factory=Times)
    limits: Limits = field(default_factory=Limits)
    latency: Latency = field(default_factory=Latency)
    video: Video = field(default_factory=Video)
    records_kept: int = 10_000  # the newest; counts go on beyond.  Read when the service starts
    keepalive: float = 75.0  # idle connections are closed after it.  Read when the service starts


def changed(behaviour: Behaviour, data: Mapping[str, object]) -> Behaviour:
    """The behaviour with the keys of a JSON object in place, section by section.

    Raises ``plain.Unreadable`` for keys and values that do not fit.
    """
    news: dict[str, object] = {}
    for key, value in data.items():
        current = getattr(behaviour, key, None)
        if isinstance(current, Times | Limits | Latency | Video) and isinstance(value, Mapping):
            news[key] = plain.merged(current, value, key)
        else:
            news[key] = value
    return plain.merged(behaviour, news)
