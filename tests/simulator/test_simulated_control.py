"""The control over HTTP: what another process can set and read."""

from __future__ import annotations

import base64
import json

import pytest

from batchgen.simulator import Simulator
from simulator.client import BODY, Client, Clock


async def test_faults_are_set_listed_and_cleared(client: Client, sim: Simulator) -> None:
    """A rule set over HTTP acts as one set in-process, and tells how often it has."""
    rules = [
        {"call": "submit", "act": "code", "code": 1002, "when": {"times": 1}},
        {"call": "query", "act": "close"},
    ]
    assert (await client.control("POST", "faults", rules)).status == 201
    assert [(await client.submit()).code for _ in range(2)] == [1002, 0]
    listed = (await client.control("GET", "faults")).json
    assert [(rule["call"], rule["act"], rule["fired"]) for rule in listed] == [
        ("submit", "code", 1),
        ("query", "close", 0),
    ]
    assert (await client.control("DELETE", "faults")).status == 204
    assert (await client.query(str(sim.tasks[0].task_id))).code == 0


@pytest.mark.parametrize(
    ("method", "path", "data"),
    [
        ("POST", "faults", {"call": "submit", "act": "melt"}),
        ("POST", "faults", [{"call": "submit", "act": "code"}, 7]),
        ("PATCH", "behaviour", {"limits": {"tasks": 3}}),
        ("PATCH", "behaviour", {"limits": 3}),
        ("PATCH", "behaviour", {"times": {"median": "x"}}),
        ("PATCH", "behaviour", []),
        ("GET", "records?since=x", None),
    ],
)
async def test_what_makes_no_sense_is_refused_and_changes_nothing(
    client: Client, sim: Simulator, method: str, path: str, data: object
) -> None:
    """A wrong order to the control is HTTP 400 with the reason."""
    before = sim.behaviour
    got = await client.control(method, path, data)
    assert (got.status, bool(got.json["error"])) == (400, True)
    assert sim.behaviour == before
    assert (await client.control("GET", "faults")).json == []


async def test_behaviour_is_changed_in_part(client: Client, sim: Simulator) -> None:
    """What is not named stays."""
    got = await client.control("PATCH", "behaviour", {"limits": {"tasks_at_once": 1, "tasks_answer": "429"}})
    assert got.json == (await client.control("GET", "behaviour")).json
    assert (got.json["times"]["median"], sim.behaviour.limits.tasks_at_once) == (100, 1)
    assert [(await client.submit()).status for _ in range(2)] == [200, 429]


async def test_records_tasks_and_stats(client: Client, clock: Clock, sim: Simulator) -> None:
    """Everything that a test counts by can be read, and reading it is not counted."""
    task_id = await client.made()
    clock.move(100)
    await client.fetch(await client.link(task_id))
    records = (await client.control("GET", "records")).json
    assert [record["call"] for record in records] == ["submit", "query", "retrieve", "video"]
    assert json.loads(base64.b64decode(records[0]["body_base64"])) == records[0]["json"] == BODY
    assert len((await client.control("GET", "records?call=query&since=1")).json) == 1
    tasks = (await client.control("GET", "tasks")).json
    assert [(row["task_id"], row["status"], row["body"]) for row in tasks] == [(task_id, "Success", BODY)]
    assert tasks[0]["clip_bytes"] == len(sim.clip_bytes(sim.tasks[0]))
    stats = (await client.control("GET", "stats")).json
    assert stats == json.loads(json.dumps(sim.stats()))
    assert (stats["tasks_made"], stats["posts_seen"], stats["video_bytes"]) == (1, 1, tasks[0]["clip_bytes"])


async def test_a_reset_keeps_the_tasks(client: Client, sim: Simulator) -> None:
    """Faults, records and counts begin anew; what was ordered stays."""
    await client.control("POST", "faults", {"call": "query", "act": "close"})
    task_id = await client.made()
    assert (await client.control("POST", "reset")).status == 204
    assert (sim.records, sim.stats()["posts_seen"]) == ([], 0)
    assert (await client.query(task_id)).code == 0


async def test_many_tasks_are_listed_piece_by_piece(client: Client) -> None:
    """A list of several batches is one JSON array."""
    made = [await client.made() for _ in range(120)]
    listed = (await client.control("GET", "tasks")).json
    assert [row["task_id"] for row in listed] == made
