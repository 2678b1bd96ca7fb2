"""The commands beside the run: what they print, what they write, and what they leave alone."""

from __future__ import annotations

import json
from pathlib import Path
from unittest import mock

import jsonschema
import pytest
import yaml
from whole.house import House, tree

from batchgen import __version__
from batchgen.cli import main as command_line
from batchgen.simulator import Call, Close, Conditions, Ending

COMMANDS = (
    "run",
    "check",
    "status",
    "gallery",
    "collect",
    "retry",
    "adopt",
    "dismiss",
    "init",
    "simulate",
    "schema",
)


async def test_init_writes_a_job_file_that_passes_its_own_check_and_never_overwrites(house: House) -> None:
    """A second ``init`` is refused, and the file of the first is left alone."""
    written = await house.run("init", service=False, key=None)
    assert written.code == 0
    assert "batchgen jobs.yaml --simulate" in written.out
    path = house.folder / "jobs.yaml"
    text = path.read_bytes()
    checked = await house.run("check", "jobs.yaml", service=False, key=None)
    assert (checked.code, checked.err) == (0, "")
    path.write_bytes(text + b"# mine\n")
    again = await house.run("init", "jobs.yaml", service=False, key=None)
    assert again.code == 2
    assert "left alone" in again.err
    assert path.read_bytes() == text + b"# mine\n"
    assert (await house.run("init", "no/folder.yaml", service=False)).code == 2


async def test_the_schema_is_one_and_the_example_fits_it(house: House) -> None:
    """What ``schema`` prints is valid JSON Schema, and job files that we ship fit it."""
    printed = await house.run("schema", service=False, key=None)
    schema = json.loads(printed.out)
    jsonschema.validators.validator_for(schema).check_schema(schema)
    example = Path(__file__).parents[2] / "jobs.example.yaml"
    jsonschema.validate(yaml.safe_load(example.read_text("utf-8")), schema)


@pytest.mark.parametrize("words", [["--help"], ["-h"]])
async def test_the_program_tells_its_commands(house: House, words: list[str]) -> None:
    """``--help`` and ``-h`` list every command."""
    told = await house.run(*words, service=False)
    assert told.code == 0
    for command in COMMANDS:
        assert f"\n  {command} " in told.out


async def test_the_version(house: House) -> None:
    """``--version`` is that of the package."""
    assert __version__ in (await house.run("--version", service=False)).out


@pytest.mark.parametrize("command", COMMANDS)
async def test_every_command_tells_its_options(house: House, command: str) -> None:
    """``COMMAND -h`` explains it, each option with a text."""
    told = await house.run(command, "-h", service=False)
    assert told.code == 0
    assert "Usage: batchgen " in told.out


async def test_looking_writes_nothing(house: House) -> None:
    """``check`` and ``status`` leave every byte and every time as it was, on a fresh folder and on a full one."""
    house.sim.fault(Call.SUBMIT, Close(), Conditions(prompt="lost"))
    house.sim.fault(Call.SUBMIT, Ending(code=1000), Conditions(prompt="bad"))
    house.write([{"id": name, "prompt": f"a {name} one"} for name in ("good", "lost", "bad", "gone")])
    looks = (
        ["check", "jobs.yaml"],
        ["check", "jobs.yaml", "--show", "good"],
        ["check", "jobs.yaml", "--regenerate-changed"],
        ["status", "jobs.yaml"],
        ["run", "jobs.yaml", "--dry-run"],
    )
    for fresh in (True, False):
        if not fresh:
            assert (await house.run("jobs.yaml")).code == 1
            (house.output / "videos" / "gone.mp4").unlink()
            house.write(
                [{"id": name, "prompt": f"a {name} one!"} for name in ("good", "lost", "new", "gone")]
            )
        before, asked = tree(house.folder), len(house.sim.records)
        for words in looks:
            looked = await house.run(*words, key=None)
            assert looked.code == 0, looked.err
            assert tree(house.folder) == before, words
        assert len(house.sim.records) == asked


async def test_status_tells_where_jobs_stand_and_what_to_do(house: House) -> None:
    """The table, each job that needs attention with its command, and the sentence; ``-q`` the needs alone."""
    house.sim.fault(Call.SUBMIT, Close(), Conditions(prompt="lost"))
    house.write([{"id": name, "prompt": f"a {name} one"} for name in ("good", "lost")])
    assert (await house.run("jobs.yaml")).code == 1
    told = await house.run("status", "jobs.yaml", key=None)
    assert told.code == 0
    assert "2 ordered, 1 delivered, 1 unknown; " in told.out
    assert "; nothing paid twice." in told.out
    assert f"batchgen adopt jobs.yaml lost TASK_ID --base-url {house.sim.base_url}" in told.out
    quiet = await house.run("status", "jobs.yaml", "-q", key=None)
    assert "adopt" in quiet.out
    assert "delivered" not in quiet.out


async def test_a_bug_ends_in_70_and_says_so(house: House) -> None:
    """An exception that nobody foresaw is shown, with word that nothing paid for is lost."""
    house.write([{"id": "fox", "prompt": "A fox"}])
    with mock.patch("batchgen.app.assembling.FolderStore", side_effect=ZeroDivisionError("of ours")):
        ended = await house.run("jobs.yaml")
    assert ended.code == 70
    assert "ZeroDivisionError: of ours" in ended.err
    assert "a bug" in ended.err
    assert house.calls() == {}
    assert (await house.run("jobs.yaml")).code == 0


def test_an_interrupt_before_anything_began_ends_in_130() -> None:
    """Ctrl-C while a command has not yet begun to listen for signals."""
    with (
        mock.patch("batchgen.cli.commands.files.schema", side_effect=KeyboardInterrupt),
        pytest.raises(SystemExit) as ended,
    ):
        command_line(["schema"])
    assert ended.value.code == 130


async def test_a_simulated_service_that_cannot_start_is_no_bug(house: House) -> None:
    """Tasks that no simulated service wrote are named, with exit 2."""
    state = house.output / "simulated" / ".service"
    state.mkdir(parents=True)
    (state / "tasks.jsonl").write_text("mine\n")
    house.write([{"id": "fox", "prompt": "A fox"}])
    ended = await house.run("jobs.yaml", "--simulate", service=False, key=None)
    assert ended.code == 2
    assert "tasks.jsonl:1: not a line of a simulated service" in ended.err
