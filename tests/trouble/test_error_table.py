"""The error table of the API, from the bytes on the wire to the manifest, the exit code and the words for people.

Each row of the table is met in every shape that it can take, on each call: one job of a batch meets it once (or
for as long as the run lasts, where that matters), and what became of the job, of the batch and of the report is
held against the table below.  That every single code is read as its row says is the business of
``hailuo/test_hailuo_verdict.py``; here a row is met under each of its codes as the vendor tells them, and under
one of them in the other shapes.
"""

from __future__ import annotations

import asyncio
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from enum import Enum

import pytest
from whole.house import QUICK, House, until

from batchgen import pace
from batchgen.pipeline import fetch, poll
from batchgen.polling import rules
from batchgen.simulator import (
    Act,
    Call,
    Close,
    Code,
    Conditions,
    Cut,
    Ending,
    Gateway,
    Raw,
    Shape,
    Simulator,
    Times,
)

# --- what may become of it ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What became of the job that met an error.

    ``posts``: submissions of its own.  ``for_ever``: the service says so each time, not only once.
    """

    status: str
    charged: str
    posts: int
    code: bool  # whether the row has an error with the service's code
    stage: str | None
    told: tuple[str, ...]  # what the report says of it
    exit_code: int
    halts: bool = False
    for_ever: bool = False


def _fate(status: str, charged: str, exit_code: int, stage: str | None, *told: str, posts: int = 1) -> Fate:
    return Fate(
        status=status,
        charged=charged,
        posts=posts,
        code=stage is not None,
        stage=stage,
        told=told,
        exit_code=exit_code,
    )


DELIVERED = _fate("succeeded", "yes", 0, None)
SENT_AGAIN = _fate("succeeded", "yes", 0, None, posts=2)
UNKNOWN = _fate(
    "unknown",
    "perhaps",
    1,
    "submit",
    "unknown outcome, perhaps charged",
    "provider's console",
    "batchgen adopt",
)
REFUSED = _fate("failed", "no", 1, "submit", "refused by the service", "Change the prompt or the parameters")
REFUSED_PERHAPS = replace(REFUSED, charged="perhaps")
SORRY = replace(  # what is edited after a charge would be held
    _fate("failed", "perhaps", 1, "generate", "refused by the service", "--regenerate-changed"), for_ever=True
)
FAILED = replace(
    _fate("failed", "perhaps", 1, "generate", "failed at the service", "Order again (may cost again)"),
    for_ever=True,
)
NO_TASK = replace(
    _fate("submitted", "perhaps", 1, "generate", "does not know this task or file", "batchgen collect"),
    for_ever=True,
)
NO_FILE = replace(
    _fate("generated", "yes", 1, "retrieve", "does not know this task or file", "batchgen collect"),
    for_ever=True,
)
NO_LINK = replace(SORRY, charged="yes", stage="retrieve")


def _halted(status: str, charged: str, *told: str) -> Fate:
    stage = {"submitted": "generate", "generated": "retrieve"}.get(status)
    return replace(_fate(status, charged, 3, stage, "Halted: ", *told), halts=True)


KEY = ("the API key was refused", "Give a key that this service takes")
BALANCE = ("no balance, or the quota is used up", "Top up the account")
PLAN = ("the model is not in the plan", "Name another model")

# --- the table ------------------------------------------------------------------------------------------


class Via(Enum):
    """How a row can be told."""

    VENDOR = "HTTP 200 with base_resp"
    OBJECT = "the gateway's error object"
    FLAT = "the gateway's flat form"
    TEXT_400 = "the vendor's code as text under HTTP 400"
    PAGE = "an HTML page"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of the table: its codes, its HTTP statuses, and what it comes to on each call."""

    name: str
    codes: tuple[int, ...] = ()  # the vendor's
    words: tuple[tuple[str, int], ...] = ()  # the gateway's codes, each with its HTTP status
    statuses: tuple[int, ...] = ()  # that say it without any code
    submit: Fate
    query: Fate
    retrieve: Fate

    def acts(self) -> Iterator[tuple[Via, str, Act]]:
        """Everything that can be told of this row: in which shape, under which code, by which act."""
        for number in self.codes:
            yield Via.VENDOR, str(number), Code(code=number)
        if self.codes:
            first = str(self.codes[0])
            yield Via.TEXT_400, first, Gateway(http_status=400, code=first)
            yield Via.OBJECT, first, Gateway(http_status=500, code=first)
            yield Via.FLAT, first, Gateway(http_status=500, shape=Shape.FLAT, code=first)
        for word, status in self.words:
            yield Via.OBJECT, word, Gateway(http_status=status, code=word)
            yield Via.FLAT, word, Gateway(http_status=status, shape=Shape.FLAT, code=word)
        for status in self.statuses:
            yield Via.OBJECT, "bad_response", Gateway(http_status=status, code="bad_response")
            yield Via.FLAT, "bad_response", Gateway(http_status=status, shape=Shape.FLAT, code="bad_response")
            yield Via.PAGE, f"http_{status}", Gateway(http_status=status, shape=Shape.HTML)


