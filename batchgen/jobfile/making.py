"""One set of values and a blueprint become jobs, or the problems that these values have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from batchgen.jobfile.blueprint import Blueprint
from batchgen.jobfile.camera import camera_warnings
from batchgen.jobfile.fields import PROMPT
from batchgen.jobfile.flaws import Wrong
from batchgen.jobfile.ids import repeated_id
from batchgen.jobfile.many import Piece, Told
from batchgen.jobfile.naming import clip_path, full_id
from batchgen.jobfile.requests import clashes, request_of
from batchgen.jobfile.template_kinds import filled
from batchgen.jobfile.templates import Template, Unfilled
from batchgen.model import Job, Problem, Request

_MOST_TOLD = 1000  # different warnings of one entry


def told(key: str, error: Unfilled | Wrong) -> Told:
    """What is wrong with the value that a text of this key has become."""
    message = error.message if isinstance(error, Unfilled) else f"`{key}` {error.message}"
    return Told(f"`{key}`: {message}" if isinstance(error, Unfilled) else message, error.remedy)


@dataclass(slots=True, kw_only=True)
class Maker:
    """Makes the jobs of one entry."""

    blueprint: Blueprint
    edition: str | None
    label: str | None = None  # of what has no id
    _warned: set[str] = field(default_factory=set)

    def make(self, piece: Piece) -> Iterator[Job | Problem]:
        """What is wrong or odd about a piece, and its jobs when nothing is wrong."""
        found = list(piece.told)
        made = self._jobs(piece, found)
        label = made[0].id if made else self.label
        for one in found:
            if not one.warning or self._is_news(one, piece):
                yield one.problem(piece.source, label, piece.where)
        if all(one.warning for one in found):
            yield from made

    def _jobs(self, piece: Piece, found: list[Told]) -> list[Job]:
        keys = {**self.blueprint.keys, **piece.keys}
        prompt = self._prompt(keys.pop("prompt", self.blueprint.prompt), piece, found)
        found.extend(Told(clash.message, clash.remedy, clash.warning) for clash in clashes(keys))
        id_ = self._id(piece, found)
        metadata = self._metadata(piece, found)
        if prompt is None or any(not one.warning for one in found):
            return []
        request = request_of(prompt, keys)
        digest = request.digest(self.edition)
        first = digest[:12] if id_ is None else id_
        warnings = tuple(one.message for one in found)
        jobs = []
        for number in range(1, self.blueprint.repeat + 1):
            name = repeated_id(first, number)
            job = Job(
                id=name,
                explicit_id=id_ is not None,
                request=request,
                digest=digest,
                source=piece.source,
                metadata=metadata,
                warnings=warnings,
                filename=self._path(name, request, metadata, piece, found),
                edition=self.edition,
            )
            jobs.append(job)
        return jobs

    def _prompt(self, given: object, piece: Piece, found: list[Told]) -> str | None:
        if given is None:
            if not piece.told:
                found.append(Told("there is no prompt here", "fill the column `prompt`"))
            return None
        try:
            text = given.fill(piece.values) if isinstance(given, Template) else given
            prompt = PROMPT.checked(text if isinstance(text, str) else "")
        except (Unfilled, Wrong) as error:
            found.append(told("prompt", error))
            return None
        if "[" in prompt or not prompt.isascii():
            found.extend(Told(message, remedy, warning=True) for message, remedy in camera_warnings(prompt))
        return prompt

    def _id(self, piece: Piece, found: list[Told]) -> str | None:
        if piece.id is None:
            return None
        try:
            return full_id(piece.id.fill(piece.values), piece.appended, self.edition, self.blueprint.repeat)
        except (Unfilled, Wrong) as error:
            found.append(told("id", error))
            return None

    def _metadata(self, piece: Piece, found: list[Told]) -> dict[str, object]:
        own: dict[str, object] = {}
        for key, value in self.blueprint.values.get("metadata", {}).items():
            try:
                own[key] = filled(value, piece.values)
            except Unfilled as error:
                found.append(told(f"metadata.{key}", error))
        return {**self.blueprint.defaults.get("metadata", {}), **piece.metadata, **own}

    def _path(
        self, id_: str, request: Request, metadata: Mapping[str, object], piece: Piece, found: list[Told]
    ) -> str | None:
        template = self.blueprint.filename
        if template is None:
            return None
        try:
            return clip_path(template, id_, request, metadata, piece.values, self.edition)
        except (Unfilled, Wrong) as error:
            found.append(told("filename", error))
            return None

    def _is_news(self, one: Told, piece: Piece) -> bool:
        """What every combination would repeat is told with the first."""
        if not piece.where or one.message in self._warned:
            return not piece.where
        if len(self._warned) < _MOST_TOLD:
            self._warned.add(one.message)
        return True
