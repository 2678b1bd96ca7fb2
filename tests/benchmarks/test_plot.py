"""The plot is drawn to scale."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from benchmarks.plot import HEIGHT, WIDTH, Axis, Panel, Series, svg

X = Axis(label="a < b", low=1.0, high=100.0, ticks=(1, 10, 100))
Y = Axis(label="b", low=1.0, high=10.0, ticks=(1, 10))
SVG = "{http://www.w3.org/2000/svg}"


def test_points_stand_where_the_axes_say() -> None:
    """On logarithmic axes ten is halfway to a hundred; what lies outside is left out."""
    series = Series(
        name="some & others", points=[(1, 1), (10, 10), (100, 1), (101, 1), (1, 11)], colour="#123"
    )
    root = ET.fromstring(svg([Panel(title="one", series=[series])], X, Y))  # noqa: S314  our own
    marks = [(float(mark.get("cx", "")), float(mark.get("cy", ""))) for mark in root.iter(f"{SVG}circle")]
    (left, low), (middle, high), (right, also_low), legend = marks
    assert low == also_low > high
    assert middle == pytest.approx((left + right) / 2, abs=0.1)
    assert all(0 < at < WIDTH for at in (left, right))
    assert all(0 < at < HEIGHT for at in (low, high))
    assert legend[1] > HEIGHT


def test_panels_stand_side_by_side() -> None:
    """Each has its title, the legend is drawn once."""
    line = Series(name="line", points=[(1, 1), (100, 10)], colour="#123", line=True)
    text = svg([Panel(title="one", series=[line]), Panel(title="two", series=[line])], X, Y)
    assert [text.count(f">{words}</text>") for words in ("one", "two", "line", "a &lt; b")] == [1, 1, 1, 2]
    assert f"translate({WIDTH} 0)" in text
