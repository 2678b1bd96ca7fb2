"""Every option does something that can be seen."""

from __future__ import annotations

import json
import signal

import pytest
from whole.house import QUICK, Ended, House, until

from batchgen.simulator import Behaviour, Call, Close, Conditions, Simulator, Times

FOXES: list[dict[str, object]] = [{"id": f"fox{n}", "prompt": f"Fox {n} [Flyby]"} for n in range(3)]


def _lines(ended: Ended) -> int:
    return len(ended.out.splitlines())


async def test_how_much_is_told(house: House) -> None:
    """``-q`` tells nothing of a run without trouble, ``-v`` every change, and both together are a mistake."""
    house.write(FOXES)
    quiet = await house.run("jobs.yaml", "-q", "-o", "a")
    assert (quiet.code, quiet.out) == (0, "")
    normal = await house.run("jobs.yaml", "-o", "b")
    verbose = await house.run("jobs.yaml", "-v", "-o", "c")
    assert "submitting to submitted, task" in verbose.out
    assert 3 < _lines(normal) < _lines(verbose)
    both = await house.run("jobs.yaml", "-q", "-v", "-o", "d")
    assert both.code == 2
    assert not (house.folder / "d").exists()


@pytest.mark.parametrize("kind", ["plain", "json", "none", "bar"])
async def test_warnings_go_to_standard_error_whatever_is_shown(house: House, kind: str) -> None:
    """An unknown camera command is told there, once, and the run goes on; so is why a run stops."""
    house.write(FOXES[:2])
    ended = await house.run("jobs.yaml", "--progress", kind, "--max-clips", "1")
    assert ended.code == 4
    assert ended.err.count("Flyby") == 2
    assert "as many as this run may" in ended.err
    if kind != "json":
        assert "2 ordered, 1 delivered, 1 not submitted; " in ended.out
        assert "; nothing paid twice." in ended.out
        assert "Flyby" not in ended.out.replace("Fox 1 [Flyby]", "")


async def test_json_lines_are_all_that_stands_on_standard_output(house: House) -> None:
    """Every line is an event; the last one says how the run ended."""
    house.sim.fault(Call.SUBMIT, Close(), Conditions(prompt="Fox 1"))
    house.write(FOXES)
    ended = await house.run("jobs.yaml", "--progress", "json", "-v")
    assert ended.code == 1
    events = ended.events
    assert (events[0]["event"], events[-1]["event"]) == ("warned", "run_ended")
    assert events[-1]["exit_code"] == 1
    assert events[-1]["counts"]["succeeded"] == 2
    changed = [event for event in events if event["event"] == "job_changed" and event["id"] == "fox0"]
    steps = [event["status"] for event in changed]
    assert steps == ["submitting", "submitted", "generated", "succeeded"]
    assert [event["event"] for event in events].count("run_started") == 1


async def test_a_log_file_gets_every_event_and_is_never_overwritten(house: House) -> None:
    """It is appended to, whatever the screen shows."""
    house.write(FOXES[:1])
    (house.folder / "log").write_text("mine\n")
    assert (await house.run("jobs.yaml", "-q", "--log-file", "log")).code == 0
    log = (house.folder / "log").read_text("utf-8")
    assert log.startswith("mine\n")
    for words in ("start: jobs.yaml", "pending to submitting", "fox0: succeeded", "end after", "Flyby"):
        assert words in log
    refused = await house.run("jobs.yaml", "--log-file", "no/such/folder/log")
    assert refused.code == 2
    assert "log file" in refused.err


async def test_no_color(house: House) -> None:
    """Where colors are wanted by force, ``--no-color`` still has none of them."""
    house.write(FOXES[:1])
    options = ["jobs.yaml", "--progress", "bar"]
    force = {"FORCE_COLOR": "1", "TERM": "xterm-256color"}
    colored = await house.run(*options, "-o", "a", env=force)
    plain = await house.run(*options, "-o", "b", "--no-color", env=force)
    assert "\x1b[3" in colored.err
    assert "\x1b[3" not in plain.err.replace("\x1b[38", "")


async def test_clips_of_a_run_are_counted(house: House) -> None:
    """``--max-clips`` ends in 4, and the same command carries on until all are made."""
    house.write(FOXES)
    codes = [(await house.run("jobs.yaml", "--max-clips", "1")).code for _ in range(3)]
    assert codes == [4, 4, 0]
    assert len(house.sim.tasks) == 3
    house.check_clips(3)


