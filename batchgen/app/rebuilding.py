"""``--rebuild-ledger``: when the ledger is lost, the manifest still knows most of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path

from batchgen.app.place import Place
from batchgen.errors import LedgerError
from batchgen.ledger.portions import Shard
from batchgen.reports.manifest import MANIFEST, read_manifest
from batchgen.reports.rows import Row

#: Whose the restored submissions are: the manifest does not say under which account label they were made.
ACCOUNT = "default"


def rebuild_from_manifest(place: Place, now: datetime, warn: Callable[[str], None]) -> None:
    """Make a ledger from the manifest.  Blocks.

    Raises LedgerError when there is one, or no manifest; and, with the ledger restored, when rows of the manifest
    are damaged: the jobs of these would be paid for again, so a person must look first.
    """
    from batchgen.ledger import rebuild  # noqa: PLC0415  needed once in the life of a folder, if ever

    manifest = place.output / MANIFEST
    if not manifest.exists():
        raise LedgerError(f"{manifest}: there is no manifest to rebuild the ledger from")
    torn: list[int] = []
    rows = read_manifest(manifest, torn=torn.append)
    if place.shard is not None:
        rows = _only(place.shard, rows, manifest)
    rebuilt = rebuild.restore(
        place.ledger, rows, origin=place.origin, now=now, account=ACCOUNT, shard=place.shard
    )
    for line in torn:
        warn(f"{manifest}:{line}: this line is damaged and was left out")
    for problem in rebuilt.problems:
        warn(f"{manifest}: {problem}")
    warn(
        f"the ledger was restored from the manifest: {rebuilt.jobs} jobs, {rebuilt.submissions} submissions. "
        "Tasks that were at the service when the ledger was lost may not be among them: look them up in the "
        "provider's console before you order anything again"
    )
    if torn or rebuilt.problems:
        raise LedgerError(
            f"{manifest}: the ledger was restored without the damaged rows named above, and nothing was sent: their "
            "jobs count as never ordered. See what `batchgen check` would submit, then run without --rebuild-ledger"
        )


def _only(shard: Shard, rows: Iterable[Row], manifest: Path) -> Iterator[Row]:
    """The rows, as long as they are of this shard.  Raises LedgerError."""
    for row in rows:
        if not shard.has(str(row["id"])):
            raise LedgerError(
                f"{manifest}: job {row['id']} is not in shard {shard}: this folder has another shard, or none"
            )
        yield row


def refuse_after_rebuild(place: Place, to_submit: int) -> None:
    """Raise LedgerError when jobs would be submitted: the service may have tasks that the manifest never knew."""
    if to_submit:
        jobs = "1 job" if to_submit == 1 else f"{to_submit} jobs"
        raise LedgerError(
            f"{place.ledger}: the ledger was restored, and nothing was sent: {jobs} would be, and may be at the "
            "service already. See what `batchgen check` would submit and what the provider's console knows, then "
            "run again without --rebuild-ledger"
        )
