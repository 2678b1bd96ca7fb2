"""From the job file to staged jobs."""

from __future__ import annotations

from pathlib import Path

import pytest

from batchgen.app.loading import MOST_PROBLEMS, Interrupted, load, read_jobs
from batchgen.errors import JobFileError
from batchgen.jobfile import open_job_file
from batchgen.ledger import Staging
from batchgen.model import Problem


def _write(folder: Path, *lines: str) -> Path:
    path = folder / "jobs.yaml"
    path.write_text("jobs:\n" + "".join(f"- {line}\n" for line in lines))
    return path


def test_problems_are_listed_up_to_a_bound_and_counted_beyond(tmp_path: Path) -> None:
    """A file with thousands of mistakes has one cause, most likely: the first hundred, and how many more."""
    path = _write(tmp_path, *["{promt: x}"] * 150)
    with pytest.raises(JobFileError) as error:
        list(read_jobs(path))
    problems = error.value.problems
    assert len(problems) == MOST_PROBLEMS + 1
    assert [problem.source.line for problem in problems[:3]] == [2, 3, 4]
    assert problems[-1].message == "and 50 more"


def test_problems_within_jobs_and_between_them_are_told_together(tmp_path: Path) -> None:
    """An id that two jobs have is found although another job is wrong."""
    path = _write(tmp_path, "{id: a, prompt: x}", "{id: A, prompt: y}", "{prompt: 7}")
    with pytest.raises(JobFileError) as error:
        list(read_jobs(path))
    assert [problem.source.line for problem in error.value.problems] == [3, 4]


def test_entries_that_ask_for_the_same_are_one_job(tmp_path: Path) -> None:
    """They come once, with a warning, unless ``repeat`` asks for several."""
    path = _write(tmp_path, "{prompt: x}", "{prompt: x}", "{id: k, prompt: x, repeat: 2}")
    jobs = list(read_jobs(path))
    assert [job.id for job in jobs][1:] == ["k", "k-2"]
    assert len(jobs) == 3


def _warnings(path: Path) -> list[Problem]:
    with Staging() as staging:
        return list(load(open_job_file(path), staging).warnings)


def test_metadata_of_mixed_types_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    """Once a key, with both places: what comes out as a data set has columns of one type."""
    path = _write(
        tmp_path,
        "{id: a, prompt: x, metadata: {n: 1, same: 1, some: null, deep: {x: 1}}}",
        "{id: b, prompt: x, metadata: {n: one, same: 2.5, some: 1}}",
        "{id: c, prompt: x, metadata: {n: [1], same: 3, deep: [1]}}",
        "{id: d, prompt: x, metadata: {n: two, flag: true}}",
        "{id: e, prompt: x, metadata: {flag: 1}}",
    )
    told = [(problem.source.line, problem.job, problem.message) for problem in _warnings(path)]
    assert told == [
        (3, "b", f"metadata 'n' is text here, and a number in job a ({path}:2)"),
        (4, "c", f"metadata 'deep' is a list here, and a mapping in job a ({path}:2)"),
        (6, "e", f"metadata 'flag' is a number here, and true or false in job d ({path}:5)"),
    ]


def test_reading_stops_when_the_user_does(tmp_path: Path) -> None:
    """Between two jobs, so that a long file does not hold up the end."""
    path = _write(tmp_path, "{prompt: x}", "{prompt: y}")
    with Staging() as staging, pytest.raises(Interrupted):
        load(open_job_file(path), staging, lambda: True)
