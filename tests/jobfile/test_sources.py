"""Entries whose jobs come from tables: a row a job."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
from datetime import date
from decimal import Decimal
from pathlib import Path
from unittest import mock

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from batchgen.errors import JobFileError
from batchgen.jobfile import open_job_file
from batchgen.jobfile.tables import BadRow, Found, Row, open_table
from batchgen.jobfile.tables.rows import MAX_ROW
from batchgen.model import Job, Problem

from .reading import jobs_of, problems_of, read, write

CAPTIONS = "image_id,caption,seconds,split\n1,a fox,6,train\n2,一匹白马,10,test\n"
ENTRY = """\
jobs:
  - from: FILE
    columns: {duration: seconds}
    prompt: "{caption} [推进]"
    id: "clip-{image_id}"
"""


def table(folder: Path, name: str, content: str | bytes) -> None:
    """Put a table beside the job file."""
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def told(job: Job) -> tuple[str, str, int | None, dict[str, object], int]:
    """What a test of a table looks at."""
    return job.id, job.request.prompt, job.request.duration, dict(job.metadata), job.source.line


FOX = ("clip-1", "a fox [推进]", 6, {"split": "train"}, 2)
HORSE = ("clip-2", "一匹白马 [推进]", 10, {"split": "test"}, 3)


@pytest.mark.parametrize(
    ("name", "content", "rows"),
    [
        ("a.csv", CAPTIONS, [FOX, HORSE]),
        ("a.CSV", "\ufeff" + CAPTIONS, [FOX, HORSE]),
        ("a.csv", CAPTIONS.replace("\n", "\r\n"), [FOX, HORSE]),
        ("a.csv", "\ufeff" + '"image_id"' + CAPTIONS.removeprefix("image_id"), [FOX, HORSE]),
        ("a.csv", CAPTIONS.removesuffix("\n").replace("a fox", '"a fox"'), [FOX, HORSE]),
        ("a.csv", CAPTIONS.replace(",", " , ", 3), [FOX, HORSE]),
        ("a.csv", "\n" + CAPTIONS.replace("2,", ",,,\n\n2,"), [(*FOX[:4], 3), (*HORSE[:4], 6)]),
        ("a.tsv", CAPTIONS.replace(",", "\t"), [FOX, HORSE]),
        (
            "a.csv",
            CAPTIONS.replace("a fox", '"a ""fox"",\r\n{b}"'),
            [("clip-1", 'a "fox",\n{b} [推进]', 6, {"split": "train"}, 2), HORSE],
        ),
        ("a.csv", "caption,image_id\na fox,1\n", "no column"),
        (
            "a.jsonl",
            (
                '\ufeff{"image_id": 1, "caption": "a fox", "seconds": 6, "n": {"a": [1, null]}}\r\n'
                '\n{"caption": "b", "image_id": "x", "m": null, "seconds": 10.0}\n'
            ),
            [
                ("clip-1", "a fox [推进]", 6, {"n": {"a": [1, None]}}, 1),
                ("clip-x", "b [推进]", 10, {"m": None}, 3),
            ],
        ),
        (
            "a.jsonl",
            (
                '{"image_id": 1, "caption": "a fox", "seconds": "", "metadata": {"set": "x"}, "k": true}\n'
                '{"image_id": 2, "caption": "b", "seconds": 6}\n'
            ),
            [
                ("clip-1", "a fox [推进]", None, {"set": "x", "k": True}, 1),
                ("clip-2", "b [推进]", 6, {}, 2),
            ],
        ),
    ],
)
def test_a_row_is_a_job(
    tmp_path: Path, name: str, content: str, rows: list[tuple[object, ...]] | str
) -> None:
    """Columns fill names and request keys; those that nothing uses are metadata: text in CSV, typed in JSON."""
    table(tmp_path, name, content)
    if isinstance(rows, str):
        (problem,) = problems_of(tmp_path, ENTRY.replace("FILE", name))
        assert rows in problem.message
    else:
        jobs = jobs_of(tmp_path, ENTRY.replace("FILE", name))
        assert [told(job) for job in jobs] == rows
        assert {job.source.file for job in jobs} == {str(tmp_path / name)}


def test_parquet_rows_keep_their_types(tmp_path: Path) -> None:
    """Whole numbers with gaps come as floats; what JSON has no word for becomes text."""
    columns: dict[str, list[object]] = {
        "image_id": [1, 2],
        "caption": ["a fox", "b"],
        "seconds": [6.0, None],
        "day": [date(2026, 11, 23), None],
        "price": [Decimal("1.50"), None],
        "tags": [["a"], []],
    }
    parquet.write_table(pa.table(columns), tmp_path / "a.parquet")
    jobs = jobs_of(tmp_path, ENTRY.replace("FILE", "a.parquet"))
    assert [told(job) for job in jobs] == [
        ("clip-1", "a fox [推进]", 6, {"day": "2026-11-23", "price": "1.50", "tags": ["a"]}, 1),
        ("clip-2", "b [推进]", None, {"day": None, "price": None, "tags": []}, 2),
    ]


def test_without_pyarrow_a_parquet_file_is_told_with_what_to_install(tmp_path: Path) -> None:
    """And the rest of the job file is still looked at."""
    table(tmp_path, "a.parquet", "x")
    with mock.patch.dict("sys.modules", {"pyarrow": None}):
        first, second = problems_of(tmp_path, ENTRY.replace("FILE", "a.parquet") + "  - {promt: x}\n")
    assert "pip install 'batchgen[parquet]'" in str(first.remedy)
    assert "promt" in second.message


def test_a_line_of_text_is_a_prompt(tmp_path: Path) -> None:
    """To the letter, whatever braces it has; blank lines are left out, and count."""
    table(tmp_path, "a.txt", "\ufeffa {fox}\r\n\n  一匹白马 [推进]  \n")
    jobs = jobs_of(tmp_path, "jobs: [{from: a.txt, duration: 10, metadata: {set: one}}]\n")
    assert [(job.request.prompt, job.source.line, job.request.duration) for job in jobs] == [
        ("a {fox}", 1, 10),
        ("一匹白马 [推进]", 3, 10),
    ]
    assert [job.id for job in jobs] == [job.digest[:12] for job in jobs]


def test_without_prompt_and_id_the_columns_of_these_names_are_meant(tmp_path: Path) -> None:
    """To the letter; a row without an id is known by its request."""
    table(tmp_path, "a.csv", "id,prompt,split\nfox,a {fox},train\n,b,test\n")
    fox, other = jobs_of(tmp_path, "jobs: [{from: a.csv}]\n")
    assert (fox.id, fox.explicit_id, fox.request.prompt) == ("fox", True, "a {fox}")
    assert (other.id, other.explicit_id) == (other.digest[:12], False)
    assert fox.metadata == {"split": "train"}


def test_rows_and_combinations_go_together(tmp_path: Path) -> None:
    """Each row with each combination."""
    table(tmp_path, "a.csv", "name,what\nx,fox\ny,horse\n")
    content = "jobs: [{from: a.csv, id: '{name}', prompt: '{what} {style}', matrix: {style: [old, new]}}]\n"
    assert [(job.id, job.request.prompt) for job in jobs_of(tmp_path, content)] == [
        ("x-old", "fox old"),
        ("x-new", "fox new"),
        ("y-old", "horse old"),
        ("y-new", "horse new"),
    ]


@pytest.mark.parametrize(("cell", "seconds"), [("6.0", 6), (" 10.00 ", 10), ("", None)])
def test_whole_numbers_may_have_come_through_a_column_with_gaps(
    tmp_path: Path, cell: str, seconds: int | None
) -> None:
    """Which tools for tables then write as 6.0; in the metadata and in texts it stays as it was."""
    table(tmp_path, "a.csv", f"prompt,n\nx,{cell}\ny,10\n")
    jobs = jobs_of(tmp_path, "jobs: [{from: a.csv, columns: {duration: n}, prompt: '{prompt}'}]\n")
    assert [job.request.duration for job in jobs] == [seconds, 10]
    if cell:
        jobs = jobs_of(tmp_path, "jobs: [{from: a.csv, prompt: '{prompt}{n}'}]\n")
        assert jobs[0].request.prompt == f"x{cell}"


def test_a_pattern_takes_the_files_by_their_names(tmp_path: Path) -> None:
    """Of one kind or several; paths are relative to the job file."""
    (tmp_path / "data").mkdir()
    table(tmp_path, "data/b.txt", "b\n")
    table(tmp_path, "data/a.csv", "prompt\na\n")
    table(tmp_path, "data/c.jsonl", '{"prompt": "c"}\n')
    (tmp_path / "data" / "d.folder").mkdir()
    assert [job.request.prompt for job in jobs_of(tmp_path, "jobs: [{from: 'data/*.*'}]\n")] == [
        "a",
        "b",
        "c",
    ]


def test_standard_input_is_json_lines(tmp_path: Path) -> None:
    """Kept in a temporary file, so that it can be read more than once, and by more than one entry."""
    lines = io.TextIOWrapper(io.BytesIO('{"prompt": "狐"}\n{"prompt": "b"}\n'.encode()), encoding="utf-8")
    with mock.patch("sys.stdin", lines):
        file = open_job_file(write(tmp_path, "jobs: [{from: '-'}, {from: '-', duration: 10}]\n"))
        for _ in range(2):
            jobs = [entry for entry in file.entries() if isinstance(entry, Job)]
            assert [job.request.prompt for job in jobs] == ["狐", "b"] * 2


def test_a_terminal_is_not_read(tmp_path: Path) -> None:
    """It would wait for nothing."""
    with mock.patch("sys.stdin") as stdin:
        stdin.isatty.return_value = True
        (problem,) = problems_of(tmp_path, "jobs:\n  - from: '-'\n")
    assert "terminal" in problem.message
    assert (problem.source.line, problem.source.column) == (2, 11)


CSV = "prompt,seconds\n"

#: name, content, keys of the entry, row or None for the entry, part of the message, part of the remedy
BAD: list[tuple[str, str | bytes, str, int | None, str, str]] = [
    (
        "a.csv",
        CSV + "x,7\n",
        "columns: {duration: seconds}",
        2,
        '(column "seconds") must be 6 or 10, not',
        "",
    ),
    ("a.csv", CSV + "x,6.5\n", "columns: {duration: seconds}", 2, "not the number 6.5", ""),
    ("a.csv", CSV + "x,6s\n", "columns: {duration: seconds}", 2, "must be 6 or 10", "write 6"),
    ("a.csv", CSV + f"{'x' * 2001},6\n", "", 2, "2,001 characters", "shorten"),
    ("a.csv", CSV + '\n"  ",6\n', "", 3, "there is no prompt here", "`prompt`"),
    ("a.csv", CSV + "a\x07b,6\n", "", 2, "U+0007", "remove"),
    ("a.csv", CSV + "x,6,7\n", "", 2, "3 cells, and the first row names 2", "double quotes"),
    ("a.csv", CSV + 'x,"6\n', "", 2, "never closed", "close it"),
    ("a.csv", CSV + '"x"y,6\n', "", 2, "after a closing quote", '`""`'),
    ("a.csv", (CSV + "x,6\n").encode() + b"\xb0\xa1,6\n", "", 3, "0xB0 at byte 1", "UTF-8"),
    ("a.csv", CSV.encode("utf-16"), "", 1, "UTF-16", "UTF-8"),
    ("a.csv", CSV.replace("\n", "\r") + "x,6\r", "", 1, "CR alone", "LF"),
    ("a.csv", CSV + f"{'x' * 140_000},6\n", "", 2, "131,072", "quote"),
    ("a.csv", CSV + f"x,{'6' * (MAX_ROW + 1)}\n", "", 2, "1 MiB", "quote"),
    ("a.csv", CSV + "x,6,\n", "", None, "", ""),
    ("a.csv", "prompt,\nx,6\n", "", 2, "a column without a name", "name the column"),
    ("a.csv", "prompt,prompt\nx,6\n", "", 1, "two columns named", "another name"),
    ("a.csv", "", "", 1, "this table is empty", "first row"),
    ("a.csv", "id,prompt\na/b,x\n", "", 2, '`id` "a/b" has the character `/`', "`a-b`"),
    ("a.csv", "name,prompt\n,x\n", "id: '{name}'", 2, "`id`: `{name}` has no value", "fill it in"),
    (
        "a.csv",
        "text,n\n,1\nx,1\n",
        "columns: {prompt: text}",
        2,
        "there is no prompt here",
        "the column `text`",
    ),
    (
        "a.csv",
        CSV + "x,6\n",
        "prompt: '{promt}'",
        0,
        "`{promt}`, which no column of",
        "did you mean `{prompt}`?",
    ),
    ("a.csv", CSV + "x,6\n", "columns: {duration: secnds}", 0, 'no column "secnds"', "`seconds`?"),
    ("a.csv", CSV + "x,6\n", "columns: {durat: seconds}", 0, '"durat" is none', "`duration`?"),
    ("a.csv", CSV + "x,6\n", "columns: {id: seconds}", 0, '"id" is none', 'id: "{column}"'),
    ("a.csv", CSV + "x,6\n", "id: same", 0, "the same for every row", "image_id|slug"),
    (
        "a.csv",
        "prompt,duration\nx,6\n",
        "matrix: {duration: [6]}",
        0,
        "a list of the matrix and a column of",
        "another name",
    ),
    ("a.csv", "text,seconds\nx,6\n", "", 0, "no prompt, and", 'its columns are "text", "seconds"'),
    ("a.csv", "prompt;seconds\nx;6\n", "", 0, "no prompt, and", "save it with commas"),
    ("a.jsonl", "{\n", "", 1, "no JSON", "single line"),
    ("a.jsonl", '["x"]\n', "", 1, "no JSON object", "one object a line"),
    ("a.jsonl", '{"prompt": NaN}\n', "", 1, "NaN is no JSON", "plain"),
    ("a.jsonl", '{"prompt": "\\ud800"}\n', "", 1, "surrogate", "itself"),
    ("a.jsonl", '{"prompt": 5}\n', "", 1, "must be text, not 5", "quotes"),
    ("a.jsonl", '{"prompt": ["x"]}\n', "", 1, "not a list", ""),
    ("a.jsonl", '{"text": "x"}\n', "", 1, "there is no prompt here", "`prompt`"),
    ("a.jsonl", '{"promt": "x"}\n', "", 1, "there is no prompt here", 'did you mean `prompt` by "promt"?'),
    (
        "a.jsonl",
        '{"prompt": "x", "prompt": "y"}\n',
        "",
        1,
        'the key "prompt" stands in this line twice',
        "one",
    ),
    ("a.jsonl", '{"prompt": "x", "m": {"k": 1, "k": 1}}\n', "", 1, 'the key "k"', "remove"),
    ("a.jsonl", '{"prompt": "x", "n": 99999999999999999999}\n', "", 1, "64 bits", "quote"),
    ("a.jsonl", '{"prompt": "x", "s": "6"}\n', "columns: {duration: s}", 1, 'not the text "6"', "write 6"),
    ("a.jsonl", '{"prompt": "x", "s": [6]}\n', "columns: {duration: s}", 1, "a single value", ""),
    (
        "a.jsonl",
        '{"prompt": "x"}\n',
        "columns: {duration: s}",
        0,
        'no row has a value in the column "s"',
        "misspelled",
    ),
    ("a.jsonl", '{"prompt": "x", "t": [1]}\n', "id: '{t}'", 1, "a list or a mapping", ""),
    ("a.jsonl", "[" * 100_000 + "\n", "", 1, "cannot be read", ""),
    ("a.txt", b"\xff\xfe\n", "", 1, "UTF-16", "UTF-8"),
    ("a.txt", "ok\n" + "x" * (MAX_ROW + 9) + "\n", "", 2, "1 MiB", "shorten"),
    ("a.parquet", "x", "", 1, "no Parquet file", "anew"),
    ("a.xlsx", "x", "", 0, "a kind that is no table", "`.csv`"),
    ("b.csv", "x", "", 0, "not there", "did you mean `b.csv`?"),
]


@pytest.mark.parametrize(("name", "content", "keys", "row", "message", "remedy"), BAD)
def test_a_bad_row_is_told_with_its_file_and_number(
    tmp_path: Path, name: str, content: str | bytes, keys: str, row: int | None, message: str, remedy: str
) -> None:
    """And what is wrong with the entry at the place in the job file; everything else is read on."""
    table(tmp_path, name, content)
    wanted = "a.csv" if name == "b.csv" else name
    problems = problems_of(tmp_path, f"jobs:\n  - from: {wanted}\n" + f"    {keys}\n" * bool(keys))
    if row is None:
        assert problems == []
        return
    (problem,) = problems
    assert message in problem.message
    assert remedy in (problem.remedy or "")
    assert not problem.warning
    if row == 0:
        assert problem.source.line in {2, 3}
        assert problem.source.file == str(tmp_path / "jobs.yaml")
    else:
        assert (problem.source.file, problem.source.line) == (str(tmp_path / name), row)


def test_all_bad_rows_are_told_at_once(tmp_path: Path) -> None:
    """Each with its number, the good ones between them still read; a row of a table is said to be one."""
    table(tmp_path, "a.csv", CSV + 'x,7\ny,6\n"z"z,6\n,6\n')
    entries = list(
        open_job_file(write(tmp_path, "jobs: [{from: a.csv, columns: {duration: seconds}}]\n")).entries()
    )
    rows = [entry.source.line for entry in entries if isinstance(entry, Problem)]
    assert rows == [2, 4, 5]
    assert [entry.request.prompt for entry in entries if isinstance(entry, Job)] == ["y"]
    assert f"{tmp_path / 'a.csv'}, row 2: " in str(entries[0])


def test_a_line_without_end_is_passed_over_without_being_kept(tmp_path: Path) -> None:
    """Thirty megabytes without a line break take no thirty megabytes."""
    path = tmp_path / "a.jsonl"
    with path.open("w") as file:
        for _ in range(30):
            file.write("x" * 1024**2)
        file.write('\n{"prompt": "x"}\n')
    tracemalloc.start()
    try:
        with open_table(Found(path, "a.jsonl", ".jsonl")) as opened:
            rows = list(opened.rows())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [type(row) for row in rows] == [BadRow, Row]
    assert peak < 6 * 1024**2


def test_a_column_that_looks_like_a_request_key_is_told(tmp_path: Path) -> None:
    """It goes into the metadata, as only columns that are named are sent: a warning says how."""
    table(tmp_path, "a.csv", "prompt,duration\nx,10\n")
    entries = list(open_job_file(write(tmp_path, "jobs: [{from: a.csv}]\n")).entries())
    (job,) = [entry for entry in entries if isinstance(entry, Job)]
    (warning,) = [entry for entry in entries if isinstance(entry, Problem)]
    assert (job.request.duration, job.metadata) == (None, {"duration": "10"})
    assert warning.warning
    assert "columns: {duration: duration}" in str(warning.remedy)


def test_a_table_without_rows_is_a_warning(tmp_path: Path) -> None:
    """Last night's list may have been empty."""
    table(tmp_path, "a.csv", CSV)
    (problem,) = problems_of(tmp_path, "jobs: [{from: a.csv}]\n")
    assert problem.warning
    assert "no rows" in problem.message


