"""What good job files mean: settings, defaults, merges, repetition, and texts to the letter."""

from __future__ import annotations

import re
import tracemalloc
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from batchgen.jobfile import STARTER, open_job_file
from batchgen.model import Job, Problem
from batchgen.settings import Budget, Cap, Limits, OnUnknown, Polling, Service, Settings

from .reading import jobs_of, problems_of, read, write

EXAMPLE = Path(__file__).parents[2] / "jobs.example.yaml"
HEAD = """\
service: {base_url: "http://127.0.0.1:8080/hailuo/", api_key_env: MY_KEY, allow_http: true}
output: ../clips
ledger: /var/tmp/ledger.sqlite3
limits:
  in_flight: 3
  submits_per_minute: null
  downloads: 2
  download_patience: 90s
  task_patience: 1h30m
  halt_after_failures: 4
  halt_after_unknown: 5
  max_clip_bytes: 1000
  min_free_bytes: 0
polling: {interval: 2.5, max_per_second: ~}
budget:
  currency: USD
  prices:
    MiniMax-Hailuo-2.3: {768P: {6: 0.28, 10: 0.56}, 1080P: {6: "0.49"}}
    MiniMax-Hailuo-02: {768P: {"6": .1}}
  total: {cost: 500}
  per_day: {clips: 200}
  per_run: {cost: 1e2, clips: 0}
  failed_clips_are_free: true
on_unknown: resubmit
"""
SETTINGS = Settings(
    service=Service(base_url="http://127.0.0.1:8080/hailuo", api_key_env="MY_KEY", allow_http=True),
    output="../clips",
    ledger="/var/tmp/ledger.sqlite3",  # noqa: S108  nothing is written there
    limits=Limits(
        in_flight=3,
        submits_per_minute=None,
        downloads=2,
        download_patience=90,
        task_patience=5400,
        halt_after_failures=4,
        halt_after_unknown=5,
        max_clip_bytes=1000,
        min_free_bytes=0,
    ),
    polling=Polling(interval=2.5, max_per_second=None),
    budget=Budget(
        currency="USD",
        prices={
            ("MiniMax-Hailuo-2.3", "768P", 6): Decimal("0.28"),
            ("MiniMax-Hailuo-2.3", "768P", 10): Decimal("0.56"),
            ("MiniMax-Hailuo-2.3", "1080P", 6): Decimal("0.49"),
            ("MiniMax-Hailuo-02", "768P", 6): Decimal("0.10"),
        },
        total=Cap(cost=Decimal(500)),
        per_day=Cap(clips=200),
        per_run=Cap(cost=Decimal(100), clips=0),
        failed_clips_are_free=True,
    ),
    on_unknown=OnUnknown.RESUBMIT,
)


def test_every_setting_can_be_set(tmp_path: Path) -> None:
    """Each key above the jobs ends in the setting of its name."""
    file = open_job_file(write(tmp_path, HEAD + "jobs: [{prompt: x}]\n"))
    assert (file.problems, file.settings) == ((), SETTINGS)


def test_a_file_of_jobs_alone_has_the_default_settings(tmp_path: Path) -> None:
    """Sections may be left out, or left empty."""
    file = open_job_file(write(tmp_path, "limits:\n  # in_flight: 3\npolling: {}\njobs:\n- prompt: x\n"))
    assert (file.problems, file.settings) == ((), Settings())


@pytest.mark.parametrize("loader", [None, yaml.SafeLoader])
@pytest.mark.parametrize("count", [1, 3000])
def test_keys_below_the_jobs_count_as_much_as_those_above(
    tmp_path: Path, count: int, loader: type[Any] | None
) -> None:
    """Defaults and settings may stand below a list of jobs of any length, at either indentation."""
    for indent in ("", "  "):
        jobs = "".join(f"{indent}- prompt: fox {n}\n" for n in range(count if loader is None else 50))
        path = write(tmp_path, f"jobs:\n{jobs}defaults: {{duration: 10}}\noutput: below\n")
        file = open_job_file(path, loader=loader)
        assert (file.problems, file.settings.output) == ((), "below")
        jobs_read = [job for job in file.entries() if isinstance(job, Job)]
        assert {job.request.duration for job in jobs_read} == {10}
        assert len(jobs_read) == jobs.count("\n")


