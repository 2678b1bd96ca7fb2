"""A run from the job file to the last report: opens everything, runs the pipeline, closes everything."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from batchgen.app import ground, lock
from batchgen.app.driving import drive
from batchgen.app.ground import Ground
from batchgen.app.lasting import told
from batchgen.app.loading import Interrupted, Loaded, load
from batchgen.app.opening import open_for
from batchgen.app.options import Options
from batchgen.app.place import resolve
from batchgen.app.reporting import Findings, briefly, survey_only, write_reports
from batchgen.app.result import ExitCode, RunResult, exit_code
from batchgen.app.secrets import find_key
from batchgen.app.showing import show
from batchgen.app.steady import SteadyTime
from batchgen.app.stopper import Stopper
from batchgen.app.this_run import Run, utc_now
from batchgen.app.timely import NoTime
from batchgen.app.unchanged import mark_of, seems_read
from batchgen.ledger import Ledger, Staging, queries
from batchgen.model import Status
from batchgen.ports import Observer, RunStarted
from batchgen.reports.commands import Commands
from batchgen.reports.gallery import Beforehand
from batchgen.reports.manifest import MANIFEST

_SIMULATED_KEY = "simulated"


async def run(
    job_file: str | Path,
    options: Options | None = None,
    *,
    observers: Sequence[Observer] = (),
    stopper: Stopper | None = None,
    commands: Commands | None = None,
    submit: bool = True,
    now: Callable[[], datetime] = utc_now,
) -> RunResult:
    """Run a job file, or carry on with it; with ``submit=False`` only finish what is under way.

    Raises ConfigError, JobFileError, LedgerError, Braked or FolderBusy, and then has sent nothing.
    ``stopper`` ends the run early when it is asked to.
    """
    options = options or Options()
    steady = SteadyTime(now)
    starts = steady().astimezone().date() if submit else None  # the user's day, not the one of UTC
    place = await asyncio.to_thread(resolve, Path(job_file), options, starts)
    this = Run(
        place=place,
        options=options,
        observers=observers,
        stopper=stopper or Stopper(),
        commands=commands or Commands(job_file=str(job_file)),
        submit=submit,
        now=steady,
    )
    with Staging() as staging:
        mark = await asyncio.to_thread(mark_of, place, options)
        unchanged = await asyncio.to_thread(seems_read, place, mark)
        wait = options.wait_lock
        try:
            with lock.busy_first(place.output, place.ledger, wait=wait, now=now):
                loaded = None if unchanged else await asyncio.to_thread(_load, this, staging)
                key = _key(this)
        except Interrupted:
            return _nothing_done(this)
        if loaded is not None and mark != await asyncio.to_thread(mark_of, place, options):
            mark = None  # the file was edited meanwhile: which of the two was read can't be told
        if loaded is not None and loaded.warnings:
            mark = None  # they are to be told each time
            for problem in loaded.warnings:
                this.warn(str(problem))
        if place.recalled:
            this.warn(f"{job_file}: as in the last run: {told(place.lasting.given)}")
        if place.clear_text:
            this.warn(
                f"{place.origin}: the API key travels there unencrypted, where anyone on the way can read it"
            )
        async with lock.hold(place.output, place.ledger, wait=wait, now=now, give_up=this.stopper.asked):
            ledger, standing = await asyncio.to_thread(open_for, this, staging, mark, staged=not unchanged)
            try:
                with ground.hold(place.output) as held:
                    return await _run_locked(this, ledger, standing, key, held)
            finally:
                await asyncio.to_thread(ledger.close)


def _load(this: Run, staging: Staging) -> Loaded:
    return load(this.place.job_file, staging, this.stopper.asked, shard=this.place.shard)


def _nothing_done(this: Run) -> RunResult:
    """The user stopped the run while the job file was being read; observers hear of no run but its end."""
    place = this.place
    result = RunResult(
        exit_code=ExitCode.UNFINISHED,
        sentence="stopped before anything was sent.",
        attention="",
        cost=None,
        counts=dict.fromkeys(Status, 0),
        output=place.output,
        manifest=place.output / MANIFEST,
        simulated=place.simulated,
        stop=this.stopper.stop,
    )
    this.tell_end(result, 0.0)
    return result


def _key(this: Run) -> str:
    if this.place.simulated:
        return _SIMULATED_KEY
    return find_key(this.place.settings.service.api_key_env, this.options.api_key_file, warn=this.warn)


async def _run_locked(
    this: Run, ledger: Ledger, standing: queries.Standing, key: str, held: Ground
) -> RunResult:
    place = this.place
    started = asyncio.get_running_loop().time()
    event = RunStarted(
        at=this.now(),
        job_file=str(place.job_file.path),
        output=str(place.output),
        service=place.origin,
        simulated=place.simulated,
        counts=standing.counts,
        to_submit=standing.to_submit if this.submit else 0,
    )
    this.tell(event)
    stop = await drive(this, ledger, key, held, submits=event.to_submit > 0)
    findings, written = await asyncio.to_thread(_report, this, ledger, held)
    standing = await ledger.read(lambda db: queries.standing(db, place.name, ledger.among))
    result = RunResult(
        exit_code=exit_code(standing, stop, written=written),
        sentence=findings.sentence,
        attention=findings.attention,
        cost=findings.cost,
        counts=standing.counts,
        output=place.output,
        manifest=place.output / MANIFEST,
        simulated=place.simulated,
        stop=stop,
    )
    this.tell_end(result, asyncio.get_running_loop().time() - started)
    return result


def _report(this: Run, ledger: Ledger, held: Ground) -> tuple[Findings, bool]:
    """Write the reports; when the disk does not take them, the ledger still has everything."""
    place = this.place
    rows = Beforehand()
    try:
        held.check()
        findings = write_reports(ledger, place, this.commands, this.stopper.time_left, rows.add)
    except NoTime:
        this.warn(
            f"{place.output / MANIFEST}: not put in order, to end the run soon: each job that ended has a row there, "
            "the newest last; the next run rewrites it"
        )
        standing = ledger.ask(lambda db: queries.standing(db, place.name, ledger.among))
        return briefly(standing.counts), True
    except OSError as error:
        this.warn(
            f"{place.output}: the manifest can't be written: {error.strerror or error}; nothing is lost, "
            "the next run rebuilds it from the ledger"
        )
        return survey_only(ledger, place, this.commands), False
    show(this, ledger, findings, rows)
    return findings, True
