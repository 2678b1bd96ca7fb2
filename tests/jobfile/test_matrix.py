"""Entries that stand for every combination of some lists."""

from __future__ import annotations

import itertools
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen.jobfile import open_job_file
from batchgen.jobfile.matrix import Axis, Matrix
from batchgen.jobfile.nodes import Scalar
from batchgen.model import Job, Problem

from .reading import jobs_of, problems_of, write

PETS = "jobs:\n  - prompt: '{pet} runs'\n    matrix: {pet: [cat, dog], resolution: [768P, 1080P]}\n"


def scalar(text: str) -> Scalar:
    """A word somewhere."""
    return Scalar(text=text, plain=True, line=1, column=1)


def matrix(
    lists: dict[str, list[str]], include: list[dict[str, str]], exclude: list[dict[str, str]]
) -> Matrix:
    """A matrix of words."""
    axes = tuple(Axis(key=scalar(name), values=tuple(map(scalar, values))) for name, values in lists.items())
    named = [
        tuple({name: scalar(value) for name, value in pick.items()} for pick in picks)
        for picks in (include, exclude)
    ]
    return Matrix(axes=axes, include=named[0], exclude=named[1])


def combined(made: Matrix) -> list[dict[str, str]]:
    """The combinations as plain words."""
    return [
        {name: value.text for name, value in combination.values.items()}
        for combination in made.combinations()
    ]


def test_the_example_of_the_documentation() -> None:
    """What the documentation of GitHub Actions says of its example with fruit and animals."""
    include = [
        {"color": "green"},
        {"color": "pink", "animal": "cat"},
        {"fruit": "apple", "shape": "circle"},
        {"fruit": "banana"},
        {"fruit": "banana", "animal": "cat"},
    ]
    made = matrix({"fruit": ["apple", "pear"], "animal": ["cat", "dog"]}, include, [])
    assert combined(made) == [
        {"fruit": "apple", "animal": "cat", "color": "pink", "shape": "circle"},
        {"fruit": "apple", "animal": "dog", "color": "green", "shape": "circle"},
        {"fruit": "pear", "animal": "cat", "color": "pink"},
        {"fruit": "pear", "animal": "dog", "color": "green"},
        {"fruit": "banana"},
        {"fruit": "banana", "animal": "cat"},
    ]


def test_what_is_excluded_can_be_included_again() -> None:
    """An exclusion need not name everything; inclusions come after it."""
    made = matrix(
        {"os": ["a", "b"], "v": ["1", "2"]}, [{"os": "a", "v": "2"}], [{"v": "2"}, {"os": "b", "v": "1"}]
    )
    assert combined(made) == [{"os": "a", "v": "1"}, {"os": "a", "v": "2"}]


WORDS = st.sampled_from(["1", "2", "3"])
PICKS = st.lists(st.dictionaries(st.sampled_from("ab"), WORDS, min_size=1), max_size=3)


@given(a=st.sets(WORDS, min_size=1), b=st.sets(WORDS, min_size=1), exclude=PICKS)
def test_every_combination_comes_once_less_what_is_excluded(
    a: set[str], b: set[str], exclude: list[dict[str, str]]
) -> None:
    """As a plain product, filtered."""
    every = [{"a": one, "b": two} for one, two in itertools.product(sorted(a), sorted(b))]
    kept = [one for one in every if not any(pick.items() <= one.items() for pick in exclude)]
    assert combined(matrix({"a": sorted(a), "b": sorted(b)}, [], exclude)) == kept


def test_a_list_under_a_request_key_sets_that_key(tmp_path: Path) -> None:
    """With the type that the key has; names stand in the prompt and, however deep, in the metadata."""
    jobs = jobs_of(
        tmp_path,
        "defaults: {metadata: {set: one}}\n"
        "jobs:\n"
        "  - prompt: 'a {pet} {{runs}}'\n"
        "    matrix: {pet: [cat], duration: [6, 10], aigc_watermark: [true]}\n"
        "    metadata: {about: [{who: '{pet}', long: '{duration} s'}], n: 1}\n",
    )
    assert [job.request.body() for job in jobs] == [
        {
            "model": "MiniMax-Hailuo-2.3",
            "prompt": "a cat {runs}",
            "duration": seconds,
            "aigc_watermark": True,
        }
        for seconds in (6, 10)
    ]
    assert jobs[1].metadata == {"set": "one", "about": [{"who": "cat", "long": "10 s"}], "n": 1}
    assert {job.id for job in jobs} == {job.digest[:12] for job in jobs}


def test_a_list_of_prompts_may_have_names(tmp_path: Path) -> None:
    """They stand in the job file, as a prompt of the entry would."""
    content = "jobs: [{matrix: {prompt: ['{a} runs', '{a} sleeps'], a: [cat, 狐狸]}}]\n"
    assert [job.request.prompt for job in jobs_of(tmp_path, content)] == [
        "cat runs",
        "狐狸 runs",
        "cat sleeps",
        "狐狸 sleeps",
    ]


