"""The options that commands share, and the types of their values."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypedDict, TypeVar

import click

from batchgen import names
from batchgen.app.deadline import parse_deadline
from batchgen.app.this_run import utc_now
from batchgen.jobfile import parse_amount, parse_base_url, parse_duration
from batchgen.ledger.portions import Shard
from batchgen.ledger.selection import parse_where

F = TypeVar("F", bound=Callable[..., Any])


class Given(TypedDict, total=False):
    """What the options of a command were given as; each command has some of them."""

    output: Path | None
    base_url: str | None
    simulate: bool
    shard: Shard | None
    only: tuple[str, ...]
    where: tuple[str, ...]
    sample: int | None
    reuse_from: tuple[Path, ...]
    allow_http: bool
    edition: str | None
    defaults: tuple[tuple[str, str], ...]
    verbose: bool
    quiet: bool
    no_color: bool
    wait_lock: float
    switch_service: bool
    rebuild_ledger: bool
    api_key_file: Path | None
    drain: float
    restore_missing: bool
    progress: str
    log_file: Path | None
    in_flight: int | None
    submits_per_minute: int | None
    max_cost: Decimal | None
    max_clips: int | None
    deadline: datetime | None
    on_unknown: str | None
    regenerate_changed: bool
    accept_new: bool
    dry_run: bool
    verify: bool


class Text(click.ParamType[str]):
    """A text that is looked up in the ledger or kept there; only paths may have any bytes."""

    name = "text"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text, or click's error."""
        if not names.is_text(str(value)):
            self.fail(names.NO_TEXT, param, ctx)
        return str(value)


