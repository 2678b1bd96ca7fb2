"""Writing a job file and reading it back, for the tests of the reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from batchgen.errors import JobFileError
from batchgen.jobfile import open_job_file
from batchgen.model import Job, Problem


def write(folder: Path, content: str | bytes) -> Path:
    """Put a job file into a folder."""
    path = folder / "jobs.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(path: Path, loader: type[Any] | None = None) -> list[Job | Problem]:
    """Everything that a job file yields: problems of its head, then jobs and problems."""
    try:
        file = open_job_file(path, loader=loader)
        return [*file.problems, *file.entries()]
    except JobFileError as error:
        return list(error.problems)


def problems_of(folder: Path, content: str | bytes, loader: type[Any] | None = None) -> list[Problem]:
    """The problems of a job file, warnings among them."""
    return [entry for entry in read(write(folder, content), loader) if isinstance(entry, Problem)]


def jobs_of(folder: Path, content: str | bytes, loader: type[Any] | None = None) -> list[Job]:
    """The jobs of a file that has no problems."""
    entries = read(write(folder, content), loader)
    assert [entry for entry in entries if isinstance(entry, Problem)] == []
    return [entry for entry in entries if isinstance(entry, Job)]
