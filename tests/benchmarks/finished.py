"""An output folder in which very many jobs are finished, made at once instead of run."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from batchgen.app.loading import load
from batchgen.app.options import Options
from batchgen.app.place import resolve
from batchgen.ledger import Ledger, Staging
from batchgen.ledger.layout import is_fanned
from batchgen.ledger.portions import clip_name
from batchgen.ledger.rows import folded

_CLIP = b"a clip"
_VIDEO = json.dumps({"width": 1366, "height": 768, "seconds": 6.0, "fps": 24.0, "codec": "avc1"})
_NOW = datetime(2026, 7, 1, tzinfo=UTC)


def finish(job_file: Path, base_url: str, *, clips: bool = True) -> None:
    """Bring the jobs of a job file into the ledger, as if each had been made and fetched.

    ``clips``: their files too, a few bytes each.
    """
    place = resolve(job_file, Options(base_url=base_url))
    with Staging() as staging:
        load(place.job_file, staging)
        ledger = Ledger.open(place.ledger, origin=place.origin, now=_NOW)
        ledger.settle_output(".")
        ledger.reconcile(staging, place.name, exists=lambda _: True)
    ledger.change(lambda db: _finish(db, place.origin))
    if clips:
        for file in ledger.ask(lambda db: [row[0] for row in db.execute("SELECT file FROM jobs")]):
            path = place.output / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(_CLIP)
    ledger.close()


def _finish(db: sqlite3.Connection, origin: str) -> None:
    fanned = is_fanned(db)
    names = [
        (clip_name(id_, None, fanned=fanned), key) for key, id_ in db.execute("SELECT key, id FROM jobs")
    ]
    db.executemany(
        "UPDATE jobs SET file = ?, file_folded = ? WHERE key = ?",
        [(name, folded(name), key) for name, key in names],
    )
    at = _NOW.isoformat(timespec="milliseconds")
    db.execute(
        "INSERT INTO submissions (job, state, reason, account, origin, key_print, request, digest, intended_at, "
        "charged, run, day) SELECT key, 'submitting', 'first', 'default', ?, 'print', request, digest, ?, "
        "'perhaps', 1, '2026-07-01' FROM jobs ORDER BY position",
        (origin, at),
    )
    db.execute("UPDATE submissions SET state = 'submitted', task_id = 't' || key, submitted_at = ?", (at,))
    db.execute(
        "UPDATE submissions SET state = 'generated', file_id = 'f' || key, generated_at = ?, charged = 'yes', "
        "width = 1366, height = 768, bytes = ?, sha256 = '0', video = ?, "
        "file = (SELECT file FROM jobs WHERE key = submissions.job)",
        (at, len(_CLIP), _VIDEO),
    )
    db.execute("UPDATE submissions SET state = 'succeeded', finished_at = ?", (at,))
