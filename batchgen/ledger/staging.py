"""Jobs on their way from the job file to the ledger, in a temporary database, however many there are.

Here ids are checked against one another, and entries that ask for the same thing become one job.  A job file
that is wrong never reaches the ledger.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from batchgen.errors import DiskFull
from batchgen.ledger.rows import folded, from_request, to_json
from batchgen.model import Job, Problem, Source

_SCHEMA = """
CREATE TABLE jobs (
  position INTEGER PRIMARY KEY, id TEXT NOT NULL, id_folded TEXT NOT NULL, explicit_id INTEGER NOT NULL,
  request TEXT NOT NULL, digest TEXT NOT NULL, model TEXT NOT NULL, prompt TEXT NOT NULL,
  duration INTEGER NOT NULL, resolution TEXT NOT NULL, metadata TEXT NOT NULL,
  source_file TEXT NOT NULL, source_line INTEGER NOT NULL, source_column INTEGER NOT NULL, warnings TEXT NOT NULL,
  filename TEXT, file_folded TEXT, edition TEXT
) STRICT;
"""
_INSERT = f"INSERT INTO jobs VALUES ({', '.join('?' * 18)})"
_BATCH = 500


class Staging:
    """The jobs of one job file.  ``add`` them all, ask for ``problems``, hand ``path`` to the ledger.

    Raises DiskFull when there is no room for temporary files.
    """

    def __init__(self) -> None:
        with _temporary_files():
            self._folder = tempfile.TemporaryDirectory(prefix="batchgen-", ignore_cleanup_errors=True)
            self.path = Path(self._folder.name) / "staged.sqlite3"
            self._connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
            try:
                self._connection.executescript(
                    "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + _SCHEMA
                )
            except BaseException:
                self._connection.close()
                self._folder.cleanup()
                raise
        self._waiting: list[tuple[object, ...]] = []
        self._position = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        self._folder.cleanup()

    def add(self, job: Job) -> None:
        """Take the next job of the file."""
        self._waiting.append(_row(self._position, job))
        self._position += 1
        if len(self._waiting) >= _BATCH:
            self._flush()

    def settle(self, limit: int) -> Iterator[Problem]:
        """Check ids and file names once all jobs are in; entries that ask for the same without an id become one.

        Yields warnings for these, and at most ``limit`` problems each for ids and for names that are taken twice.
        """
        self._flush()
        with _temporary_files():
            self._connection.execute("CREATE INDEX by_id ON jobs (id_folded, position)")
        self._connection.row_factory = sqlite3.Row
        yield from self._clashes(limit)
        yield from self._repeats(limit)
        self._connection.execute(f"DELETE FROM jobs WHERE {_IS_REPEAT}")
        yield from self._same_names(limit)

    def keep(self, chosen: Callable[[str], bool]) -> int:
        """Forget every job whose id is not chosen, after ``settle``; the number of those."""
        self._flush()
        self._connection.create_function("chosen", 1, chosen, deterministic=True)
        with _temporary_files():
            return self._connection.execute("DELETE FROM jobs WHERE NOT chosen(id)").rowcount

    def __len__(self) -> int:
        """How many jobs there are."""
        self._flush()
        (count,) = self._connection.execute("SELECT count(*) FROM jobs").fetchone()
        return int(count)

    def __iter__(self) -> Iterator[Job]:
        """The jobs in the file's order, after ``settle``."""
        self._flush()
        for row in self._connection.execute("SELECT * FROM jobs ORDER BY position"):
            yield Job(
                id=row["id"],
                explicit_id=bool(row["explicit_id"]),
                request=from_request(row["request"]),
                digest=row["digest"],
                source=_source(row),
                metadata=json.loads(row["metadata"]),
                warnings=tuple(json.loads(row["warnings"])),
                filename=row["filename"],
                edition=row["edition"],
            )

    def _flush(self) -> None:
        if self._waiting:
            with _temporary_files():
                self._connection.execute("BEGIN")
                self._connection.executemany(_INSERT, self._waiting)
                self._connection.execute("COMMIT")
            self._waiting.clear()

    def _clashes(self, limit: int) -> Iterator[Problem]:
        for row in self._connection.execute(_CLASHES, (limit,)):
            same = row["id"] == row["first_id"]
            words = "the same id as" if same else "an id that some file systems can't tell from"
            yield Problem(
                source=_source(row),
                job=row["id"],
                message=f"{words} job {row['first_id']} {_whereabouts(row)}",
                remedy="give one of them another id (ids are file names, upper and lower case count as equal)",
            )

    def _same_names(self, limit: int) -> Iterator[Problem]:
        """Clips that would stand under one name, be it by ``filename`` or made from the id."""
        if (
            self._connection.execute("SELECT 1 FROM jobs WHERE filename IS NOT NULL LIMIT 1").fetchone()
            is None
        ):
            return
        with _temporary_files():
            self._connection.execute(_NAMES)
        for row in self._connection.execute(_SAME_NAMES, (limit,)):
            name = row["filename"] or f"{row['id']}.mp4"
            yield Problem(
                source=_source(row),
                job=row["id"],
                message=f"its clip would have the file name of job {row['first_id']}: `{name}`",
                remedy="put `{id}` into `filename` (upper and lower case count as equal)",
            )

    def _repeats(self, limit: int) -> Iterator[Problem]:
        for row in self._connection.execute(_REPEATS, (limit,)):
            yield Problem(
                source=_source(row),
                job=row["id"],
                message=f"asks for the same clip as {_first(row).seen_from(_source(row))}: they are one job",
                remedy="for several clips of one request write repeat: N, or give each an id",
                warning=True,
            )


