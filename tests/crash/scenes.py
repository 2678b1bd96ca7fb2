"""Small batches in which every kind of step comes: a first run, a regenerated clip, trouble of each sort."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from batchgen.simulator import Act, Behaviour, Call, Close, Code, Conditions, Ending, Simulator, Times
from crash.evidence import Tasks
from crash.processes import Lane
from crash.promises import Watch

BEHAVIOUR = Behaviour(times=Times(median=0.04, sigma=0.3), records_kept=100)
#: Nothing waits longer than this, in seconds.
PATIENCE = 30.0
HEAD: dict[str, object] = {
    "limits": {"submits_per_minute": None, "min_free_bytes": 0},
    "polling": {"interval": 0.05, "max_per_second": None},
}
#: Jobs whose id holds one of these words meet the service's trouble, once for each prompt: the answer is lost
#: after the task was made, the prompt is refused, the task fails, the rate is limited, the task is not found.
LOST, REFUSED, FAILING, LIMITED, HIDDEN = "lost", "refused", "failing", "limited", "hidden"
_TROUBLES: tuple[tuple[str, Call, Act], ...] = (
    (LOST, Call.SUBMIT, Close(made=True)),
    (REFUSED, Call.SUBMIT, Code(code=1026)),
    (FAILING, Call.SUBMIT, Ending()),
    (LIMITED, Call.SUBMIT, Code(code=1002)),
    (HIDDEN, Call.QUERY, Code(code=2013)),
)


def make_trouble(simulator: Simulator) -> None:
    """Let the service meet the jobs with their troubles; ordered again, each of them goes well."""
    for word, call, act in _TROUBLES:
        simulator.fault(call, act, Conditions(prompt=word, times=1, per_task=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A batch and the command that is killed in it.  Jobs are their ids; ``edited`` ones were delivered before."""

    name: str
    jobs: tuple[str, ...]
    edited: tuple[str, ...] = ()
    command: tuple[str, ...] = ("jobs.yaml", "--regenerate-changed")
    run_before: bool = False  # so that the command meets what a whole run leaves
    without_links: bool = False  # on a file system that has no hard links
    slow: bool = False  # seconds a visit, not fractions of one


SCENES = (
    Scene(name="a clip regenerated among new ones", jobs=("kept", "plain", REFUSED, LOST), edited=("kept",)),
    Scene(name="a first run", jobs=("plain",)),
    Scene(name="without hard links", jobs=("kept", "plain"), edited=("kept",), without_links=True),
    Scene(
        name="ordered again",
        jobs=("plain", LOST, REFUSED),
        command=("retry", "jobs.yaml", "--unknown", "--failed"),
        run_before=True,
    ),
    Scene(name="troubles", jobs=("plain", FAILING, LIMITED)),
    Scene(name="tasks out of sight", jobs=("plain", HIDDEN), slow=True),
)


def write_jobs(folder: Path, prompts: dict[str, str]) -> None:
    """Write the job file."""
    jobs = [{"id": id_, "prompt": prompt} for id_, prompt in prompts.items()]
    text = yaml.safe_dump({**HEAD, "jobs": jobs}, sort_keys=False)
    (folder / "jobs.yaml").write_text(text, "utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A folder of its own in which a scene is set."""

    scene: Scene
    folder: Path
    watch: Watch


class Theatre:
    """Sets scenes against one service; what came before the scene is played once and copied."""

    def __init__(self, simulator: Simulator, home: Path) -> None:
        self.simulator = simulator
        self.tasks = Tasks(simulator)
        self._home = home
        self._number = 0
        self._preparing = asyncio.Lock()

    async def set(self, scene: Scene, lane: Lane) -> Stage:
        """A fresh folder with the job file, in which the scene's command is the next one."""
        self._number += 1
        name = f"stage {self._number}"
        folder = self._home / name
        before = {job: f"{scene.name}, {job} as it was" for job in scene.edited}
        async with self._preparing:
            await self._prepare(scene, before, lane)
        shutil.copytree(self._home / scene.name, folder)
        prompts = {job: f"{name}, {job}" for job in scene.jobs}
        write_jobs(folder, prompts)
        watch = Watch(
            output=folder / "output",
            tasks=self.tasks,
            prompts={
                job: (*([before[job]] if job in before else ()), prompt) for job, prompt in prompts.items()
            },
            may_be_lost=frozenset(job for job in scene.jobs if LOST in job),
        )
        if scene.run_before:
            ended = await lane.run(folder, *self.with_service(["jobs.yaml"]))
            assert ended.code == 1, ended.err
            watch.order_again("unknown", "failed")
        return Stage(scene=scene, folder=folder, watch=watch)

    async def until_asked(self, prompt: str, *, made: bool) -> None:
        """Wait until a submission of this prompt has arrived, or until its task is made."""
        deadline = time.monotonic() + PATIENCE
        while not (self.tasks.of([prompt]) if made else self._was_asked(prompt)):
            assert time.monotonic() < deadline, f"not asked within {PATIENCE} s: {prompt}"
            await asyncio.sleep(0.005)

    def _was_asked(self, prompt: str) -> bool:
        bodies = [record.json for record in self.simulator.records]
        return any(isinstance(body, dict) and body.get("prompt") == prompt for body in bodies)

    def with_service(self, command: Sequence[str]) -> list[str]:
        """The command, sent to the simulated service."""
        return [*command, "--base-url", self.simulator.base_url]

    async def _prepare(self, scene: Scene, before: dict[str, str], lane: Lane) -> None:
        folder = self._home / scene.name
        if folder.exists():
            return
        folder.mkdir()
        if before:
            write_jobs(folder, before)
            ended = await lane.run(folder, *self.with_service(["jobs.yaml"]))
            assert ended.code == 0, ended.err
