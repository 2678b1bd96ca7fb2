"""``--rebuild-ledger``: when the ledger is lost, the manifest still knows most of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from batchgen.app.place import Place
from batchgen.errors import LedgerError
from batchgen.reports.manifest import MANIFEST, read_manifest


def rebuild_from_manifest(place: Place, now: datetime, warn: Callable[[str], None]) -> None:
    """Make a ledger from the manifest.  Blocks.  Raises LedgerError when there is one, or no manifest."""
    manifest = place.output / MANIFEST
    if place.ledger.exists():
        raise LedgerError(f"{place.ledger}: there is a ledger; move it away before it is rebuilt")
    if not manifest.exists():
        raise LedgerError(f"{manifest}: there is no manifest to rebuild the ledger from")
    raise NotImplementedError(read_manifest, now, warn)
