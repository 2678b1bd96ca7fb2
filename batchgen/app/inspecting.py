"""``check`` and ``status``: what is, and what a run would do, without sending or writing anything."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from batchgen import model
from batchgen.app import folder, lock, reusing
from batchgen.app.loading import load
from batchgen.app.opening import refuse_unpriced
from batchgen.app.options import Options
from batchgen.app.place import Place, resolve
from batchgen.app.reporting import Findings, Survey, survey_only
from batchgen.budget import LIST_CURRENCY, Kind, about, shown
from batchgen.errors import Braked, ConfigError
from batchgen.ledger import Ledger, Staging, orders, queries
from batchgen.ledger.spending import spent_where
from batchgen.model import Problem
from batchgen.reports.commands import Commands
from batchgen.reports.plan import plan_table
from batchgen.reports.summary import status_table


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The ledger as it would be after reading the job file, in a scratch copy."""

    place: Place
    ledger: Ledger
    warnings: tuple[Problem, ...]
    brake: Braked | None
    elsewhere: int  # jobs of the file that are in other shards


@contextmanager
def view(path: Path, options: Options, now: datetime, *, of_run: bool = False) -> Iterator[View]:
    """Open a view of a job file, as its last run saw it or, ``of_run``, as one that starts now would.

    Blocks.  Raises what a run would raise, the brake excepted.
    """
    place = resolve(path, options, now.astimezone().date() if of_run else None)
    with Staging() as staging:
        loaded = load(place.job_file, staging, shard=place.shard)
        folder.refuse_without_ledger(place.output, place.ledger)
        with Ledger.scratch(
            place.ledger, origin=place.origin, now=now, switch=options.switch_service
        ) as ledger:
            ledger.settle_shard(place.shard)
            reusing.settle_unfinished(ledger, place.output, now, writable=False)
            brake = _reconcile(ledger, staging, place, options)
            if lock.holder(place.output, now) is None:
                ledger.change(orders.interrupted)
            ledger.select(options.selection, place.name)
            if options.regenerate_changed and options.selection:
                ledger.change(lambda db: orders.regenerate_changed(db, place.name, ledger.among))
            folder.scan_clips(ledger, place.output, thorough=options.verify)
            yield View(
                place=place, ledger=ledger, warnings=loaded.warnings, brake=brake, elsewhere=loaded.elsewhere
            )


def _reconcile(ledger: Ledger, staging: Staging, place: Place, options: Options) -> Braked | None:
    def bring_in(*, accept_new: bool) -> None:
        ledger.reconcile(
            staging,
            place.name,
            exists=place.job_file_exists,
            accept_new=accept_new,
            regenerate_changed=options.regenerate_changed and not options.selection,
        )

    try:
        bring_in(accept_new=options.accept_new)
    except Braked as brake:
        bring_in(accept_new=True)
        return brake
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run would do."""

    text: str
    warnings: tuple[Problem, ...]
    brake: Braked | None
    missing: int  # clips


def check(path: Path, options: Options, now: datetime) -> Plan:
    """The plan of a run.  Blocks.  Raises as a run does before it sends anything."""
    with view(path, options, now, of_run=True) as seen:
        place, ledger = seen.place, seen.ledger
        reused = list(_would_reuse(seen, options, now))
        standing = ledger.ask(lambda db: queries.standing(db, place.name, ledger.among))
        clips = ledger.ask(lambda db: queries.to_submit_by_kind(db, place.name, ledger.among))
        refuse_unpriced(place, options, clips)
        table, findings = _table(ledger, place, Commands(job_file=str(path)))
        cost = findings.cost
        service = "the simulated service" if place.simulated else place.origin
        part = _of(seen, findings.tally.not_selected)
        lines = [
            f"{path}: {_jobs(standing.jobs)}{part}, for {service}, to {place.output}",
            "",
            table,
            "",
            *reused,
            _would_submit(place, standing.to_submit) + _cost(clips, place) + ".",
            *([] if place.simulated else _budget(place, ledger, now)),
            *([f"Cost so far: {cost.removeprefix('cost: ')}."] if cost else []),
        ]
        if standing.missing:
            lines.append(_missing(standing.missing, verified=options.verify))
        elif options.verify:
            lines.append(f"Every stored clip is there, to the byte: {_jobs(_delivered(standing), 'clip')}.")
        return Plan(text="\n".join(lines), warnings=seen.warnings, brake=seen.brake, missing=standing.missing)


def _of(seen: View, not_selected: int) -> str:
    """Which part of the job file this is."""
    parts = [f"{_jobs(not_selected)} not selected"] if not_selected else []
    if seen.place.shard is not None:
        parts.insert(0, f"shard {seen.place.shard}, {_jobs(seen.elsewhere)} in other shards")
    return f" ({'; '.join(parts)})" if parts else ""


def _table(ledger: Ledger, place: Place, commands: Commands) -> tuple[str, Findings]:
    """How many clips of each kind stand where, and what the same pass finds."""
    survey = Survey(commands, place)
    untouched = ledger.ask(lambda db: queries.untouched(db, ledger.among))
    survey.add_new(untouched)
    sent = ledger.ask(lambda db: queries.records(db, place.name, ledger.among, sent=True))
    table = plan_table((record for record in survey.watch(sent) if record.selected), untouched.selected)
    return table, survey.findings()


def _delivered(standing: queries.Standing) -> int:
    return standing.counts[model.Status.SUCCEEDED]


def _missing(number: int, *, verified: bool) -> str:
    how = "missing or damaged" if verified else "missing or of another size (--verify compares every byte)"
    return f"{_jobs(number, 'clip')} {how}; --restore-missing of a run fetches them again if the service has them."


def _jobs(number: int, word: str = "job") -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _would_reuse(seen: View, options: Options, now: datetime) -> Iterator[str]:
    """What a run would take from other folders: in the scratch copy of the ledger it has been taken then."""
    for folder_ in options.reuse_from:
        source = reusing.source_of(folder_, seen.place)
        outcome = reusing.reuse(seen.ledger, seen.place, source, lambda: now, put=reusing.only_look)
        yield f"{_jobs(outcome.reused, 'clip')} would be reused from {outcome.folder}, nothing paid."
        if outcome.unusable_number:
            number = _jobs(outcome.unusable_number, "clip")
            yield f"{number} of that folder can't be reused: {'; '.join(outcome.unusable)}."


def _would_submit(place: Place, number: int) -> str:
    """Fewer than all of them, where a cap may be reached."""
    budget = place.settings.budget
    caps = (budget.total, budget.per_day, budget.per_run)
    capped = number and any(cap.cost is not None or cap.clips is not None for cap in caps)
    return f"A run would submit {'up to ' if capped else ''}{_jobs(number, 'clip')}"


def _budget(place: Place, ledger: Ledger, now: datetime) -> Iterator[str]:
    """What is spent so far of each cap, and of this day's."""
    budget = place.settings.budget
    today = now.astimezone().date().isoformat()
    everything = ledger.ask(lambda db: spent_where(db, budget))
    this_day = ledger.ask(lambda db: spent_where(db, budget, "day = :day", {"day": today}))
    caps = (("budget.total", budget.total, everything), ("budget.per_day, today", budget.per_day, this_day))
    for name, cap, spent in caps:
        parts = []
        if cap.cost is not None:
            parts.append(f"{shown(spent.cost, budget.currency)} of {shown(cap.cost, budget.currency)}")
        if cap.clips is not None:
            parts.append(f"{spent.clips} of {_jobs(cap.clips, 'clip')}")
        if parts:
            yield f"Spent so far ({name}): {', '.join(parts)}."