def test_a_key_below_the_jobs_is_seen_behind_a_very_long_line(tmp_path: Path) -> None:
    """Line breaks that are none to others may stand across the pieces that it is read in."""
    piece = 1024**2
    comment = b"#" * (piece - 1) + b"\xc2\x85#" + b"#" * (piece - 3) + b"\xc2\x85#y\n"
    path = tmp_path / "jobs.yaml"
    path.write_bytes(comment + b"jobs:\n- prompt: a\ndefaults: {duration: 10}\n")
    assert open_job_file(path).defaults == {"duration": 10}


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r", "\x85", "\u2028", "\u2029"])
@pytest.mark.parametrize("odd", ["above", "below", "everywhere"])
def test_a_key_below_the_jobs_is_seen_whatever_ends_the_lines(tmp_path: Path, newline: str, odd: str) -> None:
    """YAML knows more line breaks than other formats do, and a file may have several kinds."""
    above = "x-one: 1\nx-two: 2\njobs:\n".replace("\n", "\n" if odd == "below" else newline)
    below = "- prompt: a\noutput: there\n#\n#\n".replace("\n", "\n" if odd == "above" else newline)
    assert open_job_file(write(tmp_path, above + below)).settings.output == "there"


def test_defaults_stand_below_the_keys_of_a_job(tmp_path: Path) -> None:
    """Only keys that the file names are in the body; a job's own win; metadata are merged key by key."""
    content = (
        "defaults: {duration: 10, prompt_optimizer: false, metadata: {a: 1, b: 1}}\njobs:\n"
        "  - {prompt: x, duration: 6, metadata: {b: 2, c: [~, true, 1.5, {d: e}]}}\n"
    )
    (job,) = jobs_of(tmp_path, content)
    assert job.request.body() == {
        "model": "MiniMax-Hailuo-2.3",
        "prompt": "x",
        "duration": 6,
        "prompt_optimizer": False,
    }
    assert job.metadata == {"a": 1, "b": 2, "c": [None, True, 1.5, {"d": "e"}]}


@pytest.mark.parametrize("loader", [None, yaml.SafeLoader])
def test_anchors_and_merges_work_from_anywhere_above(tmp_path: Path, loader: type[Any] | None) -> None:
    """Anchors under `x-` keys, under defaults and in earlier jobs can be used; own keys win, then the first."""
    content = (
        "x-one: &one {duration: 10, model: MiniMax-Hailuo-02}\ndefaults: &two {duration: 6, resolution: 768P}\n"
        "jobs:\n  - &first {<<: [*one, *two], prompt: x, id: a}\n  - {id: b, <<: *first}\n"
        "  - {prompt: y, metadata: {earlier: *one}}\n"
    )
    a, b, c = jobs_of(tmp_path, content, loader)
    assert a.request == b.request
    assert (a.id, b.id, a.request.duration, a.request.resolution) == ("a", "b", 10, "768P")
    assert c.metadata == {"earlier": {"duration": 10, "model": "MiniMax-Hailuo-02"}}


def test_repeat_orders_several_clips_of_one_request(tmp_path: Path) -> None:
    """`repeat: 3` gives ID, ID-2 and ID-3, with or without an id, all with one digest."""
    jobs = jobs_of(tmp_path, "jobs: [{id: a, prompt: x, repeat: 3}, {prompt: x, repeat: 2}]\n")
    assert [job.id for job in jobs] == ["a", "a-2", "a-3", "a87499ab4eb4", "a87499ab4eb4-2"]
    assert [job.explicit_id for job in jobs] == [True, True, True, False, False]
    assert len({job.digest for job in jobs}) == 1