def test_plain_jobs_are_sent_to_the_letter(tmp_path: Path) -> None:
    """Braces mean something only beside `matrix` or `from`."""
    (job,) = jobs_of(tmp_path, "jobs: [{id: x, prompt: '{a} {{b}}', metadata: {c: '{d}'}}]\n")
    assert (job.request.prompt, job.metadata) == ("{a} {{b}}", {"c": "{d}"})


@pytest.mark.parametrize(
    ("id_", "matrix", "ids"),
    [
        ("'{a}'", "{a: [x, y]}", ["x", "y"]),
        ("'{a}'", "{a: [x, y], duration: [6, 10]}", ["x-6", "x-10", "y-6", "y-10"]),
        ("clip", "{a: [x, y]}", ["clip-x", "clip-y"]),
        ("clip", "{a: [x]}", ["clip"]),
        ("'{a|slug}'", "{a: [狐狸 雪, 'b/c']}", ["狐狸-雪", "b-c"]),
        ("clip", "{a: [狐狸 雪, 'b/c']}", ["clip-狐狸-雪", "clip-b-c"]),
        ("'{b}.{a}'", "{a: [x], b: [1.5, 007]}", ["1.5.x", "007.x"]),
    ],
)
def test_ids_of_combinations(tmp_path: Path, id_: str, matrix: str, ids: list[str]) -> None:
    """The values of lists that an id does not use are appended in the lists' order, when there are several."""
    names = " ".join(f"{{{name}}}" for name in ("a", "b") if f"{name}:" in matrix)
    content = f"jobs: [{{id: {id_}, prompt: '{names}', matrix: {matrix}}}]\n"
    jobs = jobs_of(tmp_path, content)
    assert [job.id for job in jobs] == ids
    assert all(job.explicit_id for job in jobs)


def test_included_values_are_no_part_of_an_id_but_of_what_stands_alone(tmp_path: Path) -> None:
    """So that what is added to a combination leaves its id, and new combinations have ids of their own."""
    jobs = jobs_of(
        tmp_path,
        "jobs:\n  - id: c\n    prompt: '{a}'\n    matrix: {a: [x, y]}\n"
        "    include: [{a: x, duration: 10}, {a: z, duration: 6}, {a: z, duration: 10}]\n",
    )
    assert [(job.id, job.request.duration) for job in jobs] == [
        ("c-x", 10),
        ("c-y", None),
        ("c-z-6", 6),
        ("c-z-10", 10),
    ]


def test_picks_may_stand_among_the_lists_as_in_ci_matrices(tmp_path: Path) -> None:
    """They mean the same there, also under a matrix that has nothing else."""
    picks = "exclude: [{a: y, duration: 10}], include: [{a: z}]"
    beside, among, alone = (
        [(job.id, job.request) for job in jobs_of(tmp_path, f"jobs: [{{id: c, prompt: '{{a}}', {keys}}}]\n")]
        for keys in (
            f"matrix: {{a: [x, y], duration: [6, 10]}}, {picks}",
            f"matrix: {{a: [x, y], duration: [6, 10], {picks}}}",
            "matrix: {include: [{a: x}, {a: y}]}",
        )
    )
    assert among == beside
    assert [id_ for id_, _ in among] == ["c-x-6", "c-x-10", "c-y-6", "c-z"]
    assert [id_ for id_, _ in alone] == ["c-x", "c-y"]


def test_adding_a_value_changes_no_other_id(tmp_path: Path) -> None:
    """Nor does moving one, nor another order of an entry's repeats."""
    lists = ("[cat, dog]", "[cat, dog, fox]", "[fox, dog, cat]")
    ids = [
        {
            job.id
            for job in jobs_of(
                tmp_path,
                f"jobs: [{{id: '{{pet}}', repeat: 2, prompt: '{{pet}}', "
                f"matrix: {{pet: {pets}, resolution: [768P, 1080P]}}}}]\n",
            )
        }
        for pets in lists
    ]
    assert ids[0] < ids[1] == ids[2]
    assert {"cat-768P", "cat-768P-2", "dog-1080P"} <= ids[0]


def test_a_combination_that_cannot_be_ordered_is_named(tmp_path: Path) -> None:
    """The others are not told."""
    content = PETS.replace("768P,", "768P,").replace("}\n", ", duration: [6, 10]}\n")
    problems = problems_of(tmp_path, content)
    assert [problem.message for problem in problems] == [
        f"in the combination {{pet: {pet}, resolution: 1080P, duration: 10}}: 1080P clips are 6 seconds long, not 10"
        for pet in ("cat", "dog")
    ]
    assert {problem.source.line for problem in problems} == {2}


