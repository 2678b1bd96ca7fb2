"""A batch that is killed at random moments and carried on again and again, until it is done."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from batchgen.simulator import Latency, Times, Video
from crash.evidence import read_ledger
from crash.processes import Lane
from crash.promises import Broken
from crash.scenes import BEHAVIOUR as SCENE_BEHAVIOUR
from crash.scenes import FAILING, LOST, REFUSED, Scene, Stage, Theatre
from crash.visits import carry_on, sound

#: Seconds that a run lives at the most before it is killed.
LIFE = 0.8
#: Everything takes longer than in the scenes, so that kills find it in every state.
BEHAVIOUR = replace(
    SCENE_BEHAVIOUR,
    times=Times(median=0.3, sigma=0.4),
    latency=Latency(submit=0.05, query=0.01, retrieve=0.02),
    video=Video(bytes_per_second=1_500_000),
)
#: How many jobs a life brings forward for each task that it may have at the service: about.
_JOBS_PER_SLOT = 2.0


@dataclass(slots=True, kw_only=True)
class Figures:
    """What was done and what was found."""

    jobs: int = 0
    kills: int = 0
    cut_short: int = 0  # submissions that kills found on their way
    tasks: int = 0  # made by the service
    clips: int = 0  # delivered
    ordered_again: int = 0
    broken: list[Broken] = field(default_factory=list)

    def add(self, other: Figures) -> None:
        """Take another batch's figures in."""
        for name in ("jobs", "kills", "cut_short", "tasks", "clips", "ordered_again"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.broken += other.broken


def cast(number: int) -> Scene:
    """A batch of so many jobs: one in ten is a regenerated clip, one in twenty meets a trouble of each sort."""
    kinds = {0: "kept", 10: "kept", 3: LOST, 7: REFUSED, 13: FAILING}
    jobs = tuple(f"{kinds.get(n % 20, 'plain')}-{n}" for n in range(number))
    edited = tuple(job for job in jobs if job.startswith("kept"))
    return Scene(name=f"{number} jobs", jobs=jobs, edited=edited)


async def killed_at_random(
    theatre: Theatre,
    lane: Lane,
    *,
    jobs: int,
    kills: int,
    draw: random.Random,
    out_of_time: Callable[[], bool] = lambda: False,
) -> Figures:
    """Kill a batch so many times at random moments, or until it is done; then let it come to its end."""
    theatre.simulator.behaviour = BEHAVIOUR
    stage = await theatre.set(cast(jobs), lane)
    broken: list[Broken] = []
    while stage.watch.kills < kills and not out_of_time():
        left = _to_do(stage)
        lives = kills - stage.watch.kills
        slots = round(draw.expovariate(_JOBS_PER_SLOT * lives / max(left, 1)))
        if not left or not await _one_life(theatre, stage, lane, min(max(slots, 1), 50), draw, broken):
            break
    broken += await carry_on(theatre, stage, lane)
    return _figures(theatre, stage, broken)


async def _one_life(
    theatre: Theatre, stage: Stage, lane: Lane, slots: int, draw: random.Random, broken: list[Broken]
) -> bool:
    """Start the command and kill it a moment later, look at what is left; False when it ended before."""
    command = theatre.with_service([*stage.scene.command, "--in-flight", str(slots)])
    await lane.start(stage.folder, *command)
    end = asyncio.create_task(lane.ended())
    await asyncio.wait({end}, timeout=draw.uniform(0.0, LIFE))
    lane.kill()
    ended = await end
    if ended.killed:
        broken += await asyncio.to_thread(stage.watch.after_kill)
        return True
    broken += sound(ended, {0, 1})
    broken += await asyncio.to_thread(stage.watch.at_end)
    return False


def _to_do(stage: Stage) -> int:
    """Jobs that have not ended."""
    done = read_ledger(stage.watch.output).jobs("succeeded", "failed", "unknown")
    return len(stage.scene.jobs) - len(done & set(stage.scene.jobs))


def _figures(theatre: Theatre, stage: Stage, broken: list[Broken]) -> Figures:
    watch = stage.watch
    prompts = [prompt for prompts in watch.prompts.values() for prompt in prompts]
    clips = Counter(path.suffix for path in _clips(watch.output))[".mp4"]
    return Figures(
        jobs=len(stage.scene.jobs),
        kills=watch.kills,
        cut_short=len(watch.cut_short),
        tasks=len(theatre.tasks.of(prompts)),
        clips=clips,
        ordered_again=watch.ordered.total(),
        broken=list(dict.fromkeys(broken)),
    )


def _clips(output: Path) -> list[Path]:
    return [*(output / "videos").rglob("*.mp4"), *(output / "superseded").rglob("*.mp4")]
