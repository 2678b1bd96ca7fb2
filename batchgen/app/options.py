"""What a command line or a script may set beside the job file.  Durations are seconds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from batchgen.budget import with_run_limits
from batchgen.errors import ConfigError
from batchgen.ledger.portions import Shard
from batchgen.ledger.selection import Selection
from batchgen.settings import Limits, OnUnknown, Settings

DEFAULT_DRAIN = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Options of a run, of ``collect``, and (the first eight) of every command that takes a job file."""

    output: Path | None = None
    base_url: str | None = None
    simulate: bool = False
    allow_http: bool = False  # the key and the clips may travel unencrypted, also beyond this machine
    edition: str | None = None  # another one than the job file's for today, or than the last run's
    defaults: tuple[tuple[str, str], ...] = ()  # for the rows of a table without a job file
    shard: Shard | None = None  # only these jobs; the folder keeps to it
    only: tuple[str, ...] = ()  # ids or globs: which jobs the command is about
    where: tuple[str, ...] = ()  # KEY=VALUE, likewise
    sample: int | None = None  # so many of them, chosen by their ids
    switch_service: bool = False
    api_key_file: Path | None = None
    in_flight: int | None = None
    submits_per_minute: int | None = None
    max_cost: Decimal | None = None
    max_clips: int | None = None
    deadline: datetime | None = None  # aware; no new submission after it
    drain: float = DEFAULT_DRAIN
    on_unknown: OnUnknown | None = None
    regenerate_changed: bool = False
    accept_new: bool = False
    reuse_from: tuple[Path, ...] = ()  # output folders whose clips are taken before any is paid for
    restore_missing: bool = False
    rebuild_ledger: bool = False
    verify: bool = False  # of ``check``: read every stored clip
    wait_lock: float = 0.0

    def __post_init__(self) -> None:
        """Raises ConfigError for a deadline without a time zone."""
        if self.deadline is not None and self.deadline.tzinfo is None:
            raise ConfigError("a deadline needs a time zone: for example datetime.now().astimezone()")

    @property
    def selection(self) -> Selection:
        """Which jobs the command is about."""
        return Selection(only=self.only, where=self.where, sample=self.sample)

    def applied_to(self, settings: Settings) -> Settings:
        """The settings with what these options overrule."""
        return replace(
            settings,
            service=replace(settings.service, allow_http=self.allow_http or settings.service.allow_http),
            limits=self._limits(settings.limits),
            on_unknown=self.on_unknown or settings.on_unknown,
            budget=with_run_limits(settings.budget, self.max_cost, self.max_clips),
        )

    def _limits(self, limits: Limits) -> Limits:
        """A simulated service has no account whose pace would have to be kept."""
        pace = None if self.simulate else limits.submits_per_minute
        return replace(
            limits,
            in_flight=self.in_flight or limits.in_flight,
            submits_per_minute=self.submits_per_minute or pace,
        )
