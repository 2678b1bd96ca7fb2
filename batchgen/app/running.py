"""A run from the job file to the last report: opens everything, runs the pipeline, closes everything."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from batchgen.app import folder, ground, lock
from batchgen.app.ground import Ground
from batchgen.app.loading import Interrupted, load
from batchgen.app.options import Options
from batchgen.app.place import Place, resolve
from batchgen.app.rebuilding import ACCOUNT, rebuild_from_manifest, refuse_after_rebuild
from batchgen.app.reporting import Appender, Findings, survey_only, write_reports
from batchgen.app.result import ExitCode, RunResult, exit_code
from batchgen.app.secrets import find_key, fingerprint
from batchgen.app.steady import SteadyTime
from batchgen.app.stopper import Stopper
from batchgen.budget import Kind, told_unpriced, unpriced
from batchgen.download import FolderStore, HttpFetcher, video_session
from batchgen.errors import Braked, ConfigError
from batchgen.hailuo import Hailuo
from batchgen.ledger import Ledger, LedgerBook, Staging, orders, queries
from batchgen.ledger.book import Account
from batchgen.ledger.spending import Purse, begin_run
from batchgen.model import Status
from batchgen.pace import WINDOW, SubmissionPace
from batchgen.pipeline import Parts, Pipeline, Rules, Stop
from batchgen.ports import Event, Observer, RunEnded, RunStarted, Warned
from batchgen.reports.commands import Commands
from batchgen.reports.manifest import MANIFEST
from batchgen.settings import OnUnknown
from batchgen.simulator import Simulator

_SIMULATED_KEY = "simulated"
_SHOWN = 5


def utc_now() -> datetime:
    """The time of day, aware."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Everything that one run holds while it lasts."""

    place: Place
    options: Options
    observers: Sequence[Observer]
    stopper: Stopper
    commands: Commands
    submit: bool
    now: Callable[[], datetime]

    def tell(self, event: Event) -> None:
        """Tell every observer."""
        for observer in self.observers:
            observer.observe(event)

    def warn(self, message: str) -> None:
        """Tell something that the user should know and that stops nothing."""
        self.tell(Warned(at=self.now(), message=message))

    def tell_end(self, result: RunResult, elapsed: float) -> None:
        """The run is over, after so many seconds."""
        self.tell(
            RunEnded(
                at=self.now(),
                elapsed=elapsed,
                exit_code=result.exit_code,
                counts=result.counts,
                sentence=result.sentence,
            )
        )


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
    place = await asyncio.to_thread(resolve, Path(job_file), options)
    this = Run(
        place=place,
        options=options,
        observers=observers,
        stopper=stopper or Stopper(),
        commands=commands or Commands(job_file=str(job_file)),
        submit=submit,
        now=SteadyTime(now),
    )
    with Staging() as staging:
        try:
            loaded = await asyncio.to_thread(load, place.job_file, staging, this.stopper.asked)
        except Interrupted:
            return _nothing_done(this)
        key = _key(this)
        for problem in loaded.warnings:
            this.warn(str(problem))
        wait = options.wait_lock
        async with lock.hold(place.output, place.ledger, wait=wait, now=now, give_up=this.stopper.asked):
            ledger = await asyncio.to_thread(_open, this, staging)
            try:
                with ground.hold(place.output) as held:
                    return await _run_locked(this, ledger, key, held)
            finally:
                await asyncio.to_thread(ledger.close)


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


# --- before the first submission: blocking, in a thread -------------------------------------------------