def test_the_same_camera_warning_is_told_once(tmp_path: Path) -> None:
    """And stands with every job."""
    entries = list(open_job_file(write(tmp_path, PETS.replace(" runs", " [Pusj in]"))).entries())
    jobs = [entry for entry in entries if isinstance(entry, Job)]
    assert len([entry for entry in entries if isinstance(entry, Problem)]) == 1
    assert [len(job.warnings) for job in jobs] == [1] * 4


@pytest.mark.parametrize(
    ("keys", "at", "message", "remedy"),
    [
        (
            "prompt: '{pet}'\n    matrix: {pets: [a]}",
            "'{pet}'",
            "`{pet}`, which nothing gives",
            "did you mean `{pets}`?",
        ),
        ("prompt: '{x}'\n    matrix: {duration: [6]}", "'{x}'", "`{x}`", "the names are `{duration}`"),
        (
            "prompt: x\n    matrix: {seed: [1, 2]}",
            "seed: [1,",
            "nothing uses the values of `seed`",
            "repeat: N",
        ),
        (
            "prompt: x\n    matrix: {duration: [6]}\n    include: [{n: 1}]",
            "1}]",
            "nothing uses the values of `n`",
            "",
        ),
        ("prompt: x\n    matrix: {duration: [7]}", "7]}", "`duration` must be 6 or 10, not 7", ""),
        ("prompt: x\n    matrix: {resolution: [1080p]}", "1080p]}", "768P or 1080P", "did you mean `1080P`?"),
        ("prompt: x\n    matrix: {duration: 6}", "duration:", "must be a list of values", "`duration: [6]`"),
        ("prompt: x\n    matrix: {duration: []}", "duration:", "is empty", "write values"),
        ("prompt: x\n    matrix: {duration: [6, 6]}", "6]}", '"6" stands twice', "repeat: N"),
        (
            "prompt: x\n    matrix: {duration: [[6]]}",
            "[6]]}",
            "a text, a number, true or false, not a list",
            "remove",
        ),
        ("prompt: x\n    matrix: {duration: [~]}", "duration:", "not empty", "remove"),
        ("prompt: x\n    matrix: {}", "matrix: {", "`matrix` has no lists", "matrix: {"),
        ("prompt: x\n    matrix: [duration]", "[duration", "a mapping of lists, not a list", "matrix: {"),
        ("prompt: '{id}'\n    matrix: {id: [a]}", "id: [a]}", "`id` cannot be the name", 'id: "{name}"'),
        ("prompt: '{a b'\n    matrix: {duration: [6]}", "'{a b'", "`{` without its `}`", "`{{`"),
        ("prompt: '{a|b}'\n    matrix: {a: [6]}", "'{a|b}'", 'the filter "b"', "`slug`"),
        (
            "prompt: x\n    duration: 6\n    matrix: {duration: [6]}",
            "duration:",
            "in the job and in its matrix",
            "remove it",
        ),
        (
            "prompt: x\n    matrix: {duration: [6]}\n    exclude: [{duraton: 6}]",
            "6}]",
            "no list of",
            "`duration`?",
        ),
        (
            "prompt: x\n    matrix: {duration: [6]}\n    exclude: [{duration: 10}]",
            "10}]",
            "not in the list",
            "are 6",
        ),
        (
            "prompt: x\n    matrix: {duration: [6]}\n    exclude: [{duration: 6}]",
            "exclude: ",
            "leaves no comb",
            "remove",
        ),
        (
            "prompt: x\n    matrix: {duration: [6]}\n    exclude: {duration: 6}",
            "{duration",
            "a list of mappings",
            "- {",
        ),
        (
            "prompt: x\n    matrix: {duration: [6]}\n    include: [{duration: [6]}]",
            "duration:",
            "a single value",
            "item",
        ),
        (
            "prompt: x\n    matrix: {duration: [6]}\n    include: [{}]",
            "{}]",
            "not an empty mapping",
            "{name: value}",
        ),
        ("prompt: x\n    include: [{a: 1}]", "include: ", "nothing without `matrix`", "matrix: {"),
        ("prompt: x\n    columns: {duration: a}", "columns: ", "nothing without `from`", "from: "),
        ("matrix: {duration: [6]}", "matrix: {", "the job has no prompt", "prompt: "),
        (
            "prompt: '{a}'\n    id: c\n    matrix: {a: [x y, x-y]}",
            "x-y]}",
            'reads `x-y`, and so does "x y"',
            "change",
        ),
        (
            "prompt: '{a}'\n    id: '{a}'\n    matrix: {a: [x y]}",
            "prompt: '",
            '"x y" has the character',
            "`x-y`",
        ),
        ("prompt: '{a}'\n    matrix: {a: ['']}", "prompt: '", "`prompt` is empty", "shall show"),
        (
            "prompt: x\n    filename: '{a}.mp4'\n    matrix: {duration: [6]}",
            "'{a}.mp4'",
            "`filename` uses `{a}`",
            "names are",
        ),
        (
            "prompt: '{a}'\n    filename: '{a}.mp4'\n    matrix: {a: [x y]}",
            "prompt: '",
            "which has the character",
            "|slug",
        ),
        (
            "prompt: '{n}'\n    matrix: {duration: [6]}\n    include: [{duration: 10, n: a}]",
            "prompt: '",
            "`{n}` has no",
            "",
        ),
        (
            "prompt: '{a}'\n    matrix: {a: [x], include: [y]}",
            "y]",
            "values by their names",
            "{name: value}",
        ),
        (
            "prompt: '{a}'\n    matrix: {a: [x], exclude: []}\n    exclude: []",
            "exclude: []}",
            "stands in the matrix and beside it, in line 4",
            "one place",
        ),
    ],
)
def test_a_bad_combination_is_told_with_its_place(
    tmp_path: Path, keys: str, at: str, message: str, remedy: str
) -> None:
    """Every bad entry has exactly one problem, at the line that is to be mended, with what to do."""
    (problem,) = problems_of(tmp_path, f"jobs:\n  - {keys}\n")
    line = f"jobs:\n  - {keys}\n".splitlines()[problem.source.line - 1]
    assert line[problem.source.column - 1 :].startswith(at)
    assert message in problem.message
    assert remedy in (problem.remedy or "")


