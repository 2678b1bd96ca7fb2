"""Which jobs a command is about."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen.errors import ConfigError
from batchgen.ledger import queries
from batchgen.ledger.hints import no_job
from batchgen.ledger.selecting import Among
from batchgen.ledger.selection import Described, Matcher, Sample, Selection, parse_where
from batchgen.model import Status
from ledger.workshop import JOB_FILE, ORIGIN, Desk, job, reconcile

JOB = Described(
    id="Fox-1",
    status=Status.FAILED,
    edition=None,
    request={"model": "MiniMax-Hailuo-02", "prompt": "[固定] a=b", "prompt_optimizer": False, "duration": 10},
    metadata={
        "scene": "library",
        "take": 3,
        "weight": 0.5,
        "good": True,
        "tags": ["red", 7],
        "camera": {"lens": {"mm": 35}},
        "a.b": "dotted",
        "model": "ours",
        "nothing": None,
        "café": "é",
    },
)


@pytest.mark.parametrize(
    ("selection", "matches"),
    [
        ({}, True),
        ({"only": ["Fox-1"]}, True),
        ({"only": ["fox-1"]}, True),  # ids that differ in case are one
        ({"only": ["fox"]}, False),
        ({"only": ["fox*"]}, True),
        ({"only": ["*-[0-9]"]}, True),
        ({"only": ["fox-?", "other"]}, True),
        ({"only": ["ox*"]}, False),
        ({"where": ["scene=library"]}, True),
        ({"where": ["scene=Library"]}, False),
        ({"where": ["scene=lib*"]}, False),  # values are no globs: prompts have brackets and stars
        ({"where": ["scene=street", "scene=library"]}, True),  # one key: any of its values
        ({"where": ["scene=library", "take=4"]}, False),  # several keys: all of them
        ({"where": ["take=3"]}, True),
        ({"where": ["take=3.0"]}, True),
        ({"where": ["take=03"]}, True),
        ({"where": ["take=three"]}, False),
        ({"where": ["weight=0.5"]}, True),
        ({"where": ["good=true"]}, True),
        ({"where": ["good=1"]}, False),
        ({"where": ["tags=red"]}, True),
        ({"where": ["tags=7"]}, True),
        ({"where": ["tags=blue"]}, False),
        ({"where": ["camera.lens.mm=35"]}, True),
        ({"where": ["camera.lens=35"]}, False),
        ({"where": ["a.b=dotted"]}, True),
        ({"where": ["model=MiniMax-Hailuo-02"]}, True),  # the request comes first
        ({"where": ["metadata.model=ours"]}, True),
        ({"where": ["prompt=[固定] a=b"]}, True),
        ({"where": ["prompt_optimizer=false"]}, True),
        ({"where": ["aigc_watermark=false"]}, True),  # what the API fills in
        ({"where": ["resolution=768P"]}, True),
        ({"where": ["duration=10"]}, True),
        ({"where": ["duration=6"]}, False),
        ({"where": ["status=failed"]}, True),
        ({"where": ["status=succeeded"]}, False),
        ({"where": ["id=Fox-1"]}, True),
        ({"where": ["edition="]}, True),  # an empty value: there is none
        ({"where": ["nothing="]}, True),
        ({"where": ["whatever="]}, True),
        ({"where": ["scene="]}, False),
        ({"where": ["whatever=x"]}, False),
        ({"where": ["cafe\u0301=e\u0301"]}, True),  # two spellings of one letter
        ({"only": ["fox*"], "where": ["scene=library"]}, True),
        ({"only": ["cat*"], "where": ["scene=library"]}, False),
        ({"where": ["take=nan"]}, False),
        ({"where": ["take=" + "9" * 5000]}, False),
    ],
)
def test_a_job_matches(selection: dict[str, list[str]], matches: bool) -> None:  # noqa: FBT001  a column
    """Ids are known as a file system knows them, values as they are written."""
    chosen = Selection(**{name: tuple(values) for name, values in selection.items()})  # type: ignore[arg-type]
    assert Matcher(chosen).matches(JOB) is matches


@given(
    text=st.text(max_size=30),
    value=st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
)
def test_any_text_either_selects_or_is_told(text: str, value: object) -> None:
    """Whatever is written on the command line, nothing but ValueError comes of it."""
    job = Described(id="a", status=Status.PENDING, edition="x", request={}, metadata={"k": value})
    Matcher(Selection(only=(text,), where=(f"k={text}",))).matches(job)
    try:
        Matcher(Selection(where=(text,))).matches(job)
    except ValueError:
        assert "=" not in text or not text.partition("=")[0].strip()


@pytest.mark.parametrize("text", ["scene", "=library", " =x", ""])
def test_what_is_no_key_and_value(text: str) -> None:
    """The message says how to write it."""
    with pytest.raises(ValueError, match="KEY=VALUE"):
        parse_where(text)


def test_parts_that_match_nothing_are_known() -> None:
    """A misspelled one is not lost among those that match."""
    matcher = Matcher(Selection(only=("Fox-1", "cat", "d*"), where=("scene=library", "scene=libary")))
    assert matcher.matches(JOB)
    assert matcher.silent() == [("--only", "cat"), ("--only", "d*"), ("--where", "scene=libary")]


@given(ids=st.sets(st.text("abc123-", min_size=1, max_size=6), max_size=40), most=st.integers(1, 45))
def test_a_larger_sample_has_all_of_a_smaller_one(ids: set[str], most: int) -> None:
    """Whatever the order of the file, and however many there are."""

    def sample(number: int, order: list[str]) -> set[str]:
        taken = Sample(number)
        for key, id_ in enumerate(order):
            taken.add(id_, key)
        return {order[key] for key in taken.keys()}  # noqa: SIM118  no mapping

    ordered = sorted(ids)
    small = sample(most, ordered)
    assert len(small) == min(most, len(ids))
    assert small == sample(most, ordered[::-1])
    assert small <= sample(most + 1, ordered)


def test_a_selection_reads_as_it_was_written() -> None:
    """So that a command which is shown is about the same jobs."""
    selection = Selection(only=("a", "b*"), where=("x=1",), sample=3)
    assert selection.words() == ("--only", "a", "--only", "b*", "--where", "x=1", "--sample", "3")
    assert Selection().words() == ()
    assert (bool(selection), bool(Selection()), bool(Selection(sample=1))) == (True, False, True)


# --- in the ledger ---------------------------------------------------------------------------------------


def selected(desk: Desk, selection: Selection) -> list[str]:
    """The ids that are chosen."""
    desk.ledger.select(selection, JOB_FILE)
    rows = desk.ledger.ask(lambda db: list(queries.records(db, JOB_FILE, desk.ledger.among)))
    return [record.id for record in rows if record.selected]


async def test_what_is_not_selected_is_not_ordered_and_has_not_left(desk: Desk) -> None:
    """It counts neither among what is to submit nor among what is unsettled, and stays in the file."""
    desk.has("a", "b", "c")
    assert selected(desk, Selection(only=("b",))) == ["b"]
    among = desk.ledger.among
    standing = desk.ledger.ask(lambda db: queries.standing(db, JOB_FILE, among))
    assert (standing.jobs, standing.to_submit, standing.unsettled) == (1, 1, 1)
    orders = desk.ledger.ask(lambda db: queries.orders(db, JOB_FILE, -1, 10, among))
    assert [order.id for _, order in orders] == ["b"]
    assert sum(desk.ledger.ask(lambda db: queries.to_submit_by_kind(db, JOB_FILE, among)).values()) == 1
    assert desk.look("SELECT sum(in_job_file) FROM jobs") == [(3,)]


async def test_what_is_under_way_is_brought_in_selected_or_not(desk: Desk) -> None:
    """It was paid for; only it is not what the run is about."""
    desk.has("a", "b")
    await desk.accept("a", "t1")
    await desk.accept("b", "t2")
    desk.ledger.select(Selection(only=("b",)), JOB_FILE)
    under_way = desk.ledger.ask(lambda db: queries.under_way(db, JOB_FILE, ORIGIN, Among.SELECTED))
    assert [(one.job_id, one.current) for one in under_way] == [("a", False), ("b", True)]
    standing = desk.ledger.ask(lambda db: queries.standing(db, JOB_FILE, Among.SELECTED))
    assert (standing.unsettled, standing.open_elsewhere) == (1, 1)


async def test_a_selection_is_of_the_moment_at_which_it_was_made(desk: Desk) -> None:
    """Jobs whose status changes meanwhile stay selected."""
    desk.has("a", "b")
    await desk.deliver("a", "t1")
    assert selected(desk, Selection(where=("status=pending",))) == ["b"]
    await desk.intend("b")
    rows = desk.ledger.ask(lambda db: list(queries.records(db, JOB_FILE, Among.SELECTED)))
    assert [(record.id, record.selected) for record in rows] == [("a", False), ("b", True)]


def test_a_sample_is_taken_of_what_else_matches(desk: Desk) -> None:
    """The same jobs whatever the others are."""
    desk.has(*(f"a{n}" for n in range(20)), *(f"b{n}" for n in range(20)))
    first = selected(desk, Selection(only=("a*",), sample=5))
    desk.has(*(f"b{n}" for n in range(5)), *(f"a{n}" for n in range(20)))
    assert sorted(selected(desk, Selection(only=("a*",), sample=5))) == sorted(first)
    assert len(first) == 5
    assert len(selected(desk, Selection(sample=100))) == 25


@pytest.mark.parametrize(
    ("selection", "told"),
    [
        (Selection(only=("x",)), "no job matches --only x"),
        (Selection(only=("a", "x*")), r"no job matches --only 'x\*'"),
        (Selection(only=("a",), where=("prompt=b",)), "no job matches all of --only a --where prompt=b"),
        (Selection(where=("status=failed",)), "no job matches --where status=failed"),
        (Selection(where=("prompt",)), "KEY=VALUE"),
    ],
)
def test_a_selection_that_matches_nothing_is_told(desk: Desk, selection: Selection, told: str) -> None:
    """Also a part of one that matches nothing by itself."""
    desk.has("a", "b")
    with pytest.raises(ConfigError, match=told):
        desk.ledger.select(selection, JOB_FILE)


@pytest.mark.parametrize(
    ("selection", "told"),
    [
        (Selection(only=("A",)), r"--only A \(did you mean 'A\*'\?\)$"),
        (Selection(only=("bc", "b")), "--only b$"),
        (Selection(only=("bc-1",)), "--only bc-1$"),
        (Selection(only=("bc", "bc-")), "--only bc-$"),
        (Selection(where=("scen=x",)), r"--where scen=x \(no job has a key scen; did you mean scene\?\)$"),
        (
            Selection(where=("metadata.qqq=x",)),
            r"a key metadata.qqq; the keys are id, status, .*, deep, scene\)$",
        ),
        (Selection(where=("scene=x", "deep.er=1", "seed=1")), r"--where deep.er=1, --where seed=1 \(no job"),
    ],
)
def test_an_unknown_id_or_key_is_told_with_what_may_be_meant(
    desk: Desk, selection: Selection, told: str
) -> None:
    """Ids go on with what was appended to them; a key that some job has is no mistake."""
    scene, deep = (
        replace(job("a-1"), metadata={"scene": "s"}),
        replace(job("a-2"), metadata={"deep": {"k": 1}}),
    )
    desk.has(scene, deep, job("bc"))
    reconcile(desk.ledger, [job("bc-1")], "other.yaml")
    with pytest.raises(ConfigError, match=told):
        desk.ledger.select(selection, JOB_FILE)


def test_an_id_that_no_job_has_is_told_with_one_that_goes_on_so(desk: Desk) -> None:
    """As ids of combinations, editions and repeats do."""
    desk.has("fox-768P", "fox-1080P", "foxes")
    told = [str(desk.ledger.ask(partial(no_job, id_=one))) for one in ("FOX", "foxe", "foxes")]
    assert told == [
        "there is no job FOX; did you mean fox-1080P?",
        "there is no job foxe",
        "there is no job foxes",
    ]


def test_nothing_of_a_selection_is_durable(desk: Desk) -> None:
    """The next command knows nothing of it."""
    desk.has("a", "b")
    desk.ledger.select(Selection(only=("a",)), JOB_FILE)
    assert desk.look("SELECT count(*) FROM sqlite_schema WHERE name = 'selected'") == [(0,)]


@pytest.mark.parametrize(
    ("selection", "ids", "words"),
    [
        (Selection(where=("scene=a",)), ["x"], ("--where", "scene=a")),
        (Selection(where=("status=failed",)), ["x", "y"], ("--only", "x", "--only", "y")),
        (Selection(where=("status=failed", "a=b")), [str(n) for n in range(21)], ("--where", "a=b")),
    ],
)
def test_a_command_that_is_shown_finds_the_jobs_again(
    selection: Selection, ids: list[str], words: tuple[str, ...]
) -> None:
    """Once they were ordered again their status is another one."""
    assert selection.at(ids).words() == words
