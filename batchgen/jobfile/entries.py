"""One entry of the list of jobs becomes jobs, or the problems that it has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from batchgen.jobfile.camera import camera_warnings
from batchgen.jobfile.fields import JOB, LATER_JOB
from batchgen.jobfile.flaws import Flaw, close_to, shown
from batchgen.jobfile.ids import MAX_BYTES, repeated_id
from batchgen.jobfile.mappings import Values, read_mapping
from batchgen.jobfile.nodes import Broken, Mapping, Node, Scalar
from batchgen.jobfile.requests import merged_metadata, merged_request, request_flaws
from batchgen.jobfile.scalars import described, resolve
from batchgen.jobfile.walk import Item
from batchgen.model import Job, Problem, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryReader:
    """Reads entries of one file, over the defaults of its head."""

    file: str
    defaults: Values

    def read(self, item: Item, number: int) -> Iterator[Job | Problem]:
        """The problems of an entry, and its jobs when it has none but warnings.  ``number`` is from 1."""
        flaws = list(item.flaws)
        values = self._values(item.node, flaws)
        label = _label(item.node, values, number)
        for flaw in sorted(flaws, key=lambda flaw: (flaw.line, flaw.column)):
            yield flaw.problem(self.file, label)
        if values is not None and all(flaw.warning for flaw in flaws):
            yield from self._jobs(item.node, values, tuple(flaw.message for flaw in flaws))

    def _values(self, node: Node, flaws: list[Flaw]) -> Values | None:
        if not isinstance(node, Mapping):
            if not isinstance(node, Broken):
                flaws.append(_no_mapping(node))
            return None
        values = read_mapping(node, JOB, flaws, where="a job", later=LATER_JOB)
        flaws.extend(request_flaws(node, values, self.defaults))
        flaws.extend(_prompt_flaws(node, values))
        flaws.extend(_repeat_flaws(node, values))
        return values

    def _jobs(self, node: Node, values: dict[str, Any], warnings: tuple[str, ...]) -> Iterator[Job]:
        request = merged_request(values, self.defaults)
        digest = request.digest()
        first = values.get("id") or digest[:12]
        source = Source(file=self.file, line=node.line, column=node.column)
        metadata = merged_metadata(values, self.defaults)
        for number in range(1, values.get("repeat", 1) + 1):
            yield Job(
                id=repeated_id(first, number),
                explicit_id="id" in values,
                request=request,
                digest=digest,
                source=source,
                metadata=metadata,
                warnings=warnings,
            )


def _label(node: Node, values: Values | None, number: int) -> str:
    if values is not None and "id" in values:
        return str(values["id"])
    found = node.find("id") if isinstance(node, Mapping) else None
    if found and isinstance(found[1], Scalar) and found[1].text:
        return shown(found[1].text)
    return f"number {number}"


def _no_mapping(node: Node) -> Flaw:
    empty = isinstance(node, Scalar) and resolve(node) is None
    message = "this job is empty" if empty else f"a job is a mapping of keys, not {described(node)}"
    return Flaw(line=node.line, column=node.column, message=message, remedy="write `- prompt: ...`")


def _prompt_flaws(node: Mapping, values: dict[str, Any]) -> Iterator[Flaw]:
    if "prompt" not in values:
        if not _prompt_meant(node):
            message, remedy = "the job has no prompt", "add `prompt: ...`"
            yield Flaw(line=node.line, column=node.column, message=message, remedy=remedy)
        return
    prompt: str = values["prompt"]
    if "[" not in prompt and prompt.isascii():
        return
    place: Node | None = None
    for message, remedy in camera_warnings(prompt):
        if place is None:
            found = node.find("prompt")
            place = found[1] if found else node
        yield Flaw(line=place.line, column=place.column, message=message, remedy=remedy, warning=True)


def _prompt_meant(node: Mapping) -> bool:
    """Whether a key was told already that is or should be the prompt, or brings prompts of its own."""
    names = [key.text for key, _ in node.pairs]
    unknown = [name for name in names if name not in JOB]
    return "prompt" in names or "from" in names or any(close_to(name, JOB) == "prompt" for name in unknown)


def _repeat_flaws(node: Mapping, values: dict[str, Any]) -> Iterator[Flaw]:
    times = values.get("repeat", 1)
    if times == 1 or "id" not in values:
        return
    last = repeated_id(values["id"], times)
    found = node.find("id")
    if found and len(last.encode()) > MAX_BYTES:
        place = found[1]
        message = (
            f"`id` leaves no room for the `-{times}` that `repeat` appends: at most {MAX_BYTES} bytes in all"
        )
        yield Flaw(line=place.line, column=place.column, message=message, remedy="shorten it")