@pytest.mark.parametrize(("drain", "status"), [("0s", "submitted"), ("1m", "succeeded")])
async def test_what_is_under_way_is_awaited_as_long_as_drain_says(
    house: House, drain: str, status: str
) -> None:
    """``--drain 0s`` leaves it at the service; a longer one brings it in."""
    house.sim.behaviour = Behaviour(times=Times(median=0.5, sigma=0.0))
    house.write(FOXES)
    ended = await house.run("jobs.yaml", "--max-clips", "1", "--drain", drain)
    assert ended.code == 4
    assert house.statuses() == {status: 1, "pending": 2}


async def test_the_pace_is_kept_over_runs(house: House) -> None:
    """With one submission a minute the next run waits for its turn, and says so."""
    house.write(FOXES)
    pace = ["jobs.yaml", "--submits-per-minute", "1", "--progress", "json"]
    assert (await house.run(*pace, "--max-clips", "1")).code == 4
    running = await house.start(*pace)
    await until((house.output / ".batchgen.run.json").exists, "the second run")
    while b"held_by" not in (line := await running.line()) or json.loads(line)["held_by"] == "":
        assert line
    running.send(signal.SIGTERM)
    ended = await running.ended()
    assert (ended.code, json.loads(line)["held_by"]) == (4, "pace")
    assert house.calls()["submit"] == 1


async def test_the_service_and_the_folder_of_the_command_line_win(house: House) -> None:
    """``--base-url`` and ``-o`` beat the job file; ``-o`` is relative to where the user stands."""
    async with Simulator(QUICK) as other:
        house.write(FOXES, service={"base_url": other.base_url}, output="theirs")
        ended = await house.run("jobs.yaml", "-o", "mine/deep")
        assert ended.code == 0, ended.err
        assert other.records == []
        assert not (house.folder / "theirs").exists()
        assert len(house.rows(house.folder / "mine" / "deep")) == 3
        assert (await house.run("jobs.yaml", service=False)).code == 0
        assert len(other.tasks) == 3
        assert len(house.rows(house.folder / "theirs")) == 3


BAD_USE: list[tuple[list[str], str]] = [
    (["jobs.yaml", "--in-flight", "0"], "--in-flight"),
    (["jobs.yaml", "--max-clips", "some"], "--max-clips"),
    (["jobs.yaml", "--drain", "soon"], "not a duration"),
    (["jobs.yaml", "--progress", "fancy"], "--progress"),
    (["jobs.yaml", "--on-unknown", "forget"], "--on-unknown"),
    (["jobs.yaml", "--base-url", "http://example.com"], "unprotected"),
    (["jobs.yaml", "--base-url", "ftp://example.com"], "https"),
    (["check", "jobs.yaml", "--base-url", "https://a..b"], "cannot exist"),
    (["jobs.yaml", "--no-such-option"], "No such option"),
    (["jobs.yaml", "--api-key-file", "nowhere"], "key file"),
    (["collect", "jobs.yaml", "--max-clips", "1"], "No such option"),
    (["status"], "JOBS.YAML"),
    (["nowhere.yaml"], "no such file"),
    (["check", "jobs.yaml", "--show", "nobody"], "no job nobody"),
    ([], "Usage"),
]


@pytest.mark.parametrize(("words", "told"), BAD_USE)
async def test_wrong_use_ends_in_2_and_says_what_is_wrong(house: House, words: list[str], told: str) -> None:
    """Nothing is sent, nothing is written."""
    house.write(FOXES)
    ended = await house.run(*words, service=False)
    assert ended.code == 2
    assert told in ended.err
    assert ended.out == ""
    assert not house.output.exists()
    assert house.sim.records == []


async def test_an_output_that_is_no_folder(house: House) -> None:
    """Exit 2 before anything is sent."""
    house.write(FOXES)
    house.output.write_text("a file")
    ended = await house.run("jobs.yaml")
    assert ended.code == 2
    assert "not a folder" in ended.err
    assert house.sim.records == []


