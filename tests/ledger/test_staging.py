"""Jobs on their way to the ledger: ids are held against one another, and repeats become one."""

from __future__ import annotations

import tracemalloc
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest

from batchgen.ledger import Ledger, Staging
from batchgen.model import Job, Problem, Request, Source
from ledger.workshop import JOB_FILE, NOON, ORIGIN, job, nameless, reconcile, stage


def told(jobs: list[Job]) -> tuple[list[str], list[Problem]]:
    """The ids that remain, and what was told."""
    staging, problems = stage(jobs)
    with staging:
        return [one.id for one in staging], problems


def test_jobs_come_out_as_they_went_in(tmp_path: Path) -> None:
    """In their order, every field kept."""
    request = Request(prompt="一只狐狸 [推进]", duration=10, resolution="768P", prompt_optimizer=False)
    rich = Job(
        id="狐狸",
        explicit_id=True,
        request=request,
        digest=request.digest("2026-07-01"),
        source=Source(file=str(tmp_path / "jobs.yaml"), line=7, column=3),
        metadata={"scene": "雪地", "takes": [1, None]},
        warnings=("odd",),
        filename="scenes/狐狸.mp4",
        edition="2026-07-01",
    )
    plain = nameless("a fox")
    staging, problems = stage([rich, plain])
    with staging:
        assert (list(staging), problems, len(staging)) == ([rich, plain], [], 2)


def test_the_staged_jobs_leave_no_file_behind() -> None:
    """The temporary database goes with the staging."""
    staging, _ = stage([job("a")])
    with staging:
        assert staging.path.exists()
    assert not staging.path.parent.exists()


def test_a_request_that_is_repeated_without_id_is_one_job() -> None:
    """With a warning at the second entry that names the line of the first."""
    ids, problems = told([nameless("same", line=3), nameless("other", line=4), nameless("same", line=9)])
    assert ids == [nameless("same").id, nameless("other").id]
    (warning,) = problems
    assert (warning.warning, warning.source.line, warning.job) == (True, 9, nameless("same").id)
    assert "line 3" in warning.message
    assert "repeat" in str(warning.remedy)


def test_repeats_that_were_asked_for_are_several_jobs() -> None:
    """`repeat: 3` makes ids of its own, and a second such entry repeats each of them."""
    one = nameless("same")
    three = [one, replace(one, id=f"{one.id}-2"), replace(one, id=f"{one.id}-3")]
    assert told(three) == ([each.id for each in three], [])
    ids, problems = told([*three, *three])
    assert ids == [each.id for each in three]
    assert [problem.warning for problem in problems] == [True] * 3


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ("a", "a", "the same id as job a at line 3"),
        ("book", "Book", "can't tell"),
        ("straße", "STRASSE", "can't tell"),
        ("caf\u00e9", unicodedata.normalize("NFD", "CAF\u00c9"), "can't tell"),
    ],
)
def test_two_jobs_of_one_id_are_a_problem(first: str, second: str, words: str) -> None:
    """Whatever their case and form, and whether they ask for the same or not; both lines are named."""
    for prompt in ("one", "two"):
        _, (problem,) = told([job(first, "one", line=3), job(second, prompt, line=8)])
        assert (problem.warning, problem.source.line, problem.job) == (False, 8, second)
        assert words in problem.message
        assert "line 3" in problem.message


@pytest.mark.parametrize(
    ("first", "words"),
    [
        (("a.csv", 3), "at row 3"),
        (("b.csv", 3), "at row 3 of b.csv"),
        (("b.jsonl", 3), "at line 3 of b.jsonl"),
        (("a.csv", 8), "of the same row"),
    ],
)
def test_jobs_that_clash_are_told_where_the_first_stands(first: tuple[str, int], words: str) -> None:
    """Its file too when it is another one; rows of tables are no lines."""
    own = Source(file="a.csv", line=8)
    earlier = replace(job("a", "one"), source=Source(file=first[0], line=first[1]))
    _, (problem,) = told([earlier, replace(job("a", "two"), source=own)])
    assert problem.message == f"the same id as job a {words}"
    if first[1] == 3:
        one = nameless("same")
        _, (warning,) = told([replace(one, source=earlier.source), replace(one, source=own)])
        assert f"the same clip as {words.removeprefix('at ')}:" in warning.message


def test_an_id_that_is_anothers_hash_is_a_problem() -> None:
    """An explicit id may not be that of a job without one."""
    plain = nameless("x", line=3)
    _, (problem,) = told([plain, job(plain.id, "y", line=8)])
    assert (problem.warning, problem.source.line) == (False, 8)


@pytest.mark.parametrize(
    ("first", "second"),
    [("a/Same.mp4", "a/same.mp4"), ("a/b.mp4", "A/B.mp4"), ("two.mp4", None), (None, "ONE.mp4")],
)
def test_two_clips_of_one_name_are_a_problem(first: str | None, second: str | None) -> None:
    """Whatever their case, be the name given or made from the id; the later job and both ids are named."""
    one, two = job("one", line=3), job("two", line=8)
    _, (problem,) = told([replace(one, filename=first), replace(two, filename=second)])
    assert (problem.warning, problem.source.line, problem.job) == (False, 8, "two")
    assert "job one" in problem.message


def test_clips_of_their_own_names_are_no_problem() -> None:
    """One name in two folders is two names."""
    names = ("a/x.mp4", "b/x.mp4", None, "other.mp4")
    jobs = [replace(job(f"job-{n}"), filename=name) for n, name in enumerate(names)]
    assert told(jobs) == ([one.id for one in jobs], [])


def test_every_clash_is_told_up_to_the_limit() -> None:
    """Three of one id are two problems, in the order of the file."""
    with Staging() as staging:
        for line in range(1, 13):
            staging.add(job("a" if line % 2 else "b", line=line))
        problems = list(staging.settle(7))
    assert [problem.source.line for problem in problems] == [3, 4, 5, 6, 7, 8, 9]


def test_many_jobs_take_flat_memory(tmp_path: Path) -> None:
    """20,000 jobs come into the ledger, twice, within a few megabytes."""
    ledger = Ledger.open(tmp_path / "ledger.sqlite3", origin=ORIGIN, now=NOON)
    tracemalloc.start()
    try:
        first = reconcile(ledger, (job(f"job-{n}", line=n + 1) for n in range(20_000)), JOB_FILE)
        again = reconcile(ledger, (job(f"job-{n}", line=n + 1) for n in range(20_000)), JOB_FILE)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        ledger.close()
    assert (first.new, again.new, again.left) == (20_000, 0, 0)
    assert peak < 8 * 1024**2
