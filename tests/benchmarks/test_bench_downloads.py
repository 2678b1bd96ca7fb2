"""The order in which ways of downloading are tried favours none of them."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from benchmarks.bench_downloads import balanced


def test_each_way_comes_behind_each_other_one() -> None:
    """Once in four repeats, and once in each place."""
    ways = ["a", "b", "c", "d"]
    orders = [balanced(ways, repeat) for repeat in range(4)]
    assert all(sorted(order) == ways for order in orders)
    assert all(sorted(place) == ways for place in zip(*orders, strict=True))
    behind = Counter(pair for order in orders for pair in pairwise(order))
    assert len(behind) == 12
    assert set(behind.values()) == {1}