def _cost(clips: dict[Kind, int], place: Place) -> str:
    """What the clips would cost, by the user's prices, else about so much by the list."""
    if place.simulated or not clips:
        return ", which cost nothing" if clips else ""
    budget = place.settings.budget
    if all(kind in budget.prices for kind in clips):
        amount = sum((budget.prices[kind] * number for kind, number in clips.items()), Decimal(0))
        return f": {shown(amount, budget.currency)}"
    amount = about((resolution, seconds, number) for (_, resolution, seconds), number in clips.items())
    return f": about {shown(amount, LIST_CURRENCY)} at the vendor's list prices"


def body_of(path: Path, options: Options, now: datetime, id_: str) -> str:
    """The exact body that would be sent for a job, as indented JSON.  Raises ConfigError for an unknown id."""
    with view(path, options, now, of_run=True) as seen:
        record = seen.ledger.ask(lambda db: queries.find(db, id_))
        if record is None or not record.in_job_file or record.job_file != seen.place.name:
            raise ConfigError(f"{path}: there is no job {id_}")
        return json.dumps(record.request, ensure_ascii=False, indent=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Where every job stands."""

    findings: Findings
    table: str
    running: str | None  # who holds the folder at this moment
    warnings: tuple[Problem, ...]


def status(path: Path, options: Options, now: Callable[[], datetime], commands: Commands) -> Status:
    """Where every job stands.  Blocks."""
    with view(path, options, now()) as seen:
        place = seen.place
        findings = survey_only(seen.ledger, place, commands)
        holder = lock.holder(place.output, now())
        return Status(
            findings=findings,
            table=status_table(findings.tally),
            running=None if holder is None else str(holder),
            warnings=seen.warnings,
        )


AUDIT_COLUMNS = (
    "intended_at", "job", "state", "reason", "task_id", "charged", "price", "currency", "submitted_at",
    "finished_at", "code", "account", "service",
)  # fmt: skip


def audit(path: Path, options: Options, now: datetime) -> Iterator[str]:
    """Every submission by time, with its task id and price, as lines of CSV, to hold against a bill.  Blocks."""
    with view(path, options, now) as seen:
        yield _csv(AUDIT_COLUMNS)
        for row in seen.ledger.ask(queries.submissions_by_time):
            yield _csv(row)


def _csv(row: Sequence[object]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(row)
    return line.getvalue()