@pytest.mark.parametrize(
    ("given_", "prompt", "duration"),
    [((), "a fox", 10), ((("prompt", "{split} {prompt}"), ("duration", "6")), "train a fox", 10)],
)
def test_a_table_stands_without_a_job_file(
    tmp_path: Path, given_: tuple[tuple[str, str], ...], prompt: str, duration: int
) -> None:
    """Its columns are what they are called; what is given counts where a row says nothing."""
    table(tmp_path, "a.csv", "id,prompt,duration,split\nfox,a fox,10,train\n")
    (job,) = open_job_file(tmp_path / "a.csv", given=given_).entries()
    assert isinstance(job, Job)
    assert (job.id, job.request.prompt, job.request.duration) == ("fox", prompt, duration)
    assert job.metadata == ({} if given_ else {"split": "train"})


@pytest.mark.parametrize(
    ("name", "given_", "message"),
    [
        ("a.csv", ("duration", "7"), "must be 6 or 10"),
        ("a.csv", ("durat", "6"), 'no key "durat"'),
        ("a.csv", ("from", "b.csv"), 'no key "from"'),
        ("jobs.yaml", ("duration", "6"), "for tables without a job file"),
    ],
)
def test_what_is_given_on_the_command_line_is_checked(
    tmp_path: Path, name: str, given_: tuple[str, str], message: str
) -> None:
    """Before the first row is read; a job file has defaults of its own."""
    table(tmp_path, name, "prompt\nx\n")
    with pytest.raises(JobFileError) as refused:
        open_job_file(tmp_path / name, given=[given_])
    assert message in str(refused.value.problems[0])


