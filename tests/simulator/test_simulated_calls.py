"""The three calls, to the field."""

from __future__ import annotations

import pytest

from batchgen.simulator import Behaviour, Simulator, Video
from simulator.client import BODY, KEY, Client, Clock

OK = {"status_code": 0, "status_msg": "success"}


async def test_a_clip_comes_by_three_calls_to_the_field(client: Client, clock: Clock, sim: Simulator) -> None:
    """Every answer on the way to a clip has exactly the service's fields and types."""
    submitted = await client.submit()
    task = sim.tasks[0]
    assert (submitted.status, submitted.json) == (200, {"task_id": str(task.task_id), "base_resp": OK})
    assert submitted.headers["Content-Type"].startswith("application/json")
    clock.move(50)
    running = await client.query(str(task.task_id))
    assert running.json == {"status": "Processing", "task_id": str(task.task_id), "base_resp": OK}
    clock.move(50)
    assert (await client.query(str(task.task_id))).json == {
        "status": "Success",
        "file_id": str(task.file_id),
        "task_id": str(task.task_id),
        "base_resp": OK,
        "video_width": 1366,
        "video_height": 768,
    }
    retrieved = (await client.retrieve(str(task.file_id), str(task.task_id))).json
    url = retrieved["file"].pop("download_url")
    assert retrieved == {
        "file": {
            "file_id": task.file_id,
            "bytes": 0,
            "created_at": int(task.ended_at),
            "filename": "output_aigc.mp4",
            "purpose": "video_generation",
        },
        "base_resp": OK,
    }
    assert url.startswith(sim.video_url + "/inference_output%2Fvideo%2F2026-03-01%2F")
    assert all(sign in url.partition("Signature=")[2] for sign in ("%2B", "%2F", "%3D"))


@pytest.mark.parametrize(
    ("seconds", "status"),
    [(0, "Preparing"), (4.9, "Preparing"), (5, "Queueing"), (20, "Processing"), (99.9, "Processing")],
)
async def test_a_task_passes_through_its_phases(
    client: Client, clock: Clock, seconds: float, status: str
) -> None:
    """The status follows from the fraction of the task's time that has passed."""
    task_id = await client.made()
    clock.move(seconds)
    assert (await client.query(task_id)).json["status"] == status


async def test_ids_are_long_digit_strings_that_differ(client: Client, sim: Simulator) -> None:
    """Task ids and file ids look like the service's and are all different, whatever the clock does."""
    for _ in range(20):
        await client.made()
    ids = [number for task in sim.tasks for number in (task.task_id, task.file_id)]
    assert len(set(ids)) == 40
    assert all(len(str(number)) == 15 for number in ids)


@pytest.mark.parametrize(
    "wrong",
    [
        {"model": "MiniMax-Hailuo-3"},
        {"model": None},
        {"model": ["MiniMax-Hailuo-02"]},
        {"prompt": ""},
        {"prompt": "x" * 2001},
        {"prompt": 7},
        {"prompt": None},
        {"duration": "6"},
        {"duration": 6.0},
        {"duration": True},
        {"duration": 7},
        {"resolution": "1080P", "duration": 10},
        {"resolution": "720P"},
        {"resolution": ["768P"]},
        {"prompt_optimizer": "true"},
        {"fast_pretreatment": 1},
        {"aigc_watermark": "no"},
    ],
)
async def test_wrong_parameters_are_2013_under_http_200(
    client: Client, sim: Simulator, wrong: dict[str, object]
) -> None:
    """What the service would refuse is refused in its way, and makes no task."""
    got = await client.submit({**BODY, **wrong})
    assert (got.status, got.code, got.json["task_id"], sim.tasks) == (200, 2013, "", [])


