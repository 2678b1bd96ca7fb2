"""One set of values and a blueprint become jobs, or the problems that these values have."""

from __future__ import annotations

from collections.abc import Mapping

from batchgen.jobfile.blueprint import Blueprint
from batchgen.jobfile.camera import camera_warnings
from batchgen.jobfile.fields import PROMPT
from batchgen.jobfile.flaws import Wrong, close_to, shown
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


class Maker:
    """Makes the jobs of one entry.  What all of them share is looked up once: there may be millions."""

    def __init__(self, blueprint: Blueprint, edition: str | None, label: str | None = None) -> None:
        """``label`` names in messages what has no id."""
        self.blueprint = blueprint
        self._edition, self._label = edition, label
        self._keys, self._prompt_of_all = blueprint.keys, blueprint.prompt
        self._repeat, self._filename = blueprint.repeat, blueprint.filename
        self._metadata_of_all: Mapping[str, object] = blueprint.defaults.get("metadata", {})
        self._own_metadata: Mapping[str, object] = blueprint.values.get("metadata", {})
        self._clashes = _clashes(self._keys)
        self._warned: set[str] = set()

    def make(self, piece: Piece) -> list[Job | Problem]:
        """What is wrong or odd about a piece, and its jobs when nothing is wrong."""
        found = list(piece.told)
        jobs = self._jobs(piece, found)
        if not found:
            return list(jobs)
        label = jobs[0].id if jobs else self._label
        told = [one for one in found if not one.warning or self._is_news(one, piece)]
        problems = [one.problem(piece.source, label, piece.where) for one in told]
        return [*problems, *(jobs if all(one.warning for one in found) else ())]

    def _jobs(self, piece: Piece, found: list[Told]) -> list[Job]:
        keys = {**self._keys, **piece.keys}
        prompt = self._prompt(keys.pop("prompt", self._prompt_of_all), piece, found)
        found.extend(_clashes(keys) if piece.keys else self._clashes)
        id_ = self._id(piece, found)
        metadata = self._metadata(piece, found)
        if prompt is None or (found and not all(one.warning for one in found)):
            return []
        request = request_of(prompt, keys)
        digest = request.digest(self._edition)
        first = digest[:12] if id_ is None else id_
        names = [first] if self._repeat == 1 else [repeated_id(first, n + 1) for n in range(self._repeat)]
        return [
            Job(
                id=name,
                explicit_id=id_ is not None,
                request=request,
                digest=digest,
                source=piece.source,
                metadata=metadata,
                warnings=tuple([one.message for one in found]) if found else (),
                filename=self._path(name, request, metadata, piece, found),
                edition=self._edition,
            )
            for name in names
        ]

    def _prompt(self, given: object, piece: Piece, found: list[Told]) -> str | None:
        if given is None:
            if not piece.told:
                found.append(self._no_prompt(piece))
            return None
        try:
            text = given.fill(piece.values) if isinstance(given, Template) else given
            prompt = PROMPT.checked(text if isinstance(text, str) else "")
        except (Unfilled, Wrong) as error:
            found.append(told("prompt", error))
            return None
        if "[" in prompt or not prompt.isascii():
            found.extend([Told(message, remedy, warning=True) for message, remedy in camera_warnings(prompt)])
        return prompt

    def _no_prompt(self, piece: Piece) -> Told:
        column = self.blueprint.columns.get("prompt")
        name = "prompt" if column is None else column.text
        near = None if name in piece.values else close_to(name, piece.values)
        remedy = f"fill the column `{name}`" if near is None else f"did you mean `{name}` by {shown(near)}?"
        return Told("there is no prompt here", remedy)

    def _id(self, piece: Piece, found: list[Told]) -> str | None:
        if piece.id is None:
            return None
        try:
            return full_id(piece.id.fill(piece.values), piece.appended, self._edition, self._repeat)
        except (Unfilled, Wrong) as error:
            found.append(told("id", error))
            return None

    def _metadata(self, piece: Piece, found: list[Told]) -> Mapping[str, object]:
        if not self._own_metadata and not self._metadata_of_all:
            return piece.metadata
        own: dict[str, object] = {}
        for key, value in self._own_metadata.items():
            try:
                own[key] = filled(value, piece.values)
            except Unfilled as error:
                found.append(told(f"metadata.{key}", error))
        return {**self._metadata_of_all, **piece.metadata, **own}

    def _path(
        self, id_: str, request: Request, metadata: Mapping[str, object], piece: Piece, found: list[Told]
    ) -> str | None:
        if self._filename is None:
            return None
        try:
            return clip_path(self._filename, id_, request, metadata, piece.values, self._edition)
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


def _clashes(keys: Mapping[str, object]) -> list[Told]:
    return [Told(clash.message, clash.remedy, clash.warning) for clash in clashes(keys)]
