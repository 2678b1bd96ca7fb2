"""``batchgen export`` as a user meets it."""

from __future__ import annotations

import csv
import json
import os
import signal
import tarfile
from pathlib import Path

import click
import pytest
from whole.house import House, tree

from batchgen.cli import params, signals
from batchgen.cli.commands.export import export
from batchgen.export import Format

JOBS: list[dict[str, object]] = [
    {"id": id_, "prompt": f"a fox {number} 奔跑", "metadata": {"n": number, "set": id_.split("-")[0]}}
    for number, id_ in enumerate(["train-1", "test-2", "狐狸", "v1.5"])
]


@pytest.fixture
async def ran(house: House) -> House:
    """Four clips of ``jobs.yaml``."""
    house.write(JOBS)
    assert (await house.run("jobs.yaml")).code == 0
    return house


def members(path: Path) -> dict[str, bytes]:
    """The files of an archive."""
    found = {}
    with tarfile.open(path) as archive:
        for member in archive:
            file = archive.extractfile(member)
            assert file is not None
            found[member.name] = file.read()
    return found


async def test_clips_are_packed_with_their_facts(ran: House) -> None:
    """Under the job file's name, and nothing in the folder is touched."""
    before = tree(ran.output)
    ended = await ran.run("export", "jobs.yaml", "--to", "out")
    assert (ended.code, ended.err) == (0, "")
    assert "4 clips in 1 shard" in ended.out
    found = members(ran.folder / "out/jobs-000000.tar")
    assert list(found) == [
        f"{key}.{end}" for key in ("test-2", "train-1", "v1%2E5", "狐狸") for end in ("json", "mp4")
    ]
    assert found["v1%2E5.mp4"] == (ran.output / "videos/v1.5.mp4").read_bytes()
    facts = json.loads(found["v1%2E5.json"])
    assert (facts["id"], facts["prompt"], facts["metadata"]) == (
        "v1.5",
        "a fox 3 奔跑",
        {"n": 3, "set": "v1.5"},
    )
    assert (facts["width"], facts["sha256"]) == (ran.row("v1.5")["width"], ran.row("v1.5")["sha256"])
    assert tree(ran.output) == before


async def test_the_same_command_again_carries_on(ran: House) -> None:
    """It adds what is missing and keeps the rest."""
    words = ("export", "jobs.yaml", "--to", "out", "--clips-per-shard", "1", "--name", "foxes")
    assert (await ran.run(*words)).code == 0
    shard = ran.folder / "out/foxes-000002.tar"
    content = shard.read_bytes()
    shard.unlink()
    ended = await ran.run(*words)
    assert ended.code == 0
    assert "foxes-000001.tar there already" in ended.out
    assert "foxes-000002.tar written" in ended.out
    assert "4 clips in 4 shards, 3 of them there already" in ended.out
    assert shard.read_bytes() == content


async def test_another_export_is_not_overwritten(ran: House) -> None:
    """Exit code 2, with what to do."""
    assert (await ran.run("export", "jobs.yaml", "--to", "out")).code == 0
    ended = await ran.run("export", "jobs.yaml", "--to", "out", "--clips-per-shard", "2")
    assert ended.code == 2
    assert "give another folder, or another --name" in ended.err
    assert (
        await ran.run("export", "jobs.yaml", "--to", "out", "--clips-per-shard", "2", "--name", "x")
    ).code == 0


async def test_a_damaged_clip_is_told_and_can_be_left_out(ran: House) -> None:
    """Its shard is not written; ``--verify`` packs what is whole.  Exit code 1: not all is there."""
    clip = ran.output / "videos/狐狸.mp4"
    content = clip.read_bytes()
    clip.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    ended = await ran.run("export", "jobs.yaml", "--to", "out", "--clips-per-shard", "3")
    assert ended.code == 1
    assert "videos/狐狸.mp4: the clip is not the one that was stored" in ended.err
    assert "1 clip damaged, so 1 shard not written" in ended.err
    assert "--restore-missing" in ended.err
    assert sorted(path.name for path in (ran.folder / "out").iterdir()) == [
        "jobs-000000.tar",
        "jobs.index",
    ]
    ended = await ran.run("export", "jobs.yaml", "--to", "whole", "--verify")
    assert (ended.code, "left out, as they are missing or damaged: 1 clip" in ended.err) == (1, True)
    assert len(members(ran.folder / "whole/jobs-000000.tar")) == 6
    clip.write_bytes(content)
    ended = await ran.run("export", "jobs.yaml", "--to", "out", "--clips-per-shard", "3")
    assert (ended.code, "4 clips in 2 shards, 1 of them there already" in ended.out) == (0, True)


async def test_the_facts_have_every_key_of_the_set_with_one_type(house: House) -> None:
    """So that readers that infer types from some clips are right about all."""
    values: list[object] = [1, "x", None]
    house.write(
        [{"id": f"j{n}", "prompt": str(n), "metadata": {"k": value}} for n, value in enumerate(values)]
    )
    assert (await house.run("jobs.yaml")).code == 0
    assert (await house.run("export", "jobs.yaml", "--to", "out")).code == 0
    found = members(house.folder / "out/jobs-000000.tar")
    assert [json.loads(found[f"j{n}.json"])["metadata"] for n in range(3)] == [
        {"k": "1"},
        {"k": "x"},
        {"k": None},
    ]