@pytest.mark.parametrize(
    "keys",
    [
        {"prompt": "狐" * 2000},
        {"duration": 10, "resolution": "768P"},
        {"resolution": "1080P"},
        {"prompt_optimizer": False, "fast_pretreatment": True, "aigc_watermark": True},
        {"callback_url": "https://example.org/"},
        {"prompt": "half a pair \ud800"},
    ],
)
async def test_right_parameters_make_a_task(client: Client, sim: Simulator, keys: dict[str, object]) -> None:
    """What the service would take is taken, and kept as it was sent."""
    got = await client.submit({**BODY, **keys})
    assert got.code == 0
    assert sim.records[-1].json == {**BODY, **keys}
    assert sim.tasks[0].prompt == {**BODY, **keys}["prompt"]


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff\xfe\xfd", b"[" * 100_000, b"NaN"])
async def test_a_body_that_is_no_json_object_is_refused_by_the_gateway(client: Client, data: bytes) -> None:
    """A body that cannot be read gets HTTP 400 and the gateway's error object."""
    got = await client.submit(data=data)
    assert got.status == 400
    assert set(got.json["error"]) == {"message", "type", "param", "code"}


async def test_a_body_without_measure_is_refused(client: Client, sim: Simulator) -> None:
    """A quarter of a megabyte is more than any order needs."""
    assert (await client.submit(data=b"x" * 300_000)).status == 413
    assert sim.tasks == []


async def test_any_key_is_accepted_and_none_is_1004(client: Client, clock: Clock, sim: Simulator) -> None:
    """All three calls want an Authorization header, whatever it says."""
    task_id = await client.made()
    clock.move(100)
    file_id = str(sim.tasks[0].file_id)
    without = [
        await client.submit(headers={}),
        await client.query(task_id, headers={}),
        await client.retrieve(file_id, headers={}),
    ]
    assert [(got.status, got.code) for got in without] == [(200, 1004)] * 3
    assert len(sim.tasks) == 1
    assert (await client.query(task_id, headers={"Authorization": "anything"})).code == 0


async def test_what_is_not_known_is_2013(client: Client, clock: Clock, sim: Simulator) -> None:
    """Unknown tasks and files, unfinished ones and mismatched pairs are invalid parameters."""
    task_id = await client.made()
    file_id = str(sim.tasks[0].file_id)
    assert (await client.retrieve(file_id, task_id)).code == 2013
    clock.move(100)
    for unknown in ("1", "", "0" + task_id, file_id, "abc", "%EF%BC%99", "9" * 40):
        assert (await client.query(unknown)).code == 2013
    assert (await client.retrieve(task_id)).code == 2013
    assert (await client.retrieve(file_id, file_id)).code == 2013
    assert (await client.retrieve(file_id)).code == 0


async def test_a_backup_link_stands_beside_when_switched_on(
    client: Client, clock: Clock, sim: Simulator
) -> None:
    """The optional second link is another one and leads to the same clip."""
    sim.behaviour = Behaviour(times=sim.behaviour.times, video=Video(backup_links=True))
    await client.made()
    clock.move(100)
    file = (await client.retrieve(str(sim.tasks[0].file_id))).json["file"]
    assert file["backup_download_url"] != file["download_url"]
    clips = [(await client.fetch(file[name])).body for name in ("download_url", "backup_download_url")]
    assert clips[0] == clips[1] == sim.clip_bytes(sim.tasks[0])


async def test_other_paths_and_methods_are_the_gateways_404(client: Client, sim: Simulator) -> None:
    """There is no call to list or cancel tasks."""
    for method, path in (("GET", "/v1/video_generation"), ("DELETE", "/v1/files/retrieve"), ("GET", "/")):
        got = await client.ask(method, sim.base_url + path)
        assert (got.status, "error" in got.json) == (404, True)


async def test_requests_are_recorded_without_the_key(client: Client, sim: Simulator) -> None:
    """A record tells what was asked and answered, and of the key only whether it was there and the same."""
    task_id = await client.made()
    await client.query(task_id)
    await client.query(task_id, headers={})
    first, second, third = sim.records
    assert (first.call, first.method, first.path, first.json) == (
        "submit",
        "POST",
        "/v1/video_generation",
        BODY,
    )
    assert (first.status, first.code, first.task_id) == (200, 0, task_id)
    assert (second.call, second.query) == ("query", f"task_id={task_id}")
    assert (second.authorized, third.authorized, third.code) == (True, False, 1004)
    assert first.key_hash == second.key_hash == sim.key_hash(KEY)
    assert KEY.split()[1] not in repr(sim.records)
