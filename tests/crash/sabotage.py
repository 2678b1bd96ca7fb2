"""Products that break a promise, so that the harness is seen to notice: each act spoils one thing by its name."""

from __future__ import annotations

import itertools
import os
import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path

from batchgen.download import store
from batchgen.ledger import orders
from batchgen.model import Clip, Record
from batchgen.reports.dataset import Contents
from batchgen.reports.manifest import ManifestWriter


def forget_intents() -> None:
    """A POST that was on its way when the run died counts as never sent: the job is paid for again."""

    def forgotten(db: sqlite3.Connection) -> list[str]:
        db.execute("UPDATE submissions SET state = 'not_accepted', charged = 'no' WHERE state = 'submitting'")
        return []

    orders.interrupted = forgotten


def write_in_place() -> None:
    """A clip grows under its final name instead of getting it when it is whole."""

    def written(source: Path, target: Path) -> bool:
        if not source.exists():  # the clip has its name already, as after a kill a moment later
            return False
        content = source.read_bytes()
        with target.open("wb", buffering=0) as file:
            for half in (content[: len(content) // 2], content[len(content) // 2 :]):
                file.write(half)
                os.fsync(file.fileno())
        return True

    store._link = written


def drop_the_earlier_clip() -> None:
    """A regenerated clip takes the name of the earlier one, which is kept nowhere."""

    async def nothing(_self: store.FolderStore, _file: str, _earlier: Clip, _to: str) -> None:
        return None

    setattr(store.FolderStore, "keep", nothing)  # noqa: B010  a method is not assigned to


def leave_out_a_row() -> None:
    """The manifest does not mention the first job."""
    true = ManifestWriter.rewrite

    def shorter(self: ManifestWriter, records: Iterable[Record]) -> Contents:
        return true(self, itertools.islice(records, 1, None))

    setattr(ManifestWriter, "rewrite", shorter)  # noqa: B010  a method is not assigned to


ACTS: dict[str, Callable[[], None]] = {
    act.__name__: act for act in (forget_intents, write_in_place, drop_the_earlier_clip, leave_out_a_row)
}
