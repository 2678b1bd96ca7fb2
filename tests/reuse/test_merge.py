"""Folders of shards become one: everything that was paid for is there, and nothing is paid for again."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from ledger.workshop import BROKE, NOON, ORIGIN, job, look

from batchgen.app import lock
from batchgen.app.folder import refuse_merged
from batchgen.app.merging import Merged, merge
from batchgen.errors import BatchgenError, ConfigError, FolderBusy, LedgerError
from batchgen.ledger import Ledger, joining, layout
from batchgen.ledger.intending import Account
from batchgen.ledger.portions import Shard, clip_name
from batchgen.model import Charged, Job
from reuse.folders import Folder, clip_of, content

JOBS = [job(f"j{n}") for n in range(12)]


def of_shard(number: int, of: int = 3) -> list[Job]:
    """The jobs of one shard."""
    return [one for one in JOBS if Shard(number=number, of=of).has(one.id)]


async def made(
    output: Path, jobs: list[Job], *, shard: str = "", deliver: int = 99, first: int = 0
) -> Folder:
    """A closed folder with these jobs, so many of them delivered."""
    folder = Folder(output)
    if shard:
        folder.ledger.settle_shard(Shard.parse(shard))
    await folder.ledger.start_writing()
    folder.has(*jobs)
    for number, one in enumerate(jobs[:deliver], first):
        await folder.make(one.id, f"t{number}", number)
    await folder.ledger.stop_writing()
    folder.ledger.close()
    return folder


@pytest.fixture
async def shards(tmp_path: Path) -> list[Path]:
    """Three folders, all of their jobs delivered."""
    for number in (1, 2, 3):
        await made(tmp_path / f"s{number}", of_shard(number), shard=f"{number}/3", first=100 * number)
    return [tmp_path / f"s{number}" for number in (1, 2, 3)]


async def merged(folders: list[Path], to: Path) -> Merged:
    """What the command does."""
    return await merge(folders, to, simulate=False, wait=0.0, now=lambda: NOON)


def state(folder: Path) -> dict[str, str]:
    """Every file of a folder but the locks, to the byte."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".batchgen.lock"
    }


def opened(output: Path) -> Folder:
    """The folder, to be looked at."""
    return Folder(output)


async def test_shards_become_one_folder(shards: list[Path], tmp_path: Path) -> None:
    """Every job with its clip, nothing to submit, the sources as they were to the byte."""
    before = [state(folder) for folder in shards]
    done = await merged(shards, tmp_path / "all")
    assert (done.jobs, done.clips, done.left, done.missing_number) == (12, 12, 0, 0)
    assert [state(folder) for folder in shards] == before
    folder = opened(tmp_path / "all")
    folder.check_files()
    reconciled = folder.has(*JOBS)
    assert (reconciled.new, reconciled.left, folder.orders()) == (0, 0, [])
    assert folder.statuses() == {one.id: "succeeded" for one in JOBS}
    assert folder.ledger.fact("shard") == ""
    assert folder.look("SELECT sum(clips) FROM spent") == [(12,)]
    rows = [json.loads(line) for line in (tmp_path / "all/manifest.jsonl").read_text("utf-8").splitlines()]
    assert {row["id"] for row in rows if row["in_job_file"]} == {one.id for one in JOBS}
    assert {path.name for path in (tmp_path / "all").iterdir()} >= {"README.md", "videos", "manifest.jsonl"}
    assert not (tmp_path / "all/.batchgen.merge.json").exists()
    folder.ledger.close()


async def test_a_merged_ledger_keeps_its_rules_and_its_keys_apart(shards: list[Path], tmp_path: Path) -> None:
    """Triggers are back, keys go on, what is said of the order of submissions still holds."""
    await merged(shards, tmp_path / "all")
    path = tmp_path / "all/ledger.sqlite3"
    fresh = tmp_path / "fresh.sqlite3"
    Ledger.open(fresh, origin=ORIGIN, now=NOON).close()
    schema = "SELECT type, name, sql FROM sqlite_schema ORDER BY name"
    assert look(path, schema) == look(fresh, schema)
    assert look(path, "PRAGMA foreign_key_check") == []
    folder = opened(tmp_path / "all")
    folder.has(*JOBS, "new")
    await folder.ledger.start_writing()
    submission = await folder.intend("new")
    assert submission.key == 13
    await folder.book.not_accepted(submission, BROKE)
    await folder.ledger.stop_writing()
    folder.ledger.close()


