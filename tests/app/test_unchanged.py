"""A job file is read again unless it is to the byte what the ledger's jobs were read from."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest
from faults.conftest import house
from whole.house import KEY, House

import batchgen
from batchgen.app import running
from batchgen.app.loading import Loaded, load
from batchgen.app.options import Options
from batchgen.app.place import resolve
from batchgen.app.unchanged import mark_of
from batchgen.jobfile import JobFile
from batchgen.ledger import Staging
from batchgen.ledger.portions import Shard

__all__ = ["house"]
URL = "http://127.0.0.1:9"
SIMPLE = "jobs:\n  - prompt: a man from the sea\n"


def mark(folder: Path, text: str, **options: object) -> str | None:
    """The mark of a job file with this text."""
    path = folder / "jobs.yaml"
    path.write_text(text, "utf-8")
    given = Options(base_url=URL, **options)  # type: ignore[arg-type]
    return mark_of(resolve(path, given), given)


def test_the_mark_is_that_of_the_bytes(tmp_path: Path) -> None:
    """The same file has the same mark, another one another."""
    assert mark(tmp_path, SIMPLE) is not None
    assert mark(tmp_path, SIMPLE) == mark(tmp_path, SIMPLE)
    assert mark(tmp_path, SIMPLE) != mark(tmp_path, SIMPLE + "\n")
    assert mark(tmp_path, SIMPLE) != mark(tmp_path, "edition: other\n" + SIMPLE)


@pytest.mark.parametrize(
    "entry",
    [
        "- from: prompts.csv",
        '- "from": prompts.csv',
        "- {'from' : prompts.csv}",
        '- "\\x66rom": prompts.csv',
        '- "\\u0066rom": prompts.csv',
        '- "fr\\x6Fm": prompts.csv',
        '- "f\\u0072om": prompts.csv',
        "- *key : prompts.csv",
        "- ? from\n    : prompts.csv",
        "- from # a table\n    : prompts.csv",
    ],
)
def test_a_file_that_may_name_others_has_no_mark(tmp_path: Path, entry: str) -> None:
    """Those others may have changed; however the key is written."""
    assert mark(tmp_path, f"{SIMPLE}  {entry}\n    prompt: x\n") is None


@pytest.mark.parametrize(
    "text", ["therefrom: 'x'", "from_: x", "who? a man", "2 * two : four", "\\x65", "from, here: x"]
)
def test_what_only_looks_like_it_has_a_mark(tmp_path: Path, text: str) -> None:
    """Else a file with such a prompt would be read each time."""
    assert mark(tmp_path, f"# {text}\n{SIMPLE}") is not None


@pytest.mark.parametrize("before", [0, 2**20 - 9, 2**20 - 3, 2**20])
def test_it_is_found_wherever_it_stands(tmp_path: Path, before: int) -> None:
    """Also where one piece of a long file ends and the next begins."""
    text = SIMPLE + "#" * (before - len(SIMPLE) - 3) + "\n- from: prompts.csv\n"
    assert mark(tmp_path, text) is None


@pytest.mark.parametrize("ruler", ["#", "# ", "*", "from ", "from#", "*a"])
def test_a_long_ruler_is_looked_at_at_once(tmp_path: Path, ruler: str) -> None:
    """Comments are drawn with such lines, also behind the word "from"; nobody could stop a search that hangs."""
    began = time.process_time()  # of this process alone: other work on the machine must not count
    assert mark(tmp_path, f"# prompts taken from {ruler * 20_000}\n{SIMPLE}") is not None
    assert time.process_time() - began < 2.0


def test_little_of_a_long_file_is_held(tmp_path: Path) -> None:
    """A table may have a million rows."""
    path = tmp_path / "prompts.txt"
    path.write_bytes(b"a man walks away from: the sea\n" * 1_000_000)
    given = Options(base_url=URL)
    place = resolve(path, given)
    tracemalloc.start()
    try:
        assert mark_of(place, given) is not None
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "options", [{"shard": Shard(number=1, of=2)}, {"only": ("a",)}, {"sample": 1}, {"rebuild_ledger": True}]
)
def test_a_part_of_the_jobs_has_no_mark(tmp_path: Path, options: dict[str, object]) -> None:
    """The ledger must have all of them."""
    assert mark(tmp_path, SIMPLE, **options) is None


async def _run(house: House) -> tuple[batchgen.RunResult, int]:
    """A run, and how often it has read the jobs."""
    options = batchgen.Options(base_url=house.sim.base_url)
    with mock.patch("batchgen.app.running.load", wraps=load) as spy:
        result = await running.run(house.folder / "jobs.yaml", options)
    return result, spy.call_count


async def test_a_run_reads_a_file_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next run does without its jobs, and comes to the same end; an edit is seen."""
    monkeypatch.setenv("DMXAPI_API_KEY", KEY)
    house.write([{"id": "a", "prompt": "one"}, {"id": "b", "prompt": "two"}])
    first, reads = await _run(house)
    assert (first.exit_code, reads) == (0, 1)
    second, reads = await _run(house)
    assert (second.exit_code, second.counts, reads) == (0, first.counts, 0)
    house.write([{"id": "a", "prompt": "one"}, {"id": "b", "prompt": "two"}, {"id": "c", "prompt": "three"}])
    third, reads = await _run(house)
    assert (third.exit_code, reads, len(house.clips())) == (0, 1, 3)


async def test_a_table_that_is_edited_while_it_is_read_is_read_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The jobs may be those of the edit: when it is taken back, the ledger does not have those of the file."""
    monkeypatch.setenv("DMXAPI_API_KEY", KEY)
    table = house.folder / "prompts.txt"
    table.write_text("one\n", "utf-8")

    def edited(
        job_file: JobFile, staging: Staging, stopped: Callable[[], bool], *, shard: Shard | None
    ) -> Loaded:
        table.write_text("one\ntwo\n", "utf-8")
        return load(job_file, staging, stopped, shard=shard)

    options = batchgen.Options(base_url=house.sim.base_url)
    with mock.patch("batchgen.app.running.load", edited):
        await running.run(table, options)
    table.write_text("one\n", "utf-8")
    result = await running.run(table, options)
    assert sum(result.counts.values()) == 1


async def test_warnings_are_told_each_time(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file about which there is something to say is read again, to say it."""
    monkeypatch.setenv("DMXAPI_API_KEY", KEY)
    house.write([{"prompt": "one [No such command]"}])
    assert [(await _run(house))[1] for _ in range(2)] == [1, 1]
