"""Everything that can be made to go wrong, as a client sees it."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest
from yarl import URL

from batchgen.simulator import (
    Act,
    Alter,
    Call,
    Close,
    Code,
    Conditions,
    Cut,
    Drip,
    Ending,
    Expired,
    Flood,
    Gateway,
    Hang,
    Raw,
    Redirect,
    Rule,
    Shape,
    Simulator,
    Truncate,
    WrongLength,
)
from batchgen.simulator.faults import Faults, Subject, dump_rule, read_rule
from batchgen.simulator.plain import Unreadable
from simulator.client import BODY, Client, Clock


async def raw(link: str, sim: Simulator) -> bytes:
    """Everything that the video host sends until it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(sim.video_url.rpartition(":")[2]))
    writer.write(f"GET {link.removeprefix(sim.video_url)} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    data = await reader.read(-1)
    writer.close()
    await writer.wait_closed()
    return data


LOST = (aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError, aiohttp.ClientOSError)


@pytest.fixture
async def link(client: Client, clock: Clock) -> str:
    """A link to a finished clip."""
    task_id = await client.made()
    clock.move(100)
    return await client.link(task_id)


@pytest.mark.parametrize(
    ("act", "status", "body"),
    [
        (
            Code(code=1002),
            200,
            {"task_id": "", "base_resp": {"status_code": 1002, "status_msg": "rate limit"}},
        ),
        (
            Gateway(http_status=503, code="model_not_found", message="no channel"),
            503,
            {
                "error": {
                    "message": "no channel",
                    "type": "rix_api_error",
                    "param": "",
                    "code": "model_not_found",
                }
            },
        ),
        (
            Gateway(http_status=403, shape=Shape.FLAT, code="quota_not_enough", message="no"),
            403,
            {"code": "quota_not_enough", "message": "no", "data": None},
        ),
        (Raw(body='{"task_id": 7}', content_type="application/json"), 200, {"task_id": 7}),
    ],
)
@pytest.mark.parametrize("made", [False, True])
async def test_errors_on_a_submission_before_and_after_the_task_was_made(
    client: Client,
    sim: Simulator,
    act: Code | Gateway | Raw,
    status: int,
    body: object,
    made: bool,  # noqa: FBT001  a table's column
) -> None:
    """The answer is the error to the letter; ``made`` decides whether a task stands behind it."""
    kind = type(act)
    sim.fault(Call.SUBMIT, kind(**{name: getattr(act, name) for name in act.__slots__} | {"made": made}))
    got = await client.submit()
    assert (got.status, got.json) == (status, body)
    assert len(sim.tasks) == made


async def test_html_and_retry_after(client: Client, sim: Simulator) -> None:
    """A proxy's page is HTML; a limit can say when to come again."""
    sim.fault(Call.QUERY, Gateway(http_status=502, shape=Shape.HTML), Conditions(times=1))
    sim.fault(Call.QUERY, Gateway(http_status=429, code="1002", retry_after=1.5))
    page, limit = await client.query("1"), await client.query("1")
    assert (page.status, page.headers["Content-Type"], page.body[:6]) == (502, "text/html", b"<html>")
    assert (limit.status, limit.headers["Retry-After"], limit.json["error"]["code"]) == (429, "1.5", "1002")


@pytest.mark.parametrize("made", [False, True])
async def test_a_connection_closed_on_a_submission(client: Client, sim: Simulator, made: bool) -> None:  # noqa: FBT001  a table's column
    """The answer is lost; whether the task was made only the service knows."""
    sim.fault(Call.SUBMIT, Close(made=made), Conditions(times=1))
    with pytest.raises(LOST):
        await client.submit()
    assert (len(sim.tasks), len(sim.records), sim.records[0].act) == (made, 1, "close")
    assert (await client.submit()).code == 0


@pytest.mark.parametrize("count", [None, 0, 1])
async def test_half_an_answer_is_cut(client: Client, sim: Simulator, count: int | None) -> None:
    """Headers and a part of the body arrive, then the connection closes; the task is made."""
    sim.fault(Call.SUBMIT, Cut(after_bytes=count))
    async with client.session.post(
        sim.base_url + "/v1/video_generation", json=BODY, headers={"Authorization": "x"}
    ) as response:
        assert response.status == 200
        with pytest.raises(LOST):
            await response.read()
    assert len(sim.tasks) == 1


@pytest.mark.parametrize(
    ("act", "body"),
    [
        (
            Alter(set={"task_id": ""}),
            {"task_id": "", "base_resp": {"status_code": 0, "status_msg": "success"}},
        ),
        (Alter(remove=("task_id",)), {"base_resp": {"status_code": 0, "status_msg": "success"}}),
        (Alter(set={"task_id": 7, "base_resp": None}), {"task_id": 7, "base_resp": None}),
        (
            Alter(
                set={"task_id": None, "base_resp.status_code": "0"}, remove=("base_resp.status_msg", "a.b")
            ),
            {"task_id": None, "base_resp": {"status_code": "0"}},
        ),
    ],
)
async def test_fields_are_altered(client: Client, sim: Simulator, act: Alter, body: object) -> None:
    """Any field can be missing, empty, null or of a wrong type, with the task made all the same."""
    sim.fault(Call.SUBMIT, act)
    assert (await client.submit()).json == body
    assert len(sim.tasks) == 1


@pytest.mark.parametrize("made", [False, True])
async def test_a_hang_that_outlasts_the_client(client: Client, sim: Simulator, made: bool) -> None:  # noqa: FBT001  a table's column
    """A client that gave up before the task was made gets none made behind its back."""
    sim.fault(Call.SUBMIT, Hang(seconds=0.2, made=made))
    with pytest.raises(TimeoutError):
        await client.submit(timeout=aiohttp.ClientTimeout(total=0.05))
    sim.fault(Call.QUERY, Hang(seconds=0.2))
    await client.query("1")  # began later and hung as long: the first exchange is over
    assert len(sim.tasks) == made


async def test_a_hang_ends_in_the_true_answer(client: Client, sim: Simulator) -> None:
    """A client with patience gets its answer, late."""
    sim.fault(Call.SUBMIT, Hang(seconds=0.1))
    assert (await client.submit()).code == 0


async def test_an_answer_drips(client: Client, sim: Simulator) -> None:
    """The answer is the true one, and takes its time."""
    sim.fault(Call.QUERY, Drip(bytes_per_second=400))
    began = asyncio.get_running_loop().time()
    assert (await client.query("1")).code == 2013
    assert asyncio.get_running_loop().time() - began > 0.1


@pytest.mark.parametrize(
    ("ending", "told"),
    [
        (Ending(code=1027), {"status": "Fail", "code": 1027}),
        (Ending(code=0), {"status": "Fail", "code": 0}),
        (Ending(status="Failed", code=1026, message="no"), {"status": "Failed", "code": 1026}),
        (Ending(status="SUCCESS", file=True), {"status": "SUCCESS", "code": 0, "file": True}),
        (Ending(status="Success"), {"status": "Success", "code": 0}),
        (Ending(status="Dreaming"), {"status": "Dreaming", "code": 0}),
    ],
)
async def test_tasks_end_badly_or_oddly(
    client: Client, clock: Clock, sim: Simulator, ending: Ending, told: dict[str, object]
) -> None:
    """An ending is decided when the task is made, and is told only when its time has come."""
    sim.fault(Call.SUBMIT, ending, Conditions(prompt="book"))
    task_id = await client.made()
    sim.clear_faults()
    assert (await client.query(task_id)).json["status"] == "Preparing"
    clock.move(100)
    got = (await client.query(task_id)).json
    assert (got["status"], got["base_resp"]["status_code"]) == (told["status"], told["code"])
    assert ("file_id" in got) is ("video_width" in got) is bool(told.get("file"))
    retrieved = await client.retrieve(str(sim.tasks[0].file_id))
    assert retrieved.code == (0 if told.get("file") else 2013)


async def test_a_task_is_not_found_for_a_while(client: Client, clock: Clock, sim: Simulator) -> None:
    """Rules can hold while a task is young."""
    sim.fault(Call.QUERY, Code(code=2013), Conditions(younger_than=10))
    task_id = await client.made()
    assert (await client.query(task_id)).code == 2013
    clock.move(10)
    assert (await client.query(task_id)).code == 0


@pytest.mark.parametrize(
    ("act", "status", "what"),
    [
        (Expired(), 403, b"Request has expired."),
        (Gateway(http_status=404, shape=Shape.XML, code="NoSuchKey"), 404, b"<Code>NoSuchKey</Code>"),
        (Gateway(http_status=500, shape=Shape.EMPTY), 500, b""),
        (Raw(), 200, b"<html>"),
        (Truncate(after_bytes=0), 200, b""),
    ],
)
async def test_the_video_host_says_something_else(
    client: Client, link: str, sim: Simulator, act: Act, status: int, what: bytes
) -> None:
    """Errors, pages and nothing at all in place of a clip."""
    sim.fault(Call.VIDEO, act, Conditions(times=1))
    got = await client.fetch(link)
    assert got.status == status
    assert what in got.body if what else got.body == b""
    assert (await client.fetch(link)).status == 200


async def test_a_clip_that_is_truncated_looks_whole_to_http(
    client: Client, link: str, sim: Simulator
) -> None:
    """Only the clip itself tells that its end is missing."""
    sim.fault(Call.VIDEO, Truncate(after_bytes=1000))
    got = await client.fetch(link)
    assert (got.headers["Content-Length"], got.body) == ("1000", sim.clip_bytes(sim.tasks[0])[:1000])


@pytest.mark.parametrize(("act", "count"), [(Cut(after_bytes=70_000), 70_000), (WrongLength(extra=10), None)])
async def test_a_clip_that_is_cut(link: str, sim: Simulator, act: Act, count: int | None) -> None:
    """Exactly so many bytes arrive, fewer than were announced."""
    sim.fault(Call.VIDEO, act)
    data = await raw(link, sim)
    head, _, body = data.partition(b"\r\n\r\n")
    whole = sim.clip_bytes(sim.tasks[0])
    assert body == whole[:count]
    told = len(whole) + (act.extra if isinstance(act, WrongLength) else 0)
    assert f"Content-Length: {told}".encode() in head


async def test_bytes_beyond_the_length_are_sent(link: str, sim: Simulator) -> None:
    """A Content-Length that is too small is followed by the whole body all the same."""
    sim.fault(Call.VIDEO, WrongLength(extra=-10))
    data = await raw(link, sim)
    head, _, body = data.partition(b"\r\n\r\n")
    whole = sim.clip_bytes(sim.tasks[0])
    assert body == whole
    assert f"Content-Length: {len(whole) - 10}".encode() in head


async def test_a_length_that_is_too_small(client: Client, link: str, sim: Simulator) -> None:
    """A client that believes the header gets a part."""
    sim.fault(Call.VIDEO, WrongLength(extra=-10))
    whole = sim.clip_bytes(sim.tasks[0])
    async with client.session.get(URL(link, encoded=True)) as response:
        assert await response.content.readexactly(len(whole) - 10) == whole[:-10]


async def test_an_endless_body_goes_on(client: Client, link: str, sim: Simulator) -> None:
    """The client ends it; the service notices and goes on with its life."""
    sim.fault(Call.VIDEO, Flood(), Conditions(times=1))
    async with client.session.get(URL(link, encoded=True)) as response:
        assert response.content_length is None
        await response.content.readexactly(3 * 10**6)
    assert (await client.fetch(link)).status == 200


async def test_a_small_body_unpacks_to_a_large_one(client: Client, sim: Simulator) -> None:
    """A compressed bomb, here a small one."""
    sim.fault(Call.QUERY, Flood(bytes=3 * 10**6, gzip=True))
    assert (await client.query("1")).body == bytes(3 * 10**6)


async def test_redirects(client: Client, link: str, sim: Simulator) -> None:
    """To another place, or to the same for ever."""
    sim.fault(Call.VIDEO, Redirect(location="ftp://example.org/"), Conditions(times=1))
    sim.fault(Call.VIDEO, Redirect(http_status=307))
    first, second = await client.fetch(link), await client.fetch(link)
    assert (first.status, first.headers["Location"]) == (302, "ftp://example.org/")
    assert (second.status, second.headers["Location"]) == (307, link.removeprefix(sim.video_url))


def fires(rule: Rule, subjects: list[Subject]) -> list[bool]:
    """For each subject in turn, whether the rule picks it."""
    faults = Faults()
    faults.add(rule)
    return [faults.pick(rule.call, subject) is not None for subject in subjects]


ONE, TWO = Subject(task_id="1", prompt="a fox", age=5), Subject(task_id="2", prompt="a horse", age=50)


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        (Conditions(), [True, True, True, True]),
        (Conditions(times=1), [True, False, False, False]),
        (Conditions(skip=1, times=2), [False, True, True, False]),
        (Conditions(times=1, per_task=True), [True, True, False, False]),
        (Conditions(task_id="2"), [False, True, False, True]),
        (Conditions(prompt="fox"), [True, False, True, False]),
        (Conditions(younger_than=10), [True, False, True, False]),
        (Conditions(probability=0), [False, False, False, False]),
        (Conditions(target="backup"), [False, False, False, False]),
    ],
)
def test_conditions_choose_exchanges(when: Conditions, expected: list[bool]) -> None:
    """Every condition that is given must hold; the counts are of matches only."""
    assert fires(Rule(call=Call.QUERY, act=Code(), when=when), [ONE, TWO, ONE, TWO]) == expected


