"""A small plot as an SVG text: curves and points on logarithmic axes, in panels side by side."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 340, 300  # of a panel, in pixels
_LEFT, _TOP, _RIGHT, _BOTTOM = 48, 30, 12, 42  # around its axes
_ROW = 17  # of the legend

_FONT = 'font-family="sans-serif" font-size="11" fill="#333"'

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """What is drawn in one colour: a line through its points, or a mark at each."""

    name: str
    points: Points
    colour: str
    line: bool = False
    hollow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """From where to where, and which numbers stand beside it."""

    label: str
    low: float
    high: float
    ticks: Sequence[float]

    def share(self, value: float) -> float:
        """Where a value lies between both ends, from 0 to 1."""
        return math.log(value / self.low) / math.log(self.high / self.low)


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One pair of axes."""

    title: str
    series: Sequence[Series]


def svg(panels: Sequence[Panel], x: Axis, y: Axis) -> str:
    """The whole plot; the legend below is that of the first panel, so all panels name their series alike."""
    legend = panels[0].series
    height = HEIGHT + _ROW * math.ceil(len(legend) / 2) + 10
    width = WIDTH * len(panels)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {_FONT}>',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for number, panel in enumerate(panels):
        lines += [f'<g transform="translate({number * WIDTH} 0)">', *_panel(panel, x, y), "</g>"]
    for number, series in enumerate(legend):
        left = _LEFT + (number % 2) * WIDTH
        top = HEIGHT + 8 + _ROW * (number // 2)
        lines += [*_sample(series, left, top), _text(left + 26, top + 4, series.name)]
    return "\n".join([*lines, "</svg>"]) + "\n"


def _panel(panel: Panel, x: Axis, y: Axis) -> Iterator[str]:
    right, bottom = WIDTH - _RIGHT, HEIGHT - _BOTTOM
    yield _text(_LEFT, _TOP - 12, panel.title, weight="bold")
    for tick in x.ticks:
        at = _across(x, tick)
        yield _stroke([(at, _TOP), (at, bottom)], "#e4e4e4")
        yield _text(at, bottom + 14, f"{tick:g}", anchor="middle")
    for tick in y.ticks:
        at = _up(y, tick)
        yield _stroke([(_LEFT, at), (right, at)], "#e4e4e4")
        yield _text(_LEFT - 6, at + 4, f"{tick:g}", anchor="end")
    yield _stroke([(_LEFT, _TOP), (_LEFT, bottom), (right, bottom)], "#333")
    yield _text((_LEFT + right) / 2, bottom + 30, x.label, anchor="middle")
    middle = (_TOP + bottom) / 2
    yield f'<g transform="rotate(-90 14 {middle:.0f})">{_text(14, middle, y.label, anchor="middle")}</g>'
    for series in panel.series:
        inside = [(a, b) for a, b in series.points if x.low <= a <= x.high and y.low <= b <= y.high]
        places = [(_across(x, a), _up(y, b)) for a, b in inside]
        if series.line:
            yield _stroke(places, series.colour, width=2)
        else:
            yield from (_mark(series, place) for place in places)


def _sample(series: Series, left: float, top: float) -> Iterator[str]:
    if series.line:
        yield _stroke([(left, top), (left + 20, top)], series.colour, width=2)
    else:
        yield _mark(series, (left + 10, top))


def _across(x: Axis, value: float) -> float:
    return _LEFT + x.share(value) * (WIDTH - _LEFT - _RIGHT)


def _up(y: Axis, value: float) -> float:
    return HEIGHT - _BOTTOM - y.share(value) * (HEIGHT - _TOP - _BOTTOM)


def _stroke(places: Points, colour: str, *, width: float = 1) -> str:
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in places)
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{width:g}"/>'


def _mark(series: Series, place: tuple[float, float]) -> str:
    fill = "#fff" if series.hollow else series.colour
    return f'<circle cx="{place[0]:.1f}" cy="{place[1]:.1f}" r="3.5" fill="{fill}" stroke="{series.colour}"/>'


def _text(left: float, top: float, text: str, *, anchor: str = "start", weight: str = "normal") -> str:
    return f'<text x="{left:.1f}" y="{top:.1f}" text-anchor="{anchor}" font-weight="{weight}">{escape(text)}</text>'
