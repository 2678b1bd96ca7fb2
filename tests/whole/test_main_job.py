"""The main job: a job file becomes verified clips and a manifest, and a second run has nothing to do."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from batchgen.simulator import Behaviour, Times
from whole.house import QUICK, House

HAILUO = ("MiniMax-Hailuo-2.3", "MiniMax-Hailuo-02")
FORMATS = (("768P", 6), ("768P", 10), ("1080P", 6))
ENGLISH = ("Truck left", "Pan right", "Push in", "Pedestal up", "Tilt down", "Zoom out", "Tracking shot")
CHINESE = ("左移", "右摇", "拉远", "下降", "上摇", "变焦推近", "晃动", "固定")
SIZES = {"768P": (1366, 768), "1080P": (1920, 1080)}

#: The fields of a manifest row, in order.
FIELDS = [
    "id",
    "status",
    "file",
    "prompt",
    "model",
    "duration",
    "resolution",
    "request",
    "metadata",
    "source",
    "job_file",
    "in_job_file",
    "edition",
    "changed",
    "dismissed",
    "task_id",
    "file_id",
    "width",
    "height",
    "seconds",
    "fps",
    "codec",
    "bytes",
    "sha256",
    "submissions",
    "attempts",
    "submitted_at",
    "generated_at",
    "finished_at",
    "price",
    "currency",
    "charged",
    "error",
    "warnings",
    "service",
    "batchgen_version",
    "schema_version",
]


def forty() -> tuple[list[dict[str, object]], list[tuple[str | None, dict[str, object]]]]:
    """Forty mixed jobs as entries of a file, and the id and body that each clip must have."""
    entries: list[dict[str, object]] = []
    expected: list[tuple[str | None, dict[str, object]]] = []
    flags = itertools.cycle(
        [{}, {"prompt_optimizer": False}, {"aigc_watermark": True}, {"fast_pretreatment": True}]
    )
    mixed = itertools.product(HAILUO, FORMATS, range(6))
    for number, (model, (resolution, duration), _) in enumerate(mixed):
        if number % 2:
            prompt = f"第{number}只狐狸在雪地里奔跑 [{CHINESE[number % 8]}], 然后停下 [固定,推进]"
        else:
            prompt = f'Clip {number}: "a man" reads {{as}} {number} % [{ENGLISH[number % 7]}].'
        body: dict[str, object] = {"model": model, "prompt": prompt, **next(flags)}
        if number % 5:
            body |= {"duration": duration, "resolution": resolution}
        elif (resolution, duration) == ("1080P", 6):
            body |= {"resolution": resolution}
        elif duration == 10:
            body |= {"duration": 10}
        id_ = f"clip_{number}.x-狐" if number % 3 else None
        named = {"id": id_} if id_ else {}
        entries.append({**named, **body, "metadata": {"number": number, "标签": ["狐狸", None, 1.5]}})
        expected.append((id_, body))
    body = {"model": HAILUO[0], "prompt": "The same, four times [Static shot]"}
    entries.append({"id": "again", **body, "repeat": 4})
    expected += [(name, body) for name in ("again", "again-2", "again-3", "again-4")]
    return entries, expected


async def test_forty_mixed_jobs_become_forty_clips_and_a_second_run_asks_nothing(house: House) -> None:
    """Every job has the clip of its own task, every body is sent as written, and nothing is done twice."""
    entries, expected = forty()
    assert len(expected) == 40
    house.write(entries)
    first = await house.run("jobs.yaml")
    assert first.code == 0, first.err
    assert "40 ordered, 40 delivered; " in first.out
    assert "; nothing paid twice." in first.out
    house.check_clips(40)
    _check_bodies(house, [body for _, body in expected])
    _check_manifest(house, expected)
    _check_dataset(house)
    before = len(house.sim.records)
    second = await house.run("jobs.yaml")
    assert second.code == 0, second.err
    assert len(house.sim.records) == before
    print(f"forty clips in {first.seconds:.1f} s, the second run in {second.seconds:.2f} s")  # noqa: T201
    assert second.seconds < 10  # two, on an idle machine
    _check_manifest(house, expected)
    assert not list(house.output.glob("ledger.sqlite3-*")), "the write-ahead log is folded back"


def _check_bodies(house: House, expected: list[dict[str, object]]) -> None:
    """What was sent, as JSON: the same keys and values, none more, each as often as ordered."""
    sent = [record.json for record in house.sim.records if record.call == "submit"]
    assert sorted(map(_sorted, sent)) == sorted(map(_sorted, expected))


def _sorted(body: object) -> str:
    return json.dumps(body, sort_keys=True, ensure_ascii=False)


def _check_manifest(house: House, expected: list[tuple[str | None, dict[str, object]]]) -> None:
    rows = house.rows()
    assert [list(row) for row in rows] == [FIELDS] * len(expected)
    assert [row["request"] for row in rows] == [body for _, body in expected]
    for row, (id_, body) in zip(rows, expected, strict=True):
        assert row["id"] == id_ or (id_ is None and len(row["id"]) == 12)
        _check_row(house, row, body)


def _check_row(house: House, row: dict[str, Any], body: dict[str, object]) -> None:
    task = house.task(row["task_id"])
    assert json.loads(task.body) == body
    assert row["status"] == "succeeded"
    assert row["file"] == f"videos/{row['id']}.mp4"
    assert (row["duration"], row["resolution"]) == (body.get("duration", 6), body.get("resolution", "768P"))
    assert (row["width"], row["height"]) == SIZES[row["resolution"]]
    assert row["seconds"] == pytest.approx(row["duration"], abs=0.1)
    assert (row["fps"], row["codec"]) == (24.0, "avc1")
    assert row["bytes"] == (house.output / row["file"]).stat().st_size
    assert row["file_id"] == str(task.file_id)
    assert (row["error"], row["warnings"], row["changed"], row["dismissed"]) == (None, [], False, None)
    assert (row["submissions"], len(row["attempts"]), row["charged"]) == (1, 1, "yes")
    assert row["submitted_at"] <= row["generated_at"] <= row["finished_at"]
    assert row["finished_at"].endswith("Z")
    assert row["service"] == house.sim.base_url
    assert (row["in_job_file"], row["job_file"]) == (True, "../jobs.yaml")
    assert row["source"]["file"] == "jobs.yaml"


def _check_dataset(house: House) -> None:
    lines = (house.output / "videos" / "metadata.jsonl").read_text("utf-8").splitlines()
    listed = [json.loads(line) for line in lines]
    assert [f"videos/{entry['file_name']}" for entry in listed] == [row["file"] for row in house.rows()]
    card = (house.output / "README.md").read_text("utf-8")
    assert card.startswith("---\n")


async def test_simulated_clips_never_stand_among_real_ones(house: House) -> None:
    """``--simulate`` needs no key, has a folder of its own, says so, and its second run asks nothing."""
    house.write([{"id": "fox", "prompt": "A fox"}])
    first = await house.run("jobs.yaml", "--simulate", key=None, service=False)
    assert first.code == 0, first.err
    assert "SIMULATED" in first.out
    simulated = house.output / "simulated"
    assert [path.name for path in house.output.iterdir()] == ["simulated"]
    (row,) = house.rows(simulated)
    assert row["service"] == "simulated"
    assert (simulated / row["file"]).stat().st_size == row["bytes"]
    tasks = (simulated / ".service" / "tasks.jsonl").read_bytes()
    second = await house.run("jobs.yaml", "--simulate", key=None, service=False)
    assert second.code == 0
    assert (simulated / ".service" / "tasks.jsonl").read_bytes() == tasks
    assert house.sim.records == []


async def test_limits_hold_at_the_service(house: House) -> None:
    """Never more tasks than ``in_flight``, whoever names it; the command line beats the job file."""
    house.sim.behaviour = replace(QUICK, times=Times(median=0.3, sigma=0.0))
    house.write([{"prompt": f"fox {number}"} for number in range(12)], limits={"in_flight": 9})
    ended = await house.run("jobs.yaml", "--in-flight", "3", "--submits-per-minute", "1000")
    assert ended.code == 0, ended.err
    assert house.sim.stats()["most_tasks_at_once"] == 3
    house.check_clips(12)


async def test_what_is_under_way_may_outlive_the_run(house: House) -> None:
    """A halt with a short drain leaves a task at the service; the next run brings it without a POST."""
    house.sim.behaviour = Behaviour(times=Times(median=30.0, sigma=0.0))
    house.write([{"id": "one", "prompt": "One"}, {"id": "two", "prompt": "Two"}])
    ended = await house.run("jobs.yaml", "--max-clips", "1", "--drain", "0.3s")
    assert ended.code == 4, ended.err
    assert house.statuses() == {"submitted": 1, "pending": 1}
    house.later(60)
    house.sim.behaviour = QUICK
    collected = await house.run("collect", "jobs.yaml")
    assert collected.code == 1, collected.err
    assert house.statuses() == {"succeeded": 1, "pending": 1}
    assert house.calls()["submit"] == 1
    done = await house.run("jobs.yaml")
    assert done.code == 0
    assert house.submitted_prompts() == {"One": 1, "Two": 1}
    house.check_clips(2)


@pytest.mark.parametrize("name", ["jobs.example.yaml"])
async def test_the_example_is_a_sound_job_file(house: House, name: str) -> None:
    """What the README names first is accepted as it stands."""
    example = Path(__file__).parents[2] / name
    (house.folder / name).write_bytes(example.read_bytes())
    ended = await house.run("check", name, service=False, key=None)
    assert (ended.code, ended.err) == (0, "")
    assert "A run would submit 11 clips" in ended.out