def test_chances_are_repeatable_and_about_right() -> None:
    """The same seed draws the same; another one does not; a fifth is a fifth."""
    draws = [
        fires(Rule(call=Call.QUERY, act=Code(), when=Conditions(probability=0.2, seed=seed)), [ONE] * 2000)
        for seed in (1, 1, 2)
    ]
    assert draws[0] == draws[1] != draws[2]
    assert 300 < sum(draws[0]) < 500


def test_the_first_rule_that_fires_decides() -> None:
    """Rules are asked in the order in which they were set, and only those of the call."""
    faults = Faults()
    faults.add(Rule(call=Call.QUERY, act=Code(code=1), when=Conditions(times=1)))
    faults.add(Rule(call=Call.QUERY, act=Code(code=2), when=Conditions()))
    assert faults.pick(Call.RETRIEVE, ONE) is None
    assert [faults.pick(Call.QUERY, ONE) for _ in range(2)] == [Code(code=1), Code(code=2)]


@pytest.mark.parametrize(
    "data",
    [
        {"call": "query", "act": "code", "code": 1002, "when": {"times": 3, "probability": 1}},
        {"call": "submit", "act": "ending", "status": "Failed", "when": {"prompt": "狐"}},
        {"call": "submit", "act": "alter", "set": {"task_id": None}, "remove": ["base_resp"]},
        {"call": "video", "act": "raw", "headers": {"X": "y"}},
        {"call": "video", "act": "gateway", "shape": "flat"},
    ],
)
def test_rules_are_read_from_json_and_back(data: dict[str, object]) -> None:
    """What is dumped reads as the same rule."""
    rule = read_rule(data)
    assert read_rule(json.loads(json.dumps(dump_rule(rule)))) == rule


