"""What goes wrong at the service or on the way: no money is lost, and each job has its own reason."""

from __future__ import annotations

from dataclasses import replace

import pytest
from whole.house import QUICK, House

from batchgen.simulator import (
    Act,
    Alter,
    Behaviour,
    Call,
    Close,
    Code,
    Conditions,
    Cut,
    Ending,
    Expired,
    Gateway,
    Limits,
    Raw,
    Times,
    Truncate,
    Video,
)

ONE = Conditions(prompt="odd")


def _mixed(number: int = 6) -> list[dict[str, object]]:
    """Jobs of which one, ``odd``, meets the fault."""
    even: list[dict[str, object]] = [{"id": f"j{n}", "prompt": f"even {n}"} for n in range(number)]
    return [{"id": "odd", "prompt": "odd one"}, *even]


async def test_resubmit_orders_an_unknown_job_again_once_ever(house: House) -> None:
    """``--on-unknown resubmit`` is the user's word for one more submission, in the same run, and only one."""
    house.sim.fault(Call.SUBMIT, Close(made=True), Conditions(prompt="odd one", times=2))
    house.write(_mixed(1))
    assert (await house.run("jobs.yaml", "--on-unknown", "resubmit")).code == 1
    assert house.submitted_prompts()["odd one"] == 2
    assert (await house.run("jobs.yaml", "--on-unknown", "resubmit")).code == 1
    assert house.submitted_prompts()["odd one"] == 2
    assert [attempt["reason"] for attempt in house.row("odd")["attempts"]] == ["first", "resubmit"]


async def test_resubmit_also_orders_what_an_earlier_run_lost(house: House) -> None:
    """The word may come later than the loss; the clip is delivered then."""
    house.sim.fault(Call.SUBMIT, Close(made=True), Conditions(prompt="odd one", times=1))
    house.write(_mixed(1))
    assert (await house.run("jobs.yaml")).code == 1
    again = await house.run("jobs.yaml", "--on-unknown", "resubmit")
    assert again.code == 0, again.err
    assert "ordered again by on_unknown: resubmit: odd" in again.err
    assert house.submitted_prompts()["odd one"] == 2


REFUSALS: list[tuple[Call, Act, str, str, str]] = [
    (Call.SUBMIT, Code(code=1026), "1026", "submit", "no"),
    (Call.SUBMIT, Code(code=2013), "2013", "submit", "no"),
    (Call.SUBMIT, Ending(code=1027), "1027", "generate", "perhaps"),
    (Call.SUBMIT, Ending(status="Failed"), "", "generate", "perhaps"),
]


@pytest.mark.parametrize(("call", "act", "code", "stage", "charged"), REFUSALS)
async def test_one_refused_job_harms_no_other(
    house: House, call: Call, act: Act, code: str, stage: str, charged: str
) -> None:
    """It has its reason and its code in its row; exit 1; the next run does not send it again."""
    house.sim.fault(call, act, ONE)
    house.write(_mixed(2))
    ended = await house.run("jobs.yaml")
    assert ended.code == 1, ended.err
    row = house.row("odd")
    assert (row["status"], row["error"]["stage"], row["charged"]) == ("failed", stage, charged)
    assert code in row["error"]["code"]
    house.check_clips(2)
    assert (await house.run("jobs.yaml")).code == 1
    assert house.calls()["submit"] == 3


HALTS = [
    (Code(code=1008), "insufficient balance"),
    (Gateway(http_status=402, code="insufficient_quota"), "insufficient_quota"),
    (Code(code=2061), "2061"),
]


@pytest.mark.parametrize(("act", "words"), HALTS)
async def test_a_halt_finishes_what_is_under_way(house: House, act: Act, words: str) -> None:
    """Exit 3, the rest pending and free of charge; once a person has acted the same command carries on."""
    house.sim.fault(Call.SUBMIT, act, Conditions(skip=3))
    house.write(_mixed(6))
    ended = await house.run("jobs.yaml", "--in-flight", "3")
    assert ended.code == 3, ended.err
    assert words in ended.err
    assert house.statuses() == {"succeeded": 3, "pending": 4}
    house.check_clips(3)
    house.sim.clear_faults()
    assert (await house.run("jobs.yaml")).code == 0
    house.check_clips(7)
    assert set(house.submitted_prompts().values()) == {1}


async def test_a_balance_that_runs_out(house: House) -> None:
    """Exactly the clips that could be paid for are made and fetched."""
    house.sim.behaviour = replace(QUICK, limits=Limits(balance_clips=4))
    house.write(_mixed(9))
    ended = await house.run("jobs.yaml")
    assert ended.code == 3, ended.err
    assert house.statuses() == {"succeeded": 4, "pending": 6}
    assert len(house.sim.tasks) == 4
    house.check_clips(4)


