"""A geometric grid of task ages: fine enough to plan on, small enough to keep for ever.  Ages are seconds."""

from __future__ import annotations

import math

RATIO = 1.02  # between two edges
_FIRST = 0.05  # the first edge above 0: what takes less is not told apart
_LOG_RATIO = math.log(RATIO)

#: The number of the last edge, beyond two days: no task is watched for longer.
LAST = 770
#: The grid.  Bin ``k`` holds the ages above ``EDGES[k - 1]``, up to ``EDGES[k]``.
EDGES: tuple[float, ...] = (0.0, *(_FIRST * RATIO**k for k in range(LAST)))


def nearest(age: float) -> int:
    """The number of the edge that is nearest to this age, by their ratio; 0 for an age near 0."""
    if not age > _FIRST / 2:
        return 0
    return max(1, 1 + round(math.log(min(age, EDGES[LAST]) / _FIRST) / _LOG_RATIO))


def steps(logarithm: float) -> float:
    """How many edges lie within a factor, given by its natural logarithm."""
    return logarithm / _LOG_RATIO
