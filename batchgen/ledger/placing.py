"""Which name a clip gets: fixed when its job is first submitted, and given when the clip is whole."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Sequence

from batchgen.ledger.changes import question, statement
from batchgen.ledger.layout import is_fanned
from batchgen.ledger.portions import clip_name, superseded_name
from batchgen.ledger.rows import folded, to_clip, to_video
from batchgen.model import Clip, Placement, Submission


def fix_file(db: sqlite3.Connection, job: sqlite3.Row, *, fanned: bool) -> str:
    """Fix the name of the clip; a renamed job may still hold the obvious one."""
    for number in itertools.count(1):
        name = clip_name(job["id"], job["filename"], fanned=fanned, number=number)
        # Only the name may be taken: everything else that could be wrong with it raises.
        if db.execute(_NAME, (name, folded(name), job["key"])).rowcount:
            break
    return name


_NAME = "UPDATE OR IGNORE jobs SET file = ?, file_folded = ? WHERE key = ?"


def fix_files(db: sqlite3.Connection, jobs: Sequence[sqlite3.Row], *, fanned: bool) -> None:
    """Fix the names of many clips; hardly ever is an obvious one taken."""
    try:
        _NAMES(db, [_named(job, fanned=fanned) for job in jobs])
    except sqlite3.IntegrityError:  # what is made already is made again, and comes to the same
        for job in jobs:
            fix_file(db, job, fanned=fanned)


_NAMES = statement(
    "UPDATE jobs SET file = {file}, file_folded = {file_folded} {source} WHERE jobs.key = {key}",
    *("key", "file", "file_folded"),
)

_CHECKED = statement(
    """
UPDATE submissions SET bytes = {bytes}, sha256 = {sha256}, video = {video}, file = {file}
{source} WHERE submissions.key = {key}""",
    *("key", "bytes", "sha256", "video", "file"),
)

_NAMED = question("""
SELECT s.key, jobs.id, jobs.file, EXISTS (
  SELECT 1 FROM submissions WHERE job = s.job AND key <> s.key AND sha256 IS NOT NULL) AS has_others
FROM submissions AS s JOIN jobs ON jobs.key = s.job WHERE s.key {asked}""")


def _named(job: sqlite3.Row, *, fanned: bool) -> Sequence[str | int]:
    name = clip_name(job["id"], job["filename"], fanned=fanned)
    return job["key"], name, folded(name)


def check(db: sqlite3.Connection, clips: Sequence[tuple[Submission, Clip]]) -> Sequence[Placement]:
    """Write clips down and give them their names; a name depends on the other clips of the same job."""
    if len({submission.job_key for submission, _ in clips}) < len(clips):
        return [placement for clip in clips for placement in check(db, (clip,))]
    jobs = {job[0]: job for job in _NAMED(db, [submission.key for submission, _ in clips])}
    placements = [_place(db, submission, jobs[submission.key]) for submission, _ in clips]
    _CHECKED(db, [_columns(*clip, placement) for clip, placement in zip(clips, placements, strict=True)])
    return placements


def _columns(submission: Submission, clip: Clip, placement: Placement) -> Sequence[str | int]:
    return submission.key, clip.bytes, clip.sha256, to_video(clip.video), placement.file


def _place(db: sqlite3.Connection, submission: Submission, job: sqlite3.Row) -> Placement:
    _, _, file, has_others = job
    return _among_others(db, submission, job) if has_others else Placement(file=file)


def _among_others(db: sqlite3.Connection, submission: Submission, job: sqlite3.Row) -> Placement:
    """The name beside other clips of the same job: the newest one has the job's own."""
    newer = db.execute(
        "SELECT 1 FROM submissions WHERE job = ? AND key > ? AND sha256 IS NOT NULL",
        (submission.job_key, submission.key),
    ).fetchone()
    aside = superseded_name(job["id"], submission.key, fanned=is_fanned(db))
    return Placement(file=aside) if newer else _take_name(db, submission, job)


def _take_name(db: sqlite3.Connection, submission: Submission, job: sqlite3.Row) -> Placement:
    """The job's own name; the clip that has it now must be kept under another one first.

    A clip that was checked and then lost for good before it was stored has no name.
    """
    earlier = db.execute(
        "SELECT * FROM submissions WHERE job = ? AND key < ? AND sha256 IS NOT NULL AND state <> 'failed' "
        "ORDER BY key DESC LIMIT 1",
        (submission.job_key, submission.key),
    ).fetchone()
    if earlier is None:
        return Placement(file=job["file"])
    return Placement(
        file=job["file"],
        over=to_clip(earlier),
        keep_key=earlier["key"] if earlier["file"] == job["file"] else None,
        keep_as=superseded_name(job["id"], earlier["key"], fanned=is_fanned(db)),
    )
