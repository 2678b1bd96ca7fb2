"""The promises, held against what is there: after every kill, and when the batch is over."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from batchgen.simulator import Task
from crash.evidence import Ledger, Sent, Tasks, read_ledger
from crash.processes import KEY

#: What may stand in an output folder beside clips; the names that begin with these are on their way.
_HOUSEHOLD = {"manifest.jsonl", "index.html", "README.md", "ledger.sqlite3", "videos", "superseded"}
_ON_THEIR_WAY = ("ledger.sqlite3-", "ledger.sqlite3.new", ".batchgen.", ".manifest.", ".README.", ".index.")
_SECRETS = (KEY.encode(), b"Signature=")
_POSSIBLY_SENT = {"submitting", "unknown"}


class Promise(StrEnum):
    """What is promised, worded as the count of cases in which it was broken."""

    PAID_TWICE = "clips paid for twice"
    LOST = "clips lost"
    WHOLE = "files under a final name that are not whole"
    LEDGER = "ledgers that are damaged"
    HONEST = "jobs wrongly called unknown, sent or done"
    SAID = "runs that ended in another way than they say"
    KEPT_QUIET = "files with the key or a signed link in them"


@dataclass(frozen=True, slots=True)
class Broken:
    """A promise that was broken, and how."""

    promise: Promise
    how: str

    def __str__(self) -> str:
        return f"{self.promise}: {self.how}"


@dataclass(slots=True, kw_only=True)
class Watch:
    """Follows one output folder from its first run to its last.

    ``prompts`` has, for each job, what was ever ordered under its id; ``may_be_lost`` are the jobs whose
    answer the service itself loses.
    """

    output: Path
    tasks: Tasks
    prompts: dict[str, tuple[str, ...]]
    may_be_lost: frozenset[str] = frozenset()
    ordered: Counter[str] = field(default_factory=Counter)  # how often the user ordered a prompt again
    cut_short: set[int] = field(default_factory=set)  # submissions that a kill found in ``submitting``
    most_cut_short: int = 0  # by one kill
    kills: int = 0
    _whole: dict[tuple[str, int, int, int], int] = field(default_factory=dict)
    _on_disk: set[int] = field(default_factory=set)

    def after_kill(self) -> list[Broken]:
        """Check what the kill left, and remember which POSTs it cut short."""
        self.kills += 1
        ledger = read_ledger(self.output)
        found = list(self._at_any_time(ledger))
        now = ledger.keys("submitting")
        self.cut_short |= now
        self.most_cut_short = max(self.most_cut_short, len(now))
        return found

    def at_end(self) -> list[Broken]:
        """Check what a run that came to its end left: all that was paid for is on disk, and all is said."""
        ledger = read_ledger(self.output)
        return [*self._at_any_time(ledger), *self._delivered(ledger), *self._said(ledger)]

    def order_again(self, *statuses: str) -> None:
        """Note that the user is about to order the jobs of these statuses again."""
        for job in read_ledger(self.output).jobs(*statuses):
            self.ordered[self.prompts[job][-1]] += 1

    # --- at any time ------------------------------------------------------------------------------------

    def _at_any_time(self, ledger: Ledger) -> Iterator[Broken]:
        if ledger.verdict != "ok":
            yield Broken(Promise.LEDGER, ledger.verdict)
        yield from self._paid_once()
        yield from self._known(ledger)
        yield from self._honest(ledger)
        yield from self._files(ledger)
        yield from self._household()

    def _paid_once(self) -> Iterator[Broken]:
        for job, prompts in self.prompts.items():
            for prompt in prompts:
                number, allowed = len(self.tasks.of([prompt])), 1 + self.ordered[prompt]
                if number > allowed:
                    yield Broken(Promise.PAID_TWICE, f"{job} has {number} tasks, {allowed} were ordered")

    def _known(self, ledger: Ledger) -> Iterator[Broken]:
        """A task of the service stands in the ledger, or in a submission that is said to be perhaps sent."""
        known = {one.task_id for one in ledger.sent}
        perhaps = Counter(one.prompt for one in ledger.sent if one.state in _POSSIBLY_SENT)
        for job, prompts in self.prompts.items():
            for prompt in prompts:
                tasks = [str(task.task_id) for task in self.tasks.of([prompt])]
                if len([task for task in tasks if task not in known]) > perhaps[prompt]:
                    yield Broken(Promise.LOST, f"{job}: nobody knows of one of the tasks {tasks}")

    def _honest(self, ledger: Ledger) -> Iterator[Broken]:
        """Unknown are the submissions that a kill cut short, and those that the service did not answer."""
        for one in ledger.sent:
            if one.state == "unknown" and one.key not in self.cut_short and one.job not in self.may_be_lost:
                yield Broken(Promise.HONEST, f"{one.job} is unknown, and was not being submitted at a kill")
            if one.state in {"generated", "succeeded"} and self.tasks.get(one.task_id) is None:
                yield Broken(Promise.HONEST, f"{one.job} is {one.state} with a task that was never made")

    # --- files ------------------------------------------------------------------------------------------

    def _files(self, ledger: Ledger) -> Iterator[Broken]:
        """Under each final name stands a whole clip of the job, and no clip that was there is gone."""
        owners = {one.file: one for one in ledger.sent if one.state == "succeeded"}
        there: set[int] = set()
        for folder in ("videos", "superseded"):
            for path in sorted((self.output / folder).rglob("*")):
                if path.is_dir() or path.name.endswith(".part"):
                    continue
                if path.name == "metadata.jsonl":
                    yield from _torn_lines(path, allowed=0)
                    continue
                name = path.relative_to(self.output).as_posix()
                task = self._task_in(path, name)
                if task is None:
                    yield Broken(Promise.WHOLE, f"{name} is no whole clip of its job")
                    continue
                there.add(task)
                yield from _of_its_own(name, task, owners.get(name))
        for task in self._on_disk - there:
            yield Broken(Promise.LOST, f"the clip of task {task} was there and is gone")
        self._on_disk |= there

    def _task_in(self, path: Path, name: str) -> int | None:
        """Whose clip this is, to the byte; files that were looked at and have not changed are not read again."""
        state = path.stat()
        mark = (name, state.st_ino, state.st_mtime_ns, state.st_size)
        if mark not in self._whole:
            content = path.read_bytes()
            found = [task for task in self._candidates(path) if self.tasks.clip(task) == content]
            if not found or path.is_symlink() or path.suffix != ".mp4":
                return None
            self._whole[mark] = found[0].task_id
        return self._whole[mark]

    def _candidates(self, path: Path) -> list[Task]:
        return self.tasks.of(self.prompts.get(path.name.partition(".")[0], ()))

    def _household(self) -> Iterator[Broken]:
        """Nothing else has a final name, lines are whole, and no file holds a secret."""
        for path in self.output.iterdir() if self.output.exists() else ():
            if path.name not in _HOUSEHOLD and not path.name.startswith(_ON_THEIR_WAY):
                yield Broken(Promise.WHOLE, f"{path.name} stands in the output folder")
        if (manifest := self.output / "manifest.jsonl").exists():
            yield from _torn_lines(manifest, allowed=self.kills)
        for path in self.output.parent.rglob("*"):
            if path.is_file() and ".mp4" not in path.name:
                content = path.read_bytes()
                for secret in _SECRETS:
                    if secret in content:
                        yield Broken(Promise.KEPT_QUIET, f"{secret!r} stands in {path.name}")

    # --- when a run has come to its end -----------------------------------------------------------------

    def _delivered(self, ledger: Ledger) -> Iterator[Broken]:
        """Every task that is known is on disk, and nothing is left half done."""
        for one in ledger.sent:
            task = self.tasks.get(one.task_id)
            if task is not None and task.has_file and not (one.state == "succeeded" and self._stands(one)):
                yield Broken(Promise.LOST, f"{one.job} was paid for (task {one.task_id}) and is {one.state}")
        for job in sorted(ledger.jobs("pending", "submitting", "submitted", "generated")):
            yield Broken(Promise.HONEST, f"{job} is {ledger.statuses[job]} at the end of a run")
        for path in self.output.rglob("*.part"):
            yield Broken(Promise.WHOLE, f"{path.name} is left behind")

    def _stands(self, one: Sent) -> bool:
        path = self.output / (one.file or "")
        return path.is_file() and str(self._task_in(path, one.file or "")) == one.task_id

    def _said(self, ledger: Ledger) -> Iterator[Broken]:
        """The manifest has a row a job, and says what the ledger says; the data set has a row a clip."""
        rows = [_json(line) for line in (self.output / "manifest.jsonl").read_text("utf-8").splitlines()]
        said = [(row["id"], row["status"]) for row in rows]
        if dict(said) != ledger.statuses or len(said) != len(ledger.statuses):
            yield Broken(Promise.HONEST, "the manifest and the ledger differ")
        files = {one.key: one.file for one in ledger.sent if one.state == "succeeded"}
        newest = {one.job: one for one in ledger.sent}
        for row in rows:
            one = newest.get(row["id"])
            if row["status"] == "succeeded" and (one is None or row["task_id"] != one.task_id):
                yield Broken(Promise.HONEST, f"the manifest gives {row['id']} the task {row['task_id']}")
            if row["status"] == "succeeded" and one is not None and row["file"] != files.get(one.key):
                yield Broken(Promise.HONEST, f"the manifest gives {row['id']} the file {row['file']}")
        metadata = (self.output / "videos" / "metadata.jsonl").read_text("utf-8").splitlines()
        listed = sorted(f"videos/{_json(line)['file_name']}" for line in metadata)
        if listed != sorted(row["file"] for row in rows if row["status"] == "succeeded"):
            yield Broken(Promise.HONEST, "the data set lists other clips than the manifest")


def _of_its_own(name: str, task: int, owner: Sent | None) -> Iterator[Broken]:
    """A clip whose submission has succeeded is that of its own task."""
    if owner is not None and owner.task_id != str(task):
        yield Broken(Promise.WHOLE, f"{name} is the clip of task {task}, not of {owner.task_id}")


def _torn_lines(path: Path, *, allowed: int) -> Iterator[Broken]:
    """Lines that are no JSON: each kill may leave one in a file that is appended to."""
    lines = path.read_bytes().split(b"\n")
    torn = [number for number, line in enumerate(lines, 1) if line and not _is_json(line)]
    if len(torn) > allowed:
        yield Broken(Promise.WHOLE, f"{path.name} has torn lines: {torn}")


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _json(line: str) -> dict[str, Any]:
    row: dict[str, Any] = json.loads(line)
    return row
