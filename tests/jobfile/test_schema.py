"""Schema and reader are held together: what one accepts the other accepts, as far as a schema can say."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import assume, event, given
from hypothesis import strategies as st

from batchgen.jobfile import STARTER, schema
from batchgen.jobfile.budget_fields import BUDGET
from batchgen.jobfile.fields import LIMITS, POLLING, SERVICE, TOP
from batchgen.model import Problem
from batchgen.settings import Budget, Limits, Polling, Service, Settings

from .reading import read, write

VALIDATOR = jsonschema.Draft202012Validator(schema())

#: Values of every kind, right for some key and wrong for others.  Whole floats are left out: JSON Schema
#: takes them for integers, the reader does not.
VALUES: list[object] = [
    None, True, False, 0, 1, 6, 7, 10, -1, 0.5, 1234.5, 1e9 + 0.5, 10_001, 2_000_000_000,
    "", " ", "x", "6", "auto", "Auto",
    "90s", "1h30m", "m", "15 m", "768P", "1080P", "768p", "MiniMax-Hailuo-2.3", "MiniMax-Hailuo-02", "hold",
    "resubmit", "狐狸", "a b", ".a", "a/b", "out/{date}", "~/a", "a" * 121, "x" * 2001,
    "a\u0007b", "MY_KEY", "1KEY",
    "https://a.cn", "https://a.cn/v1", "http://a.cn", "http://127.0.0.1:80", "https://u@a.cn", "https://a.cn?b",
    "CNY", "cny", "CNYX", "2.00", "2.0000000", "-1", "1e3", "007", "2,50", 2.5,
    1e-05, 1_000_000_000,
    {"cost": 2.5}, {"cost": "2.50", "clips": 0}, {"clips": -1}, {"cost": None},
    {"MiniMax-Hailuo-2.3": {"768P": {"6": 2.5}}},
    [], ["x"], {}, {"a": 1}, {"a": [None, {"b": "c"}]},
]  # fmt: skip
SECTIONS_OF_SETTINGS = (("service", SERVICE), ("limits", LIMITS), ("polling", POLLING), ("budget", BUDGET))
KEYS = [
    "id",
    "prompt",
    "repeat",
    "model",
    "duration",
    "resolution",
    "prompt_optimizer",
    "metadata",
    "filename",
    "include",
    "columns",
    "promt",
    "x-a",
]


def _one_of(values: list[object]) -> st.SearchStrategy[object]:
    """One of the values, from a strategy that does not repeat them all where it shows itself."""
    return st.integers(0, len(values) - 1).map(lambda place: values[place])


ANY = _one_of(VALUES)


def _some(*names: str) -> st.SearchStrategy[dict[str, object]]:
    return st.dictionaries(st.sampled_from(names), ANY, max_size=3)


JOBS = st.one_of(
    _some(*KEYS).map(lambda job: {"prompt": "x", **job}),
    _some(*KEYS),
    ANY,
)
#: Amounts at their bounds; as durations or whole numbers a schema cannot tell them from good ones.
BOUNDS: list[object] = [
    "1000000000",
    "1000000000.0",
    "1000000000.01",
    "0.000001",
    "0.0000001",
    0,
    2.0,
    1e9,
    1e22,
]
AMOUNTS = st.one_of(
    st.integers(0, 10),
    st.decimals(0, 10, places=2).map(str),
    st.floats(0, 10).map(lambda x: round(x, 5)),
    _one_of(BOUNDS),
    st.one_of(st.integers(0, 10**9), ANY),
)


def _table(inner: dict[str, st.SearchStrategy[object]], *wrong: str) -> st.SearchStrategy[object]:
    """Mostly mappings of some of the keys; now and then with a key that is none, or no mapping at all."""
    good = st.fixed_dictionaries({}, optional=inner).filter(bool)
    odd = st.dictionaries(st.sampled_from([*inner, *wrong]), ANY, max_size=2)
    return st.integers(0, 29).flatmap(lambda n: odd if n == 0 else ANY if n == 1 else good)


CAPS = _table({"cost": AMOUNTS, "clips": st.one_of(st.integers(0, 10**9), st.integers(0, 9), ANY)}, "clip")
MODEL = _table(
    {"768P": _table({"6": AMOUNTS, "10": AMOUNTS}, "7"), "1080P": _table({"6": AMOUNTS}, "10")}, "768p"
)
BUDGETS = _table(
    {
        "currency": st.sampled_from(["CNY", "USD", "EUR", "cny"]),
        "prices": _table({"MiniMax-Hailuo-2.3": MODEL, "MiniMax-Hailuo-02": MODEL}, "sora"),
        "total": CAPS,
        "per_day": CAPS,
        "failed_clips_are_free": st.booleans(),
    },
    "totl",
)
FILES = st.fixed_dictionaries(
    {"jobs": st.one_of(st.lists(JOBS, max_size=2), st.just([{"prompt": "x"}]))},
    optional={
        "service": st.one_of(_some(*SERVICE, "api_key"), st.none()),
        "limits": st.one_of(_some(*LIMITS), st.none(), st.just([])),
        "polling": _some(*POLLING),
        "defaults": _some(*KEYS[3:8], "prompt"),
        **dict.fromkeys(TOP, ANY),
        "x-anything": ANY,
        "budget": BUDGETS,
    },
)


def _reader_accepts(folder: Path, content: object) -> bool:
    path = write(folder, json.dumps(content, ensure_ascii=False))
    return all(entry.warning for entry in read(path) if isinstance(entry, Problem))


def _inherits_10_seconds_at_1080p(content: dict[str, object]) -> bool:
    """What a job and the defaults bring about together is beyond a schema."""
    return "1080P" in str(content) and "10" in str(content.get("jobs")) + str(content.get("defaults"))


@given(content=FILES)
def test_schema_and_reader_accept_the_same_files(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, object]
) -> None:
    """A file is valid by the schema exactly when the reader finds nothing wrong."""
    assume(not _inherits_10_seconds_at_1080p(content))
    folder = tmp_path_factory.mktemp("schema")
    assert VALIDATOR.is_valid(content) == _reader_accepts(folder, content)


@given(budget=BUDGETS)
def test_schema_and_reader_accept_the_same_budgets(
    tmp_path_factory: pytest.TempPathFactory, budget: object
) -> None:
    """The same of a budget alone, where nothing else in the file can be wrong."""
    content = {"budget": budget, "jobs": [{"prompt": "x"}]}
    event("accepted" if VALIDATOR.is_valid(content) else "refused")
    assert VALIDATOR.is_valid(content) == _reader_accepts(tmp_path_factory.mktemp("budget"), content)


@pytest.mark.parametrize("value", VALUES)
def test_schema_and_reader_agree_on_every_key(tmp_path: Path, value: object) -> None:
    """Each value under each key is taken by both or by neither."""
    files: list[dict[str, object]] = [{"jobs": [{"prompt": "x", key: value}]} for key in KEYS]
    files += [{"defaults": {key: value}, "jobs": [{"prompt": "x"}]} for key in KEYS[3:8]]
    for section, keys in SECTIONS_OF_SETTINGS:
        files += [{section: {key: value}, "jobs": [{"prompt": "x"}]} for key in keys]
    models = {"MiniMax-Hailuo-2.3": {"1080P": {"6": value}}}
    for budget in ({"total": {"cost": value}}, {"per_run": {"clips": value}}, {"prices": models}):
        files.append({"budget": budget, "jobs": [{"prompt": "x"}]})
    files += [
        {key: value, "jobs": [{"prompt": "x"}]}
        for key in (*TOP, "service", "limits", "budget", "defaults", "jobs")
    ]
    for content in files:
        assert VALIDATOR.is_valid(content) == _reader_accepts(tmp_path, content), content


@pytest.mark.parametrize(
    ("good", "job"),
    [
        (True, {"prompt": "{a}", "matrix": {"a": [1, "x", True]}}),
        (True, {"prompt": "{a}", "id": "{a}", "matrix": {"a": ["狐狸"], "duration": [6, 10]}, "repeat": 2}),
        (True, {"matrix": {"prompt": ["x", "y"]}}),
        (True, {"prompt": "{a}", "matrix": {"a": [1]}, "include": [{"a": 2}], "exclude": []}),
        (True, {"prompt": "{a}", "matrix": {"a": [1, 2], "include": [{"a": 3}], "exclude": [{"a": 1}]}}),
        (False, {"prompt": "{a}", "matrix": {"a": [1, 2], "include": [3]}}),
        (False, {"prompt": "{a}", "matrix": {"a": [1, 2], "exclude": []}, "exclude": []}),
        (True, {"prompt": "x", "filename": "{model}/{id}.mp4"}),
        (False, {"prompt": "x", "filename": "{model}/{id}"}),
        (False, {"prompt": "x", "filename": "/{id}.mp4"}),
        (False, {"prompt": "x", "filename": "{id.mp4"}),
        (False, {"matrix": {"a": [1]}}),
        (False, {"prompt": "{a}", "matrix": {"a": []}}),
        (False, {"prompt": "{a}", "matrix": {"a": 1}}),
        (False, {"prompt": "{a}", "matrix": {"a": [1, 1]}}),
        (False, {"prompt": "{a}", "matrix": {"a": [None]}}),
        (False, {"prompt": "{a}", "matrix": {"a": [[1]]}}),
        (False, {"prompt": "{id}", "matrix": {"id": [1]}}),
        (False, {"prompt": "x", "matrix": [1]}),
        (False, {"prompt": "{a}", "matrix": {"a": [1]}, "include": [{}]}),
        (False, {"prompt": "{a}", "matrix": {"a": [1]}, "exclude": {"a": 1}}),
        (False, {"prompt": "{a}", "matrix": {"a": [1]}, "exclude": [{"a": [1]}]}),
        (False, {"prompt": "{a}", "matrix": {"a": [1]}, "columns": {"duration": "s"}}),
        (False, {"prompt": "x", "include": [{"a": 1}]}),
        (False, {"prompt": "x", "columns": {}}),
    ],
)
def test_schema_and_reader_agree_on_combinations(tmp_path: Path, good: bool, job: object) -> None:  # noqa: FBT001  a column
    """What a schema can say of entries that stand for many jobs, it says."""
    content = {"jobs": [job]}
    assert (VALIDATOR.is_valid(content), _reader_accepts(tmp_path, content)) == (good, good)


@pytest.mark.parametrize("value", BOUNDS)
def test_schema_and_reader_agree_on_the_bounds_of_amounts(tmp_path: Path, value: object) -> None:
    """The largest amount, and the last decimal, are the same for both."""
    content = {"budget": {"total": {"cost": value}}, "jobs": [{"prompt": "x"}]}
    assert VALIDATOR.is_valid(content) == _reader_accepts(tmp_path, content)


def test_the_schema_is_one_and_accepts_starter_and_example() -> None:
    """The schema is valid JSON Schema, carries the defaults, and takes what ships with batchgen."""
    jsonschema.Draft202012Validator.check_schema(schema())
    example = Path(__file__).parents[2] / "jobs.example.yaml"
    for text in (STARTER, example.read_text(encoding="utf-8")):
        VALIDATOR.validate(yaml.safe_load(text))
    sections = json.loads(json.dumps(schema()))["properties"]
    assert sections["limits"]["properties"]["in_flight"]["default"] == Limits().in_flight
    assert sections["budget"]["properties"]["currency"]["default"] == Budget().currency


@pytest.mark.parametrize(
    ("settings", "keys"), [(Service, SERVICE), (Limits, LIMITS), (Polling, POLLING), (Budget, BUDGET)]
)
def test_every_setting_has_a_key_and_every_key_a_setting(settings: type, keys: dict[str, object]) -> None:
    """Declared keys and settings cannot drift apart."""
    assert {field.name for field in dataclasses.fields(settings)} == set(keys)
    assert {field.name for field in dataclasses.fields(Settings)} == {
        *(set(TOP) - {"filename"}),  # which belongs to the jobs
        *dict(SECTIONS_OF_SETTINGS),
    }
