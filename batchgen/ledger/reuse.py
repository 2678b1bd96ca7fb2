"""Clips that another folder paid for, taken for jobs of ours that ask for the same.

Intents are written down first, then the files are put under their names, then the ledger says that the jobs have
succeeded.  So after a crash each clip that stands under its name is known to be the job's, and of all others
nothing has happened.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from batchgen.ledger.book import insert
from batchgen.ledger.layout import is_fanned
from batchgen.ledger.placing import fix_file
from batchgen.ledger.queries import SUBMITTABLE
from batchgen.ledger.rows import from_request, to_clip, to_time, to_video
from batchgen.ledger.selecting import Among
from batchgen.model import Charged, Clip, Reason, State, VideoFacts

_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A clip that stands in another folder, and what was asked of the service for it."""

    digest: str  # of the request, with the edition that it was ordered for
    plain_digest: str  # of the request alone
    origin: str
    task_id: str
    file_id: str
    width: int | None  # pixels, as the service told them
    height: int | None
    file: str  # relative to that folder
    clip: Clip
    warnings: str  # JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Taking:
    """A job of ours that is about to get a clip."""

    job_key: int
    job_id: str
    file: str  # relative to our output folder
    clip: Clip


@dataclass(frozen=True, slots=True, kw_only=True)
class Takers:
    """Which jobs may get clips, and from which folder."""

    job_file: str
    among: Among
    folder: str  # the other output folder, relative to ours


def offers(db: sqlite3.Connection, *, simulated: bool) -> Iterator[Offer]:
    """Every clip of another folder's ledger, oldest first; those of the simulated service, or those of real ones."""
    last = 0
    while True:
        rows = db.execute(_OFFERS.format("=" if simulated else "<>"), (last, _PAGE)).fetchall()
        yield from (offer for offer in map(_offer, rows) if offer is not None)
        if len(rows) < _PAGE:
            return
        last = rows[-1]["key"]


def _offer(row: sqlite3.Row) -> Offer | None:
    clip = to_clip(row)
    if clip is None:
        return None
    return Offer(
        digest=row["digest"],
        plain_digest=from_request(row["request"]).digest(),
        origin=row["origin"],
        task_id=row["task_id"],
        file_id=row["file_id"],
        width=row["width"],
        height=row["height"],
        file=row["file"],
        clip=clip,
        warnings=row["warnings"],
    )


def waiting(db: sqlite3.Connection, takers: Takers) -> int:
    """How many jobs could get a clip."""
    query = _TAKERS.format(what="count(*)", among=takers.among.sql())
    return int(db.execute(query, (takers.job_file,)).fetchone()[0])


def begin(db: sqlite3.Connection) -> None:
    """Look up once which tasks have given us clips: no index tells of those that were reused.

    One whose clip was lost for good, and whose job failed for it, has given none.
    """
    db.execute("DROP TABLE IF EXISTS temp.had")
    db.execute(
        "CREATE TEMP TABLE had (origin TEXT, task_id TEXT, PRIMARY KEY (origin, task_id)) WITHOUT ROWID"
    )
    db.execute(_HAD)


def intend(db: sqlite3.Connection, offer: Offer, takers: Takers) -> Taking | None:
    """Write down that the first job which asks for this clip is about to get it; ``None`` when there is none.

    Expects ``begin``.  A job with an edition takes clips of that edition only.  A clip serves one job of ours: who
    asks for several clips of one request wants different ones.
    """
    task = (offer.origin, offer.task_id)
    if db.execute(_IS_OURS, task).fetchone() is not None:
        return None
    query = f"{_TAKERS.format(what='*', among=takers.among.sql())} AND {_ASKS} ORDER BY position LIMIT 1"
    job = db.execute(query, (takers.job_file, offer.digest, offer.plain_digest)).fetchone()
    if job is None:
        return None
    file = job["file"] or fix_file(db, job, fanned=is_fanned(db))
    db.execute("INSERT INTO temp.had VALUES (?, ?)", task)
    db.execute(
        "INSERT INTO reusing VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            job["key"],
            takers.folder,
            offer.origin,
            offer.task_id,
            offer.file_id,
            offer.width,
            offer.height,
            offer.clip.bytes,
            offer.clip.sha256,
            to_video(offer.clip.video),
            offer.warnings,
        ),
    )
    return Taking(job_key=job["key"], job_id=job["id"], file=file, clip=offer.clip)


