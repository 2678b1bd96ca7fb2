"""``retry``, ``adopt`` and ``dismiss``: what a person tells the ledger between runs."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from batchgen.app import lock
from batchgen.app.loading import load
from batchgen.app.opening import open_ledger
from batchgen.app.options import Options
from batchgen.app.place import Place, resolve
from batchgen.app.reporting import write_reports
from batchgen.errors import Braked, ConfigError
from batchgen.ledger import Ledger, Staging, orders
from batchgen.ledger.selecting import Among
from batchgen.reports.commands import Commands

Warn = Callable[[str], None]


async def retry(
    path: Path,
    options: Options,
    ids: Sequence[str],
    *,
    failed: bool,
    unknown: bool,
    now: Callable[[], datetime],
    warn: Warn,
) -> tuple[str, ...]:
    """Order jobs again; the next run submits them.  Returns their ids.

    Raises ConfigError when one of those named can't be ordered again, and then has changed nothing.
    """
    if not (ids or failed or unknown or options.selection):
        raise ConfigError("which jobs? Name their ids, or give --failed or --unknown")
    _refuse_both(ids, options)
    failed = failed or not (ids or unknown)

    def change(db: sqlite3.Connection, place: Place, among: Among) -> tuple[str, ...]:
        ordered = orders.order_again(
            db, ids, failed=failed, unknown=unknown, job_file=place.name, among=among
        )
        if ordered.refusals:
            raise ConfigError("nothing was changed:\n" + "\n".join(ordered.refusals))
        return ordered.ids

    async with _opened(path, options, now, warn) as (place, ledger):
        return await asyncio.to_thread(ledger.change, lambda db: change(db, place, ledger.among))


async def adopt(
    path: Path,
    options: Options,
    id_: str,
    task_id: str,
    *,
    now: Callable[[], datetime],
    warn: Warn,
) -> None:
    """Bind a task found in the provider's console to a job of unknown outcome.  Raises ConfigError."""
    if not task_id.isascii() or not task_id.isprintable() or " " in task_id or len(task_id) > 128:
        raise ConfigError("a task id is up to 128 letters and digits, as the provider's console shows it")
    async with _opened(path, options, now, warn) as (_, ledger):
        await asyncio.to_thread(ledger.change, lambda db: orders.adopt(db, id_, task_id, now()))


async def dismiss(
    path: Path,
    options: Options,
    ids: Sequence[str],
    reason: str,
    *,
    now: Callable[[], datetime],
    warn: Warn,
) -> int:
    """Settle failed, unknown or held jobs for good: those named, or all that are selected; how many.

    Raises ConfigError, and then has changed nothing.
    """
    if not reason.strip():
        raise ConfigError("give a reason: it stands in the manifest")
    if not (ids or options.selection):
        raise ConfigError("which jobs? Name their ids, or select some with --only or --where")
    _refuse_both(ids, options)

    def change(db: sqlite3.Connection, place: Place, among: Among) -> int:
        if options.selection:
            return orders.dismiss_selected(db, place.name, among, reason.strip())
        orders.dismiss(db, ids, reason.strip())
        return len(ids)

    async with _opened(path, options, now, warn) as (place, ledger):
        return await asyncio.to_thread(ledger.change, lambda db: change(db, place, ledger.among))


def _refuse_both(ids: Sequence[str], options: Options) -> None:
    if ids and options.selection:
        raise ConfigError("name the ids, or select jobs with --only, --where or --sample; not both")


@asynccontextmanager
async def _opened(
    path: Path, options: Options, now: Callable[[], datetime], warn: Warn
) -> AsyncIterator[tuple[Place, Ledger]]:
    """The folder's ledger, locked, with the job file's jobs in it; the reports are rewritten after."""
    place = await asyncio.to_thread(resolve, path, options)
    wait = options.wait_lock
    with Staging() as staging:
        with lock.busy_first(place.output, place.ledger, wait=wait, now=now):
            await asyncio.to_thread(load, place.job_file, staging, shard=place.shard)
        async with lock.hold(place.output, place.ledger, wait=wait, now=now):
            ledger = await asyncio.to_thread(_open, place, options, staging, now(), warn)
            try:
                yield place, ledger
                await asyncio.to_thread(_report, ledger, place, path, warn)
            finally:
                await asyncio.to_thread(ledger.close)


def _report(ledger: Ledger, place: Place, path: Path, warn: Warn) -> None:
    """The change stands in the ledger; reports that can't be written now are written by the next run."""
    try:
        write_reports(ledger, place, Commands(job_file=str(path)))
    except OSError as error:
        warn(f"{place.output}: the manifest can't be written: {error.strerror or error}; the change is made")


def _open(place: Place, options: Options, staging: Staging, now: datetime, warn: Warn) -> Ledger:
    ledger = open_ledger(place, options, now, warn)
    try:
        ledger.reconcile(staging, place.name, exists=place.job_file_exists)
    except Braked as brake:
        warn(f"{brake}; until a run has accepted them with --accept-new the old jobs count")
    except BaseException:
        ledger.close()
        raise
    try:
        ledger.change(orders.interrupted)
        ledger.select(options.selection, place.name)
    except BaseException:
        ledger.close()
        raise
    return ledger