def _open(this: Run, staging: Staging) -> Ledger:
    """The ledger with the job file's jobs in it."""
    place, options = this.place, this.options
    ledger = open_ledger(place, options, this.now(), this.warn, visit=not this.submit)
    try:
        try:
            ledger.reconcile(
                staging,
                place.name,
                exists=place.job_file_exists,
                accept_new=options.accept_new,
                regenerate_changed=options.regenerate_changed and this.submit,
            )
        except Braked as brake:
            if this.submit:
                raise
            this.warn(f"{brake}; until a run has accepted them with --accept-new the old jobs count")
        _tidy(this, ledger)
        if this.submit:
            kinds = ledger.ask(lambda db: queries.to_submit_by_kind(db, place.name))
            refuse_unpriced(place, options, kinds)
            if options.rebuild_ledger:
                refuse_after_rebuild(place, sum(kinds.values()))
    except BaseException:
        ledger.close()
        raise
    return ledger


def open_ledger(
    place: Place, options: Options, now: datetime, warn: Callable[[str], None], *, visit: bool = False
) -> Ledger:
    """Open or begin the ledger of a folder, or restore it from the manifest.  Raises LedgerError.

    ``visit``: the service may be one that the ledger belonged to earlier, as nothing new is sent there.
    """
    if options.rebuild_ledger:
        rebuild_from_manifest(place, now, warn)
    folder.refuse_without_ledger(place.output, place.ledger)
    folder.refuse_unusable(place.output)
    ledger = Ledger.open(
        place.ledger, origin=place.origin, now=now, switch=options.switch_service, visit=visit
    )
    try:
        ledger.settle_output(os.path.relpath(place.output, place.ledger.parent))
    except BaseException:
        ledger.close()
        raise
    return ledger


def _tidy(this: Run, ledger: Ledger) -> None:
    """What the last run left open, and what the user's standing orders say of it."""
    place, options = this.place, this.options
    interrupted = ledger.change(orders.interrupted)
    if interrupted:
        this.warn(
            f"the last run ended while {_few(interrupted)} {_were(interrupted)} being submitted: "
            "perhaps accepted, perhaps charged"
        )
    if this.submit and place.settings.on_unknown is OnUnknown.RESUBMIT:
        again = ledger.change(lambda db: orders.resubmit_unknown(db, place.name))
        if again:
            this.warn(f"ordered again by on_unknown: resubmit: {_few(again)}")
    scan = folder.scan_clips(ledger, place.output, thorough=options.restore_missing)
    if scan.number and options.restore_missing:
        folder.set_damaged_aside(ledger, place.output)
        ledger.change(orders.restore_missing)
    elif scan.number:
        this.warn(
            f"{scan.number} stored clips are missing or damaged ({_few(scan.missing, scan.number)}); "
            "--restore-missing fetches them again if the service still has them"
        )
    for origin, number in ledger.ask(lambda db: queries.open_at_others(db, place.origin)).items():
        at = "1 submission is" if number == 1 else f"{number} submissions are"
        this.warn(
            f"{at} under way at {origin}; this brings in what is there: {this.commands.at(origin).collect()}"
        )


def refuse_unpriced(place: Place, options: Options, kinds: Iterable[Kind]) -> None:
    """Raise ConfigError when a cap in cost must cover clips that have no price."""
    missing = unpriced(place.settings.budget, kinds, max_cost=options.max_cost)
    if missing:
        raise ConfigError(told_unpriced(missing))


def _few(ids: Sequence[str], number: int | None = None) -> str:
    shown = ", ".join(ids[:_SHOWN])
    more = (len(ids) if number is None else number) - min(len(ids), _SHOWN)
    return f"{shown} and {more} more" if more else shown


def _were(ids: Sequence[str]) -> str:
    return "was" if len(ids) == 1 else "were"


# --- the run --------------------------------------------------------------------------------------------


async def _run_locked(this: Run, ledger: Ledger, key: str, held: Ground) -> RunResult:
    place = this.place
    started = asyncio.get_running_loop().time()
    standing = await ledger.read(lambda db: queries.standing(db, place.name))
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
    stop = await _drive(this, ledger, key, held)
    findings, written = await asyncio.to_thread(_report, this, ledger, held)
    standing = await ledger.read(lambda db: queries.standing(db, place.name))
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
    try:
        held.check()
        findings = write_reports(ledger, place, this.commands)
    except OSError as error:
        this.warn(
            f"{place.output}: the manifest can't be written: {error.strerror or error}; nothing is lost, "
            "the next run rebuilds it from the ledger"
        )
        return survey_only(ledger, place, this.commands), False
    return findings, True


