"""What a run would do: how many clips of each kind are new, under way, done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from batchgen.budget import Kind
from batchgen.model import Record
from batchgen.reports.standing import Standing, standing
from batchgen.reports.terminal import table

_COLUMNS = {
    Standing.PENDING: "new",
    Standing.UNDER_WAY: "under way",
    Standing.WAITING: "under way",
    Standing.DELIVERED: "done",
    Standing.REFUSED: "failed",
    Standing.FAILED: "failed",
    Standing.UNKNOWN: "unknown",
    Standing.HELD: "held",
    Standing.MISSING: "missing",
    Standing.DISMISSED: "dismissed",
}
_ALWAYS = ("new", "under way", "done", "failed", "unknown", "held")
_IF_ANY = ("missing", "dismissed")


def plan_table(records: Iterable[Record], new: Mapping[Kind, int] | None = None) -> str:
    """A line per model, resolution and duration of the job file and one for all, as aligned plain text.

    ``new`` counts, by kind, jobs that nothing was ever sent for and that are not among the records.
    """
    kinds = {kind: Counter({_COLUMNS[Standing.PENDING]: number}) for kind, number in (new or {}).items()}
    for record in records:
        if record.in_job_file:
            kind = (record.model, record.resolution, record.duration)
            kinds.setdefault(kind, Counter())[_COLUMNS[standing(record)]] += 1
    total = sum(kinds.values(), Counter[str]())
    columns = [*_ALWAYS, *(column for column in _IF_ANY if total[column])]
    rows = [
        [model, resolution, f"{duration} s", *_numbers(numbers, columns)]
        for (model, resolution, duration), numbers in sorted(kinds.items())
    ]
    rows.append(["all", "", "", *_numbers(total, columns)])
    return "\n".join(table(["model", "resolution", "length", *columns, "clips"], rows, words=3))


def _numbers(numbers: Counter[str], columns: Iterable[str]) -> list[str]:
    return [*(f"{numbers[column]}" for column in columns), f"{numbers.total()}"]
