"""What the page says, and that nothing in a job can make it say or do anything else."""

from __future__ import annotations

import base64
import json
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from reports.records import LOST, SENSITIVE, attempt, delivered, record

from batchgen.model import Charged, Record, State
from batchgen.reports.gallery import Sizes, gallery_line
from gallery.pages import Page, written

BESIDE = Sizes(part=1, inline=0)  # a part for each row
ATTACK = "</script><img src=x onerror=\"document.title='pwned'\"><!--<script>"


def row_of(job: Record) -> dict[str, object]:
    """What the page knows of a job."""
    row: dict[str, object] = json.loads(gallery_line(job))
    return row


def test_a_row_tells_what_people_look_at(tmp_path: Path) -> None:
    """Clip, prompt, facts and money of a delivered job, and where it came from."""
    of = record(
        attempt(price="2.00", currency="CNY", warnings=("the clip is short",)),
        metadata={"scene": "library", "take": 2},
    )
    (row,) = written(tmp_path, [of]).rows
    assert row == {
        "id": "book",
        "status": "succeeded",
        "standing": "delivered",
        "file": "videos/book.mp4",
        "prompt": "A man picks up a book [Pedestal up].",
        "model": "MiniMax-Hailuo-2.3",
        "duration": 6,
        "resolution": "768P",
        "task_id": "335492703728059",
        "width": 1366,
        "height": 768,
        "seconds": 5.88,
        "bytes": 3_100_000,
        "submissions": 1,
        "submitted_at": "2026-07-01T12:00:01.000Z",
        "finished_at": "2026-07-01T12:01:35.000Z",
        "price": "2.00",
        "currency": "CNY",
        "charged": "yes",
        "warnings": ["the clip is short"],
        "metadata": {"scene": "library", "take": "2"},
        "source": "jobs.yaml:12",
    }


@pytest.mark.parametrize(
    ("of", "told"),
    [
        (record(), {"standing": "not submitted", "charged": "no"}),
        (
            record(attempt(State.UNKNOWN, charged=Charged.PERHAPS)),
            {
                "standing": "unknown",
                "charged": "perhaps",
                "error": {"code": LOST.code, "message": LOST.message, "stage": "submit"},
            },
        ),
        (record(attempt(State.FAILED, fault=SENSITIVE)), {"standing": "refused"}),
        (record(attempt(State.FAILED), dismissed="enough"), {"standing": "dismissed", "dismissed": "enough"}),
        (record(attempt(missing=True)), {"standing": "missing"}),
        (record(attempt(), in_job_file=False), {"standing": "delivered", "left": True}),
        (
            record(attempt(request={"model": "m", "prompt": "before"}), changed=True),
            {"standing": "held", "made_from": "before"},
        ),
        (
            record(request={"model": "m", "prompt": "p", "prompt_optimizer": False}),
            {"options": {"prompt_optimizer": "false"}},
        ),
    ],
)
def test_every_standing_is_told_with_its_reason(of: Record, told: dict[str, object]) -> None:
    """A job without a clip says why; one whose clip was made from something else says from what."""
    row = row_of(of)
    assert {key: row[key] for key in told} == told
    assert ("file" in row) is (row["standing"] in {"delivered", "held"})


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (12345678901234567890, "12345678901234567890"),
        (1.0, "1.0"),
        (True, "true"),
        ([1, {"a": None}], '[1, {"a": null}]'),
    ],
)
def test_metadata_is_shown_to_the_letter(value: object, shown: str) -> None:
    """A browser would round a long number and drop a zero; absent values are left out."""
    assert row_of(record(metadata={"key": value, "none": None}))["metadata"] == {"key": shown}


TEXT = st.text(st.characters() | st.sampled_from(list("<>/!-&\"'\\%{}\u2028\u2029\u202e")))
KEYS = TEXT | st.sampled_from(["__proto__", "constructor", "toString", "</script>"])


@settings(max_examples=50)
@given(
    jobs=st.lists(
        st.tuples(TEXT, TEXT, st.dictionaries(KEYS, TEXT | st.integers() | st.floats(), max_size=3)),
        max_size=5,
    ),
    inline=st.booleans(),
)
@example(jobs=[(ATTACK, ATTACK, {ATTACK: ATTACK})], inline=True)
@example(jobs=[("%%script%%", "<!--<script>", {"__proto__": "x"})], inline=False)
def test_any_text_comes_back_as_it_was_and_adds_no_element(
    jobs: list[tuple[str, str, dict[str, object]]], *, inline: bool
) -> None:
    """Ids, prompts and metadata parse back to exactly the rows; the HTML has the template's elements alone."""
    records = [
        record(attempt(file=f"videos/{id_}.mp4"), id=id_, prompt=prompt, metadata=metadata)
        for id_, prompt, metadata in jobs
    ]
    with TemporaryDirectory() as name:
        page = written(Path(name), records, None if inline else BESIDE, job_file=ATTACK)
        assert page.rows == list(map(row_of, records))
        assert page.json("about")["job_file"] == ATTACK
        assert _shape(page) == _template()


@cache
def _template() -> list[object]:
    with TemporaryDirectory() as name:
        return _shape(written(Path(name), []))


def _shape(page: Page) -> list[object]:
    """Every element with its attributes, the policy's apart: that one names hashes."""
    return [
        (tag, [pair for pair in attributes if not str(pair[1]).startswith("default-src")])
        for tag, attributes in page.elements
    ]


@pytest.mark.parametrize("sizes", [Sizes(), BESIDE], ids=["inline", "parts"])
def test_the_policy_lets_this_page_run_and_nothing_else(tmp_path: Path, sizes: Sizes) -> None:
    """One script and one style by their hashes; what the script itself loads, only where there are parts."""
    page = written(tmp_path, [delivered("a")], sizes)
    policy = page.policy
    assert policy["default-src"] == ["'none'"]
    loads = ["'strict-dynamic'"] if sizes is BESIDE else []
    assert policy["script-src"] == [_hash(page.code), *loads]
    assert policy["style-src"] == list(map(_hash, page.styles))
    assert set(policy) - {"default-src", "script-src", "style-src"} == {
        "media-src",
        "img-src",
        "base-uri",
        "form-action",
    }


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(sha256(text.encode()).digest()).decode()}'"


def test_the_page_is_of_one_piece(tmp_path: Path) -> None:
    """No address but an empty icon: nothing is fetched, and nothing can run from an attribute."""
    page = written(tmp_path, [delivered("a", prompt="http://example.org/")])
    for tag, attributes in page.elements:
        for name, value in attributes:
            assert not name.startswith("on"), (tag, name)
            assert name != "style"
            if name in {"href", "src"}:
                assert value in {"data:,", "#cards"}
    assert "http" not in page.code.replace("http-equiv", "")
    assert "innerHTML" not in page.code
    assert "eval(" not in page.code