def unfinished(db: sqlite3.Connection) -> list[Taking]:
    """Intents of a command that did not come to its end; they are few."""
    rows = db.execute(
        "SELECT j.key, j.id, j.file, r.bytes, r.sha256, r.video FROM reusing AS r JOIN jobs AS j ON j.key = r.job"
    )
    return [
        Taking(
            job_key=row["key"],
            job_id=row["id"],
            file=row["file"],
            clip=Clip(bytes=row["bytes"], sha256=row["sha256"], video=VideoFacts(**json.loads(row["video"]))),
        )
        for row in rows
    ]


def taken(db: sqlite3.Connection, job_key: int, at: datetime, *, account: str) -> None:
    """The clip stands under its name: the job has succeeded, and nothing was paid for it."""
    row = db.execute(
        "SELECT r.*, j.request, j.digest, j.file FROM reusing AS r JOIN jobs AS j ON j.key = r.job WHERE r.job = ?",
        (job_key,),
    ).fetchone()
    copied = ("reused_from", "origin", "task_id", "file_id", "width", "height", "bytes", "sha256", "video")
    insert(
        db,
        {
            **{name: row[name] for name in (*copied, "request", "digest", "file", "warnings")},
            "job": job_key,
            "state": State.SUCCEEDED,
            "reason": Reason.REUSE,
            "account": account,
            "key_print": "",
            "intended_at": to_time(at),
            "finished_at": to_time(at),
            "day": at.astimezone().date().isoformat(),
            "charged": Charged.NO,
        },
    )
    given_up(db, job_key)


def given_up(db: sqlite3.Connection, job_key: int) -> None:
    """Nothing was taken: the job is as it was."""
    db.execute("DELETE FROM reusing WHERE job = ?", (job_key,))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """A clip that was reused and does not stand any more."""

    submission: int
    job_id: str
    file: str
    reused_from: str
    clip: Clip


def lost(db: sqlite3.Connection) -> list[Lost]:
    """Clips that were reused and were found missing or damaged: the service may not know them as ours."""
    rows = db.execute(
        "SELECT s.*, j.id AS job_id FROM submissions AS s JOIN jobs AS j ON j.key = s.job "
        "WHERE s.reason = 'reuse' AND s.state = 'succeeded' AND s.missing ORDER BY s.key"
    ).fetchall()
    found = ((row, to_clip(row)) for row in rows)
    return [
        Lost(
            submission=row["key"],
            job_id=row["job_id"],
            file=row["file"],
            reused_from=row["reused_from"],
            clip=clip,
        )
        for row, clip in found
        if clip is not None
    ]


def files_of(db: sqlite3.Connection, clip: Clip) -> list[str]:
    """Where a ledger has files with this content, relative to its output folder."""
    rows = db.execute(
        "SELECT file FROM submissions WHERE sha256 = ? AND bytes = ? AND state = 'succeeded'",
        (clip.sha256, clip.bytes),
    )
    return [row["file"] for row in rows]


def gone(db: sqlite3.Connection, submissions: list[int], at: datetime) -> None:
    """The folder that they came from has them no more: the jobs have failed, and can be ordered again."""
    for state in ("generated", "failed"):
        db.executemany(
            "UPDATE submissions SET state = ?, finished_at = ?, fault_code = 'gone', fault_stage = 'store', "
            "fault_message = ? WHERE key = ?",
            [(state, to_time(at), _GONE, key) for key in submissions],
        )


_GONE = "the clip was reused, is missing, and the folder that it came from has it no more"

_OFFERS = """
SELECT * FROM submissions WHERE state = 'succeeded' AND NOT missing AND origin {} 'simulated' AND key > ?
ORDER BY key LIMIT ?"""

# Pending jobs whose name is free: one that has an earlier clip was ordered anew on the user's word; one whose clip
# was lost for good has none.  The plus keeps the index of the job file's order away: by it a clip's job is found only
# behind all that are before it.
_TAKERS = f"""
SELECT {{what}} FROM standing WHERE +job_file = ? AND {SUBMITTABLE} AND {{among}}
  AND NOT EXISTS (SELECT 1 FROM reusing WHERE job = standing.key)
  AND NOT EXISTS (SELECT 1 FROM submissions WHERE job = standing.key AND sha256 IS NOT NULL AND state <> 'failed')"""

# The digest of a request with an edition is never that of one without.
_ASKS = "key IN (SELECT key FROM jobs WHERE digest IN (?, ?))"

_HAD = """
INSERT OR IGNORE INTO temp.had
SELECT origin, task_id FROM submissions WHERE task_id IS NOT NULL AND state <> 'failed'
UNION ALL SELECT origin, task_id FROM reusing"""

_IS_OURS = "SELECT 1 FROM temp.had WHERE origin = ? AND task_id = ?"