def test_a_job_knows_where_it_stands(tmp_path: Path) -> None:
    """The source is the path as given, and the line and column of the entry."""
    path = write(tmp_path, "# a comment\njobs:\n\n    - prompt: x\n")
    (job,) = read(path)
    assert (job.source.file, job.source.line, job.source.column) == (str(path), 4, 7)


def test_words_that_older_yaml_takes_for_values_stay_text(tmp_path: Path) -> None:
    """`no`, dates, `1:30`, `007` and their like are text; only the plain words and numbers are values."""
    words = ["yes", "no", "NO", "on", "off", "2024-01-05", "1:30", "007", "0x1f", "0o17", "1_000", "<<x", "="]
    listed = ", ".join(words)
    (job,) = jobs_of(
        tmp_path, f"jobs:\n- prompt: no\n  metadata: {{a: [{listed}], b: [1, -2, 1.5, 1e3, ~, True]}}\n"
    )
    assert job.request.prompt == "no"
    assert job.metadata == {"a": words, "b": [1, -2, 1.5, 1000.0, None, True]}


_LETTERS = st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"))


@given(text=st.text(_LETTERS, min_size=1, max_size=60).filter(lambda text: bool(text.strip())))
def test_prompts_in_any_language_pass_to_the_letter(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    """What was quoted as YAML comes out as the same prompt, and changes neither id nor metadata."""
    folder = tmp_path_factory.mktemp("prompts")
    content = yaml.safe_dump({"jobs": [{"prompt": text, "metadata": {text: [text]}}]}, default_style='"')
    (job,) = [entry for entry in read(write(folder, content)) if isinstance(entry, Job)]
    assert (job.request.prompt, job.metadata) == (text, {text: [text]})
    assert job.id == job.request.digest()[:12]


@pytest.mark.parametrize(
    "text", ["A fox\nruns", "a\tb", "[Push in] 狐狸: #1 {a} *b* & c", "नमस्ते", "👩‍🚀🎬", "e\u0301"]
)
def test_plain_blocks_and_quotes_give_the_same_prompt(tmp_path: Path, text: str) -> None:
    """A prompt does not depend on the style in which it is written, nor is it normalised."""
    block = "jobs:\n  - prompt: |-\n" + "".join(f"      {line}\n" for line in text.split("\n"))
    assert [job.request.prompt for job in jobs_of(tmp_path, block)] == [text]


def test_starter_and_example_are_valid_as_they_stand(tmp_path: Path) -> None:
    """What `batchgen init` writes, and the example, have neither problems nor warnings."""
    assert [job.id for job in jobs_of(tmp_path, STARTER)] == ["book", "fox"]
    entries = read(EXAMPLE)
    assert not [entry for entry in entries if isinstance(entry, Problem)]
    jobs = [entry for entry in entries if isinstance(entry, Job)]
    assert {(job.request.model, job.request.size_class) for job in jobs} == {
        (model, size) for model in ("MiniMax-Hailuo-2.3", "MiniMax-Hailuo-02") for size in ("768P", "1080P")
    }
    assert {job.request.seconds for job in jobs} == {6, 10}
    assert EXAMPLE.read_text(encoding="utf-8").startswith("# yaml-language-server: $schema=")


@pytest.mark.parametrize("text", [STARTER, EXAMPLE.read_text(encoding="utf-8")], ids=["starter", "example"])
def test_the_many_jobs_in_starter_and_example_need_only_their_comment_signs_removed(
    tmp_path: Path, text: str
) -> None:
    """What stands there as a comment is an entry, as it stands, beside its table."""
    (tmp_path / "prompts.csv").write_text("image_id,caption,seconds\n1,a fox,6\n", encoding="utf-8")
    before = jobs_of(tmp_path, text)
    uncommented = re.sub(r"^#(?=  [- ] )", "", text, flags=re.MULTILINE)
    uncommented = re.sub("^# (?=filename:|edition:)", "", uncommented, flags=re.MULTILINE)
    jobs = jobs_of(tmp_path, uncommented)
    assert len(jobs) > len(before)
    assert "1" in {job.id for job in jobs}


@pytest.mark.parametrize("text", [STARTER, EXAMPLE.read_text(encoding="utf-8")], ids=["starter", "example"])
def test_the_budget_in_starter_and_example_needs_only_its_comment_signs_removed(
    tmp_path: Path, text: str
) -> None:
    """What stands there as a comment is a budget, as it stands."""
    block = re.search(r"^# budget:.*\n(#  .*\n)+", text, re.MULTILINE)
    assert block is not None
    uncommented = re.sub("^# ", "", block.group(), flags=re.MULTILINE)
    file = open_job_file(write(tmp_path, text.replace(block.group(), uncommented)))
    assert file.problems == ()
    assert file.settings.budget.total.cost == 500
    assert file.settings.budget.prices["MiniMax-Hailuo-2.3", "768P", 10] == 4


@pytest.mark.parametrize("style", ["{}", '"{}"', "'{}'"])
@given(micros=st.integers(0, 10**15), more=st.sampled_from(["", "0", "00000"]))
def test_amounts_are_exactly_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, style: str, micros: int, more: str
) -> None:
    """An amount of up to six decimals and a thousand million passes to the digit, with quotes and without."""
    text = f"{micros // 10**6}.{micros % 10**6:06d}{more}"
    content = f"budget: {{total: {{cost: {style.format(text)}}}}}\njobs: [{{prompt: x}}]\n"
    file = open_job_file(write(tmp_path_factory.mktemp("amounts"), content))
    assert (file.problems, file.settings.budget.total.cost) == ((), Decimal(micros).scaleb(-6))