class Duration(click.ParamType[float]):
    """A length of time such as ``90s``, ``15m`` or ``2h``, in seconds."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds, or click's error."""
        if isinstance(value, int | float):
            return float(value)
        try:
            return parse_duration(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Amount(click.ParamType[Decimal]):
    """An amount of money, in the job file's currency."""

    name = "amount"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        """The exact amount, or click's error."""
        try:
            return parse_amount(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Size(click.ParamType[int]):
    """A number of bytes such as ``500MB`` (a thousand thousands each) or ``2GiB`` (by 1024)."""

    name = "size"
    _FORM = re.compile(r"(\d+(?:\.\d+)?) *(?:([kMGT])(i?))?B?", re.IGNORECASE | re.ASCII)

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Bytes, or click's error."""
        if isinstance(value, int):
            return value
        found = self._FORM.fullmatch(str(value).strip())
        if found is None:
            self.fail(f"{value!r} is no size; write it as 500MB or 2GiB", param, ctx)
        number, unit, binary = found.groups()
        power = " KMGT".index((unit or " ").upper())
        length = int(Decimal(number) * (1024 if binary else 1000) ** power)
        if length < 1:
            self.fail("it must be at least one byte", param, ctx)
        return length


class Deadline(click.ParamType[datetime]):
    """A time of day or a duration from now, as the moment that it means."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The moment, or click's error."""
        try:
            return parse_deadline(str(value), utc_now())
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Part(click.ParamType[Shard]):
    """A shard such as ``1/3``."""

    name = "shard"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Shard:
        """The shard, or click's error."""
        try:
            return Shard.parse(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Where(click.ParamType[str]):
    """A key and a value."""

    name = "where"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text as it is, or click's error."""
        try:
            parse_where(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return str(value)


class KeyValue(click.ParamType[tuple[str, str]]):
    """A key and its value, as ``duration=10``."""

    name = "key=value"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """The two, or click's error."""
        if isinstance(value, tuple):
            return value
        key, sign, text = str(value).partition("=")
        if not key.strip() or not sign:
            self.fail(f"{value!r} is no KEY=VALUE, such as duration=10", param, ctx)
        return key.strip(), text


class BaseUrl(click.ParamType[str]):
    """The address of a service."""

    name = "url"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The address as the job file would have it, or click's error."""
        try:
            return parse_base_url(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


_PATH = click.Path(path_type=Path)
COUNT = click.IntRange(min=1)

JOB_FILE = click.argument("job_file", metavar="JOBS.YAML", type=_PATH)

_EVERYWHERE = (
    click.option(
        "-o", "--output", metavar="DIR", type=_PATH, help="The output folder, instead of the job file's."
    ),
    click.option("--base-url", metavar="URL", type=BaseUrl(), help="The service, instead of the job file's."),
    click.option(
        "--allow-http",
        is_flag=True,
        help="Accept http beyond this machine: the key and the clips then travel unencrypted.",
    ),
    click.option("--simulate", is_flag=True, help="Use the built-in simulated service; costs nothing."),
    click.option(
        "--shard",
        metavar="I/N",
        type=Part(),
        help="Only the I-th of N parts of the jobs, in an output folder of its own.",
    ),
    click.option(
        "--edition",
        metavar="TEXT",
        help="Another edition than today's (of a run) or the last run's (of other commands).",
    ),
    click.option(
        "--default",
        "defaults",
        metavar="KEY=VALUE",
        type=KeyValue(),
        multiple=True,
        help="For a table without a job file: a key for every row, such as duration=10 or 'prompt={caption} [推进]'.",
    ),
    click.option("-v", "--verbose", is_flag=True, help="Tell every change of status."),
    click.option("-q", "--quiet", is_flag=True, help="Tell only warnings and problems."),
    click.option("--no-color", is_flag=True, help="Use no colors."),
)

_SELECTING = (
    click.option(
        "--only",
        metavar="ID|GLOB",
        type=Text(),
        multiple=True,
        help="Only the jobs of these ids; may be repeated.",
    ),
    click.option(
        "--where",
        metavar="KEY=VALUE",
        multiple=True,
        type=Where(),
        help="Only jobs with this value in their request, metadata or status; may be repeated.",
    ),
    click.option(
        "--sample",
        metavar="N",
        type=COUNT,
        help="Only N of them, chosen by their ids: the same ones each time.",
    ),
)

_REUSE_FROM = click.option(
    "--reuse-from",
    metavar="FOLDER",
    type=_PATH,
    multiple=True,
    help="Take clips of equal requests from this output folder instead of paying; may be repeated.",
)

_LOCKING = (
    click.option(
        "--wait-lock",
        metavar="DURATION",
        type=Duration(),
        default=0.0,
        help="Wait so long for another run to leave the output folder.",
    ),
    click.option(
        "--switch-service",
        is_flag=True,
        help="Send new jobs to this service although the ledger belongs to another.",
    ),
    click.option(
        "--rebuild-ledger",
        is_flag=True,
        help="Restore a lost ledger from the manifest; sends nothing while jobs would be submitted.",
    ),
)

_RUNNING = (
    click.option("--api-key-file", metavar="FILE", type=_PATH, help="Read the API key from this file."),
    click.option(
        "--drain",
        metavar="DURATION",
        type=Duration(),
        default="15m",
        show_default=True,
        help="After a halt, wait so long for what is under way.",
    ),
    click.option("--restore-missing", is_flag=True, help="Fetch clips again that are gone from the folder."),
    click.option(
        "--progress",
        type=click.Choice(["auto", "bar", "plain", "json", "none"]),
        default="auto",
        show_default=True,
        help="How to show what happens.",
    ),
    click.option("--log-file", metavar="FILE", type=_PATH, help="Append every event to this file as well."),
)

_SUBMITTING = (
    click.option(
        "--in-flight", metavar="N", type=COUNT, help="At most so many tasks at the service at once."
    ),
    click.option(
        "--submits-per-minute", metavar="N", type=COUNT, help="At most so many submissions in any 60 s."
    ),
    click.option(
        "--max-cost",
        metavar="X",
        type=Amount(),
        help="Spend at most so much in this run (needs budget.prices).",
    ),
    click.option("--max-clips", metavar="N", type=COUNT, help="At most so many new submissions in this run."),
    click.option(
        "--deadline",
        metavar="TIME",
        type=Deadline(),
        help="No new submissions after this time (06:00) or so long from now (2h).",
    ),
    click.option(
        "--on-unknown",
        type=click.Choice(["hold", "resubmit"]),
        help="Hold submissions of unknown outcome, or order them again (once per job, ever).",
    ),
    click.option(
        "--regenerate-changed", is_flag=True, help="Order new clips for jobs edited after they were paid for."
    ),
    click.option(
        "--accept-new", is_flag=True, help="Go on although many paid jobs were replaced by new ones."
    ),
)


def everywhere(function: F) -> F:
    """Options of all commands that take a job file."""
    return _with(_EVERYWHERE, function)


def selecting(function: F) -> F:
    """Options of the commands that can be about some of the jobs."""
    return _with(_SELECTING, function)


def reusing(function: F) -> F:
    """Options of the commands that may take clips of other folders."""
    return _with((_REUSE_FROM,), function)


def locking(function: F) -> F:
    """Options of the commands that lock the folder."""
    return _with(_LOCKING, function)


def running(function: F) -> F:
    """Options of a run and of ``collect``."""
    return _with((*_RUNNING, *_LOCKING), function)


def submitting(function: F) -> F:
    """Options of a run alone."""
    return _with(_SUBMITTING, function)


def _with(options: tuple[Callable[[F], F], ...], function: F) -> F:
    for option in reversed(options):
        function = option(function)
    return function
