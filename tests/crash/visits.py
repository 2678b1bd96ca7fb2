"""One visit: the scene's command dies at one point, what is left is checked, the same command carries on."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import asdict, dataclass, replace

from batchgen.simulator import Call, Conditions, Hang
from crash.evidence import read_ledger
from crash.processes import Ended, Lane, Orders
from crash.promises import Broken, Promise
from crash.scenes import Scene, Stage, Theatre
from crash.steps import Point

#: Rounds of ordering again: a job that died before its first POST meets its trouble in the second round.
ROUNDS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What a visit found."""

    scene: str
    point: Point | None
    reached: bool
    broken: tuple[Broken, ...]
    cut_short: int  # POSTs that the kill found on their way


def new_points(recorded: Counter[str], known: Container[str], *, every: bool) -> Iterator[Point]:
    """Before and after each step that is not known: its first time, or every time."""
    for step, times in recorded.items():
        if step not in known:
            for number in range(1, times + 1 if every else 2):
                yield Point(step=step, after=False, number=number)
                yield Point(step=step, after=True, number=number)


async def record(theatre: Theatre, scene: Scene, lane: Lane) -> Counter[str]:
    """Play a scene to its end and list its steps, in order, with how often each came."""
    stage = await theatre.set(scene, lane)
    path = stage.folder / "steps"
    ended = await _play(theatre, stage, lane, scene.command, Orders(record=path))
    assert ended.code in {0, 1}, ended.err
    return Counter(path.read_text("utf-8").splitlines())


async def visit(theatre: Theatre, scene: Scene, lane: Lane, point: Point | None, sabotage: str = "") -> Visit:
    """Die at ``point`` (``None``: not at all), look, carry on to the end, order again what is left."""
    stage = await theatre.set(scene, lane)
    orders = Orders(point=None if point is None else asdict(point), sabotage=sabotage)
    ended = await _play(theatre, stage, lane, scene.command, orders)
    broken = [] if ended.killed else list(sound(ended, {0, 1}))
    return await _look_and_carry_on(theatre, stage, lane, point, ended, broken, sabotage)


async def visit_in_the_air(theatre: Theatre, scene: Scene, lane: Lane, *, made: bool) -> Visit:
    """Die while a POST is at the service and its answer is not here: the task is ``made``, or is not yet."""
    stage = await theatre.set(scene, lane)
    prompt = stage.watch.prompts["plain"][-1]
    theatre.simulator.fault(Call.SUBMIT, Hang(made=made), Conditions(prompt=prompt, times=1))
    await lane.start(stage.folder, *theatre.with_service(scene.command))
    await theatre.until_asked(prompt, made=made)
    lane.kill()
    step = f"the answer to the POST, its task {'made' if made else 'not made'}"
    ended = await lane.ended()
    return await _look_and_carry_on(theatre, stage, lane, Point(step=step, after=False), ended, [], "")


async def _look_and_carry_on(
    theatre: Theatre,
    stage: Stage,
    lane: Lane,
    point: Point | None,
    ended: Ended,
    broken: list[Broken],
    sabotage: str,
) -> Visit:
    broken = broken + await asyncio.to_thread(stage.watch.after_kill)
    broken += await carry_on(theatre, stage, lane, Orders(sabotage=sabotage))
    return Visit(
        scene=stage.scene.name,
        point=point,
        reached=ended.killed,
        broken=tuple(dict.fromkeys(broken)),
        cut_short=len(stage.watch.cut_short),
    )


async def carry_on(theatre: Theatre, stage: Stage, lane: Lane, orders: Orders | None = None) -> list[Broken]:
    """The same command to its end; then what is left is ordered again, and that comes to its end too."""
    command = stage.scene.command
    broken: list[Broken] = []
    if command[0] == "retry":
        broken += sound(await _play(theatre, stage, lane, command, orders), {0})
        command = ("jobs.yaml",)
    broken += await _to_the_end(theatre, stage, lane, command, orders)
    for _ in range(ROUNDS):
        if left := _left(stage):
            stage.watch.order_again("unknown", "failed")
            again = await _play(theatre, stage, lane, ("retry", "jobs.yaml", *left), orders)
            broken += sound(again, {0})
            broken += await _to_the_end(theatre, stage, lane, command, orders)
    if still := _left(stage):
        broken.append(Broken(Promise.HONEST, f"ordered again {ROUNDS} times, and still there are {still}"))
    return broken


async def _to_the_end(
    theatre: Theatre, stage: Stage, lane: Lane, command: Sequence[str], orders: Orders | None
) -> list[Broken]:
    ended = await _play(theatre, stage, lane, command, orders)
    broken = list(sound(ended, {1 if _left(stage) else 0}))
    return broken + await asyncio.to_thread(stage.watch.at_end)


async def _play(
    theatre: Theatre, stage: Stage, lane: Lane, command: Sequence[str], orders: Orders | None
) -> Ended:
    if stage.scene.without_links:
        orders = replace(orders or Orders(), without_links=True)
    if orders == Orders():
        orders = None
    return await lane.run(stage.folder, *theatre.with_service(command), orders=orders)


def _left(stage: Stage) -> list[str]:
    """The options that order again what the last run could not finish."""
    ledger = read_ledger(stage.watch.output)
    return [f"--{status}" for status in ("unknown", "failed") if ledger.jobs(status)]


def sound(ended: Ended, codes: Container[int]) -> Iterator[Broken]:
    """A process ends with one of these codes, and never in a traceback."""
    if ended.code not in codes or "Traceback" in ended.err:
        yield Broken(Promise.SAID, f"exit code {ended.code}: {ended.err[-2000:]}")
