"""How a run behaves: what a job file and the command line may set, with the defaults.  Frozen data.

Durations are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

DEFAULT_BASE_URL = "https://www.dmxapi.cn"
DEFAULT_KEY_VARIABLE = "DMXAPI_API_KEY"

#: Amounts of money are exact to so many decimals, and at most so large.
AMOUNT_DECIMALS = 6
LARGEST_AMOUNT = Decimal(10**9)


class OnUnknown(StrEnum):
    """What happens to a job whose submission's outcome is not known."""

    HOLD = "hold"
    RESUBMIT = "resubmit"  # once per job, ever


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Which service, and under which variable its key stands."""

    base_url: str = DEFAULT_BASE_URL
    api_key_env: str = DEFAULT_KEY_VARIABLE
    allow_http: bool = False  # the key and the clips may travel unencrypted, also beyond this machine


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
class Cap:
    """How much may be spent, and how many clips may be ordered; None: no bound.  Exactly so much is allowed."""

    cost: Decimal | None = None  # in the budget's currency
    clips: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What clips cost, and where spending ends.  Amounts are exact, and in ``currency``."""

    currency: str = "CNY"  # three capital letters
    prices: Mapping[tuple[str, str, int], Decimal] = field(default_factory=dict)  # model, resolution, seconds
    total: Cap = field(default_factory=Cap)  # this output folder, all runs
    per_day: Cap = field(default_factory=Cap)
    per_run: Cap = field(default_factory=Cap)
    failed_clips_are_free: bool = False  # whether a generation that failed counts as spent


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything above ``jobs:`` in a job file."""

    service: Service = field(default_factory=Service)
    output: str = "output"  # relative to the job file
    ledger: str | None = None  # relative to the job file; None: ledger.sqlite3 in the output folder
    edition: str | None = None  # ``{date}`` in it stands for the local day on which a run starts
    limits: Limits = field(default_factory=Limits)
    polling: Polling = field(default_factory=Polling)
    budget: Budget = field(default_factory=Budget)
    on_unknown: OnUnknown = OnUnknown.HOLD