@pytest.mark.parametrize(
    ("data", "place"),
    [
        ([], "object"),
        ({"act": "code"}, "call"),
        ({"call": "query", "act": "burn"}, "act"),
        ({"call": "query", "act": "code", "cod": 1}, "code.cod"),
        ({"call": "query", "act": "code", "code": "1"}, "code.code"),
        ({"call": "query", "act": "hang", "seconds": float("nan")}, "hang.seconds"),
        ({"call": "query", "act": "hang", "made": 1}, "hang.made"),
        ({"call": "query", "act": "code", "when": {"probability": 2}}, "probability"),
        ({"call": "query", "act": "code", "when": {"time": 2}}, "when.time"),
        ({"call": "query", "act": "gateway", "shape": "round"}, "gateway.shape"),
        ({"call": "submit", "act": "alter", "remove": "x"}, "alter.remove"),
        ({"call": "query", "act": "ending"}, "ending"),
        ({"call": "submit", "act": "expired"}, "expire"),
        ({"call": "video", "act": "alter"}, "alter"),
        ({"call": "query", "act": "drip", "bytes_per_second": 0}, "bytes_per_second"),
    ],
)
def test_rules_that_make_no_sense_are_refused_with_their_place(data: object, place: str) -> None:
    """A test that misspells a fault must not pass because nothing went wrong."""
    with pytest.raises(Unreadable, match=place):
        read_rule(data)
