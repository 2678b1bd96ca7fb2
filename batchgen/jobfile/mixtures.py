"""Metadata keys whose values are numbers here and texts there: a column of a data set has one type."""

from __future__ import annotations

from collections.abc import Iterator

from batchgen.model import Job, Problem, Source

_MOST_KEYS = 10_000  # that are looked at


class Mixtures:
    """Sees every job; keeps one example of each kind of value of a key, whatever the number of jobs."""

    def __init__(self) -> None:
        self._first: dict[str, tuple[str, str, Source]] = {}  # by key: kind, job, where
        self._mixed: dict[str, Problem] = {}

    def add(self, job: Job) -> None:
        """Look at a job's metadata."""
        for key, value in job.metadata.items():
            kind = _KINDS.get(type(value), "a list")
            if kind is None or key in self._mixed:
                continue
            first = self._first.get(key)
            if first is None:
                if len(self._first) < _MOST_KEYS:
                    self._first[key] = kind, job.id, job.source
            elif first[0] != kind:
                self._mixed[key] = _problem(key, kind, job, first)

    def problems(self) -> Iterator[Problem]:
        """A warning for each key whose values are of several kinds."""
        yield from self._mixed.values()


#: What a reader of columns tells apart; whole numbers and others are one kind, and null is any.
_KINDS: dict[type, str | None] = {
    type(None): None,
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "text",
    dict: "a mapping",
}


def _problem(key: str, kind: str, job: Job, first: tuple[str, str, Source]) -> Problem:
    other, id_, source = first
    return Problem(
        source=job.source,
        job=job.id,
        message=f"metadata {key!r} is {kind} here, and {other} in job {id_} ({source})",
        remedy="a column of a data set has one type, so all its values will be text there",
        warning=True,
    )
