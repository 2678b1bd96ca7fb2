"""What a run leaves behind for people: the manifest, the data set card, the sentence, the attention list."""

from __future__ import annotations

import asyncio
import math
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from batchgen.app.place import Place
from batchgen.app.timely import in_time
from batchgen.download.disk import to_its_end
from batchgen.errors import LedgerError
from batchgen.ledger import Ledger, queries
from batchgen.model import Record, Status
from batchgen.ports import Event, JobChanged, JobRested
from batchgen.reports.attention import SHOWN, Attention
from batchgen.reports.card import write_card
from batchgen.reports.commands import Commands
from batchgen.reports.costs import Costs
from batchgen.reports.manifest import MANIFEST, ManifestWriter
from batchgen.reports.rows import Row
from batchgen.reports.standing import Tally
from batchgen.reports.summary import sentence
from batchgen.reports.words import STATUS

#: Rows that are appended in one go at the most.
_AT_ONCE = 64
_COMPANY = 0.1  # seconds that the row of a job that has ended waits for those of others: one hop does for all
_ENDS = frozenset({Status.SUCCEEDED, Status.FAILED, Status.UNKNOWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What one pass over all records says."""

    tally: Tally
    jobs: int  # about how many were looked at
    attention: str
    sentence: str  # the one that people want in the morning
    cost: str | None  # what it was spent for; None when nothing was


class Survey:
    """Looks at records as they pass by, whoever else reads them."""

    def __init__(self, commands: Commands, place: Place) -> None:
        self._tally = Tally()
        self._jobs = 0
        self._costs = Costs(failed_are_free=place.settings.budget.failed_clips_are_free)
        self._attention = Attention(commands.of(place.day), manifest=str(place.output / MANIFEST))
        self._simulated = place.simulated

    def add_new(self, untouched: queries.Untouched, first: Sequence[Record] = ()) -> None:
        """Jobs that nothing was ever sent for: none but the ``first`` of them needs a look of its own."""
        number = sum(untouched.selected.values())
        self._tally.add_new(number, not_selected=untouched.others)
        self._attention.add_new(first, number)

    def watch(self, records: Iterable[Record]) -> Iterator[Record]:
        """The same records, looked at."""
        for record in records:
            self._jobs += 1
            self._tally.add(record)
            if record.selected:
                self._costs.add(record)
                self._attention.add(record)
            yield record

    def findings(self) -> Findings:
        """What was seen.  Simulated clips cost nothing."""
        total = None if self._simulated else self._costs.total()
        return Findings(
            tally=self._tally,
            jobs=self._jobs,
            attention=self._attention.render(),
            sentence=sentence(self._tally, total),
            cost=None if self._simulated else self._costs.details(),
        )


#: Walks through all records that rewriting takes at the most: the manifest, and from it again the data set's rows.
_PASSES = 2.0


def write_reports(
    ledger: Ledger,
    place: Place,
    commands: Commands,
    time_left: Callable[[], float] = lambda: math.inf,
    watch: Callable[[Record, Row], None] | None = None,
) -> Findings:
    """Rewrite manifest, metadata and card from the ledger in one pass.  Blocks.

    ``watch`` is told of each job and its row in the manifest.
    Raises OSError, and NoTime when that would take longer than there is time: then both are as they were.
    """
    survey = Survey(commands, place)
    (place.output / "videos").mkdir(exist_ok=True)
    jobs = ledger.ask(queries.number_of_jobs)
    records = in_time(
        ledger.ask(lambda db: queries.records(db, place.name, ledger.among)), jobs, time_left, passes=_PASSES
    )
    contents = ManifestWriter(place.output, watch).rewrite(survey.watch(records))
    write_card(place.output, contents, simulated=place.simulated)
    return survey.findings()


def briefly(counts: Mapping[Status, int]) -> Findings:
    """What can be told without looking at each job."""
    told = ", ".join(f"{number} {STATUS[status]}" for status, number in counts.items() if number)
    jobs = sum(counts.values())
    return Findings(
        tally=Tally(ordered=jobs),
        jobs=jobs,
        attention="",
        sentence=f"{jobs} ordered: {told}; the manifest has the rows of this run behind the earlier ones.",
        cost=None,
    )


def survey_only(ledger: Ledger, place: Place, commands: Commands) -> Findings:
    """The same findings without writing anything.  Blocks."""
    survey = Survey(commands, place)
    untouched = ledger.ask(lambda db: queries.untouched(db, ledger.among))
    first = ledger.ask(lambda db: queries.first_untouched(db, place.name, ledger.among, most=SHOWN))
    survey.add_new(untouched, first)
    for _ in survey.watch(ledger.ask(lambda db: queries.records(db, place.name, ledger.among, sent=True))):
        pass
    return survey.findings()


class Appender:
    """An observer that appends manifest rows as jobs end, behind the run's back.

    The rows are rewritten at the end of the run; these are for those who read along, and for a crash.
    """

    def __init__(
        self,
        ledger: Ledger,
        output: Path,
        warn: Callable[[str], None],
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """``check`` raises OSError when the folder is not the run's own any more."""
        self._ledger, self._warn, self._check = ledger, warn, check
        self._writer = ManifestWriter(output)
        self._ended: list[int] = []  # jobs, by their keys, that have no row yet
        self._some = asyncio.Event()  # there are some
        self._told = False

    def observe(self, event: Event) -> None:
        """Take down the job of an event that ends it for this run."""
        if isinstance(event, JobRested) or (isinstance(event, JobChanged) and event.status in _ENDS):
            self._ended.append(event.job_key)
            self._some.set()

    async def work(self) -> None:
        """Append rows until cancelled; a disk that does not take them is told once."""
        try:
            while True:
                await self._some.wait()
                if len(self._ended) < _AT_ONCE:
                    await asyncio.sleep(_COMPANY)
                await self._append_some()
        finally:  # the rows may stand as they are, when there is no time to rewrite them
            while self._ended:
                await self._append_some()

    async def _append_some(self) -> None:
        keys, self._ended = self._ended[:_AT_ONCE], self._ended[_AT_ONCE:]
        if not self._ended:
            self._some.clear()
        try:
            await to_its_end(self._ledger.read(partial(self._append, keys)))
        except (OSError, LedgerError) as error:
            if not self._told:
                self._warn(f"{self._writer.path}: can't be written: {error}")
                self._told = True

    def _append(self, keys: Sequence[int], db: sqlite3.Connection) -> None:
        """Read and write in one go, on the thread that reads: a hop between threads costs more than either."""
        self._check()
        self._writer.append(queries.records_of(db, keys))
