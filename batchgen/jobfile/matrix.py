"""Combinations: every value of every list with every other, less what is excluded, and more that is included.

``include`` and ``exclude`` mean what they mean in the matrices of GitHub Actions ("Running variations of jobs in
a workflow" of its documentation): first every combination that agrees with an entry of ``exclude`` goes.  Then an
entry of ``include`` is added to every combination of the lists that it overwrites nothing of; it may overwrite
what an earlier entry added; when there is no such combination it is one of its own.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from batchgen.jobfile.nodes import Scalar

#: Names with their values, as they are written.
Named = Mapping[str, Scalar]


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """A name of a matrix and the values that it takes in turn."""

    key: Scalar
    values: tuple[Scalar, ...]

    @property
    def name(self) -> str:
        """The name."""
        return self.key.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Combination:
    """Values by their names.  ``added``: it comes from ``include`` alone."""

    values: Named
    added: bool = False

    def __str__(self) -> str:
        """As one would write it in the file, cut where it is long."""
        words = ", ".join(f"{name}: {value.text}" for name, value in self.values.items())
        return f"{{{words if len(words) <= 200 else words[:199] + '…'}}}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """The lists of an entry, and what its ``include`` and ``exclude`` say."""

    axes: tuple[Axis, ...]
    include: tuple[Named, ...] = ()
    exclude: tuple[Named, ...] = ()
    texts: Mapping[str, frozenset[str]] = field(init=False)  # the values of each list

    def __post_init__(self) -> None:
        """Prepare what every combination is compared with."""
        texts = {axis.name: frozenset(value.text for value in axis.values) for axis in self.axes}
        object.__setattr__(self, "texts", texts)

    @property
    def size(self) -> int:
        """How many combinations there are at most."""
        return math.prod(len(axis.values) for axis in self.axes) * bool(self.axes) + len(self.include)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the lists."""
        return tuple(axis.name for axis in self.axes)

    @property
    def added_names(self) -> tuple[str, ...]:
        """Names that stand under ``include`` alone, in its order."""
        found = dict.fromkeys(name for extra in self.include for name in extra)
        return tuple(name for name in found if name not in self.texts)

    def combinations(self) -> Iterator[Combination]:
        """Each combination, the last list turning fastest; those of ``include`` alone come last."""
        used = [False] * len(self.include)
        for values in self._products():
            chosen = dict(zip(self.names, values, strict=True))
            if any(_agrees(chosen, refused) for refused in self.exclude):
                continue
            more: dict[str, Scalar] = {}
            for place, extra in enumerate(self.include):
                if _agrees(chosen, extra):
                    used[place] = True
                    more.update(extra)
            yield Combination(values={**chosen, **more})
        for extra, extended in zip(self.include, used, strict=True):
            if not extended:
                yield Combination(values=extra, added=True)

    def _products(self) -> Iterator[tuple[Scalar, ...]]:
        if not self.axes:
            return iter(())
        return itertools.product(*(axis.values for axis in self.axes))


def _agrees(chosen: Named, other: Named) -> bool:
    """Whether the names that both have, have the same values."""
    return all(chosen[name].text == value.text for name, value in other.items() if name in chosen)