async def test_a_plan_tells_what_a_run_would_do(house: House) -> None:
    """``check`` counts clips by model, resolution and length, and what they cost; ``run --dry-run`` is the same."""
    kinds = [
        {"model": model, "resolution": resolution, "duration": duration}
        for model in ("MiniMax-Hailuo-2.3", "MiniMax-Hailuo-02")
        for resolution, duration in (("768P", 6), ("768P", 10), ("1080P", 6))
    ]
    house.write([{"prompt": "A fox", **kind} for kind in kinds])
    planned = await house.run("check", "jobs.yaml", key=None)
    assert planned.code == 0, planned.err
    assert "A run would submit 6 clips: about 19 CNY at the vendor's list prices." in planned.out
    table = [line.split() for line in planned.out.splitlines() if line.startswith("MiniMax")]
    assert [row[1:4] for row in table] == 2 * [["1080P", "6", "s"], ["768P", "6", "s"], ["768P", "10", "s"]]
    assert all(row[4:] == ["1", "0", "0", "0", "0", "0", "1"] for row in table)
    dry = await house.run("run", "jobs.yaml", "--dry-run", key=None)
    assert (dry.code, dry.out, dry.err) == (0, planned.out, planned.err)
    assert (await house.run("jobs.yaml")).code == 0
    assert "A run would submit 0 clips." in (await house.run("check", "jobs.yaml", key=None)).out


async def test_the_exact_body_is_shown(house: House) -> None:
    """``check --show`` prints what would be sent, to the key; of this job file's jobs only."""
    house.write([{"id": "fox", "prompt": "一只狐狸", "duration": 6, "metadata": {"a": 1}}])
    house.write([{"id": "hare", "prompt": "A hare"}], name="more.yaml")
    shown = await house.run("check", "jobs.yaml", "--show", "fox", key=None)
    assert shown.code == 0
    body = {"model": "MiniMax-Hailuo-2.3", "prompt": "一只狐狸", "duration": 6}
    assert json.loads(shown.out) == body
    for name in ("jobs.yaml", "more.yaml"):
        assert (await house.run(name)).code == 0
    assert json.loads(house.sim.tasks[0].body) == body
    assert (await house.run("check", "jobs.yaml", "--show", "hare", key=None)).code == 2


async def test_dismissed_jobs_count_no_more_against_the_exit_code(house: House) -> None:
    """A run over jobs that are all dismissed is done: exit 0."""
    house.sim.fault(Call.SUBMIT, Close())
    house.write(FOXES[:1])
    assert (await house.run("jobs.yaml")).code == 1
    assert (await house.run("dismiss", "jobs.yaml", "fox0", "--reason", "never mind", key=None)).code == 0
    done = await house.run("jobs.yaml")
    assert done.code == 0, done.err
    assert "1 ordered, 0 delivered, 1 dismissed" in done.out


async def test_a_deadline_leaves_the_rest_for_the_next_run(house: House) -> None:
    """Exit code 4, what was sent is brought in, and the same command carries on."""
    house.write(
        [{"id": f"fox{n}", "prompt": f"Fox {n}"} for n in range(12)], limits={"submits_per_minute": 2}
    )
    ended = await house.run("jobs.yaml", "--deadline", "1s")
    assert ended.code == 4
    assert "the deadline has come" in ended.err
    sent = house.calls()["submit"]
    assert 1 <= sent <= 2
    assert house.statuses() == {"succeeded": sent, "pending": 12 - sent}
    again = await house.run("jobs.yaml", "--deadline", "06:00", "--submits-per-minute", "1000")
    assert (again.code, house.statuses()) == (0, {"succeeded": 12})
    wrong = await house.run("jobs.yaml", "--deadline", "25:00")
    assert wrong.code == 2
    assert "06:00" in wrong.err


@pytest.mark.parametrize("command", ["run", "check", "status", "collect"])
@pytest.mark.parametrize("setting", ["output", "ledger"])
async def test_a_name_that_no_file_can_have(house: House, command: str, setting: str) -> None:
    """Exit 2 with the reason, and no traceback."""
    house.write(FOXES, **{setting: "x" * 300})
    ended = await house.run(command, "jobs.yaml")
    assert ended.code == 2
    assert "this path can't be used: File name too long" in ended.err
    assert house.sim.records == []


@pytest.mark.parametrize("setting", ["output", "ledger"])
async def test_links_in_a_circle(house: House, setting: str) -> None:
    """Exit 2 before anything is sent, and no traceback."""
    (house.folder / "circle").symlink_to("circle")
    house.write(FOXES, **{setting: "circle/x"})
    ended = await house.run("jobs.yaml")
    assert ended.code == 2
    assert "circle" in ended.err
    assert house.sim.records == []
