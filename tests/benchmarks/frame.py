"""What a benchmark found, and the table that shows it."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One figure, measured several times in alternation with what it is held against."""

    what: str
    measured: Sequence[float]  # one figure a repeat
    unit: str = "×"
    against: str = ""  # the baseline, when the figure is a ratio
    limit: float | None = None  # what is asked of it; None: told only
    at_least: bool = False  # whether the limit is the least, not the most

    @property
    def middle(self) -> float:
        """The median of the repeats."""
        return statistics.median(self.measured)

    @property
    def holds(self) -> bool:
        """Whether the median is within the limit."""
        if self.limit is None:
            return True
        return self.middle >= self.limit if self.at_least else self.middle <= self.limit

    def cells(self) -> tuple[str, str, str, str]:
        """What was measured, its median, its spread, and what is asked of it."""
        what = f"{self.what}, against {self.against}" if self.against else self.what
        spread = f"{_told(min(self.measured))} to {_told(max(self.measured))}"
        return what, f"{_told(self.middle)} {self.unit}", spread, self._asked()

    def _asked(self) -> str:
        if self.limit is None:
            return ""
        bound = "at least" if self.at_least else "at most"
        return f"{bound} {_told(self.limit)}" + ("" if self.holds else "  MISSED")


_HEADINGS = ("what", "median", "spread", "asked")


def markdown(findings: Iterable[Finding]) -> Iterator[str]:
    """The lines of a table for the README."""
    yield f"| {' | '.join(_HEADINGS)} |"
    yield "|---|---:|---:|---:|"
    for finding in findings:
        yield f"| {' | '.join(finding.cells())} |"


def plain(finding: Finding) -> str:
    """A line for the terminal."""
    what, middle, spread, asked = finding.cells()
    return f"{what:<72} {middle:>14}  ({spread})  {asked}".rstrip()


def _told(figure: float) -> str:
    """Three figures that mean something, and no power of ten."""
    if abs(figure) >= 100:
        return f"{figure:,.0f}"
    return f"{figure:.2f}" if abs(figure) >= 1 else f"{figure:.3g}"
