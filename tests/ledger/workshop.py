"""A ledger on disk, the few jobs that a test is about, and a second pair of eyes on the file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from batchgen.ledger import Ledger, LedgerBook, Staging, queries
from batchgen.ledger.intending import Account
from batchgen.ledger.reconcile import Reconciled
from batchgen.model import (
    Charged,
    Clip,
    Fault,
    Generated,
    Job,
    Order,
    Placement,
    Problem,
    Record,
    Request,
    Source,
    Stage,
    Submission,
    VideoFacts,
)

ORIGIN = "https://www.dmxapi.cn"
JOB_FILE = "../jobs.yaml"
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
ACCOUNT = Account(name="default", origin=ORIGIN, key_print="print-1")

BROKE = Fault(code="1000", message="unknown error", stage=Stage.GENERATE)
SENSITIVE = Fault(code="1026", message="input is sensitive", stage=Stage.SUBMIT)
LOST = Fault(code="lost", message="connection lost", stage=Stage.SUBMIT)
BUSY = Fault(code="1002", message="rate limit", stage=Stage.SUBMIT)


def job(id_: str, prompt: str | None = None, *, line: int = 1) -> Job:
    """A job with an explicit id; its prompt is its id unless told."""
    request = Request(prompt=id_ if prompt is None else prompt)
    return Job(
        id=id_,
        explicit_id=True,
        request=request,
        digest=request.digest(),
        source=Source(file="jobs.yaml", line=line),
    )


def nameless(prompt: str, *, line: int = 1) -> Job:
    """A job without an id: it is made of the request's hash."""
    request = Request(prompt=prompt)
    digest = request.digest()
    return Job(
        id=digest[:12],
        explicit_id=False,
        request=request,
        digest=digest,
        source=Source(file="jobs.yaml", line=line),
    )


def clip(number: int) -> Clip:
    """A clip unlike those of other numbers."""
    video = VideoFacts(width=1366, height=768, seconds=6.0, fps=24.0, codec="avc1")
    return Clip(bytes=1000 + number, sha256=f"{number:064x}", video=video)


def stage(jobs: Iterable[Job]) -> tuple[Staging, list[Problem]]:
    """Jobs staged and settled; the caller closes the staging."""
    staging = Staging()
    for one in jobs:
        staging.add(one)
    return staging, list(staging.settle(100))


def reconcile(
    ledger: Ledger,
    jobs: Iterable[Job],
    job_file: str = JOB_FILE,
    *,
    exists: Callable[[str], bool] = lambda _: True,
    accept_new: bool = False,
    regenerate_changed: bool = False,
) -> Reconciled:
    """The job file says this now."""
    staging, _ = stage(jobs)
    with staging:
        return ledger.reconcile(
            staging, job_file, exists=exists, accept_new=accept_new, regenerate_changed=regenerate_changed
        )


def look(path: Path, query: str, *values: object) -> list[tuple[object, ...]]:
    """What another connection reads from the disk at this moment."""
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    try:
        return connection.execute(query, values).fetchall()
    finally:
        connection.close()


def names(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file of a folder: its size in bytes and the time of its last change, in ns."""
    return {path.name: (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.iterdir()}


class Desk:
    """A ledger with its book, and a clock that goes a second with every look at it."""

    def __init__(self, path: Path, account: Account = ACCOUNT) -> None:
        self.path = path
        self._account = account
        self._ticks = 0
        self.open()

    def open(self) -> None:
        """Open the ledger as a run does; also again, after ``ledger.close``."""
        self.ledger = Ledger.open(self.path, origin=ORIGIN, now=NOON)
        self.book = LedgerBook(self.ledger, self._account, self.now)

    def now(self) -> datetime:
        """The next second."""
        self._ticks += 1
        return NOON + timedelta(seconds=self._ticks)

    def has(self, *jobs: Job | str, accept_new: bool = False, regenerate_changed: bool = False) -> Reconciled:
        """The job file holds these jobs now; a text stands for a job of that id."""
        made = [job(one) if isinstance(one, str) else one for one in jobs]
        return reconcile(self.ledger, made, accept_new=accept_new, regenerate_changed=regenerate_changed)

    def look(self, query: str, *values: object) -> list[tuple[object, ...]]:
        """What is on disk."""
        return look(self.path, query, *values)

    def record(self, id_: str) -> Record:
        """The job of this id."""
        found = self.ledger.ask(lambda db: queries.find(db, id_))
        assert found is not None
        return found

    def statuses(self) -> dict[str, str]:
        """Every job's status; with a word more when it is held or dismissed."""
        return {record.id: _status(record) for record in self.records()}

    def records(self) -> list[Record]:
        """Every job."""
        return self.ledger.ask(lambda db: list(queries.records(db, JOB_FILE)))

    def orders(self) -> list[Order]:
        """What the next run would submit."""
        return [order for _, order in self.ledger.ask(lambda db: queries.orders(db, JOB_FILE, -1, 1000))]

    def order(self, id_: str) -> Order:
        """The order for this job."""
        (order,) = [order for order in self.orders() if order.id == id_]
        return order

    async def intend(self, id_: str) -> Submission:
        """The POST of this job is the next step."""
        submission = await self.book.intend(self.order(id_))
        assert submission is not None
        return submission

    async def accept(self, id_: str, task_id: str) -> Submission:
        """The service took this job."""
        return await self.book.accepted(await self.intend(id_), task_id)

    async def generate(self, id_: str, task_id: str) -> Submission:
        """The task of this job has ended well."""
        news = Generated(file_id=f"file-{task_id}", width=1366, height=768)
        return await self.book.generated(await self.accept(id_, task_id), news)

    async def store(self, submission: Submission, content: Clip) -> Placement:
        """The clip of a generated submission is fetched, checked, renamed and recorded."""
        placement = await self.book.checked(submission, content)
        if placement.keep_key is not None:
            await self.book.superseded(placement.keep_key, placement.keep_as)
        await self.book.stored(submission, [])
        return placement

    async def deliver(self, id_: str, task_id: str, number: int = 1) -> Placement:
        """This job, from the intent to its clip."""
        return await self.store(await self.generate(id_, task_id), clip(number))

    async def refuse(self, id_: str, charged: Charged = Charged.NO) -> None:
        """The service refuses this job."""
        await self.book.refused(await self.intend(id_), SENSITIVE, charged)

    async def lose(self, id_: str) -> Submission:
        """The answer to this job's POST was lost."""
        submission = await self.intend(id_)
        await self.book.lost(submission, LOST)
        return submission


def _status(record: Record) -> str:
    words = [str(record.status)]
    words += ["held"] if record.changed else []
    words += ["dismissed"] if record.dismissed is not None else []
    return " ".join(words)
