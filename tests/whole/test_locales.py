"""Where the names of files have fewer letters than ids, and paths bytes that are no letters.

Real processes, as what names can have is settled when one starts.
"""

from __future__ import annotations

import os

import pytest

from whole.house import House

#: File names are ASCII here, as in any locale without UTF-8 some letters have no bytes.
PLAIN = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
BOTH: list[dict[str, object]] = [
    {"id": "fox", "prompt": "A fox"},
    {"id": "狐狸", "prompt": "狐狸在雪地里奔跑 [跟随]"},
]
#: A byte that is no letter in UTF-8, as the system's own paths are given.
ODD = os.fsdecode(b"jobs\xff.yaml")


@pytest.mark.parametrize("command", ["check", "run"])
async def test_an_id_that_no_file_can_be_named_after(house: House, command: str) -> None:
    """It is a problem of the job file, told with its line and job and before anything is sent."""
    house.write(BOTH)
    ended = await house.run(command, "jobs.yaml", env=PLAIN)
    assert ended.code == 2, ended.err
    problem, count = ended.err.splitlines()
    assert problem.startswith(r"jobs.yaml:10:3: [job \u72d0\u72f8] no file can have the name of its clip, `")
    assert problem.endswith("LC_ALL=C.UTF-8, or PYTHONUTF8=1")
    assert count == "batchgen: 1 problem in the job file; nothing was sent"
    assert house.sim.records == []


async def test_a_file_name_that_no_file_can_have(house: House) -> None:
    """The same for a path by ``filename``; one in ASCII does not help, as partial files are named after the id."""
    house.write([{"prompt": "A fox", "filename": "狐狸.mp4"}, {**BOTH[1], "filename": "fox.mp4"}])
    ended = await house.run("jobs.yaml", env=PLAIN)
    assert (ended.code, ended.err.count("no file can have the name")) == (2, 2), ended.err
    assert house.sim.records == []


async def test_a_folder_from_where_such_names_are_possible(house: House) -> None:
    """Its job file is told as ever, also when it need not be read; without that job, its ledger is refused."""
    house.write(BOTH)
    assert (await house.run("jobs.yaml")).code == 0
    for command in ("run", "status", "collect"):
        ended = await house.run(command, "jobs.yaml", env=PLAIN)
        assert (ended.code, "[job " in ended.err) == (2, True), ended.err
    house.write(BOTH[:1])
    for command in ("run", "check", "status", "collect"):
        ended = await house.run(command, "jobs.yaml", env=PLAIN)
        assert ended.code == 2, ended.err
        assert "the ledger has a clip with a name that no file can have here" in ended.err
    assert house.calls()["submit"] == 2
    assert (await house.run("status", "jobs.yaml")).code == 0


async def test_ascii_names_need_no_utf_8(house: House) -> None:
    """Prompts and metadata of any script are no names."""
    house.write([{"id": "fox", "prompt": "狐狸在雪地里奔跑 [跟随]", "metadata": {"动物": "狐狸"}}])
    for _ in range(2):
        ended = await house.run("jobs.yaml", env=PLAIN)
        assert (ended.code, ended.err) == (0, "")
    assert house.calls()["submit"] == 1
    assert house.row("fox")["metadata"] == {"动物": "狐狸"}


@pytest.mark.parametrize("setting", ["output", "ledger"])
@pytest.mark.parametrize("command", ["run", "check", "status"])
async def test_a_folder_that_can_not_be_named(house: House, command: str, setting: str) -> None:
    """Exit 2 with the reason."""
    house.write(BOTH[:1], **{setting: "输出"})
    ended = await house.run(command, "jobs.yaml", env=PLAIN)
    assert ended.code == 2, ended.err
    assert r"\u8f93\u51fa: no file can have this name" in ended.err
    assert house.sim.records == []


@pytest.mark.parametrize(
    ("pattern", "told"),
    [("狐狸.csv", "has letters that no name has"), ("*.csv", "bytes that are no letters")],
)
async def test_a_table_that_can_not_be_named(house: House, pattern: str, told: str) -> None:
    """It is told by what it is, be it named or matched."""
    (house.folder / "狐狸.csv").write_text("caption\nA fox\n", "utf-8")
    house.write([{"from": pattern, "prompt": "{caption}"}])
    ended = await house.run("jobs.yaml", env=PLAIN)
    assert (ended.code, told in ended.err) == (2, True), ended.err
    assert (await house.run("check", "jobs.yaml")).code == 0


@pytest.mark.parametrize("command", ["run", "check", "status"])
async def test_a_job_file_whose_path_is_no_text(house: House, command: str) -> None:
    """The ledger could not say of whom its jobs are: exit 2, whether the path is given so or lies above."""
    house.write(BOTH[:1]).rename(house.folder / ODD)
    ended = await house.run(command, ODD)
    assert (ended.code, "rename the file or folder" in ended.err) == (2, True), ended.err
    above = house.folder / os.fsdecode(b"\xff")
    above.mkdir()
    (house.folder / ODD).rename(above / "jobs.yaml")
    house.folder = above
    for arguments in ((str(above / "jobs.yaml"),), ("jobs.yaml", "-o", "../elsewhere")):
        ended = await house.run(command, *arguments)
        assert (ended.code, "rename the file or folder" in ended.err) == (2, True), ended.err
    assert house.sim.records == []
    # As seen from an output folder below, it is text.
    assert (await house.run(command, "jobs.yaml", env={"PYTHONIOENCODING": "utf-8:strict"})).code == 0


async def test_an_output_folder_whose_path_is_no_text(house: House) -> None:
    """It works as any other; only what another ledger would have to keep of it is refused."""
    odd = os.fsdecode(b"out\xff")
    house.write(BOTH[:1])
    assert (await house.run("jobs.yaml", "-o", odd)).code == 0
    for arguments in (
        ("jobs.yaml", "--reuse-from", odd),
        ("merge", odd, "--to", "merged"),
    ):
        ended = await house.run(*arguments, service=arguments[0] != "merge")
        assert (ended.code, "can't be written down" in ended.err) == (2, True), ended.err
    house.write(BOTH[:1], ledger="elsewhere.sqlite3")
    ended = await house.run("jobs.yaml", "-o", odd)
    assert (ended.code, "can't be written down" in ended.err) == (2, True), ended.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("retry", "jobs.yaml", "\udcff"),
        ("adopt", "jobs.yaml", "\udcff", "1"),
        ("dismiss", "jobs.yaml", "\udcff", "--reason", "never mind"),
        ("dismiss", "jobs.yaml", "fox", "--reason", "\udcff"),
        ("status", "jobs.yaml", "--only", "\udcff"),
        ("check", "jobs.yaml", "--show", "\udcff"),
    ],
)
async def test_an_argument_that_is_no_text(house: House, arguments: tuple[str, ...]) -> None:
    """It can stand for no job and in no ledger: a wrong use, and no bug."""
    house.write(BOTH[:1])
    ended = await house.run(*arguments)
    assert (ended.code, "bytes that are no letters" in ended.err) == (2, True), ended.err