@pytest.mark.parametrize("act", [Code(code=2049), Gateway(http_status=401, code="invalid_api_key")])
async def test_a_refused_key_halts_at_once(house: House, act: Act) -> None:
    """Exit 3 after one answer, whatever the number of jobs; the key is not in the message."""
    house.sim.fault(Call.SUBMIT, act)
    house.write(_mixed(40))
    ended = await house.run("jobs.yaml", "--in-flight", "1")
    assert ended.code == 3, ended.err
    assert "the API key was refused" in ended.err
    assert house.calls() == {"submit": 1}
    assert house.statuses() == {"pending": 41}


async def test_failures_in_a_row_end_the_spending(house: House) -> None:
    """Ten charged failures in a row: exit 3, and the rest of a long file is not paid for."""
    house.sim.fault(Call.SUBMIT, Ending(code=1000))
    house.write(_mixed(60))
    ended = await house.run("jobs.yaml", "--in-flight", "4")
    assert ended.code == 3, ended.err
    assert "10 charged failures in a row" in ended.err
    assert 10 <= len(house.sim.tasks) <= 14


async def test_rate_limits_only_slow_a_run_down(house: House) -> None:
    """A refusal for the rate makes no task: every job is made once, and exit 0."""
    limits = Limits(tasks_at_once=4, retry_after=0.1)
    house.sim.behaviour = Behaviour(times=Times(median=0.2, sigma=0.0), limits=limits)
    house.sim.fault(
        Call.SUBMIT, Gateway(http_status=429, code="rate_limit", retry_after=0.2), Conditions(times=2)
    )
    house.sim.fault(Call.QUERY, Code(code=1002), Conditions(skip=5, times=3))
    house.write(_mixed(11))
    ended = await house.run("jobs.yaml", "--in-flight", "12")
    assert ended.code == 0, ended.err
    assert set(house.submitted_prompts().values()) == {1}
    assert house.sim.stats()["most_tasks_at_once"] == 4
    house.check_clips(12)


TROUBLES: list[tuple[Call, Act]] = [
    (Call.QUERY, Gateway(http_status=502)),
    (Call.QUERY, Close()),
    (Call.QUERY, Raw()),
    (Call.QUERY, Code(code=1024)),
    (Call.RETRIEVE, Gateway(http_status=503)),
    (Call.RETRIEVE, Close()),
    (Call.VIDEO, Cut()),
    (Call.VIDEO, Truncate()),
    (Call.VIDEO, Expired()),
    (Call.VIDEO, Raw(http_status=200)),
    (Call.VIDEO, Raw(http_status=500)),
    (Call.VIDEO, Close()),
]


async def test_trouble_after_the_submission_never_loses_a_clip(house: House) -> None:
    """Each call fails once for each task in one of many ways: every clip arrives whole, and is paid once."""
    for number, (call, act) in enumerate(TROUBLES):
        house.sim.fault(call, act, Conditions(prompt=f"trouble {number:02}", times=1))
    house.write([{"id": f"t{n:02}", "prompt": f"trouble {n:02}"} for n in range(len(TROUBLES))])
    ended = await house.run("jobs.yaml", "-v")
    assert ended.code == 0, ended.err
    house.check_clips(len(TROUBLES))
    assert house.sim.stats()["leaked_keys"] == 0
    assert house.calls()["submit"] == len(TROUBLES)


async def test_a_cut_download_is_resumed(house: House) -> None:
    """Only the missing bytes are asked for again."""
    house.sim.behaviour = replace(QUICK, video=Video(padding_min=100_000, padding_max=100_000))
    house.sim.fault(Call.VIDEO, Cut(after_bytes=90_000), Conditions(times=2))
    house.write([{"id": "fox", "prompt": "A fox"}])
    ended = await house.run("jobs.yaml")
    assert ended.code == 0, ended.err
    house.check_clips(1)
    assert house.calls() == {"submit": 1, "query": house.calls()["query"], "retrieve": 1, "video": 3}
    assert house.sim.stats()["video_bytes"] == house.row("fox")["bytes"]


async def test_links_that_expire_are_asked_for_anew(house: House) -> None:
    """A link that is dead on arrival costs a call and no clip; without end it leaves the job generated."""
    house.sim.fault(Call.VIDEO, Expired(), Conditions(prompt="odd"))
    house.write(_mixed(1), limits={"submits_per_minute": None, "download_patience": 2})
    ended = await house.run("jobs.yaml")
    assert ended.code == 1, ended.err
    assert house.statuses() == {"generated": 1, "succeeded": 1}
    row = house.row("odd")
    assert (row["error"]["stage"], row["charged"], row["file"]) == ("download", "yes", None)
    house.sim.clear_faults()
    assert (await house.run("jobs.yaml")).code == 0
    assert house.calls()["submit"] == 2
    house.check_clips(2)


async def test_a_clip_of_another_size_has_succeeded_with_a_warning(house: House) -> None:
    """What is paid for and whole is kept; the row tells what is odd."""
    house.sim.fault(Call.QUERY, Alter(set={"video_width": 640, "video_height": 360}))
    house.write([{"id": "fox", "prompt": "A fox"}])
    ended = await house.run("jobs.yaml")
    assert ended.code == 0, ended.err
    house.check_clips(1)
    assert (house.row("fox")["width"], house.row("fox")["height"]) == (1366, 768)
