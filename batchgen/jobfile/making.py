"""One set of values and a blueprint become jobs, or the problems that these values have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from batchgen.jobfile.blueprint import Blueprint
from batchgen.jobfile.camera import camera_warnings
from batchgen.jobfile.fields import PROMPT
from batchgen.jobfile.flaws import Wrong
from batchgen.jobfile.ids import repeated_id
from batchgen.jobfile.naming import clip_path, full_id
from batchgen.jobfile.requests import clashes, request_of
from batchgen.jobfile.template_kinds import filled
from batchgen.jobfile.templates import Template, Unfilled
from batchgen.model import Job, Problem, Request, Source

_MOST_TOLD = 1000  # different warnings of one entry


class Told(NamedTuple):
    """Something wrong, or odd, about one set of values."""

    message: str
    remedy: str | None = None
    warning: bool = False

    def problem(self, source: Source, job: str, where: str = "") -> Problem:
        """This, as it is told to the user."""
        message = where + self.message
        return Problem(source=source, message=message, job=job, remedy=self.remedy, warning=self.warning)


def told(key: str, error: Unfilled | Wrong) -> Told:
    """What is wrong with the value that a text of this key has become."""
    message = error.message if isinstance(error, Unfilled) else f"`{key}` {error.message}"
    return Told(f"`{key}`: {message}" if isinstance(error, Unfilled) else message, error.remedy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What is particular to one row, one combination, or one combination for one row."""

    source: Source
    values: Mapping[str, object]  # by the names that texts use
    keys: Mapping[str, object]  # of the request; the prompt a text to the letter, or a template
    appended: Sequence[str] = ()  # to the id
    metadata: Mapping[str, object] = field(default_factory=dict)
    where: str = ""  # which combination, for messages
    told: Sequence[Told] = ()


@dataclass(slots=True, kw_only=True)
class Maker:
    """Makes the jobs of one entry."""

    blueprint: Blueprint
    label: str
    edition: str | None
    id: Template | None
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
        if self.id is None:
            return None
        try:
            return full_id(self.id.fill(piece.values), piece.appended, self.edition, self.blueprint.repeat)
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
