"""The output folder between runs: is the ledger there, and is every clip where the ledger says."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from batchgen.errors import ConfigError, LedgerError
from batchgen.ledger import Ledger, orders, queries
from batchgen.reports.manifest import MANIFEST


def refuse_without_ledger(output: Path, ledger: Path) -> None:
    """Raise LedgerError when clips or a manifest stand there without the ledger that they came from."""
    if ledger.exists():
        return
    beside = output / MANIFEST if (output / MANIFEST).exists() else _any_clip(output / "videos")
    if beside is not None:
        raise LedgerError(
            f"{ledger}: there is no ledger, but {beside} is there: starting afresh could pay for the same clips "
            "again. Put the ledger back; or restore what the manifest knows with --rebuild-ledger; or give "
            "another output folder (-o)"
        )


def _any_clip(videos: Path) -> Path | None:
    return next(videos.rglob("*.mp4"), None) if videos.is_dir() else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What a look at every stored clip found."""

    missing: tuple[str, ...]  # ids, the first few
    number: int


_SHOWN = 5


def scan_clips(ledger: Ledger, output: Path) -> Scan:
    """Compare every stored clip's size with the ledger and note what is missing or damaged.  Blocks."""
    names: list[str] = []
    number = 0
    gone: list[int] = []
    back: list[int] = []
    for clip in ledger.ask(queries.stored):
        whole = _has_size(output / clip.file, clip.bytes)
        if not whole:
            number += 1
            if len(names) < _SHOWN:
                names.append(clip.job_id)
        if whole == clip.missing:
            (back if whole else gone).append(clip.submission)
    if gone or back:
        ledger.change(lambda db: orders.note_missing(db, gone, back))
    return Scan(missing=tuple(names), number=number)


def _has_size(path: Path, size: int) -> bool:
    try:
        found = path.lstat()
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size == size


def set_damaged_aside(ledger: Ledger, output: Path) -> None:
    """Before clips are restored: what stands in their place keeps existing, under another name."""
    for clip in ledger.ask(queries.stored):
        path = output / clip.file
        if clip.missing and path.is_symlink() | path.exists():
            aside = output / "superseded" / f"{clip.job_id}.{clip.submission}.damaged.mp4"
            try:
                aside.parent.mkdir(parents=True, exist_ok=True)
                if aside.exists():
                    raise ConfigError(f"{aside}: move this file away, then try again")
                os.rename(path, aside)  # noqa: PTH104  rename of whatever it is, links not followed
            except OSError as error:
                raise ConfigError(f"{path}: can't be moved aside: {error.strerror}") from error