@contextmanager
def _temporary_files() -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.OperationalError) as error:
        raise DiskFull(f"the temporary files of this command can't be written (TMPDIR): {error}") from error


# An entry without an id whose hash, and so whose id, an earlier entry without an id has already.
_IS_REPEAT = """jobs.explicit_id = 0 AND EXISTS (
  SELECT 1 FROM jobs AS earlier WHERE earlier.id_folded = jobs.id_folded AND earlier.position < jobs.position
  AND earlier.explicit_id = 0 AND earlier.digest = jobs.digest)"""

_FIRST = """JOIN (SELECT id_folded AS f, min(position) AS p FROM jobs GROUP BY id_folded HAVING count(*) > 1)
  ON f = jobs.id_folded JOIN jobs AS first ON first.position = p AND jobs.position > p"""

_CLASHES = f"""
SELECT jobs.*, first.id AS first_id, first.source_file AS first_file, first.source_line AS first_line
FROM jobs {_FIRST}
WHERE NOT ({_IS_REPEAT}) ORDER BY jobs.position LIMIT ?"""

_REPEATS = f"""
SELECT jobs.*, first.source_file AS first_file, first.source_line AS first_line FROM jobs {_FIRST}
WHERE {_IS_REPEAT} ORDER BY jobs.position LIMIT ?"""

_NAME = "coalesce({0}.file_folded, {0}.id_folded || '.mp4')"

_NAMES = f"CREATE INDEX by_name ON jobs ({_NAME.format('jobs').replace('jobs.', '')}, position)"

_SAME_NAMES = f"""
SELECT jobs.*, first.id AS first_id FROM jobs JOIN jobs AS first
  ON {_NAME.format("first")} = {_NAME.format("jobs")} AND first.position < jobs.position
WHERE first.id_folded <> jobs.id_folded GROUP BY jobs.position ORDER BY jobs.position LIMIT ?"""


def _row(position: int, job: Job) -> tuple[object, ...]:
    request = job.request
    return (
        position,
        job.id,
        folded(job.id),
        int(job.explicit_id),
        to_json(request.body()),
        job.digest,
        request.model,
        request.prompt,
        request.seconds,
        request.size_class,
        to_json(dict(job.metadata)) if job.metadata else "{}",
        job.source.file,
        job.source.line,
        job.source.column,
        to_json(list(job.warnings)) if job.warnings else "[]",
        job.filename,
        None if job.filename is None else folded(job.filename),
        job.edition,
    )


def _source(row: sqlite3.Row) -> Source:
    return Source(file=row["source_file"], line=row["source_line"], column=row["source_column"])


def _first(row: sqlite3.Row) -> Source:
    """Where the earlier one of two jobs that clash comes from."""
    return Source(file=row["first_file"], line=row["first_line"])


def _whereabouts(row: sqlite3.Row) -> str:
    """The place of the earlier one of two jobs that clash, as seen from the later one."""
    first, own = _first(row), _source(row)
    if (first.file, first.line) == (own.file, own.line):
        return "of the same row" if own.is_row else "of the same entry"
    return f"at {first.seen_from(own)}"
