"""``merge``: the output folders of several shards become one.

The clips come first, each whole under its name or not there; the ledger gets its name last.  Until then a run in
the new folder is refused, and the same command carries on where it was interrupted.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from batchgen.app import lock
from batchgen.app.folder import MERGED_INTO, refuse_unusable
from batchgen.app.place import LEDGER, SIMULATED, as_text
from batchgen.app.reusing import settle_unfinished
from batchgen.download.places import absolute, inside
from batchgen.download.transplant import transplant
from batchgen.errors import ConfigError, DownloadError, FileTaken
from batchgen.ledger import Ledger, joining, opening, orders, queries
from batchgen.ledger.database import first_facts
from batchgen.ledger.portions import Shard
from batchgen.ledger.refusals import not_opened
from batchgen.reports.atomic import AtomicText
from batchgen.reports.card import write_card
from batchgen.reports.manifest import MANIFEST, METADATA, ManifestWriter

_MARK = ".batchgen.merge.json"
#: The fact by which the new folder knows those that it was made of.
MERGED_FROM = "merged_from"
_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What stands in the new folder."""

    output: Path
    jobs: int
    clips: int
    left: int  # jobs that a run there would still do something for
    missing: tuple[str, ...]  # clips that are not whole in their folder: why, the first few
    missing_number: int
    again: bool  # it was merged already, and only what was left was done


async def merge(
    folders: Sequence[Path],
    to: Path,
    *,
    simulate: bool,
    wait: float,
    now: Callable[[], datetime],
) -> Merged:
    """Join the folders into ``to``.  They are left as they are, but for a note in those that a run would go on with.

    Raises ConfigError, LedgerError, FolderBusy, DiskFull; then the new folder has no ledger, and a note that may be
    in another one says nothing yet.
    """
    output = _absolute(to, simulate=simulate)
    sources = [_absolute(folder, simulate=simulate) for folder in folders]
    _refuse(sources, output)
    async with AsyncExitStack() as held:
        for folder in sorted({*sources, output}):
            await held.enter_async_context(lock.hold(folder, folder / LEDGER, wait=wait, now=now))
        return await asyncio.to_thread(_merge, sources, output, now())


def _absolute(folder: Path, *, simulate: bool) -> Path:
    path = absolute(folder)
    return path / SIMULATED if simulate else path


def _refuse(sources: Sequence[Path], output: Path) -> None:
    for source in sources:
        as_text(os.path.relpath(source, output))
        if not (source / LEDGER).is_file():
            raise ConfigError(f"{source}: there is no {LEDGER} here: merge takes output folders of batchgen")
        if source.resolve().is_relative_to(output.resolve()) or output.resolve().is_relative_to(
            source.resolve()
        ):
            raise ConfigError(f"{output}: the new folder must lie apart from those that are merged: {source}")
    if len({source.resolve() for source in sources}) < len(sources):
        raise ConfigError("a folder is named twice")


def _merge(sources: Sequence[Path], output: Path, now: datetime) -> Merged:
    names = sorted(os.path.relpath(source, output) for source in sources)
    with ExitStack() as stack:
        copies = [
            stack.enter_context(Ledger.scratch(source / LEDGER, origin=None, now=now)) for source in sources
        ]
        for source, copy in zip(sources, copies, strict=True):
            settle_unfinished(copy, source, now, writable=False)
        again = (output / LEDGER).exists()
        if again:
            _refuse_other_merge(output, names, now)
        else:
            _refuse_foreign(output, names)
            _refuse_parts(sources, copies)
            refuse_unusable(output, output / LEDGER)
        parts = _parts(sources, copies, output)
        to_note = [
            source for source, copy in zip(sources, copies, strict=True) if copy.ask(joining.left_to_do)
        ]
        if again:
            _note_all(to_note, output, now)
        trouble = [] if again else _build(parts, copies[0], output, names, to_note, now)
    return _report(output, trouble, now, again=again)


# --- what is refused --------------------------------------------------------------------------------------


def _refuse_other_merge(output: Path, names: Sequence[str], now: datetime) -> None:
    """A ledger that this very merge has made only needs what came behind it."""
    with Ledger.scratch(output / LEDGER, origin=None, now=now) as ledger:
        if ledger.fact(MERGED_FROM) != json.dumps(names):
            raise ConfigError(f"{output}: there is a ledger already; merge into a folder of its own")


def _refuse_foreign(output: Path, names: Sequence[str]) -> None:
    """Clips without a ledger are somebody's, unless this very merge was interrupted."""
    mark = output / _MARK
    if mark.exists():
        if mark.read_text("utf-8") != json.dumps(names):
            raise ConfigError(
                f"{output}: a merge of other folders was interrupted here; merge into another folder"
            )
        return
    there = next((path for path in (output / MANIFEST, output / METADATA) if path.exists()), None)
    there = there or next((output / "videos").rglob("*"), None)
    if there is not None:
        raise ConfigError(f"{there}: the folder is in use; merge into a new one")


