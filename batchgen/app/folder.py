"""The output folder between runs: is the ledger there, and is every clip where the ledger says."""

from __future__ import annotations

import hashlib
import itertools
import os
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event

from batchgen.app.place import LEDGER
from batchgen.errors import ConfigError, FolderNotWritable, LedgerError
from batchgen.ledger import Ledger, orders, queries
from batchgen.reports.manifest import MANIFEST, METADATA

#: The fact in a ledger that names the folder into which its own was merged.
MERGED_INTO = "merged_into"
_LEADS_OUT = "a symbolic link that leads out of the output folder; clips can't go there"


def refuse_without_ledger(output: Path, ledger: Path) -> None:
    """Raise LedgerError when clips or a manifest stand there without the ledger that they came from."""
    if ledger.exists():
        return
    rows = (output / MANIFEST, output / METADATA)
    beside = next((path for path in rows if path.exists()), None) or _any_clip(output / "videos")
    if beside is not None:
        raise LedgerError(
            f"{ledger}: there is no ledger, but {beside} is there: starting afresh could pay for the same clips "
            "again. Put the ledger back; or restore what the manifest knows with --rebuild-ledger; or give "
            "another output folder (-o)"
        )


def _any_clip(videos: Path) -> Path | None:
    return next(videos.rglob("*.mp4"), None) if videos.is_dir() else None


def refuse_unusable(output: Path, ledger: Path) -> None:
    """Raise when clips could be paid for but not put where they belong, or the ledger lies out of the folder.

    ConfigError, FolderNotWritable or LedgerError.  A ledger that the job file names may lie anywhere.
    """
    for suffix in ("", "-wal", "-shm", "-journal") if ledger.parent == output else ():
        file = ledger.with_name(ledger.name + suffix)
        if file.is_symlink():
            raise LedgerError(
                f"{file}: a symbolic link is not followed from the output folder; put the file itself there, or "
                "name its place by `ledger:` in the job file"
            )
    for folder in (output / "videos", output / "superseded"):
        if not folder.resolve().is_relative_to(output.resolve()):
            raise ConfigError(f"{folder}: {_LEADS_OUT}")
        if folder.exists() and not folder.is_dir():
            raise ConfigError(f"{folder}: this must be a folder, and is none; move it away")
        nearest = folder if folder.exists() else output
        if not os.access(nearest, os.W_OK | os.X_OK):
            raise FolderNotWritable(f"{nearest}: this folder can't be written to")
        _refuse_links_out(folder, output)


def _refuse_links_out(folder: Path, output: Path) -> None:
    """Clips may have folders of their own: none of them may lie elsewhere by a link."""
    for parent, folders, _ in os.walk(folder):
        for below in (Path(parent, name) for name in folders):
            if below.is_symlink() and not below.resolve().is_relative_to(output.resolve()):
                raise ConfigError(f"{below}: {_LEADS_OUT}")


def refuse_merged(ledger: Ledger, output: Path) -> None:
    """Raise LedgerError when the jobs of this folder are another's now: both would order what is pending."""
    name = ledger.fact(MERGED_INTO)
    other = Path(os.path.normpath(output / name))
    if name and (other / LEDGER).exists():
        raise LedgerError(
            f"{output}: this folder was merged into {other} before all of its jobs were over; run there, so that "
            "nothing is ordered twice (`batchgen collect` still works here)"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What a look at every stored clip found."""

    missing: tuple[str, ...]  # ids, the first few
    number: int


@dataclass(slots=True, kw_only=True)
class Look:
    """What of the stored clips is not as the ledger says; submissions and jobs by their keys."""

    number: int = 0  # of clips that are missing or damaged
    jobs: list[int] = field(default_factory=list)  # the first few of theirs
    gone: list[int] = field(default_factory=list)  # to be noted as missing or damaged
    back: list[int] = field(default_factory=list)  # to be noted as whole again


_SHOWN = 5


def scan_clips(ledger: Ledger, output: Path, *, thorough: bool = False) -> Scan:
    """Compare every stored clip with the ledger and note what is missing or damaged.  Blocks.

    By its size; ``thorough`` reads every clip and compares the hash too.
    """
    return note(ledger, look_at_clips(ledger, output, thorough=thorough))


def look_at_clips(
    ledger: Ledger, output: Path, *, thorough: bool = False, given_up: Callable[[], bool] = lambda: False
) -> Look:
    """The comparison alone: it only reads, and so may go on beside what is written.  Blocks."""
    found = Look()
    for clip in ledger.ask(queries.stored):
        path = f"{output}/{clip.file}"  # for very many a Path each would cost more than looking
        whole = has_size(path, clip.bytes) and (not thorough or _has_hash(Path(path), clip.sha256))
        if not whole:
            found.number += 1
            if len(found.jobs) < _SHOWN:
                found.jobs.append(clip.job_key)
        if whole == clip.missing:
            (found.back if whole else found.gone).append(clip.submission)
        if given_up():
            break
    return found


@contextmanager
def looking(ledger: Ledger, output: Path, *, thorough: bool) -> Iterator[Future[Look]]:
    """Look at the clips in a thread, beside what is done inside; if that fails the look is given up.

    It has the ledger's reading connection to itself until the result is taken.
    """
    given_up = Event()
    with ThreadPoolExecutor(1, thread_name_prefix="batchgen-clips") as thread:
        try:
            yield thread.submit(look_at_clips, ledger, output, thorough=thorough, given_up=given_up.is_set)
        finally:
            given_up.set()


def note(ledger: Ledger, look: Look) -> Scan:
    """Write down what was found."""
    if look.gone or look.back:
        ledger.change(lambda db: orders.note_missing(db, look.gone, look.back))
    missing = ledger.ask(lambda db: queries.records_of(db, look.jobs))
    return Scan(missing=tuple(record.id for record in missing), number=look.number)


def _has_hash(path: Path, sha256: str) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except OSError:
        return False


def _free_name(folder: Path, stem: str) -> Path:
    """A name that nothing has yet."""
    numbers = itertools.count(1)
    names = (folder / (f"{stem}.mp4" if n == 1 else f"{stem}.{n}.mp4") for n in numbers)
    return next(name for name in names if not name.is_symlink() and not name.exists())


def has_size(path: str | Path, size: int) -> bool:
    """Whether an ordinary file of so many bytes stands there."""
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size == size


def set_damaged_aside(ledger: Ledger, output: Path) -> None:
    """Before clips are restored: what stands in their place keeps existing, under another name."""
    for clip in ledger.ask(queries.stored):
        path = output / clip.file
        if clip.missing and path.is_symlink() | path.exists():
            job = ledger.ask(partial(queries.record, key=clip.job_key))
            aside = output / "superseded"
            try:
                aside.mkdir(parents=True, exist_ok=True)
                path.rename(_free_name(aside, f"{job.id}.{clip.submission}.damaged"))
            except OSError as error:
                raise ConfigError(f"{path}: can't be moved aside: {error.strerror}") from error
