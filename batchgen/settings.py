"""How a run behaves: what a job file and the command line may set, with the defaults.  Frozen data.

Durations are seconds.  The defaults are those of DESIGN.md section 5.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

DEFAULT_BASE_URL = "https://www.dmxapi.cn"
DEFAULT_KEY_VARIABLE = "DMXAPI_API_KEY"


class OnUnknown(StrEnum):
    """What happens to a job whose submission's outcome is not known."""

    HOLD = "hold"
    RESUBMIT = "resubmit"  # once per job, ever


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Which service, and under which variable its key stands."""

    base_url: str = DEFAULT_BASE_URL
    api_key_env: str = DEFAULT_KEY_VARIABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much at once, how fast, how long, and when to stop by ourselves."""

    in_flight: int = 50  # tasks at the service at once
    submits_per_minute: int | None = 20  # in any 60 s; None: no limit of ours
    downloads: int = 8  # at once
    download_patience: float = 600.0  # seconds of tries at one clip in one run
    task_patience: float = (
        3600.0  # seconds since submission that a run with nothing else left waits for a task
    )
    halt_after_failures: int = 10  # charged failures in a row, or over half of the last 40
    halt_after_unknown: int = 10  # unknown outcomes in a row of this run's own POSTs
    max_clip_bytes: int = 2 * 1024**3
    min_free_bytes: int = 1024**3  # below it nothing new is submitted


@dataclass(frozen=True, slots=True, kw_only=True)
class Polling:
    """When to ask about a task."""

    interval: float | None = None  # seconds between two questions about one task; None: auto
    max_per_second: float | None = 20.0  # over all tasks; None: no ceiling


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything above ``jobs:`` in a job file."""

    service: Service = field(default_factory=Service)
    output: str = "output"  # relative to the job file
    ledger: str | None = None  # relative to the job file; None: ledger.sqlite3 in the output folder
    limits: Limits = field(default_factory=Limits)
    polling: Polling = field(default_factory=Polling)
    on_unknown: OnUnknown = OnUnknown.HOLD
