"""What stops a run before it sends anything: ledger, lock, key, edits; and how a person lets it go on."""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path

from whole.house import QUICK, House, tree

from batchgen.simulator import Behaviour, Simulator, Times

FOX: list[dict[str, object]] = [{"id": "fox", "prompt": "A fox"}]


async def _made(house: House, jobs: list[dict[str, object]]) -> None:
    """A folder with these clips in it."""
    house.write(jobs)
    ended = await house.run("jobs.yaml")
    assert ended.code == 0, ended.err


# --- the ledger -----------------------------------------------------------------------------------------


def _gone(ledger: Path) -> None:
    ledger.unlink()


def _cut(ledger: Path) -> None:
    os.truncate(ledger, 5000)


def _empty(ledger: Path) -> None:
    os.truncate(ledger, 0)


def _garbage(ledger: Path) -> None:
    ledger.write_bytes(b"no database" * 900)


def _newer(ledger: Path) -> None:
    with closing(sqlite3.connect(ledger)) as connection:
        connection.execute("PRAGMA user_version = 99")


def _other(ledger: Path) -> None:
    ledger.unlink()
    with closing(sqlite3.connect(ledger)) as connection:
        connection.execute("CREATE TABLE mine (x)")
        connection.commit()


SPOILED = {
    _gone: "there is no ledger",
    _cut: "damaged",
    _empty: "damaged",
    _garbage: "not a SQLite database",
    _newer: "version 99",
    _other: "not a ledger of batchgen",
}


async def test_no_run_goes_on_without_its_ledger(house: House) -> None:
    """Missing beside clips, damaged, newer, somebody else's: exit 2 for every command, and nothing is touched."""
    await _made(house, FOX)
    ledger = house.output / "ledger.sqlite3"
    whole = ledger.read_bytes()
    house.write([*FOX, {"id": "hare", "prompt": "A hare"}])
    for spoil, words in SPOILED.items():
        ledger.write_bytes(whole)
        spoil(ledger)
        before = tree(house.output / "videos")
        left = ledger.read_bytes() if ledger.exists() else b""
        for command in ("run", "status") if spoil is _newer else ("run",):
            ended = await house.run(command, "jobs.yaml")
            assert ended.code == 2, (spoil, ended)
            assert words in ended.err
        assert tree(house.output / "videos") == before
        assert (ledger.read_bytes() if ledger.exists() else b"") == left
    assert house.calls()["submit"] == 1
    ledger.write_bytes(whole)
    assert (await house.run("jobs.yaml")).code == 0


async def test_a_ledger_belongs_to_one_service_until_the_user_switches(house: House) -> None:
    """Another origin is refused; ``--switch-service`` sends new jobs there and leaves the old ones to collect."""
    house.sim.behaviour = Behaviour(times=Times(median=30.0, sigma=0.0))
    house.write([{"id": "old", "prompt": "Old"}, {"id": "new", "prompt": "New"}])
    assert (await house.run("jobs.yaml", "--max-clips", "1", "--drain", "0s")).code == 4
    async with Simulator(QUICK) as other:
        there = ("--base-url", other.base_url)
        refused = await house.run("jobs.yaml", *there, service=False)
        assert refused.code == 2
        assert "--switch-service" in refused.err
        assert other.records == []
        switched = await house.run("jobs.yaml", *there, "--switch-service", service=False)
        assert switched.code == 1, switched.err
        assert [task.prompt for task in other.tasks] == ["New"]
    assert house.statuses() == {"submitted": 1, "succeeded": 1}
    house.later(60)
    house.sim.behaviour = QUICK
    (told,) = re.findall(r"batchgen (collect jobs.yaml --base-url \S+)", switched.err)
    assert house.sim.base_url in told
    collected = await house.run(*told.split(), service=False)
    assert collected.code == 0, collected.err
    assert (await house.run("jobs.yaml")).code == 2, (
        "a run would send new jobs there, so it needs the word again"
    )
    assert house.statuses() == {"succeeded": 2}
    assert house.submitted_prompts() == {"Old": 1}


async def test_a_ledger_may_lie_elsewhere(house: House) -> None:
    """``ledger:`` is kept to, also when the folder it names is not there yet."""
    house.write(FOX, ledger="state/of/fox.db")
    assert (await house.run("jobs.yaml")).code == 0
    assert (house.folder / "state/of/fox.db").exists()
    assert not (house.output / "ledger.sqlite3").exists()
    assert (await house.run("jobs.yaml")).code == 0
    assert house.calls()["submit"] == 1


# --- the key --------------------------------------------------------------------------------------------


async def test_no_key_no_run(house: House) -> None:
    """A run and ``collect`` need it and end in 2 before anything is written; looking needs none."""
    house.write(FOX)
    before = set(house.folder.rglob("*"))
    for command in ("run", "collect"):
        ended = await house.run(command, "jobs.yaml", key=None)
        assert ended.code == 2
        assert "DMXAPI_API_KEY" in ended.err
    for looking in (["check", "jobs.yaml"], ["status", "jobs.yaml"], ["run", "jobs.yaml", "--dry-run"]):
        assert (await house.run(*looking, key=None)).code == 0
    assert set(house.folder.rglob("*")) == before
    assert house.sim.records == []


