"""One entry of the list of jobs becomes jobs, or the problems that it has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from batchgen.jobfile.blueprint import make_blueprint
from batchgen.jobfile.camera import camera_warnings
from batchgen.jobfile.fields import JOB, MAKES_MANY, MANY, MANY_JOBS
from batchgen.jobfile.flaws import Flaw, Wrong, close_to, shown
from batchgen.jobfile.ids import repeated_id
from batchgen.jobfile.making import Maker, told
from batchgen.jobfile.many import Combined, Piece
from batchgen.jobfile.mappings import Values, read_mapping, wrong_value
from batchgen.jobfile.matrix_checks import matrix_flaws, stray_keys
from batchgen.jobfile.matrix_kinds import picks_beside
from batchgen.jobfile.name_checks import name_flaws
from batchgen.jobfile.naming import clip_path, full_id
from batchgen.jobfile.nodes import Broken, Mapping, Node, Scalar
from batchgen.jobfile.requests import merged_metadata, merged_request, request_flaws
from batchgen.jobfile.scalars import described, resolve
from batchgen.jobfile.sourcing import Sourcing
from batchgen.jobfile.tables import SpooledInput
from batchgen.jobfile.templates import Template, Unfilled
from batchgen.jobfile.walk import Item
from batchgen.model import Job, Problem, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryReader:
    """Reads entries of one file, over the defaults of its head."""

    file: str
    defaults: Values
    filename: Template | None = None
    edition: str | None = None
    home: Path = Path()  # what tables are relative to
    spooled: SpooledInput = field(default_factory=SpooledInput)
    alone: bool = False  # a table without a job file

    def read(self, item: Item, number: int) -> Iterator[Job | Problem]:
        """The problems of an entry, and its jobs when it has none but warnings.  ``number`` is from 1."""
        flaws = list(item.flaws)
        node = item.node
        if isinstance(node, Mapping) and not MAKES_MANY.isdisjoint([key.text for key, _ in node.pairs]):
            yield from self._many(node, flaws, number)
            return
        values = self._values(node, flaws)
        if flaws:
            yield from self._told(flaws, _label(node, values, number))
        if isinstance(node, Mapping) and values is not None and not _broken(flaws):
            yield from self._jobs(node, values, tuple(flaw.message for flaw in flaws))

    def _told(self, flaws: list[Flaw], label: str | None) -> Iterator[Problem]:
        for flaw in sorted(flaws, key=lambda flaw: (flaw.line, flaw.column)):
            yield flaw.problem(self.file, label)

    # --- one job, or a few of one request -----------------------------------------------------------------

    def _values(self, node: Node, flaws: list[Flaw]) -> Values | None:
        if not isinstance(node, Mapping):
            if not isinstance(node, Broken):
                flaws.append(_no_mapping(node))
            return None
        values = read_mapping(node, JOB, flaws, where="a job")
        flaws.extend(request_flaws(node, values, self.defaults))
        flaws.extend(_prompt_flaws(node, values))
        flaws.extend(self._id_flaws(node, values))
        if not MANY.keys().isdisjoint(values):
            flaws.extend(stray_keys(node))
        return values

    def _id_flaws(self, node: Mapping, values: dict[str, Any]) -> Iterator[Flaw]:
        times: int = values.get("repeat", 1)
        if "id" in values and (times > 1 or self.edition is not None):
            try:
                values["id"] = full_id(values["id"], (), self.edition, times)
            except Wrong as wrong:
                found = node.find("id")
                if found:
                    yield wrong_value(*found, wrong)

    def _jobs(
        self, node: Mapping, values: dict[str, Any], warnings: tuple[str, ...]
    ) -> Iterator[Job | Problem]:
        request = merged_request(values, self.defaults)
        digest = request.digest(self.edition)
        first = values.get("id") or digest[:12]
        source = Source(file=self.file, line=node.line, column=node.column)
        metadata = merged_metadata(values, self.defaults)
        filename: Template | None = values.get("filename", self.filename)
        for number in range(1, values.get("repeat", 1) + 1):
            id_ = repeated_id(first, number)
            path = None
            if filename is not None:
                try:
                    path = clip_path(filename, id_, request, metadata, {}, self.edition)
                except (Unfilled, Wrong) as error:
                    yield told("filename", error).problem(source, id_)
                    return
            yield Job(
                id=id_,
                explicit_id="id" in values,
                request=request,
                digest=digest,
                source=source,
                metadata=metadata,
                warnings=warnings,
                filename=path,
                edition=self.edition,
            )

    # --- many jobs ----------------------------------------------------------------------------------------

    def _many(self, node: Mapping, flaws: list[Flaw], number: int) -> Iterator[Job | Problem]:
        node, doubled = picks_beside(node)
        flaws.extend(doubled)
        values: dict[str, Any] = read_mapping(node, MANY_JOBS, flaws, where="a job")
        flaws.extend(stray_keys(node))
        flaws.extend(request_flaws(node, values, self.defaults))
        label = None if self.alone else _label(node, {}, number)
        blueprint, more = make_blueprint(node, values, self.defaults, self.filename)
        if not _broken(flaws):
            flaws.extend([*more, *matrix_flaws(blueprint)])
            if "from" not in values:
                flaws.extend(name_flaws(blueprint, ()))
                flaws.extend([] if "prompt" in (*values, *blueprint.matrix_names) else [_no_prompt(node)])
        yield from self._told(flaws, label)
        if _broken(flaws):
            return
        if "from" in values:
            maker = Maker(blueprint=blueprint, edition=self.edition)
            yield from Sourcing(
                maker=maker,
                label=label,
                file=self.file,
                home=self.home,
                spooled=self.spooled,
                alone=self.alone,
            ).jobs()
            return
        maker = Maker(blueprint=blueprint, edition=self.edition, label=label)
        source = Source(file=self.file, line=node.line, column=node.column)
        for piece in Combined.of(blueprint).over(Piece(source, blueprint.id)):
            yield from maker.make(piece)


def _broken(flaws: list[Flaw]) -> bool:
    return not all(flaw.warning for flaw in flaws)


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
            yield _no_prompt(node)
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


def _no_prompt(node: Mapping) -> Flaw:
    message, remedy = "the job has no prompt", "add `prompt: ...`"
    return Flaw(line=node.line, column=node.column, message=message, remedy=remedy)


def _prompt_meant(node: Mapping) -> bool:
    """Whether a key was told already that is or should be the prompt, or brings prompts of its own."""
    names = [key.text for key, _ in node.pairs]
    unknown = [name for name in names if name not in JOB]
    return "prompt" in names or any(close_to(name, JOB) == "prompt" for name in unknown)
