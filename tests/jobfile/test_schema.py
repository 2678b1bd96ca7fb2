"""Schema and reader are held together: what one accepts the other accepts, as far as a schema can say."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given
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
    "promt",
    "x-a",
]


def _some(*names: str) -> st.SearchStrategy[dict[str, object]]:
    return st.dictionaries(st.sampled_from(names), st.sampled_from(VALUES), max_size=3)


JOBS = st.one_of(
    _some(*KEYS).map(lambda job: {"prompt": "x", **job}),
    _some(*KEYS),
    st.sampled_from(VALUES),
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
    st.sampled_from(BOUNDS),
    st.sampled_from(VALUES),
    st.floats(0, 10).map(lambda x: round(x, 5)),
    st.decimals(0, 10, places=2).map(str),
)


def _nested(
    inner: st.SearchStrategy[object], *names: str
) -> st.SearchStrategy[object]:  # a mapping, or what is none
    mappings = st.dictionaries(st.sampled_from(names), inner, max_size=2)
    return st.one_of(mappings, mappings, mappings, st.sampled_from(VALUES))


CAPS = _nested(AMOUNTS, "cost", "clips")
PRICES = _nested(
    _nested(_nested(AMOUNTS, "6", "10", "7"), "768P", "1080P", "768p"),
    "MiniMax-Hailuo-2.3",
    "MiniMax-Hailuo-02",
)
BUDGETS = st.fixed_dictionaries(
    {},
    optional={"currency": st.just("USD"), "prices": PRICES, "total": CAPS, "per_day": CAPS, "per_run": CAPS},
)
FILES = st.fixed_dictionaries(
    {"jobs": st.one_of(st.lists(JOBS, max_size=2), st.just([{"prompt": "x"}]))},
    optional={
        "service": st.one_of(_some(*SERVICE, "api_key"), st.none()),
        "limits": st.one_of(_some(*LIMITS), st.none(), st.just([])),
        "polling": _some(*POLLING),
        "defaults": _some(*KEYS[3:8], "prompt"),
        **{name: st.sampled_from(VALUES) for name in TOP},
        "x-anything": st.sampled_from(VALUES),
        "budget": st.one_of(BUDGETS, _some(*BUDGET, "totl"), st.sampled_from(VALUES)),
    },
)


def _reader_accepts(folder: Path, content: object) -> bool:
    path = write(folder, json.dumps(content, ensure_ascii=False))
    return all(entry.warning for entry in read(path) if isinstance(entry, Problem))


def _inherits_10_seconds_at_1080p(content: dict[str, object]) -> bool:
    """What a job and the defaults bring about together is beyond a schema."""
    return "1080P" in str(content) and "10" in str(content.get("jobs")) + str(content.get("defaults"))


@given(content=FILES.filter(lambda content: not _inherits_10_seconds_at_1080p(content)))
def test_schema_and_reader_accept_the_same_files(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, object]
) -> None:
    """A file is valid by the schema exactly when the reader finds nothing wrong."""
    folder = tmp_path_factory.mktemp("schema")
    assert VALIDATOR.is_valid(content) == _reader_accepts(folder, content)


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
    assert {field.name for field in dataclasses.fields(Settings)} == {*TOP, *dict(SECTIONS_OF_SETTINGS)}