async def _drive(this: Run, ledger: Ledger, key: str, held: Ground) -> Stop | None:
    """Run the pipeline, if there is anything to do."""
    place = this.place
    under_way = await ledger.read(lambda db: queries.under_way(db, place.name, place.origin))
    standing = await ledger.read(lambda db: queries.standing(db, place.name))
    submits = this.submit and bool(standing.to_submit)
    if not under_way and not submits:
        return this.stopper.stop
    async with AsyncExitStack() as stack:
        base_url = place.base_url
        if place.simulated:
            simulator = Simulator(state=place.output / ".service")
            try:
                base_url = (await stack.enter_async_context(simulator)).base_url
            except (OSError, ValueError) as error:
                raise ConfigError(f"the simulated service can't start: {error}") from error
        appender = Appender(ledger, place.output, this.warn, held.check)
        pipeline = await _assemble(
            this, ledger, key, base_url, submits=submits, appender=appender, held=held, stack=stack
        )
        await ledger.start_writing(reserve=submits)
        stack.push_async_callback(ledger.stop_writing)
        await stack.enter_async_context(_running(appender.work()))
        with this.stopper.attached(pipeline.stop):
            return await pipeline.run(under_way)


@asynccontextmanager
async def _running(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Let something run beside, and end it."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _assemble(
    this: Run,
    ledger: Ledger,
    key: str,
    base_url: str,
    *,
    submits: bool,
    appender: Appender,
    held: Ground,
    stack: AsyncExitStack,
) -> Pipeline:
    """Put the pipeline together from the parts that this run needs."""
    place, limits = this.place, this.place.settings.limits
    print_ = fingerprint(key, ledger.fact("salt"))
    account = Account(name=ACCOUNT, origin=place.origin, key_print=print_)
    sent = await ledger.read(
        lambda db: queries.answered_between(
            db, place.origin, this.now() - timedelta(seconds=WINDOW), this.now()
        )
    )
    number = await asyncio.to_thread(ledger.change, begin_run)
    clock, now = asyncio.get_running_loop().time(), this.now()
    session = await stack.enter_async_context(video_session())
    progress = _Progress()
    parts = Parts(
        book=LedgerBook(ledger, account, this.now, Purse(budget=place.settings.budget, run=number)),
        service=await stack.enter_async_context(Hailuo(base_url, key)),
        fetcher=HttpFetcher(session, max_clip_bytes=limits.max_clip_bytes, progress=progress),
        store=FolderStore(place.output),
        pace=SubmissionPace(
            in_flight=limits.in_flight,
            per_minute=limits.submits_per_minute,
            earlier=[clock - (now - at).total_seconds() for at in sent],
        ),
        next_orders=lambda after, most: ledger.read(lambda db: queries.orders(db, place.name, after, most)),
        observers=[*this.observers, appender],
        now=this.now,
        free_bytes=held.free_bytes,
    )
    rules = Rules(
        limits=limits,
        polling=place.settings.polling,
        output=place.output,
        key_print=print_,
        drain=this.options.drain,
        submit=submits,
        resubmit=place.settings.on_unknown is OnUnknown.RESUBMIT,
        max_clips=this.options.max_clips,
        last_answer=await ledger.read(lambda db: queries.last_answer(db, place.origin, print_)),
    )
    pipeline = Pipeline(parts, rules)
    progress.tell = pipeline.downloaded
    return pipeline


class _Progress:
    """Hands byte counts on to the pipeline, which is made after the fetcher."""

    def __init__(self) -> None:
        self.tell: Callable[[int], None] = lambda _: None

    def __call__(self, count: int) -> None:
        self.tell(count)