TABLE = (
    Row(
        name="rate limit",
        codes=(1002, 1039, 1041, 2045),
        statuses=(429,),
        submit=SENT_AGAIN,
        query=DELIVERED,
        retrieve=DELIVERED,
    ),
    Row(
        name="unclear",
        codes=(1000, 1001, 1013, 1024, 1033, 9999),
        statuses=(500, 502, 503, 504, 418),
        submit=UNKNOWN,
        query=DELIVERED,
        retrieve=DELIVERED,
    ),
    Row(
        name="no channel",
        words=(("model_not_found", 503),),
        submit=SENT_AGAIN,
        query=DELIVERED,
        retrieve=DELIVERED,
    ),
    Row(name="prompt refused", codes=(1026, 1042), submit=REFUSED, query=SORRY, retrieve=NO_LINK),
    Row(name="result refused", codes=(1027,), submit=REFUSED_PERHAPS, query=SORRY, retrieve=NO_LINK),
    Row(name="parameters, or not found", codes=(2013,), submit=REFUSED, query=NO_TASK, retrieve=NO_FILE),
    Row(name="not found", statuses=(404,), submit=UNKNOWN, query=NO_TASK, retrieve=NO_FILE),
    Row(
        name="key refused",
        codes=(1004, 2049),
        words=(("invalid_api_key", 401),),
        statuses=(401, 403),
        submit=_halted("pending", "no", *KEY),
        query=_halted("submitted", "perhaps", *KEY),
        retrieve=_halted("generated", "yes", *KEY),
    ),
    Row(
        name="no balance",
        codes=(1008, 1028, 1030, 2056),
        words=(("insufficient_quota", 402), ("quota_not_enough", 403), ("insufficient_user_quota", 403)),
        statuses=(402,),
        submit=_halted("pending", "no", *BALANCE),
        query=_halted("succeeded", "yes", *BALANCE),
        retrieve=_halted("succeeded", "yes", *BALANCE),
    ),
    Row(
        name="not in the plan",
        codes=(2038, 2061),
        submit=_halted("pending", "no", *PLAN),
        query=_halted("succeeded", "yes", *PLAN),
        retrieve=_halted("succeeded", "yes", *PLAN),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One row in one shape on one call."""

    job: str
    call: Call
    act: Act
    code: str
    fate: Fate

    def __str__(self) -> str:
        return self.job


def _cells(*, halting: bool) -> Iterator[Cell]:
    for row in TABLE:
        for call, fate in ((Call.SUBMIT, row.submit), (Call.QUERY, row.query), (Call.RETRIEVE, row.retrieve)):
            for via, code, act in row.acts():
                if fate.halts is halting:
                    status = getattr(act, "http_status", 200)
                    name = f"{call}.{row.name}.{via.name}.{status}.{code}".replace(" ", "_").replace(",", "")
                    yield Cell(job=name, call=call, act=act, code=code, fate=fate)


#: What can go wrong on the way, where nobody tells a code: the page in place of a reply, the lost connection.
ON_THE_WAY: list[tuple[str, Act, Fate]] = [
    ("a page under HTTP 200", Raw(), UNKNOWN),
    ("half a reply", Cut(), UNKNOWN),
    ("connection lost, a task made", Close(made=True), UNKNOWN),
    ("connection lost, no task made", Close(), UNKNOWN),
]

#: How a task may end without a file, in the service's spellings.
ENDINGS = [Ending(), Ending(status="FAILED", code=1000), Ending(status="failed", code=9999, message="no")]

#: The video host has statuses alone; none of them costs the clip.
VIDEO_STATUSES = (401, 403, 404, 410, 416, 429, 500, 502, 503, 504)


def _on_the_way() -> Iterator[Cell]:
    for call in Call:
        for name, act, on_post in ON_THE_WAY:
            if call is Call.SUBMIT or not getattr(act, "made", False):
                fate = on_post if call is Call.SUBMIT else DELIVERED
                yield Cell(
                    job=f"{call}.{name}".replace(" ", "_").replace(",", ""),
                    call=call,
                    act=act,
                    code="lost",
                    fate=fate,
                )
    for number, ending in enumerate(ENDINGS):
        fate = replace(FAILED, for_ever=False)
        yield Cell(job=f"ending.{number}", call=Call.SUBMIT, act=ending, code=str(ending.code), fate=fate)
    for status in VIDEO_STATUSES:
        for shape in (Shape.HTML, Shape.XML, Shape.EMPTY):
            act = Gateway(http_status=status, shape=shape, code="x")
            yield Cell(job=f"video.{status}.{shape}", call=Call.VIDEO, act=act, code="", fate=DELIVERED)


# --- the tests ------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every backoff takes a fiftieth of a second, and who is not found is waited for a fifth of one."""
    for room in (pace, poll, fetch):
        monkeypatch.setattr(room, "full_jitter", lambda *_args, **_more: 0.02)
    monkeypatch.setattr(poll, "NOT_FOUND_BACKOFF", 0.05)
    monkeypatch.setattr(rules, "_LOST_AFTER", 0.2)


LIMITS: dict[str, object] = {
    "submits_per_minute": None,
    "min_free_bytes": 0,
    "in_flight": 400,
    "download_patience": 3,
    "halt_after_failures": 100_000,
    "halt_after_unknown": 100_000,
}


def _jobs(*ids: str) -> list[dict[str, object]]:
    return [{"id": id_, "prompt": f"{id_} x"} for id_ in ids]


def _meet(house: House, cell: Cell) -> None:
    house.sim.fault(cell.call, cell.act, Conditions(prompt=cell.job, times=None if cell.fate.for_ever else 1))


def _check(house: House, cell: Cell) -> None:
    """What became of the job."""
    row, fate = house.row(cell.job), cell.fate
    assert (row["status"], row["charged"]) == (fate.status, fate.charged), row
    error = row["error"]
    assert (error and error["stage"]) == fate.stage, row
    if fate.code:
        assert error["code"] in {cell.code, "lost"}, row
    assert len(row["attempts"]) == fate.posts, row
    assert [attempt["outcome"] for attempt in row["attempts"][:-1]] == ["not_accepted"] * (fate.posts - 1)


async def test_a_row_that_concerns_one_job_harms_no_other(house: House) -> None:
    """All of them at once: each job has its own reason and its own advice, and the others are delivered."""
    cells = [*_cells(halting=False), *_on_the_way()]
    assert len({cell.job for cell in cells}) == len(cells) > 100
    for cell in cells:
        _meet(house, cell)
    house.sim.behaviour = replace(QUICK, times=Times(median=0.05, sigma=0.0))
    even = [f"even-{number}" for number in range(5)]
    house.write(_jobs(*(cell.job for cell in cells), *even), limits=LIMITS)
    ended = await house.run("jobs.yaml")
    assert ended.code == 1, ended.err
    for cell in cells:
        _check(house, cell)
    assert {house.row(id_)["status"] for id_ in even} == {"succeeded"}
    posts = sum(cell.fate.posts for cell in cells) + len(even)
    assert house.calls()["submit"] == posts
    assert max(house.submitted_prompts().values()) == 1
    for words in {word for cell in cells for word in cell.fate.told}:
        assert words in ended.out, words
    assert "Halted" not in ended.out
    assert "nothing paid twice" in ended.out


@pytest.mark.parametrize("cell", [cell for cell in _on_the_way() if cell.call is not Call.VIDEO], ids=str)
async def test_the_exit_code_of_one_job(house: House, cell: Cell) -> None:
    """0 when the trouble cost time alone, 1 when it left something to settle; the advice stands there."""
    _meet(house, cell)
    house.write(_jobs(cell.job), limits=LIMITS)
    ended = await house.run("jobs.yaml")
    assert ended.code == cell.fate.exit_code, ended.err
    _check(house, cell)
    assert all(words in ended.out for words in cell.fate.told)


@pytest.mark.parametrize("cell", list(_cells(halting=True)), ids=str)
async def test_a_row_that_concerns_the_account_halts_the_batch(house: House, cell: Cell) -> None:
    """Exit 3, the rest is pending and costs nothing, the report says why and what to do; then it carries on."""
    _meet(house, cell)
    house.sim.behaviour = replace(QUICK, times=Times(median=0.02, sigma=0.0))
    house.write(
        _jobs(cell.job, *(f"rest-{number}" for number in range(6))),
        limits={**LIMITS, "in_flight": 1},
        polling={"interval": 0.02, "max_per_second": None},
    )
    ended = await house.run("jobs.yaml")
    assert ended.code == 3, ended.err
    _check(house, cell)
    assert all(words in ended.out for words in cell.fate.told), ended.out
    records = house.sim.records
    (told,) = [number for number, record in enumerate(records) if record.act]
    assert sum(record.call == Call.SUBMIT for record in records[told + 1 :]) <= 1  # that one was in the air
    assert house.statuses()["pending"] >= 4
    assert all(row["charged"] == "no" for row in house.rows() if row["status"] == "pending")
    if isinstance(cell.act, Code):  # the other shapes leave the same behind
        assert (await house.run("jobs.yaml")).code == 0
    assert set(house.submitted_prompts().values()) <= {1}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _attempts(house: House) -> int:
    """Submissions that the ledger has seen fail."""
    ledger = house.output / "ledger.sqlite3"
    if not ledger.exists():
        return 0
    with (
        closing(sqlite3.connect(f"{ledger.as_uri()}?mode=ro", uri=True)) as db,
        suppress(sqlite3.OperationalError),
    ):
        return int(db.execute("SELECT count(*) FROM submissions WHERE state = 'not_accepted'").fetchone()[0])
    return 0


async def test_a_service_that_is_not_there_yet_and_goes_away(house: House) -> None:
    """Never connected: nothing was sent, and each call is made again until the service is back."""
    port, state = _free_port(), house.folder / "state"
    behaviour = replace(QUICK, times=Times(median=1.0, sigma=0.0))
    house.write(
        _jobs(*(f"job-{number}" for number in range(4))),
        limits=LIMITS,
        service={"base_url": f"http://127.0.0.1:{port}"},
    )
    running = asyncio.create_task(house.run("jobs.yaml", service=False))
    await until(lambda: _attempts(house) >= 1, "submissions without a service")
    async with Simulator(behaviour, state=state, port=port) as service:
        await until(lambda: len(service.tasks) == 4, "submissions")
    async with Simulator(behaviour, state=state, port=port) as service:
        ended = await running
        assert ended.code == 0, ended.err
        assert len(service.tasks) == 4
    assert "submissions don't get through, trying again: the service cannot be reached" in ended.err
    assert house.statuses() == {"succeeded": 4}