async def test_an_edited_job_is_exported_as_it_was_made(ran: House) -> None:
    """A clip goes with the prompt that it shows."""
    ran.write([{**job, "prompt": "something else"} for job in JOBS])
    assert (await ran.run("export", "jobs.yaml", "--to", "out")).code == 0
    facts = json.loads(members(ran.folder / "out/jobs-000000.tar")["train-1.json"])
    assert facts["prompt"] == "a fox 0 奔跑"


async def test_jobs_without_a_clip_are_counted(ran: House) -> None:
    """They keep nobody from exporting what there is."""
    ran.write([*JOBS, {"id": "later", "prompt": "not yet"}])
    ended = await ran.run("export", "jobs.yaml", "--to", "out")
    assert (ended.code, "; 1 job without a clip" in ended.out) == (0, True)


async def test_where_there_is_no_clip_nothing_is_written(house: House) -> None:
    """Exit code 1: what was asked for is not there."""
    house.write(JOBS)
    ended = await house.run("export", "jobs.yaml", "--to", "out")
    assert (ended.code, ended.out) == (1, "there is no clip to export yet; 4 jobs without a clip\n")
    assert not (house.folder / "out").exists()


@pytest.mark.parametrize(
    ("to", "file"), [("out", "out/jobs.csv"), ("out/x.csv", "out/x.csv"), ("y.csv", "y.csv")]
)
async def test_the_manifest_becomes_a_table(ran: House, to: str, file: str) -> None:
    """In a folder under the job file's name, or under the name that was given; a second time it is there."""
    for told in (f"4 rows in {file}\n", f"4 rows in {file}, there already\n"):
        ended = await ran.run("export", "jobs.yaml", "--to", to, "--format", "csv")
        assert (ended.code, ended.out) == (0, told)
    with (ran.folder / file).open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table))
    assert [(row["id"], row["status"], row["metadata.n"]) for row in rows] == [
        (job["id"], "succeeded", str(number)) for number, job in enumerate(JOBS)
    ]


async def test_a_parquet_table_has_every_job(ran: House) -> None:
    """Those that are pending too."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed (extra `export`)")
    ran.write([*JOBS, {"id": "later", "prompt": "not yet"}])
    assert (await ran.run("export", "jobs.yaml", "--to", "out", "--format", "parquet")).code == 0
    found = parquet.read_table(ran.folder / "out/jobs.parquet").to_pydict()
    assert found["status"] == ["succeeded"] * 4 + ["pending"]
    assert found["metadata.n"] == [0, 1, 2, 3, None]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--to", "output/shards"), "lies in the output folder"),
        (("--to", "out", "--format", "csv", "--shard-size", "1MB"), "are for --format webdataset"),
        (("--to", "out", "--name", "a/b"), "--name 'a/b' has the character `/`"),
        (("--to", "out", "--shard-size", "much"), "is no size"),
        ((), "--to"),
    ],
)
async def test_what_can_not_be_is_refused(ran: House, words: tuple[str, ...], why: str) -> None:
    """Exit code 2, and nothing is written."""
    before = tree(ran.folder)
    ended = await ran.run("export", "jobs.yaml", *words)
    assert (ended.code, why in ended.err) == (2, True)
    assert tree(ran.folder).keys() == before.keys()


async def test_simulated_clips_are_kept_out_of_the_real_folder(house: House) -> None:
    """Also of what lies around theirs."""
    house.write(JOBS[:1])
    assert (await house.run("jobs.yaml", "--simulate", service=False)).code == 0
    ended = await house.run("export", "jobs.yaml", "--simulate", "--to", "output/shards", service=False)
    assert (ended.code, "lies in the output folder" in ended.err) == (2, True)
    ended = await house.run("export", "jobs.yaml", "--simulate", "--to", "shards", service=False)
    assert ended.code == 0


@pytest.mark.parametrize(
    ("text", "size"),
    [("500MB", 500_000_000), ("2GiB", 2 << 30), ("1.5 kb", 1500), ("7", 7), ("1g", 10**9), ("3B", 3)],
)
def test_sizes_are_written_as_people_write_them(text: str, size: int) -> None:
    """By a thousand, or by 1024 where that is said."""
    assert params.Size().convert(text, None, None) == size


def test_the_formats_are_those_that_there_are() -> None:
    """The command writes them out, so that it need not import what packs."""
    (kind,) = (one for one in export.params if one.name == "kind")
    assert isinstance(kind.type, click.Choice)
    assert set(kind.type.choices) == {"webdataset", *Format}


def test_a_signal_ends_an_export_as_ctrl_c_does() -> None:
    """So that what was half sent is given up."""
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), signals.raised():
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before