async def test_every_way_to_give_the_key(house: House) -> None:
    """The variable, the one that the file names, a file, the service manager's; each reaches the service alone."""
    house.write(FOX, service={"api_key_env": "MY_VIDEO_KEY"})
    key_file = house.folder / "key.txt"
    credentials = house.folder / "credentials"
    credentials.mkdir()
    keys = {name: f"sk-of-the-{name}-0a1b" for name in ("variable", "file", "manager")}
    house.secrets = ("Signature=",)
    key_file.write_text(keys["file"] + "\n")
    key_file.chmod(0o644)
    (credentials / "dmxapi_api_key").write_text(keys["manager"])
    (credentials / "dmxapi_api_key").chmod(0o644)
    manager = {"CREDENTIALS_DIRECTORY": str(credentials)}
    ways: list[tuple[str, list[str], dict[str, str]]] = [
        ("variable", [], {"MY_VIDEO_KEY": keys["variable"], **manager}),
        ("file", ["--api-key-file", "key.txt"], {"MY_VIDEO_KEY": keys["variable"]}),
        ("manager", [], manager),
    ]
    for name, options, env in ways:
        house.sim.reset()
        ended = await house.run("jobs.yaml", "-o", f"out-{name}", *options, key=None, env=env)
        assert ended.code == 0, ended.err
        used = {record.key_hash for record in house.sim.records if record.call != "video"}
        assert used == {house.sim.key_hash(f"Bearer {keys[name]}")}
        assert ("others can read the API key" in ended.err) == (name == "file")
        for path in (house.folder / f"out-{name}").rglob("*"):
            assert not path.is_file() or keys[name].encode() not in path.read_bytes()
    key_file.chmod(0o600)
    quiet = await house.run("jobs.yaml", "-o", "out-file", "--api-key-file", "key.txt", key=None)
    assert (quiet.code, quiet.err) == (0, "")


# --- edits ----------------------------------------------------------------------------------------------


async def test_an_edited_job_is_held_until_the_user_says_so(house: House) -> None:
    """Nothing is paid for it; ``--regenerate-changed`` makes a new clip and keeps the earlier one aside."""
    await _made(house, FOX)
    earlier = (house.output / "videos" / "fox.mp4").read_bytes()
    house.write([{"id": "fox", "prompt": "A red fox"}])
    held = await house.run("jobs.yaml")
    assert held.code == 1, held.err
    assert house.row("fox")["changed"] is True
    assert "--regenerate-changed" in held.out
    assert "0 " in (await house.run("check", "jobs.yaml")).out
    done = await house.run("jobs.yaml", "--regenerate-changed")
    assert done.code == 0, done.err
    house.check_clips(1)
    (kept,) = (house.output / "superseded").iterdir()
    assert kept.read_bytes() == earlier
    assert house.row("fox")["submissions"] == 2
    assert "1 ordered again by you, nothing else paid twice" in done.out


async def test_a_renamed_job_costs_nothing(house: House) -> None:
    """A new id with the request of one that has left takes over its clip."""
    await _made(house, FOX)
    house.write([{"id": "reynard", "prompt": "A fox"}])
    ended = await house.run("jobs.yaml")
    assert ended.code == 0, ended.err
    assert house.row("reynard")["file"] == "videos/fox.mp4"
    assert house.calls()["submit"] == 1


async def test_the_brake_stops_an_edit_that_would_pay_for_all_again(house: House) -> None:
    """Twenty paid jobs replaced at once: exit 2 with both sides shown, and on with ``--accept-new``."""
    before = [{"prompt": f"fox {number}"} for number in range(20)]
    await _made(house, [dict(job) for job in before])
    house.write([dict(job) for job in before], defaults={"prompt_optimizer": False})
    sent = len(house.sim.records)
    for command in (["run", "jobs.yaml"], ["check", "jobs.yaml"]):
        braked = await house.run(*command)
        assert braked.code == 2
        assert "20 paid jobs have left the job file and 20 new ones have come at once" in braked.err
        assert "--accept-new" in braked.err
        assert braked.err.count(": fox ") == 10
    assert len(house.sim.records) == sent
    assert (await house.run("check", "jobs.yaml", "--accept-new")).code == 0
    accepted = await house.run("jobs.yaml", "--accept-new")
    assert accepted.code == 0, accepted.err
    assert len(house.sim.tasks) == 40


async def test_two_job_files_share_a_folder_and_no_id(house: House) -> None:
    """Each has its own jobs there; an id that both claim is an error which names both files."""
    await _made(house, FOX)
    house.write([{"id": "hare", "prompt": "A hare"}], name="more.yaml")
    assert (await house.run("more.yaml")).code == 0
    assert {row["id"]: row["job_file"] for row in house.rows()} == {
        "hare": "../more.yaml",
        "fox": "../jobs.yaml",
    }
    house.write([{"id": "Fox", "prompt": "Another"}], name="more.yaml")
    clash = await house.run("more.yaml")
    assert clash.code == 2
    assert "more.yaml:" in clash.err
    assert "jobs.yaml" in clash.err
    assert house.calls()["submit"] == 2


async def test_a_renamed_job_file_keeps_its_jobs(house: House) -> None:
    """Moved to another name it orders nothing again."""
    await _made(house, FOX)
    (house.folder / "jobs.yaml").rename(house.folder / "foxes.yaml")
    ended = await house.run("foxes.yaml")
    assert ended.code == 0, ended.err
    assert house.row("fox")["job_file"] == "../foxes.yaml"
    assert house.calls()["submit"] == 1
