"""What the page knows of a job: the part of its manifest row that people look at."""

from __future__ import annotations

from collections.abc import Iterable

from batchgen.model import Record
from batchgen.reports.column_types import as_text
from batchgen.reports.lines import as_line
from batchgen.reports.rows import Row, clip_file, manifest_row
from batchgen.reports.standing import standing

#: Taken from the manifest row as they stand.
_KEPT = (
    "id",
    "status",
    "file",
    "prompt",
    "model",
    "duration",
    "resolution",
    "edition",
    "changed",
    "dismissed",
    "task_id",
    "width",
    "height",
    "seconds",
    "bytes",
    "submissions",
    "submitted_at",
    "finished_at",
    "price",
    "currency",
    "charged",
    "error",
    "warnings",
)
#: Parts of the request that are columns of the row already.
_SHOWN = frozenset({"model", "prompt", "duration", "resolution"})


def gallery_line(record: Record) -> str:
    """The row of one job as the page has it: a JSON object on a line."""
    return as_line(gallery_row(record, manifest_row(record)))


def gallery_row(record: Record, row: Row) -> Row:
    """The row of one job, made from its manifest row; what is null, false or empty is left out.

    Values of ``metadata`` and ``options`` are text: the browser would round long numbers.
    """
    told: Row = {key: row[key] for key in _KEPT}
    told["standing"] = standing(record).value
    told["metadata"] = _texts(record.metadata.items())
    told["options"] = _texts((key, value) for key, value in record.request.items() if key not in _SHOWN)
    told["source"] = str(record.source)
    told["made_from"] = _earlier_prompt(record)
    told["left"] = not record.in_job_file
    return {key: value for key, value in told.items() if value or key in {"id", "prompt"}}


def _earlier_prompt(record: Record) -> object:
    """What the clip was made from, where the job was edited after that."""
    if record.newest is None or clip_file(record) is None:
        return None
    prompt = record.newest.request.get("prompt")
    return None if prompt == record.prompt else prompt


def _texts(values: Iterable[tuple[str, object]]) -> dict[str, str]:
    return {
        key: value if isinstance(value, str) else as_text(value) for key, value in values if value is not None
    }
