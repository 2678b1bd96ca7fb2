"""The benchmarks' own arithmetic."""

from __future__ import annotations

import pytest

from benchmarks.frame import Finding, markdown, plain


@pytest.mark.parametrize(
    ("measured", "limit", "at_least", "holds"),
    [
        ([1.0, 9.0, 1.2], 1.2, False, True),
        ([1.0, 1.3, 1.3], 1.2, False, False),
        ([0.9, 0.8, 0.1], 0.8, True, True),
        ([0.9, 0.7, 0.1], 0.8, True, False),
        ([5.0], None, False, True),
    ],
)
def test_the_median_is_held_against_the_limit(
    measured: list[float], limit: float | None, *, at_least: bool, holds: bool
) -> None:
    """One wild repeat decides nothing; a limit is the most, or the least where that is said."""
    assert Finding(what="x", measured=measured, limit=limit, at_least=at_least).holds is holds


def test_a_missed_limit_is_told() -> None:
    """Both tables show the figure, its spread and that it was missed."""
    finding = Finding(what="polls", measured=[1.5, 1.4, 1.6], against="the optimum", limit=1.3)
    assert "1.40 to 1.60" in plain(finding)
    assert (
        list(markdown([finding]))[-1]
        == "| polls, against the optimum | 1.50 × | 1.40 to 1.60 | at most 1.30  MISSED |"
    )