CELLS = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\x85"), max_size=20)


@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), max_size=6), st.sampled_from([",", "\t"]))
def test_what_a_writer_of_tables_writes_comes_back(
    tmp_path_factory: pytest.TempPathFactory, cells: list[list[str]], delimiter: str
) -> None:
    """Quotes, delimiters and line breaks in cells; cells without anything to see are absent."""
    path = tmp_path_factory.mktemp("cells") / ("a.csv" if delimiter == "," else "a.tsv")
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows([["a", "b"], *cells])
    with open_table(Found(path, "a", path.suffix)) as opened:
        rows = [row.values for row in opened.rows() if isinstance(row, Row)]
    kept = [{name: cell for name, cell in zip("ab", row, strict=True) if cell.strip()} for row in cells]
    assert rows == [row for row in kept if row]


@given(st.binary(max_size=300), st.sampled_from([".csv", ".tsv", ".jsonl", ".txt", ".parquet"]))
def test_no_bytes_whatever_bring_a_table_down(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, kind: str
) -> None:
    """Whatever stands in a file, it gives jobs and problems, and nothing is raised."""
    folder = tmp_path_factory.mktemp("bytes")
    table(folder, f"a{kind}", content)
    assert all(isinstance(entry, (Job, Problem)) for entry in read(folder / f"a{kind}"))
    assert problems_of(folder, f"jobs: [{{from: a{kind}}}]\n") is not None