async def test_what_is_not_over_goes_on_in_the_new_folder_only(tmp_path: Path) -> None:
    """Pending jobs would be ordered twice were both folders to run; a folder that is done is left untouched."""
    unfinished = await made(tmp_path / "s1", of_shard(1, 2), shard="1/2", deliver=1)
    await made(tmp_path / "s2", of_shard(2, 2), shard="2/2", first=50)
    done_before = state(tmp_path / "s2")
    done = await merged([tmp_path / "s1", tmp_path / "s2"], tmp_path / "all")
    assert done.left == len(of_shard(1, 2)) - 1
    assert state(tmp_path / "s2") == done_before
    unfinished.open()
    with pytest.raises(LedgerError, match="was merged into"):
        refuse_merged(unfinished.ledger, unfinished.output)
    unfinished.ledger.close()
    folder = opened(tmp_path / "all")
    refuse_merged(folder.ledger, folder.output)
    folder.has(*JOBS)
    assert [order.id for order in folder.orders()] == [one.id for one in JOBS if one in of_shard(1, 2)[1:]]
    folder.ledger.close()


async def test_every_kind_of_attempt_is_carried_over(tmp_path: Path) -> None:
    """Failed, of unknown outcome, under way, superseded, ordered anew: each job stands as it stood."""
    first = await made(tmp_path / "s1", [job("ok")])
    second = Folder(tmp_path / "s2")
    await second.ledger.start_writing()
    second.has(
        "failed", "lost", "under way", "waiting", job("edited", "one"), job("held", "one"), "dismissed"
    )
    await second.book.failed(await second.accept("failed", "u1"), BROKE, Charged.YES)
    await second.lose("lost")
    await second.accept("under way", "u2")
    await second.generate("waiting", "u3")
    await second.make("edited", "u4", 4)
    await second.make("held", "u5", 5)
    await second.refuse("dismissed")
    second.has(
        "failed", "lost", "under way", "waiting", job("edited", "two"), job("held", "one"), "dismissed",
        regenerate_changed=True,
    )  # fmt: skip
    path = second.output / "superseded/edited.5.mp4"
    submission = await second.generate("edited", "u6")
    path.parent.mkdir()
    (second.output / "videos/edited.mp4").rename(path)
    (second.output / "videos/edited.mp4").write_bytes(content(6))
    await second.store(submission, clip_of(content(6)))
    names = ["failed", "lost", "under way", "waiting", "dismissed"]
    second.has(*names, job("edited", "two"), job("held", "three"))
    before = second.by_id()
    statuses = second.statuses()
    await second.ledger.stop_writing()
    second.ledger.close()
    done = await merged([first.output, second.output], tmp_path / "all")
    assert (done.jobs, done.missing_number) == (8, 0)
    folder = opened(tmp_path / "all")
    folder.check_files()
    assert folder.statuses() == {"ok": "succeeded", **statuses}
    for id_, record in before.items():
        now = folder.by_id()[id_]
        assert [(a.task_id, a.state, a.file, a.charged) for a in now.attempts] == [
            (a.task_id, a.state, a.file, a.charged) for a in record.attempts
        ]
        assert (now.changed, now.dismissed, now.status) == (record.changed, record.dismissed, record.status)
    assert folder.look("SELECT ordered_after FROM jobs WHERE id = 'edited'") == [(6,)]
    folder.ledger.close()


async def test_a_damaged_clip_is_told_and_left_out(shards: list[Path], tmp_path: Path) -> None:
    """What stands under a final name is whole: the job is there, its clip counts as missing."""
    victim = of_shard(2)[0].id
    (shards[1] / f"videos/{victim}.mp4").write_bytes(b"damaged")
    done = await merged(shards, tmp_path / "all")
    assert (done.missing_number, done.clips) == (1, 11)
    assert victim in done.missing[0]
    folder = opened(tmp_path / "all")
    folder.check_files()
    assert folder.look("SELECT count(*) FROM submissions WHERE missing") == [(1,)]
    folder.ledger.close()