@pytest.mark.parametrize("text", ["-0", "-0.0", "+0", "0e5"])
def test_nothing_is_nothing_whatever_its_sign(tmp_path: Path, text: str) -> None:
    """A zero with a sign is a zero, and is not shown with one."""
    path = write(tmp_path, f"budget: {{total: {{cost: {text}}}}}\njobs: [{{prompt: x}}]\n")
    cost = open_job_file(path).settings.budget.total.cost
    assert cost is not None
    assert cost == 0
    assert not cost.is_signed()


def test_prices_can_be_shared_by_anchors(tmp_path: Path) -> None:
    """Two models with the same prices need them once."""
    content = (
        "budget:\n  prices:\n    MiniMax-Hailuo-2.3: &p {768P: {6: 2}}\n    MiniMax-Hailuo-02: *p\njobs: []\n"
    )
    prices = open_job_file(write(tmp_path, content)).settings.budget.prices
    assert prices == {(model, "768P", 6): 2 for model in ("MiniMax-Hailuo-2.3", "MiniMax-Hailuo-02")}


def test_a_flag_without_effect_is_a_warning(tmp_path: Path) -> None:
    """A warning does not keep a job from being made; what the defaults alone bring is told once."""
    flags = "{prompt_optimizer: false, fast_pretreatment: true}"
    problems = problems_of(tmp_path, f"defaults: {flags}\njobs: [{{prompt: x}}, {{prompt: y}}]\n")
    assert [(problem.source.line, problem.warning) for problem in problems] == [(1, True)]


def test_memory_does_not_depend_on_the_length_of_the_file(tmp_path: Path) -> None:
    """Reading 20,000 jobs needs no more memory than reading 500, also when keys stand below them."""
    peaks = []
    for count in (500, 20_000):
        path = write(tmp_path, "jobs:\n" + "- {prompt: a fox}\n" * count + "output: below\n")
        tracemalloc.start()
        assert sum(1 for _ in open_job_file(path).entries()) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 3_000_000  # the pieces in which the file is looked through