def test_a_matrix_of_too_many_is_refused_at_once(tmp_path: Path) -> None:
    """Before the first combination is made."""
    lists = ", ".join(f"{name}: [{', '.join(map(str, range(60)))}]" for name in "abcd")
    (problem,) = problems_of(tmp_path, f"jobs: [{{prompt: '{{a}}{{b}}{{c}}{{d}}', matrix: {{{lists}}}}}]\n")
    assert "12,960,000 clips; at most 10,000,000" in problem.message
    assert problem.source.line == 1


def test_a_large_matrix_streams(tmp_path: Path) -> None:
    """20,000 combinations come one at a time."""
    lists = f"{{a: {list(range(100))}, b: {list(range(200))}}}"
    path = write(tmp_path, f"jobs: [{{id: '{{a}}', prompt: '{{a}} {{b}}', matrix: {lists}}}]\n")
    tracemalloc.start()
    try:
        number = sum(isinstance(entry, Job) for entry in open_job_file(path).entries())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert number == 20_000
    assert peak < 2 * 1024**2


@pytest.mark.parametrize(
    ("head", "job", "paths"),
    [
        ("{model}/{id}.mp4", "id: a, prompt: x", ["MiniMax-Hailuo-2.3/a.mp4"]),
        ("{id}.mp4", "id: a, prompt: x, repeat: 2", ["a.mp4", "a-2.mp4"]),
        ("{duration}s/{resolution}/{id}.mp4", "id: a, prompt: x, duration: 10", ["10s/768P/a.mp4"]),
        ("{scene}/{id}.mp4", "id: a, prompt: x, metadata: {scene: 雪}", ["雪/a.mp4"]),
        ("{id}.mp4", "id: a, prompt: x, filename: 'mine/{id}.mp4'", ["mine/a.mp4"]),
        ("{p}/{id}.mp4", "id: '{p}', prompt: '{p}', matrix: {p: [x, y]}", ["x/x.mp4", "y/y.mp4"]),
    ],
)
def test_clips_go_where_filename_says(tmp_path: Path, head: str, job: str, paths: list[str]) -> None:
    """Of the job, or else of the file; all that is known of the job can stand in it."""
    jobs = jobs_of(tmp_path, f"filename: '{head}'\njobs: [{{{job}}}]\n")
    assert [one.filename for one in jobs] == paths


def test_what_is_wrong_with_a_path_is_shown_also_in_a_long_one(tmp_path: Path) -> None:
    """A long id beside it is not taken for a key that may not be shown."""
    id_ = "fox-oil-MiniMax-Hailuo-2.3-2026-11-23"
    (problem,) = problems_of(tmp_path, f"jobs: [{{id: {id_}, prompt: x, filename: 'con/{{id}}.mp4'}}]\n")
    assert problem.message == '`filename` has the part "con", which is a name that Windows keeps for a device'


def test_a_path_that_a_job_has_no_value_for_is_told(tmp_path: Path) -> None:
    """With the job."""
    (problem,) = problems_of(tmp_path, "filename: '{scene}/{id}.mp4'\njobs:\n  - {id: a, prompt: x}\n")
    assert (problem.source.line, problem.job) == (3, "a")
    assert "`filename`: `{scene}` has no value" in problem.message
