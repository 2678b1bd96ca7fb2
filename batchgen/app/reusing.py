"""``--reuse-from``: clips of equal request are taken from other output folders instead of being paid for.

All of this blocks, before anything is submitted.
"""

from __future__ import annotations

import itertools
import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from batchgen.app.folder import has_size
from batchgen.app.place import LEDGER, SIMULATED, Place, as_text
from batchgen.app.rebuilding import ACCOUNT
from batchgen.download.places import absolute, inside
from batchgen.download.store import is_clip
from batchgen.download.transplant import clear, transplant
from batchgen.errors import ConfigError, DownloadError, LedgerError
from batchgen.ledger import Ledger, orders
from batchgen.ledger.reuse import (
    Lost,
    Offer,
    Takers,
    Taking,
    begin,
    files_of,
    given_up,
    gone,
    intend,
    lost,
    offers,
    taken,
    unfinished,
    waiting,
)
from batchgen.model import Clip

#: Clips in one transaction: so many are looked at again after a crash.
_BATCH = 100

_SHOWN = 5

#: Lets the clip at a path stand under a name in our folder.
Put = Callable[[Path, str, Clip], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Another output folder."""

    output: Path
    ledger: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came from one folder: numbers of clips."""

    folder: str  # relative to ours
    reused: int
    unusable: tuple[str, ...]  # why, the first few; such clips are missing or damaged there
    unusable_number: int


def source_of(folder: Path, place: Place) -> Source:
    """The folder that the user named; with a simulated run, the simulated clips in it.  Raises ConfigError."""
    output = absolute(folder)
    if place.simulated and (output / SIMULATED / LEDGER).exists():
        output /= SIMULATED
    if not (output / LEDGER).is_file():
        raise ConfigError(
            f"{output}: there is no {LEDGER} here: --reuse-from takes an output folder of batchgen"
        )
    if output.resolve() == place.output.resolve():
        raise ConfigError(f"{output}: --reuse-from names the output folder itself")
    as_text(os.path.relpath(output, place.output))  # each clip that is taken says from where
    return Source(output=output, ledger=output / LEDGER)


def reuse(
    ledger: Ledger,
    place: Place,
    source: Source,
    now: Callable[[], datetime],
    *,
    put: Put | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Take every clip that a pending job asks for.  Raises LedgerError, DiskFull.

    ``put`` is by default ``transplant`` into our folder.
    """
    put = put or _into(place.output)
    takers = Takers(
        job_file=place.name, among=ledger.among, folder=os.path.relpath(source.output, place.output)
    )
    left = ledger.ask(lambda db: waiting(db, takers))
    ledger.change(begin)
    done, trouble = 0, list[str]()
    with Ledger.scratch(source.ledger, origin=None, now=now()) as theirs:
        found = iter(theirs.ask(lambda db: offers(db, simulated=place.simulated)))
        while done < left and not stopped() and (batch := list(itertools.islice(found, _BATCH))):
            done += _take_batch(ledger, source.output, batch, takers, put, now(), trouble, stopped)
    return Outcome(
        folder=takers.folder, reused=done, unusable=tuple(trouble[:_SHOWN]), unusable_number=len(trouble)
    )


def _intend_all(
    db: sqlite3.Connection, *, batch: Sequence[Offer], takers: Takers
) -> list[tuple[Offer, Taking]]:
    pairs = ((offer, intend(db, offer, takers)) for offer in batch)
    return [(offer, taking) for offer, taking in pairs if taking is not None]


def _take_batch(
    ledger: Ledger,
    theirs: Path,
    batch: Sequence[Offer],
    takers: Takers,
    put: Put,
    at: datetime,
    trouble: list[str],
    stopped: Callable[[], bool],
) -> int:
    """Find a job for each offer; where a clip proves to be damaged, the others of its request may serve."""
    done, before = 0, -1
    while batch and len(trouble) > before:
        before = len(trouble)
        pairs = ledger.change(partial(_intend_all, batch=batch, takers=takers))
        done += _take_all(ledger, theirs, pairs, put, at, trouble, stopped)
        used = {offer.task_id for offer, _ in pairs}
        batch = [offer for offer in batch if offer.task_id not in used]
    return done


def _take_all(
    ledger: Ledger,
    theirs: Path,
    pairs: Sequence[tuple[Offer, Taking]],
    put: Put,
    at: datetime,
    trouble: list[str],
    stopped: Callable[[], bool],
) -> int:
    """Put the files under their names, then write down what became of each; how many were taken.

    Copies can take long: once stopped, the rest of the batch is as if it had never been meant.
    """
    there, not_there = list[int](), list[int]()
    for offer, taking in pairs:
        if stopped():
            not_there.append(taking.job_key)
            continue
        try:
            put(inside(theirs, offer.file), taking.file, offer.clip)
        except DownloadError as error:
            trouble.append(str(error))
            not_there.append(taking.job_key)
        else:
            there.append(taking.job_key)
    ledger.change(partial(_write_down, there=there, not_there=not_there, at=at))
    return len(there)


def _write_down(
    db: sqlite3.Connection, *, there: Sequence[int], not_there: Sequence[int], at: datetime
) -> None:
    for key in there:
        taken(db, key, at, account=ACCOUNT)
    for key in not_there:
        given_up(db, key)


def _into(output: Path) -> Put:
    return lambda source, file, clip: transplant(source, output, file, clip)


def only_look(source: Path, _file: str, clip: Clip) -> None:
    """Put nothing anywhere: for a plan.  Raises DownloadError when no file of the clip's size is there."""
    if not has_size(source, clip.bytes):
        raise DownloadError(f"{source}: this file is not the clip that its ledger knows")


def settle_unfinished(ledger: Ledger, output: Path, at: datetime, *, writable: bool) -> None:
    """After a crash: what stands whole under its name was taken; of all else nothing has happened.

    ``writable``: partial files of ours may be cleared away.
    """
    takings = ledger.ask(unfinished)
    if takings:
        there = [one.job_key for one in takings if _stands(output, one)]
        not_there = [one.job_key for one in takings if one.job_key not in there]
        if writable:
            for one in takings:
                with suppress(DownloadError):
                    clear(output, one.file)
        ledger.change(partial(_write_down, there=there, not_there=not_there, at=at))


def _stands(output: Path, taking: Taking) -> bool:
    try:
        return is_clip(inside(output, taking.file), taking.clip)
    except DownloadError:
        return False


def restore_reused(ledger: Ledger, place: Place, sources: Sequence[Source], at: datetime) -> None:
    """Missing clips that were reused are taken again, from where they came or from one of these folders.

    A job whose clip is in none of them has failed, and can be ordered again.
    """
    back, away = list[int](), list[int]()
    for clip in ledger.ask(lost):
        (back if _taken_again(place, sources, clip, at) else away).append(clip.submission)
    ledger.change(lambda db: orders.note_missing(db, [], back))
    ledger.change(lambda db: gone(db, away, at))


def _taken_again(place: Place, sources: Sequence[Source], clip: Lost, at: datetime) -> bool:
    first = Path(os.path.normpath(place.output / clip.reused_from))
    for source in (Source(output=first, ledger=first / LEDGER), *sources):
        try:
            with Ledger.scratch(source.ledger, origin=None, now=at) as theirs:
                files = theirs.ask(lambda db: files_of(db, clip.clip))
        except (LedgerError, OSError):
            continue
        for file in files:
            with suppress(DownloadError):
                transplant(inside(source.output, file), place.output, clip.file, clip.clip)
                return True
    return False