OBJECTS = st.dictionaries(
    st.text(max_size=5),
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=9),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=5,
    ),
    max_size=4,
)


@given(st.lists(OBJECTS, max_size=5))
def test_json_lines_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, objects: list[dict[str, object]]
) -> None:
    """Every value with its type."""
    path = tmp_path_factory.mktemp("lines") / "a.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in objects), encoding="utf-8")
    with open_table(Found(path, "a", ".jsonl")) as opened:
        assert [row.values for row in opened.rows() if isinstance(row, Row)] == objects


@pytest.mark.parametrize(
    ("named", "pattern"), [(".", "`*.csv`"), ("sets/day", "`sets/day/*.csv`"), ("sets", "`sets/*.csv`")]
)
def test_a_folder_is_told_with_the_pattern_for_it(tmp_path: Path, named: str, pattern: str) -> None:
    """As it would stand in the job file, relative to it."""
    (tmp_path / "sets" / "day").mkdir(parents=True)
    (problem,) = problems_of(tmp_path, f"jobs: [{{from: {named}}}]\n")
    assert "names a folder" in problem.message
    assert pattern in str(problem.remedy)


def test_a_pattern_that_matches_nothing_names_what_is_there(tmp_path: Path) -> None:
    """So that the right one can be seen."""
    table(tmp_path, "a.csv", CSV)
    (problem,) = problems_of(tmp_path, "jobs: [{from: '*.tsv'}]\n")
    assert "matches no file" in problem.message
    assert "there: a.csv" in str(problem.remedy)