def _refuse_parts(sources: Sequence[Path], ledgers: Sequence[Ledger]) -> None:
    """Folders of several services, or some shards without the others, make no whole."""
    origins = {ledger.fact("origin"): source for source, ledger in zip(sources, ledgers, strict=True)}
    if len(origins) > 1:
        (one, first), (two, second), *_ = origins.items()
        raise ConfigError(f"{first} belongs to the service {one}, {second} to {two}: they can't be merged")
    shards = {ledger.fact("shard"): source for source, ledger in zip(sources, ledgers, strict=True)}
    if shards.keys() == {""}:
        return
    if "" in shards:
        raise ConfigError(f"{shards['']}: this folder has all jobs of its job file, the others have shards")
    found = [Shard.parse(shard) for shard in shards]
    missing = {str(Shard(number=n, of=found[0].of)) for n in range(1, found[0].of + 1)} - shards.keys()
    odd = [str(shard) for shard in found if shard.of != found[0].of]
    if odd or len(shards) < len(sources):
        raise ConfigError(f"these are no parts of one whole: shards {', '.join(map(str, found))}")
    if missing:
        raise ConfigError(
            f"shard {', '.join(sorted(missing))} is missing: its jobs would be ordered by a run in the new folder"
        )


# --- the new folder ---------------------------------------------------------------------------------------


def _parts(sources: Sequence[Path], ledgers: Sequence[Ledger], output: Path) -> list[joining.Part]:
    """Shards have one job file between them, wherever each of them was run."""
    named = [ledger.ask(joining.job_files) for ledger in ledgers]
    shards = all(ledger.fact("shard") for ledger in ledgers) and all(len(names) == 1 for names in named)
    parts = []
    for source, ledger, names in zip(sources, ledgers, named, strict=True):
        files = {name: os.path.relpath(source / name, output) for name in names}
        if shards:
            files = dict.fromkeys(names, os.path.relpath(sources[0] / named[0][0], output))
        parts.append(joining.Part(ledger=ledger.path, output=source, job_files=files))
    return parts


def _build(
    parts: Sequence[joining.Part],
    first: Ledger,
    output: Path,
    names: Sequence[str],
    to_note: Sequence[Path],
    now: datetime,
) -> list[str]:
    """Clips, then the notes in the other folders, then the ledger; why some clips are not there.

    A note says nothing before the ledger has its name: so at no moment could jobs be ordered in both folders.
    """
    trouble: list[str] = []

    def fill(connection: sqlite3.Connection) -> None:
        ends = joining.join(connection, parts, output)
        with AtomicText(output / _MARK) as mark:
            mark.write(json.dumps(names))
        missing = list(_bring(connection, parts, ends, output, trouble))
        connection.execute("BEGIN")
        orders.note_missing(connection, missing, [])
        connection.execute("COMMIT")
        _note_all(to_note, output, now)

    facts = first_facts(first.fact("origin"), now) | {
        "salt": first.fact("salt"),
        "output": ".",
        MERGED_FROM: json.dumps(names),
    }
    try:
        opening.refuse_network(output / LEDGER, opening.mounts())
        opening.create(output / LEDGER, facts, fill)
    except (sqlite3.Error, OSError) as error:
        raise not_opened(output / LEDGER, error, "made") from error
    return trouble


def _bring(
    connection: sqlite3.Connection,
    parts: Sequence[joining.Part],
    ends: Sequence[int],
    output: Path,
    trouble: list[str],
) -> Iterator[int]:
    """Let every clip stand in the new folder; yields the submissions of those that are not whole in theirs."""
    for standing in joining.clips(connection):
        source = next(
            part.output for part, end in zip(parts, ends, strict=True) if standing.submission <= end
        )
        try:
            transplant(inside(source, standing.file), output, standing.file, standing.clip)
        except FileTaken as error:
            raise ConfigError(f"{error}; nothing is overwritten: move it away, then merge again") from error
        except DownloadError as error:
            trouble.append(f"job {standing.job_id}: {error}")
            yield standing.submission


def _note_all(sources: Sequence[Path], output: Path, now: datetime) -> None:
    for source in sources:
        _note(source, output, now)


def _note(source: Path, output: Path, now: datetime) -> None:
    """Jobs that are not over would be ordered twice, were this folder to go on beside the new one."""
    name = os.path.relpath(output, source)
    origin = ""
    with Ledger.scratch(source / LEDGER, origin=None, now=now) as copy:
        origin = copy.fact("origin")
        if copy.fact(MERGED_INTO) == name:
            return
    ledger = Ledger.open(source / LEDGER, origin=origin, now=now)
    try:
        ledger.change(
            lambda db: db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (MERGED_INTO, name))
        )
    finally:
        ledger.close()


def _report(output: Path, trouble: Sequence[str], now: datetime, *, again: bool) -> Merged:
    """The manifest and the card; both can be written again from the ledger."""
    with Ledger.scratch(output / LEDGER, origin=None, now=now) as ledger:
        files = ledger.ask(joining.job_files)
        (output / "videos").mkdir(exist_ok=True)
        try:
            contents = ManifestWriter(output).rewrite(
                ledger.ask(lambda db: queries.records(db, files[0] if files else None))
            )
            write_card(output, contents, simulated=ledger.fact("origin") == SIMULATED)
            (output / _MARK).unlink(missing_ok=True)
        except OSError as error:
            raise ConfigError(
                f"{output}: the manifest can't be written: {error.strerror}; merge again"
            ) from error
        return Merged(
            output=output,
            jobs=ledger.ask(lambda db: int(db.execute("SELECT count(*) FROM jobs").fetchone()[0])),
            clips=contents.clips.total(),
            left=ledger.ask(joining.left_to_do),
            missing=tuple(trouble[:_SHOWN]),
            missing_number=len(trouble),
            again=again,
        )
