"""What is believed of task times, from intervals, from tasks that still run, and from what was known before."""

from __future__ import annotations

import math

import pytest

from batchgen.polling.ages import EDGES, nearest
from batchgen.polling.estimate import estimate, smoothed

MINUTE = nearest(60.0)
#: A hundred tasks of a minute, give or take a tenth.
KNOWN = {MINUTE + k: 100.0 / 11 for k in range(-5, 6)}


def interval(low: float, high: float) -> tuple[int, int]:
    """As it is seen between two questions."""
    return nearest(low), nearest(high)


def test_what_agrees_is_trusted() -> None:
    """Tasks that end as before leave all weight to what is known, and no shift."""
    found = estimate(KNOWN, {interval(55.0, 60.0): 20.0, interval(60.0, 65.0): 20.0}, {})
    assert found.trust == 1.0
    assert abs(found.shift) <= 1
    assert found.ends().quantile(0.5) == pytest.approx(60.0, rel=0.05)


def test_what_contradicts_is_weighed_down() -> None:
    """Half of the tasks end at forty seconds, half at ninety: no speed of the service explains that."""

    def trust(number: float) -> float:
        return estimate(KNOWN, {interval(38.0, 41.0): number, interval(88.0, 92.0): number}, {}).trust

    assert 1.0 >= trust(1.0) > trust(10.0) > trust(30.0)
    assert trust(30.0) < 0.15
    ends = estimate(KNOWN, {interval(38.0, 41.0): 30.0, interval(88.0, 92.0): 30.0}, {}).ends()
    assert (ends.quantile(0.25), ends.quantile(0.75)) == pytest.approx((40.0, 90.0), rel=0.1)


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_another_speed_moves_what_is_known(factor: float) -> None:
    """Few tasks tell it; the shape stays."""
    found = estimate(KNOWN, {interval(58.0 * factor, 62.0 * factor): 4.0}, {})
    assert EDGES[1] * math.exp(found.shift * math.log(1.02)) == pytest.approx(EDGES[1] * factor, rel=0.1)
    assert found.ends().quantile(0.5) == pytest.approx(60.0 * factor, rel=0.15)


def test_tasks_that_outlive_what_is_known_tell_of_a_slower_service() -> None:
    """Fifty still run at a minute and a half, and none has ended yet."""
    found = estimate(KNOWN, {}, {nearest(90.0): 50})
    assert found.shift > 5
    assert found.ends().quantile(0.3) > 90.0


def test_an_observation_is_shared_out_within_its_interval() -> None:
    """As the belief has it, and nothing is lost; where nothing is believed it stands at the end."""
    found = estimate(KNOWN, {}, {})
    low, high = interval(50.0, 66.0)
    share = found.share(low, high)
    assert set(share) == set(range(low + 1, high + 1))
    assert sum(share.values()) == pytest.approx(1.0)
    assert max(share, key=lambda at: share[at]) in KNOWN
    assert found.share(*interval(1e4, 2e4)) == {nearest(2e4): 1.0}


@pytest.mark.parametrize("width", [0.0, 0.4, 1.0, 5.0, 40.0])
def test_smoothing_loses_nothing(width: float) -> None:
    """Also at the ends; and where there is room the middle stays and the spread is what was asked for."""
    counts = [0.0] * 100
    counts[0], counts[50], counts[-1] = 2.0, 10.0, 3.0
    assert sum(smoothed(counts, width)) == pytest.approx(15.0)
    counts[0] = counts[-1] = 0.0
    if width in {1.0, 5.0}:
        spread = smoothed(counts, width)
        middle = sum(k * count for k, count in enumerate(spread)) / 10.0
        variance = sum((k - middle) ** 2 * count for k, count in enumerate(spread)) / 10.0
        assert middle == pytest.approx(50.0)
        assert math.sqrt(variance) == pytest.approx(width, rel=0.45)
