"""Bad job files: each is told with its line, its column, its job, what is wrong and what would be right."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from batchgen.errors import JobFileError
from batchgen.jobfile import open_job_file
from batchgen.jobfile.nodes import MAX_BYTES
from batchgen.model import Job

from .reading import problems_of, read, write

P = "jobs:\n  - prompt: "  # a job begins in line 2, its prompt in column 13
X = P + "x\n"
PRICES = "{768P: {6: 2.0}}"
M = "budget:\n  prices:\n    MiniMax-Hailuo-2.3: "
BOMB = "".join(f"x-{n}: &{n} [{', '.join([f'*{n - 1}'] * 9) if n else '1'}]\n" for n in range(9))

#: content, line, column, job, part of the message, part of the remedy
BAD: list[tuple[str | bytes, int, int, str | None, str, str]] = [
    # the file as a whole
    ("", 1, 1, None, "empty", "batchgen init"),
    ("# nothing but this\n", 1, 1, None, "empty", "batchgen init"),
    ("- prompt: x\n", 1, 1, None, "mapping of keys", "begin with `jobs:`"),
    ("A fox runs\n", 1, 1, None, "mapping of keys", "begin with `jobs:`"),
    ("output: out\n", 1, 1, None, "no jobs", "`jobs:`"),
    ("jobs:\n", 1, 6, None, "`jobs` is empty", "- prompt"),
    ("output: a\njobs: []\n", 2, 1, None, "`jobs` is empty", "- prompt"),
    ("jobs: {prompt: x}\n", 1, 7, None, "must be a list", "- prompt"),
    ("x-a: &a [{prompt: x}]\njobs: *a\n", 1, 6, None, "written out here", "- prompt"),
    (X + "---\njobs: []\n", 3, 1, None, "second YAML document", "one document"),
    (X + "jobs: []\n", 3, 1, None, '"jobs" stands here twice; the first is in line 1', "remove one"),
    (
        "output: a\noutput: b\n" + X,
        2,
        1,
        None,
        '"output" stands here twice; the first is in line 1',
        "remove",
    ),
    # bytes and characters
    (X.encode("utf-16"), 1, 1, None, "UTF-16", "UTF-8"),
    (X.encode("utf-16-le"), 1, 1, None, "UTF-16", "UTF-8"),
    ("# 狐\n".encode() + P.encode() + b"\xff\n", 3, 13, None, "0xFF is not UTF-8", "save the file as UTF-8"),
    (P.encode() + "狐狸".encode("gb18030") + b"\n", 2, 13, None, "is not UTF-8", "save the file as UTF-8"),
    (P + "a\0b\n", 2, 14, None, "U+0000", "remove it"),
    (P + "a\x1bb\n", 2, 14, None, "U+001B", "remove it"),
    (P + '"a\\eb"\n', 2, 13, "number 1", "U+001B", "remove it"),
    # syntax
    (X + "\tid: a\n", 3, 1, "number 1", "tab", "spaces"),
    (P + "A man: he reads\n", 2, 18, "number 1", "`: `", "double quotes"),
    (P + "[Push in] A cat\n", 2, 13, "number 1", "cannot begin with `[`", "double quotes"),
    (P + "[Push in]\n", 2, 13, "number 1", "`prompt` must be text, not a list", "double quotes"),
    (P + "@fox\n", 2, 13, "number 1", "cannot begin with `@`", "double quotes"),
    (P + "'x' y\n", 2, 17, "number 1", "does not belong", "quote"),
    (P + '"x\n  - prompt: y\n', 2, 13, "number 1", "never closed", "close the quote"),
    (P + '"a\\qb"\n', 2, 15, "number 1", "backslash", "two backslashes"),
    (P + '"\\ud83d\\ude00"\n', 2, 16, "number 1", "surrogate", "the character itself"),
    (X + "   - prompt: y\n", 3, 4, "number 2", "does not line up", "same column"),
    (X + "  prompt: y\n", 3, 3, "number 2", "does not line up", "same column"),
    (P + "* fox\n", 2, 13, "number 1", "cannot begin with `*`", "double quotes"),
    ("output: [a\n" + X, 1, 9, None, "`[`", "close it"),
    (b"\xef\xbb\xbf\tjobs:\n", 1, 1, None, "tab", "spaces"),
    # tags, aliases, bounds
    (P + "!!python/object/apply:os.system [id]\n", 2, 13, "number 1", "tag", "remove it"),
    (P + "!fox x\n", 2, 13, "number 1", 'tag "!fox"', "quote"),
    (P + "*fox\n", 2, 13, "number 1", "`*fox` has no anchor", "`&fox`"),
    (X + "    metadata: &m {a: *m}\n", 3, 22, "number 1", "inside its own anchor", "write the value out"),
    (BOMB + X, 5, 6, None, "10,000 values", "fewer"),
    (X + "    metadata: {a: " + "[" * 60 + "]" * 60 + "}\n", 3, 57, "number 1", "40 levels", "flatten"),
    (X + "    metadata: {a: &a [" + "1, " * 11_000 + "]}\n", 3, 19, "number 1", "10,000 values", "fewer"),
    (
        X + "    id: a\n    prompt: y\n",
        4,
        5,
        "a",
        '"prompt" stands here twice; the first is in line 2',
        "remove",
    ),
    (X + "    <<: 1\n", 3, 9, "number 1", "`<<` merges mappings", "*name"),
    (P + "x" * 70_000 + "\n", 2, 13, "number 1", "70,000 characters", "shorten"),
    # jobs
    ("jobs:\n  - A fox\n", 2, 5, "number 1", "a job is a mapping", "- prompt"),
    ("jobs:\n  -\n", 2, 4, "number 1", "empty", "- prompt"),
    ("jobs:\n  - id: fox\n", 2, 5, "fox", "no prompt", "prompt"),
    (X + "  - promt: y\n", 3, 5, "number 2", '"promt"', "did you mean `prompt`?"),
    (X + "    Duration: 6\n", 3, 5, "number 1", '"Duration"', "did you mean `duration`?"),
    (X + "    hue: red\n", 3, 5, "number 1", '"hue"', "the keys are id, prompt"),
    ("edition: '{day}'\n" + X, 1, 10, None, "an edition knows `{date}` alone", '"{date}"'),
    ("edition: {date}\n" + X, 1, 10, None, "must be text, not a mapping", "double quotes"),
    ("edition: 2\n" + X, 1, 10, None, "must be text", '"2"'),
    (f"edition: {'x' * 61}\n" + X, 1, 10, None, "60 bytes", "shorten"),
    ("edition: '--'\n" + X, 1, 10, None, "neither letter nor digit", "{date}"),
    ("filename: '{id}'\n" + X, 1, 11, None, "must end in `.mp4`", "{model}/{id}.mp4"),
    ("filename: '../{id}.mp4'\n" + X, 1, 11, None, "below `videos/`", "{model}/{id}.mp4"),
    # requests
    (P + "2024\n", 2, 13, "number 1", "`prompt` must be text, not the number 2024", '"2024"'),
    (P + "''\n", 2, 13, "number 1", "empty", "show"),
    (P + '" 　 "\n', 2, 13, "number 1", "empty", "show"),
    (P + "狐" * 2001 + "\n", 2, 13, "number 1", "2,001 characters", "shorten"),
    (P + "\n    id: fox\n", 2, 5, "fox", "no value", "write one"),
    (X + '    duration: "6"\n', 3, 15, "number 1", 'not the text "6"', "write 6"),
    (X + "    duration: 6.0\n", 3, 15, "number 1", "not the number 6.0", "write 6"),
    (X + "    duration: 10s\n", 3, 15, "number 1", "6 or 10", "write 10"),
    (X + "    duration: 7\n", 3, 15, "number 1", "must be 6 or 10, not 7", ""),
    (X + "    duration: true\n", 3, 15, "number 1", "6 or 10, not true", ""),
    (X + "    resolution: 1080p\n", 3, 17, "number 1", "768P or 1080P", "did you mean `1080P`?"),
    (X + "    resolution: 768\n", 3, 17, "number 1", "768P or 1080P", "did you mean `768P`?"),
    (X + "    model: hailuo-2.3\n", 3, 12, "number 1", "MiniMax-Hailuo-2.3", "`MiniMax-Hailuo-2.3`?"),
    (X + "    prompt_optimizer: yes\n", 3, 23, "number 1", "true or false", "write true"),
    (X + '    aigc_watermark: "false"\n', 3, 21, "number 1", "true or false", "write false"),
    (X + "    resolution: 1080P\n    duration: 10\n", 4, 5, "number 1", "6 seconds long", "768P"),
    ("defaults: {duration: 10}\n" + X + "    resolution: 1080P\n", 4, 5, "number 1", "not 10", "768P"),
    ("defaults: {duration: 10, resolution: 1080P}\n" + X, 1, 12, None, "6 seconds long", "768P"),
    ("defaults: {prompt: x}\n" + X, 1, 12, None, "each job has its own", "move it"),
    (X + "    metadata: [a]\n", 3, 15, "number 1", "mapping of keys, not a list", "metadata: {"),
    (X + "    metadata:\n      a: .nan\n", 4, 10, "number 1", "JSON cannot carry", '".nan"'),
    (X + "    metadata: {2024: a}\n", 3, 16, "number 1", "a key that is not text", '"2024"'),
    (X + "    metadata: {a: 12345678901234567890}\n", 3, 19, "number 1", "64 bits", "quote"),
    # ids and repeat
    (X + "    id: a/b\n", 3, 9, '"a/b"', "character `/`", "`a-b`"),
    (X + "    id: .a\n", 3, 9, '".a"', "dot", "`a`"),
    (X + "    id: 007\n    repeat: 0\n", 4, 13, "007", "from 1", ""),
    (X + "    id: 12\n", 3, 9, '"12"', "not the number 12", '"12"'),
    (X + "    id: nul\n", 3, 9, '"nul"', "Windows", "clip-nul"),
    (X + f"    id: {'a' * 119}\n    repeat: 2\n", 3, 9, "a" * 119, "`-2`", "shorten"),
    # settings
    ("service: 3\n" + X, 1, 10, None, "`service` must be a mapping", "key: value"),
    ("servce: {}\n" + X, 1, 1, None, '"servce"', "did you mean `service`?"),
    ("limits: {in_flght: 3}\n" + X, 1, 10, None, '"in_flght"', "did you mean `in_flight`?"),
    ("limits: {in_flight: 0}\n" + X, 1, 21, None, "from 1 to 100000, not 0", ""),
    ("limits: {downloads: null}\n" + X, 1, 21, None, "not empty", ""),
    ("limits: {download_patience: soon}\n" + X, 1, 29, None, "a duration", "`90s`"),
    ("polling: {interval: Auto}\n" + X, 1, 21, None, "`auto`", "did you mean `auto`?"),
    ("polling: {max_per_second: 0}\n" + X, 1, 27, None, "above 0", ""),
    ("on_unknown: resubmitt\n" + X, 1, 13, None, "hold or resubmit", "did you mean `resubmit`?"),
    ("output: 'out/{date}'\n" + X, 1, 9, None, "no placeholders", "fixed path"),
    ("output: ~/videos\n" + X, 1, 9, None, "`~`", "in full"),
    ("<<: {output: a}\n" + X, 1, 1, None, "`<<`", "remove"),
    ("service: {base_url: 'http://example.com'}\n" + X, 1, 21, None, "unprotected", "https://"),
    (
        "service: {allow_http: false, base_url: 'http://a.cn'}\n" + X,
        1,
        40,
        None,
        "unprotected",
        "allow_http: true",
    ),
    ("service: {base_url: 'ftp://example.com'}\n" + X, 1, 21, None, "https://", "https://www.dmxapi.cn"),
    ("service: {base_url: 'https://a.cn?x=1'}\n" + X, 1, 21, None, "no query", "https://"),
    ("service: {base_url: 'https://'}\n" + X, 1, 21, None, "no host", "https://"),
    ("service: {base_url: 'https://a..b'}\n" + X, 1, 21, None, "cannot exist", "https://"),
    # the budget
    ("budget: 500\n" + X, 1, 9, None, "`budget` must be a mapping of keys", "key: value"),
    ("matrix: {a: [b]}\n" + X, 1, 1, None, 'no key "matrix": it is one of a job', "into a job below `jobs:`"),
    ("duration: 6\n" + X, 1, 1, None, 'no key "duration": it is one of a job', "or into `defaults:` for all"),
    ("budget: {totl: {cost: 5}}\n" + X, 1, 10, None, '`budget` has no key "totl"', "did you mean `total`?"),
    ("budget: {currency: cny}\n" + X, 1, 20, None, "three capital letters", "write CNY"),
    ("budget: {currency: 元}\n" + X, 1, 20, None, "three capital letters", "CNY or USD"),
    ("budget: {currency: 156}\n" + X, 1, 20, None, "must be text", '"156"'),
    ("budget: {failed_clips_are_free: 1}\n" + X, 1, 33, None, "true or false", "write true"),
    ("budget: {total: 500}\n" + X, 1, 17, None, "mapping of keys, not the number 500", "{cost: 500}"),
    ("budget:\n  per_day:\n" + X, 2, 3, None, "`per_day` has no value", "{cost: 500}"),
    ("budget: {per_run: {}}\n" + X, 1, 19, None, "`per_run` is empty", "{cost: 500}"),
    ("budget: {total: {price: 5}}\n" + X, 1, 18, None, '`total` has no key "price"', "cost, clips"),
    ("budget: {total: {clip: 5}}\n" + X, 1, 18, None, '`total` has no key "clip"', "`clips`?"),
    ("budget: {total: {clips: -1}}\n" + X, 1, 25, None, "from 0 to 1000000000, not -1", ""),
    ("budget: {total: {clips: 1.0}}\n" + X, 1, 25, None, "a whole number", "write 1"),
    ("budget: {total: {cost: ~}}\n" + X, 1, 24, None, "`cost` has no value", "`2.50`"),
    ("budget: {total: {cost: -0.01}}\n" + X, 1, 24, None, "negative", "0 or more"),
    ("budget: {total: {cost: 1000000000.01}}\n" + X, 1, 24, None, "at most 1,000,000,000", "smaller"),
    ("budget: {total: {cost: 1e999}}\n" + X, 1, 24, None, "at most 1,000,000,000", "smaller"),
    ("budget: {total: {cost: 1e99999999999999999999}}\n" + X, 1, 24, None, "amount of money", "`2.50`"),
    ("budget: {total: {cost: 1e-999999}}\n" + X, 1, 24, None, "6 decimals", "round it"),
    ("budget: {total: {cost: '0.0000001'}}\n" + X, 1, 24, None, "6 decimals", "round it"),
    ("budget: {total: {cost: .nan}}\n" + X, 1, 24, None, "amount of money", "`2.50`"),
    ("budget: {total: {cost: .inf}}\n" + X, 1, 24, None, "amount of money", "`2.50`"),
    ("budget: {total: {cost: true}}\n" + X, 1, 24, None, "amount of money, not true", "`2.50`"),
    ("budget: {total: {cost: [5]}}\n" + X, 1, 24, None, "a single value, not a list", ""),
    ("budget: {total: {cost: 500 CNY}}\n" + X, 1, 24, None, '"500 CNY"', "no currency"),
    ("budget: {total: {cost: '2,50'}}\n" + X, 1, 24, None, '"2,50"', "no commas"),
    ("budget: {total: {cost: '1e3'}}\n" + X, 1, 24, None, '"1e3"', "digits and a dot"),
    ("budget: {total: {cost: '٣'}}\n" + X, 1, 24, None, "amount of money", "digits"),
    (
        "budget: {prices: []}\n" + X,
        1,
        18,
        None,
        "mapping of models, not a list",
        "{MiniMax-Hailuo-2.3: {768P",
    ),
    (f"budget:\n  prices:\n    hailuo-2.3: {PRICES}\n" + X, 3, 5, None, "no model", "`MiniMax-Hailuo-2.3`?"),
    (
        "budget: {prices: {sora: 1}}\n" + X,
        1,
        19,
        None,
        'no model "sora"',
        "the models are MiniMax-Hailuo-2.3",
    ),
    (M + "{768p: {6: 2.0}}\n" + X, 3, 26, None, 'no resolution "768p"', "did you mean `768P`?"),
    (M + "{4K: {6: 2.0}}\n" + X, 3, 26, None, 'no resolution "4K"', "the resolutions are 768P, 1080P"),
    (M + "2.00\n" + X, 3, 25, None, "mapping of resolutions, not the number 2.00", "{768P: {6: 2.00}}"),
    (M + "{768P: 2.00}\n" + X, 3, 32, None, "mapping of durations, not the number 2.00", "{6: 2.00}"),
    (M + "{768P: {7: 2.0}}\n" + X, 3, 33, None, '768P has no duration "7"', "the durations are 6, 10"),
    (M + "{768P: {6s: 2.0}}\n" + X, 3, 33, None, '768P has no duration "6s"', "did you mean `6`?"),
    (M + "{1080P: {10: 7.0}}\n" + X, 3, 34, None, '1080P has no duration "10"', "the only duration is 6"),
    (M + "{768P: {6: free}}\n" + X, 3, 36, None, "`6` must be an amount of money, not the text", "`2.50`"),
    (M + "\n      768P:\n        6:\n" + X, 5, 9, None, "`6` has no value", "`2.50`"),
    (M + '{768P: {6: 2.0, "6": 3.0}}\n' + X, 3, 41, None, '"6" stands here twice', "remove one"),
]


@pytest.mark.parametrize(("content", "line", "column", "job", "message", "remedy"), BAD)
def test_a_bad_file_is_told_with_its_place_and_its_remedy(
    tmp_path: Path, content: str | bytes, line: int, column: int, job: str | None, message: str, remedy: str
) -> None:
    """Every bad file has exactly one problem, at its line and column, with what to do."""
    (problem,) = problems_of(tmp_path, content)
    assert (problem.source.line, problem.source.column, problem.job) == (line, column, job)
    assert message in problem.message
    assert remedy in (problem.remedy or "")
    assert not problem.warning


def test_only_what_has_a_default_is_sent_there(tmp_path: Path) -> None:
    """A matrix makes the jobs of one entry: `defaults` would refuse it."""
    (problem,) = problems_of(tmp_path, "matrix: {a: [b]}\n" + X)
    assert problem.remedy == "move it into a job below `jobs:`"


@pytest.mark.parametrize("content", [row[0] for row in BAD])
def test_the_parser_in_python_finds_the_same_lines(tmp_path: Path, content: str | bytes) -> None:
    """Without libyaml the same files are refused, at the same lines."""
    fast = [problem.source.line for problem in problems_of(tmp_path, content)]
    assert [problem.source.line for problem in problems_of(tmp_path, content, yaml.SafeLoader)] == fast


def test_all_problems_are_told_in_one_go(tmp_path: Path) -> None:
    """One wrong key, job or setting hides no other, and a good job between them is still read."""
    content = (
        "limits: {in_flight: 0, downloads: many}\non_unknown: maybe\njobs:\n"
        "  - {prompt: '', duration: 7, id: 'a b'}\n  - prompt: good\n  - {promt: x, model: y}\n"
    )
    entries = read(write(tmp_path, content))
    assert [entry.source.line for entry in entries] == [1, 1, 2, 4, 4, 4, 5, 6, 6]
    assert [entry.id for entry in entries if isinstance(entry, Job)] == ["5bb972d6a0cc"]


def test_every_flaw_within_a_budget_is_told(tmp_path: Path) -> None:
    """Mappings within mappings hide nothing either, whatever their depth."""
    content = (
        "budget:\n  currency: yuan\n  prices:\n    MiniMax-Hailuo-2.3:\n      768P: {6: two, 7: 3}\n"
        "      1080P: {6: -1, 10: 2}\n    hailuo-2: {}\n  total: {cost: a lot, clips: many}\n  per_dy: {}\n"
        + X
    )
    problems = problems_of(tmp_path, content)
    assert [problem.source.line for problem in problems] == [2, 5, 5, 6, 6, 7, 8, 8, 9]
    assert all(problem.remedy for problem in problems if "`clips`" not in problem.message)


@pytest.mark.parametrize(
    "head",
    [
        "budget: {prices: {SECRET: 1}}",
        "budget: {total: {cost: SECRET}}",
        "budget: {currency: SECRET}",
        "service: {api_key: SECRET}",
        "api_key: SECRET",
        "defaults: {api-key: SECRET}",
        "service: {api_key_env: SECRET}",
        "service: {api_key_env: abcdefgh12345678ABCDEFGH12345678}",
        "service: {base_url: 'https://user:SECRET@example.com'}",
        "service: {base_url: 'https://example.com/?key=SECRET'}",
        "service: {SECRET: 1}",
        "output: {SECRET}",
        "SECRET: 1",
        "on_unknown: SECRET",
    ],
)
def test_a_key_in_the_file_is_refused_and_never_shown(tmp_path: Path, head: str) -> None:
    """Whatever looks like an API key is an error, and no message repeats it."""
    secret = "sk-abcdefgh12345678ABCDEFGH12345678"  # noqa: S105  not a key of anybody
    problems = problems_of(tmp_path, head.replace("SECRET", secret) + "\n" + X)
    assert problems
    assert "12345678" not in "".join(map(str, problems))


def test_a_file_that_is_not_there_names_its_neighbour(tmp_path: Path) -> None:
    """A missing file is told with the file that was probably meant."""
    write(tmp_path, X)
    with pytest.raises(JobFileError, match=r"no such file -- did you mean `.*jobs.yaml`"):
        open_job_file(tmp_path / "job.yaml")


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("prompt.csv", "did you mean `.*prompts.csv`"),
        ("other.jsonl", "the path is relative to"),
        ("a.yml", "`batchgen init` writes"),
        ("-", "write `from: -`"),
    ],
)
def test_a_missing_table_is_told_with_what_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, remedy: str
) -> None:
    """Another table, not a command that would write a job file."""
    monkeypatch.chdir(tmp_path)
    Path("prompts.csv").write_text("prompt\nx\n")
    with pytest.raises(JobFileError, match=f"no such file -- {remedy}"):
        open_job_file(Path(name))


def test_folders_and_pipes_are_no_job_files(tmp_path: Path) -> None:
    """What is no ordinary file is refused at once, also a pipe that nobody writes to."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(JobFileError, match="folder"):
        open_job_file(tmp_path)
    with pytest.raises(JobFileError, match="ordinary file"):
        open_job_file(tmp_path / "pipe")


def test_a_file_that_changes_between_head_and_jobs_is_refused(tmp_path: Path) -> None:
    """Jobs are never read over the defaults of an older file."""
    path = write(tmp_path, X)
    file = open_job_file(path)
    write(tmp_path, X + "    duration: 10\n")
    (problem,) = list(file.entries())
    assert "changed while it was being read" in str(problem)


def test_a_text_without_end_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    """A job of more bytes than the bound ends the reading, be they text or comments."""
    comments = (b"# " + b"x" * 1021 + b"\n") * (MAX_BYTES // 1024 + 2)
    for content in (P.encode() + b'"' + b"x" * (MAX_BYTES + 1), X.encode() + comments):
        (problem,) = problems_of(tmp_path, content)
        assert "16 MiB" in problem.message