async def test_nothing_is_overwritten(shards: list[Path], tmp_path: Path) -> None:
    """A new folder that is in use by somebody is refused, before anything is put there."""
    (tmp_path / "all/videos").mkdir(parents=True)
    (tmp_path / "all/videos/mine.mp4").write_bytes(b"mine")
    with pytest.raises(ConfigError, match="in use"):
        await merged(shards, tmp_path / "all")
    assert state(tmp_path / "all") == {"videos/mine.mp4": hashlib.sha256(b"mine").hexdigest()}
    await made(tmp_path / "used", [job("x")])
    with pytest.raises(ConfigError, match="there is a ledger already"):
        await merged(shards, tmp_path / "used")


async def test_a_merge_that_is_repeated_changes_nothing(shards: list[Path], tmp_path: Path) -> None:
    """It says so; other folders can't be merged into it."""
    await merged(shards, tmp_path / "all")
    before = (tmp_path / "all/ledger.sqlite3").read_bytes()
    done = await merged(shards[::-1], tmp_path / "all")
    assert (done.again, done.clips) == (True, 12)
    assert (tmp_path / "all/ledger.sqlite3").read_bytes() == before
    await made(tmp_path / "s4", [job("x")])
    with pytest.raises(ConfigError, match="there is a ledger already"):
        await merged([tmp_path / "s4"], tmp_path / "all")


@pytest.mark.parametrize(
    ("folders", "told"),
    [
        (["s1", "s2"], "shard 3/3 is missing"),
        (["s1", "s2", "s3", "s1"], "named twice"),
        (["s1", "s2", "s3", "whole"], "this folder has all jobs"),
        (["s1", "s2", "s3", "quarter"], "no parts of one whole"),
        (["s1", "s2", "s3", "copy"], "no parts of one whole"),
        (["s1", "nothing"], "there is no ledger.sqlite3"),
        (["whole", "elsewhere"], "belongs to the service"),
        (["whole", "clash"], r"job J0 is in .*whole and in .*clash"),
        (["whole", "same task"], r"task t0 is in .*whole and in .*same task"),
        (["whole", "all/inside"], "must lie apart"),
    ],
)
@pytest.mark.usefixtures("shards")
async def test_what_makes_no_whole(tmp_path: Path, folders: list[str], told: str) -> None:
    """Each refusal names the folders; nothing is made."""
    await made(tmp_path / "whole", [job("j0", "x")])
    await made(tmp_path / "quarter", of_shard(1, 4), shard="1/4", first=500)
    await made(tmp_path / "copy", of_shard(1), shard="1/3", first=100)
    await made(tmp_path / "clash", [job("J0", "y")], first=7)
    await made(tmp_path / "same task", [job("z")])
    await made(tmp_path / "all/inside", [job("q")], first=9)
    other = Folder(tmp_path / "elsewhere")
    other.ledger.change(
        lambda db: db.execute("UPDATE facts SET value = 'https://o.example' WHERE name = 'origin'")
    )
    other.ledger.close()
    before = {name: state(tmp_path / name) for name in folders if (tmp_path / name).exists()}
    with pytest.raises(BatchgenError, match=told):
        await merged([tmp_path / name for name in folders], tmp_path / "all")
    assert not (tmp_path / "all/ledger.sqlite3").exists()
    assert {name: state(tmp_path / name) for name in before} == before


async def test_folders_of_several_accounts_are_merged(tmp_path: Path) -> None:
    """The fingerprints of the keys stay with their submissions: nothing is concluded under another key."""
    await made(tmp_path / "s1", [job("a")])
    other = Folder(tmp_path / "s2")
    other._account = Account(name="default", origin=ORIGIN, key_print="print-2")
    other.ledger.close()
    other.open()
    await other.ledger.start_writing()
    other.has("b")
    await other.accept("b", "u1")
    await other.ledger.stop_writing()
    other.ledger.close()
    await merged([tmp_path / "s1", tmp_path / "s2"], tmp_path / "all")
    path = tmp_path / "all/ledger.sqlite3"
    assert look(path, "SELECT key_print FROM submissions ORDER BY key") == [("print-1",), ("print-2",)]
    assert look(path, "SELECT value FROM facts WHERE name = 'salt'") == look(
        tmp_path / "s1/ledger.sqlite3", "SELECT value FROM facts WHERE name = 'salt'"
    )


