"""What is particular to one job of an entry: values from a row, with a combination laid over it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from batchgen.jobfile.blueprint import Blueprint
from batchgen.jobfile.matrix import Combination, Matrix
from batchgen.jobfile.templates import Template
from batchgen.model import Problem, Source


class Told(NamedTuple):
    """Something wrong, or odd, about one set of values."""

    message: str
    remedy: str | None = None
    warning: bool = False

    def problem(self, source: Source, job: str | None = None, where: str = "") -> Problem:
        """This, as it is told to the user."""
        message = where + self.message
        return Problem(source=source, message=message, job=job, remedy=self.remedy, warning=self.warning)


class Piece(NamedTuple):
    """What is particular to one row, one combination, or one combination for one row."""

    source: Source
    id: Template | None = None  # none: the hash of the request
    values: Mapping[str, object] = {}  # by the names that texts use
    keys: Mapping[str, object] = {}  # of the request; the prompt a text to the letter, or a template
    metadata: Mapping[str, object] = {}
    told: Sequence[Told] = ()
    appended: Sequence[str] = ()  # to the id
    where: str = ""  # which combination, for messages


@dataclass(frozen=True, slots=True, kw_only=True)
class Combined:
    """The combinations of an entry.  ``several``: what an id does not use of them is appended to it."""

    blueprint: Blueprint
    matrix: Matrix | None
    number: int  # of combinations: none, one, or 2 for several

    @classmethod
    def of(cls, blueprint: Blueprint) -> Combined:
        """What is the same for every row."""
        matrix = blueprint.matrix
        number = 1 if matrix is None else sum(1 for _ in itertools.islice(matrix.combinations(), 2))
        return cls(blueprint=blueprint, matrix=matrix, number=number)

    def over(self, piece: Piece) -> Iterator[Piece]:
        """Every combination laid over a piece; the piece alone where there is nothing to combine."""
        if self.matrix is None:
            yield piece
            return
        for combination in self.matrix.combinations():
            yield self._laid(combination, piece, self.matrix)

    def _laid(self, combination: Combination, piece: Piece, matrix: Matrix) -> Piece:
        chosen = self.blueprint.chosen
        texts = {name: value.text for name, value in combination.values.items()}
        several = self.number > 1
        return piece._replace(
            values={**piece.values, **texts},
            keys={**piece.keys, **{pair[0]: chosen[pair] for pair in texts.items() if pair in chosen}},
            appended=_appended(combination, piece.id, matrix) if several and piece.id else (),
            where=f"in the combination {combination}: " if several else "",
        )


def _appended(combination: Combination, id_: Template, matrix: Matrix) -> list[str]:
    """Of a combination of its own all values, else those of the lists: what is added may change."""
    names: Iterable[str] = matrix.names
    if combination.added:
        names = (*names, *(name for name in combination.values if name not in matrix.texts))
    return [
        combination.values[name].text
        for name in names
        if name in combination.values and name not in id_.names
    ]
