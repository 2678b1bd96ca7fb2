"""Answers that are lost, from the POST to the manifest: one POST each, unknown unless proven, and the run goes on."""

from __future__ import annotations

from collections import Counter
from functools import partial

import pytest
from whole.house import House

from batchgen.hailuo.client import Timeouts
from batchgen.simulator import (
    Act,
    Alter,
    Call,
    Close,
    Code,
    Conditions,
    Cut,
    Ending,
    Gateway,
    Hang,
    Raw,
    Redirect,
    Shape,
    Truncate,
)

HALF = '{"task_id": "3354927037'
JSON = "application/json"
LIMITS = {"submits_per_minute": None, "min_free_bytes": 0, "halt_after_unknown": 1000}

#: What is done to the POST, and whether the service has made the task all the same.
LOST: dict[str, tuple[Act, bool]] = {
    "closed before": (Close(made=False), False),
    "closed after": (Close(made=True), True),
    "cut in the answer": (Cut(), True),
    "cut before the body": (Cut(after_bytes=0), True),
    "half of the answer": (Truncate(), True),
    "silence before": (Hang(made=False), False),
    "silence after": (Hang(made=True), True),
    "http 500 before": (Gateway(http_status=500), False),
    "http 500 after": (Gateway(http_status=500, made=True), True),
    "http 502 page": (Gateway(http_status=502, shape=Shape.HTML, made=True), True),
    "http 503 plain": (Gateway(http_status=503, made=False), False),
    "http 503 page": (Gateway(http_status=503, shape=Shape.HTML, made=True), True),
    "http 503 empty": (Gateway(http_status=503, shape=Shape.EMPTY, made=True), True),
    "http 504 flat": (Gateway(http_status=504, shape=Shape.FLAT, made=True), True),
    "http 404": (Gateway(http_status=404, made=False), False),
    "http 400 with 1024": (Gateway(http_status=400, code="1024", made=True), True),
    "model_not_found under 500": (Gateway(http_status=500, code="model_not_found", made=True), True),
    "a page": (Raw(made=True), True),
    "an empty body": (Raw(body="", made=True), True),
    "half a json": (Raw(body=HALF, content_type=JSON, made=True), True),
    "a json list": (Raw(body="[]", content_type=JSON, made=True), True),
    "a json null": (Raw(body="null", content_type=JSON, made=True), True),
    "an empty task id": (Alter(set={"task_id": ""}), True),
    "no task id": (Alter(remove=("task_id",)), True),
    "a task id in a list": (Alter(set={"task_id": ["335492703728059"]}), True),
    "a task id that is true": (Alter(set={"task_id": True}), True),
    "a task id in an object": (Alter(set={"task_id": {"id": 1}}), True),
    "no base_resp and no id": (Alter(remove=("task_id", "base_resp")), True),
    "base_resp is a word": (Alter(set={"base_resp": "success", "task_id": None}), True),
    "code 1000": (Code(code=1000), False),
    "code 1001": (Code(code=1001, made=True), True),
    "code 1013": (Code(code=1013, made=True), True),
    "code 1024": (Code(code=1024), False),
    "code 1033": (Code(code=1033, made=True), True),
    "a code of tomorrow": (Code(code=7777, made=True), True),
    "moved elsewhere": (Redirect(http_status=307), False),
}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A submission shows as unknown after 0.3 s and is given up after 1.2 s."""
    monkeypatch.setattr("batchgen.pipeline.submit.FIRST_PATIENCE", 0.3)
    monkeypatch.setattr("batchgen.hailuo.client.Timeouts", partial(Timeouts, connect=1.0, post=1.2))


def posts(house: House) -> Counter[str]:
    """POSTs that the service saw, by prompt."""
    seen = [record.json for record in house.sim.records if record.call == "submit"]
    return Counter(str(body["prompt"]) for body in seen if isinstance(body, dict))


def entries(prompts: list[str]) -> list[dict[str, object]]:
    return [{"id": prompt.replace(" ", "-"), "prompt": prompt} for prompt in prompts]


async def test_every_lost_answer_is_unknown_and_never_sent_again(house: House, impatient: None) -> None:  # noqa: ARG001  a setting
    """One POST each, whatever the service did with it; the others of the run are delivered; exit 1 each time."""
    for prompt, (act, _) in LOST.items():
        house.sim.fault(Call.SUBMIT, act, Conditions(prompt=f"({prompt})"))
    faulty = [f"({prompt})" for prompt in LOST]
    jobs: list[dict[str, object]] = [{"id": f"lost-{n}", "prompt": prompt} for n, prompt in enumerate(faulty)]
    house.write([*jobs, *entries([f"even {n}" for n in range(6)])], limits=LIMITS)
    ended = await house.run("jobs.yaml")
    assert ended.code == 1, ended.err
    assert house.statuses() == {"unknown": len(LOST), "succeeded": 6}
    house.check_clips(6)
    for row in house.rows()[: len(LOST)]:
        assert (row["charged"], row["error"]["stage"]) == ("perhaps", "submit"), row
        assert [attempt["outcome"] for attempt in row["attempts"]] == ["unknown"], row
    assert house.row(f"lost-{list(LOST).index('code 1013')}")["error"]["code"] == "1013"
    house.sim.clear_faults()
    again = await house.run("jobs.yaml")
    assert again.code == 1
    assert f"{len(LOST) + 6} ordered, 6 delivered, {len(LOST)} unknown;" in again.out
    assert set(posts(house).values()) == {1}
    made = house.submitted_prompts()
    assert {prompt: made[f"({prompt})"] for prompt in LOST} == {
        prompt: int(was_made) for prompt, (_, was_made) in LOST.items()
    }


#: Proven by the table of the API: nothing was made.
PROVEN: list[Act] = [
    Gateway(http_status=503, code="model_not_found"),
    Gateway(http_status=503, shape=Shape.FLAT, code="model_not_found"),
    Code(code=1002, retry_after=0.1),
    Code(code=1039, retry_after=0.1),
    Code(code=1041, retry_after=0.1),
    Code(code=2045, retry_after=0.1),
    Gateway(http_status=429, shape=Shape.HTML, retry_after=0.1),
]


async def test_what_is_proven_not_accepted_is_sent_again(house: House) -> None:
    """Each job is refused once and made once: the refusal stands in the ledger and costs nothing."""
    for number, act in enumerate(PROVEN):
        house.sim.fault(Call.SUBMIT, act, Conditions(prompt=f"({number})", times=1))
    jobs = [{"id": f"j{number}", "prompt": f"({number})"} for number in range(len(PROVEN))]
    house.write([dict(job) for job in jobs])
    ended = await house.run("jobs.yaml")
    assert ended.code == 0, ended.err
    house.check_clips(len(PROVEN))
    assert set(house.submitted_prompts().values()) == {1}
    assert posts(house) == {f"({number})": 2 for number in range(len(PROVEN))}
    for row in house.rows():
        told = [(attempt["outcome"], attempt["charged"]) for attempt in row["attempts"]]
        assert told == [("not_accepted", "no"), ("succeeded", "yes")]
        assert row["submissions"] == 1


@pytest.mark.parametrize("made", [False, True])
async def test_an_answer_that_comes_late_is_delivered_in_the_same_run(
    house: House,
    impatient: None,  # noqa: ARG001  a setting
    made: bool,  # noqa: FBT001  a column
) -> None:
    """After the first patience it shows as unknown; the answer makes it submitted; exit 0, one POST."""
    house.sim.fault(Call.SUBMIT, Hang(seconds=0.8, made=made), Conditions(prompt="slow", times=1))
    house.write(entries(["slow", "quick"]))
    ended = await house.run("jobs.yaml", "--progress", "json", "--on-unknown", "resubmit")
    assert ended.code == 0, ended.err
    path = [event["status"] for event in ended.events if event.get("id") == "slow" and "status" in event]
    assert path[:3] == ["submitting", "unknown", "submitted"], path
    assert path[-1] == "succeeded"
    assert posts(house) == {"slow": 1, "quick": 1}
    assert len(house.row("slow")["attempts"]) == 1
    house.check_clips(2)


async def test_a_night_of_lost_answers_is_stopped(house: House) -> None:
    """Every POST makes a task whose answer is lost: ten POSTs, exit 3, and the others wait for a person."""
    house.sim.fault(Call.SUBMIT, Close(made=True))
    house.write(entries([f"clip {n}" for n in range(60)]))
    ended = await house.run("jobs.yaml", "--on-unknown", "resubmit")
    assert ended.code == 3, ended.err
    assert "10 submissions in a row had an unknown outcome" in ended.err
    assert house.calls() == {"submit": 10}
    assert house.statuses()["pending"] >= 50


# --- ordered again, on the user's word ------------------------------------------------------------------


async def test_both_clips_of_a_job_that_was_ordered_again_are_fetched(house: House) -> None:
    """In the same run, with the earlier submission kept; its task is adopted, and its clip goes aside."""
    house.sim.fault(Call.SUBMIT, Close(made=True), Conditions(prompt="odd", times=1))
    house.write(entries(["odd", "even"]), on_unknown="resubmit")
    ended = await house.run("jobs.yaml")
    assert ended.code == 0, ended.err
    assert posts(house) == {"odd": 2, "even": 1}
    told = [(attempt["outcome"], attempt["reason"]) for attempt in house.row("odd")["attempts"]]
    assert told == [("unknown", "first"), ("succeeded", "resubmit")]
    assert "1 ordered again by you, nothing else paid twice" in ended.out
    first, second = sorted((task for task in house.sim.tasks if task.prompt == "odd"), key=_made_at)
    adopted = await house.run("adopt", "jobs.yaml", "odd", str(first.task_id), key=None)
    assert adopted.code == 0, adopted.err
    assert (await house.run("jobs.yaml")).code == 0
    assert posts(house)["odd"] == 2
    row = house.row("odd")
    assert (house.output / row["file"]).read_bytes() == house.sim.clip_bytes(second)
    (aside,) = (house.output / "superseded").iterdir()
    assert aside.read_bytes() == house.sim.clip_bytes(first)
    assert [attempt["outcome"] for attempt in row["attempts"]] == ["succeeded", "succeeded"]


def _made_at(task: object) -> float:
    return float(getattr(task, "made_at"))  # noqa: B009  of the simulated service


async def test_a_submission_is_ordered_again_only_when_its_exchange_is_over(
    house: House,
    impatient: None,  # noqa: ARG001  a setting
) -> None:
    """It showed as unknown long before; until the hard timeout its answer may still come."""
    house.sim.fault(Call.SUBMIT, Hang(made=True), Conditions(prompt="odd", times=1))
    house.write(entries(["odd"]), on_unknown="resubmit")
    ended = await house.run("jobs.yaml")
    assert ended.code == 0, ended.err
    first, second = (record.at for record in house.sim.records if record.call == "submit")
    assert second - first >= 1.1
    assert len(house.sim.tasks) == 2


async def test_once_per_job_ever(house: House) -> None:
    """Lost again and again, over runs and the user's own orders in between: one order by itself."""
    house.sim.fault(Call.SUBMIT, Close(made=True), Conditions(prompt="odd"))
    house.write(entries(["odd", "even"]), on_unknown="resubmit")
    for number in (2, 2):
        ended = await house.run("jobs.yaml")
        assert ended.code == 1, ended.err
        assert posts(house) == {"odd": number, "even": 1}
    assert (await house.run("retry", "jobs.yaml", "--unknown", key=None)).code == 0
    for _ in range(2):
        assert (await house.run("jobs.yaml")).code == 1
        assert posts(house) == {"odd": 3, "even": 1}
    reasons = [attempt["reason"] for attempt in house.row("odd")["attempts"]]
    assert reasons == ["first", "resubmit", "retry"]


async def test_a_job_held_by_default_is_ordered_again_by_the_run_that_may(house: House) -> None:
    """Lost in a run without that word, sent again by the next with it; not by ``collect``, nor when dismissed."""
    house.sim.fault(Call.SUBMIT, Close(made=False), Conditions(times=2))
    house.write(entries(["one", "two"]))
    assert (await house.run("jobs.yaml")).code == 1
    assert (await house.run("dismiss", "jobs.yaml", "two", "--reason", "no need", key=None)).code == 0
    house.write(entries(["one", "two"]), on_unknown="resubmit")
    assert (await house.run("collect", "jobs.yaml")).code == 1
    assert posts(house) == {"one": 1, "two": 1}
    assert (await house.run("jobs.yaml")).code == 0
    assert posts(house) == {"one": 2, "two": 1}


async def test_a_generation_that_fails_is_not_ordered_again(house: House) -> None:
    """The standing word is about lost answers alone."""
    house.sim.fault(Call.SUBMIT, Ending(code=1000), Conditions(prompt="odd"))
    house.write(entries(["odd"]), on_unknown="resubmit")
    for _ in range(2):
        assert (await house.run("jobs.yaml")).code == 1
    assert posts(house) == {"odd": 1}