async def test_a_folder_in_use_is_not_merged(shards: list[Path], tmp_path: Path) -> None:
    """Its ledger may change at any moment."""
    async with lock.hold(shards[1], shards[1] / "ledger.sqlite3", wait=0.0, now=lambda: NOON):
        with pytest.raises(FolderBusy):
            await merged(shards, tmp_path / "all")
    assert not (tmp_path / "all/ledger.sqlite3").exists()


async def test_an_interrupted_merge_is_carried_on(shards: list[Path], tmp_path: Path) -> None:
    """Other folders can't be merged over it, and no run begins a ledger of its own there."""
    with pytest.MonkeyPatch.context() as broken:
        clips = joining.clips

        def three(db: sqlite3.Connection) -> Iterator[joining.Standing]:
            for number, clip in enumerate(clips(db)):
                if number == 3:
                    raise KeyboardInterrupt
                yield clip

        broken.setattr(joining, "clips", three)
        with pytest.raises(KeyboardInterrupt):
            await merged(shards, tmp_path / "all")
    assert len(list((tmp_path / "all/videos").iterdir())) == 3
    await made(tmp_path / "s4", [job("x")])
    with pytest.raises(ConfigError, match="a merge of other folders was interrupted"):
        await merged([tmp_path / "s4"], tmp_path / "all")
    assert (await merged(shards, tmp_path / "all")).clips == 12
    folder = opened(tmp_path / "all")
    folder.check_files()
    folder.ledger.close()


async def test_no_moment_lets_both_folders_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A merge that is killed once the new ledger stands has left its notes before."""
    left = await made(tmp_path / "s1", of_shard(1, 2), shard="1/2", deliver=1)
    await made(tmp_path / "s2", of_shard(2, 2), shard="2/2", first=50)

    def killed(folder: Path) -> None:
        raise KeyboardInterrupt(folder)

    monkeypatch.setattr("batchgen.ledger.opening._sync_folder", killed)  # right behind the ledger's name
    with pytest.raises(KeyboardInterrupt):
        await merged([tmp_path / "s1", tmp_path / "s2"], tmp_path / "all")
    assert (tmp_path / "all/ledger.sqlite3").exists()
    left.open()
    with pytest.raises(LedgerError, match="was merged into"):
        refuse_merged(left.ledger, left.output)
    left.ledger.close()


async def test_job_files_are_the_same_ones_from_the_new_folder(tmp_path: Path) -> None:
    """Shards that were run elsewhere, each with its own copy, are one job file's."""
    for number in (1, 2):
        await made(tmp_path / f"m{number}/out", of_shard(number, 2), shard=f"{number}/2", first=100 * number)
    await merged([tmp_path / "m1/out", tmp_path / "m2/out"], tmp_path / "deep/er/all")
    files = look(tmp_path / "deep/er/all/ledger.sqlite3", "SELECT DISTINCT job_file FROM jobs")
    assert files == [("../../../m1/jobs.yaml",)]


async def test_large_folders_stay_fanned_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names never move; new jobs follow the larger rule."""
    monkeypatch.setattr(layout, "FAN_OUT_ABOVE", 3)
    await made(tmp_path / "s1", of_shard(1, 2), shard="1/2")
    await made(tmp_path / "s2", of_shard(2, 2)[:2], shard="2/2", first=50)
    await merged([tmp_path / "s1", tmp_path / "s2"], tmp_path / "all")
    folder = opened(tmp_path / "all")
    folder.check_files()
    one, two = of_shard(1, 2)[0].id, of_shard(2, 2)[0].id
    assert (tmp_path / "all" / clip_name(one, None, fanned=True)).exists()
    assert (tmp_path / "all" / clip_name(two, None, fanned=False)).exists()
    assert folder.ledger.fact("videos") == "fanned"
    folder.ledger.close()
