"""Output folders with ledgers and the files that they speak of."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ledger.workshop import NOON, Desk

from batchgen.app import Options
from batchgen.app.place import Place, resolve
from batchgen.app.reusing import Outcome, Source, reuse, settle_unfinished
from batchgen.ledger import queries
from batchgen.ledger.selecting import Among
from batchgen.model import Clip, Job, Record, VideoFacts

VIDEO = VideoFacts(width=1366, height=768, seconds=6.0, fps=24.0, codec="avc1")
JOB_FILE = "../jobs.yaml"


def content(number: int) -> bytes:
    """A file unlike those of other numbers."""
    return f"clip {number} ".encode() * (10 + number)


def clip_of(data: bytes) -> Clip:
    """What a ledger knows of a file."""
    return Clip(bytes=len(data), sha256=hashlib.sha256(data).hexdigest(), video=VIDEO)


class Folder(Desk):
    """A desk whose clips are files."""

    def __init__(self, output: Path) -> None:
        self.output = output
        output.mkdir(parents=True, exist_ok=True)
        super().__init__(output / "ledger.sqlite3")

    async def make(self, id_: str, task_id: str, number: int) -> Path:
        """The job is delivered; its file stands there."""
        submission = await self.generate(id_, task_id)
        placement = await self.store(submission, clip_of(content(number)))
        path = self.output / placement.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content(number))
        return path

    @property
    def place(self) -> Place:
        """As a command sees it."""
        path = self.output.parent / "jobs.yaml"
        path.write_text("jobs: [{prompt: x}]", "utf-8")
        return replace(resolve(path, Options(output=self.output)), name=JOB_FILE)

    def take_from(
        self,
        other: Path,
        *,
        among: Among = Among.EVERY,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Outcome:
        """Reuse what stands there."""
        self.ledger.among = among
        source = Source(output=other, ledger=other / "ledger.sqlite3")
        return reuse(self.ledger, self.place, source, self.now, stopped=stopped)

    def settle(self) -> None:
        """What every command does when it opens the ledger."""
        settle_unfinished(self.ledger, self.output, NOON, writable=True)

    def by_id(self) -> dict[str, Record]:
        """Every job."""
        return {
            record.id: record for record in self.ledger.ask(lambda db: list(queries.records(db, JOB_FILE)))
        }

    def check_files(self) -> None:
        """Every clip that the ledger calls delivered stands there whole, and nothing else has a final name."""
        named = {}
        for record in self.by_id().values():
            for attempt in record.attempts:
                if attempt.clip is not None and attempt.state == "succeeded" and not attempt.missing:
                    assert attempt.file is not None
                    assert attempt.file not in named
                    named[attempt.file] = attempt.clip.sha256
        found = {
            str(path.relative_to(self.output)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in self.output.rglob("*.mp4")
        }
        assert found == named


def edition_of(job: Job, edition: str) -> Job:
    """The same job, ordered for an edition."""
    return replace(job, edition=edition, digest=job.request.digest(edition))
