"""An entry with combinations becomes jobs, one at a time."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from batchgen.jobfile.blueprint import Blueprint
from batchgen.jobfile.making import Maker, Piece
from batchgen.jobfile.matrix import Combination
from batchgen.jobfile.templates import Template
from batchgen.model import Job, Problem, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Combined:
    """The combinations of an entry, as far as they are the same for every row."""

    blueprint: Blueprint
    id: Template | None
    several: bool  # more than one combination: what the id does not use is appended to it

    def piece(self, combination: Combination, source: Source) -> Piece:
        """What is particular to a combination."""
        chosen = self.blueprint.chosen
        pairs = ((name, value.text) for name, value in combination.values.items())
        return Piece(
            source=source,
            values={name: value.text for name, value in combination.values.items()},
            keys={pair[0]: chosen[pair] for pair in pairs if pair in chosen},
            appended=self._appended(combination),
            where=f"in the combination {combination}: " if self.several else "",
        )

    def _appended(self, combination: Combination) -> list[str]:
        """Of a combination of its own all values, else those of the lists: what is added may change."""
        if not self.several or self.id is None or self.blueprint.matrix is None:
            return []
        names: Iterable[str] = self.blueprint.matrix.names
        if combination.added:
            names = (
                *names,
                *(name for name in combination.values if name not in self.blueprint.matrix.texts),
            )
        used = self.id.names
        return [
            combination.values[name].text for name in names if name in combination.values and name not in used
        ]


def combined_jobs(maker: Maker, source: Source) -> Iterator[Job | Problem]:
    """The jobs of every combination of an entry, and what is wrong with them."""
    matrix = maker.blueprint.matrix
    every = matrix.combinations() if matrix else iter(())
    first = list(itertools.islice(every, 2))
    combined = Combined(blueprint=maker.blueprint, id=maker.id, several=len(first) > 1)
    if not first:
        yield Problem(
            source=source,
            job=maker.label,
            message="`exclude` leaves no combination",
            remedy="remove what excludes too much",
        )
    for combination in itertools.chain(first, every):
        yield from maker.make(combined.piece(combination, source))
