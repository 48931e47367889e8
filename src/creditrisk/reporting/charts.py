"""Charts as inline SVG: no script, no font, no picture file, light and dark with the page.

Colours are classes that the page's style sheet fills in; see `templates/document.html.j2`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

WIDTH = 640
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 28, 12, 44
_PLOT_TOP = 32  # room for the name of the upright axis
_PLOT_HEIGHT = 264
_ROW_HEIGHT = 26
_LABEL_WIDTH = 220
_VALUE_WIDTH = 64
_LABEL_LETTERS = 34
_TICKS = 5
_NICE_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)

Shown = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Line:
    """A curve with the name that its legend entry shows; `guide` for what it is held against."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    guide: bool = False
    points: bool = False


@dataclass(frozen=True, slots=True)
class Bar:
    """A labelled value, with its interval where it has one; `flagged` marks it as out of bounds."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    flagged: bool = False


@dataclass(frozen=True, slots=True)
class Axis:
    """What an axis shows, from where to where, and how its numbers are written."""

    name: str
    low: float
    high: float
    shown: Shown


def percent(value: float) -> str:
    """A share in percent, with as many decimals as it takes to tell neighbours apart."""
    scaled = 100 * value
    if scaled and abs(scaled) < 1:
        return f"{scaled:.2g} %"
    return f"{scaled:.1f}".removesuffix(".0") + " %"


def decimal(value: float) -> str:
    """A number with at most three significant digits, without an exponent."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    digits = min(6, max(0, 2 - math.floor(math.log10(abs(value)))))
    written = f"{value:.{digits}f}"
    return written.rstrip("0").rstrip(".") if digits else written


def line_chart(title: str, lines: Sequence[Line], x: Axis, y: Axis) -> str:
    """Curves over a common pair of axes, with a legend above them."""
    plot = _Plot(x, y)
    parts = [
        *plot.grid(),
        *(_curve(plot, line, place) for place, line in enumerate(lines)),
        *_legend(lines),
    ]
    height = _PLOT_TOP + _PLOT_HEIGHT + _BOTTOM
    return _svg(title, height, parts)


def bar_chart(
    title: str,
    bars: Sequence[Bar],
    x: Axis,
    *,
    marks: Sequence[float] = (),
    whiskers: bool = False,
) -> str:
    """One labelled row a value; bars from zero, or dots with their intervals.

    `marks` are values that the reader compares with: bounds, a neutral value.
    """
    place = _row_scale(x)
    rows = [
        part
        for number, bar in enumerate(bars)
        for part in (
            _dot_row(bar, number, x, place) if whiskers else _bar_row(bar, number, x, place)
        )
    ]
    bottom = _TOP + _ROW_HEIGHT * len(bars)
    lines = [
        f'<line class="mark" x1="{place(mark):.1f}" x2="{place(mark):.1f}" y1="{_TOP}" y2="{bottom}"/>'
        for mark in marks
        if x.low <= mark <= x.high
    ]
    return _svg(title, bottom + _BOTTOM, [*_row_axis(x, place, bottom), *lines, *rows])


def axis_over(values: Sequence[float], name: str, shown: Shown, *, zero: bool = False) -> Axis:
    """An axis that holds all values with a little room, from zero where asked for."""
    low, high = min(values), max(values)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    room = (high - low or abs(high) or 1.0) * 0.04
    return Axis(name, low if zero and low == 0 else low - room, high + room, shown)


class _Plot:
    """Where a pair of values stands in the picture."""

    def __init__(self, x: Axis, y: Axis) -> None:
        self.x_axis, self.y_axis = x, y

    def x(self, value: float) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * _share(self.x_axis, value)

    def y(self, value: float) -> float:
        return _PLOT_TOP + _PLOT_HEIGHT * (1 - _share(self.y_axis, value))

    def grid(self) -> Iterator[str]:
        bottom, right = _PLOT_TOP + _PLOT_HEIGHT, WIDTH - _RIGHT
        yield _text(0, _PLOT_TOP - 16, self.y_axis.name, "start")
        for tick in _ticks(self.y_axis):
            height = self.y(tick)
            yield f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{height:.1f}" y2="{height:.1f}"/>'
            yield _text(_LEFT - 8, height + 4, self.y_axis.shown(tick), "end")
        for tick in _ticks(self.x_axis):
            yield _text(self.x(tick), bottom + 18, self.x_axis.shown(tick), "middle")
        yield _text((_LEFT + right) / 2, bottom + 38, self.x_axis.name, "middle")


def _curve(plot: _Plot, line: Line, place: int) -> str:
    kind = "guide" if line.guide else f"series{place % 4}"
    places = [(plot.x(x), plot.y(y)) for x, y in zip(line.x, line.y, strict=True)]
    drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dots = "".join(
        f'<circle class="dot {kind}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>' for x, y in places
    )
    return f'<polyline class="line {kind}" points="{drawn}"/>' + (dots if line.points else "")


def _legend(lines: Sequence[Line]) -> Iterator[str]:
    """Names in the lower right corner, where these curves seldom are."""
    top = _PLOT_TOP + _PLOT_HEIGHT - 18 * len(lines)
    for place, line in enumerate(lines):
        kind = "guide" if line.guide else f"series{place % 4}"
        height = top + 18 * place
        right = WIDTH - _RIGHT - 8
        yield f'<line class="line {kind}" x1="{right - 18}" x2="{right}" y1="{height}" y2="{height}"/>'
        yield _text(right - 24, height + 4, line.name, "end")


def _row_scale(x: Axis) -> Callable[[float], float]:
    width = WIDTH - _LABEL_WIDTH - _VALUE_WIDTH - _RIGHT

    def place(value: float) -> float:
        return _LABEL_WIDTH + width * min(1.0, max(0.0, _share(x, value)))

    return place


def _row_axis(x: Axis, place: Callable[[float], float], bottom: float) -> Iterator[str]:
    for tick in _ticks(x):
        at = place(tick)
        yield f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="{_TOP}" y2="{bottom}"/>'
        yield _text(at, bottom + 18, x.shown(tick), "middle")
    yield _text((_LABEL_WIDTH + WIDTH - _VALUE_WIDTH) / 2, bottom + 38, x.name, "middle")


def _bar_row(bar: Bar, number: int, x: Axis, place: Callable[[float], float]) -> Iterator[str]:
    zero, end = place(max(x.low, 0.0)), place(bar.value)
    kind = "flagged" if bar.flagged else "series0"
    yield _row_label(bar, number)
    yield (
        f'<rect class="bar {kind}" x="{min(zero, end):.1f}" y="{_row_top(number) + 5}" '
        f'width="{abs(end - zero):.1f}" height="{_ROW_HEIGHT - 10}"/>'
    )
    yield _text(WIDTH - _RIGHT, _row_top(number) + 17, x.shown(bar.value), "end")


def _dot_row(bar: Bar, number: int, x: Axis, place: Callable[[float], float]) -> Iterator[str]:
    kind = "flagged" if bar.flagged else "series0"
    middle = _row_top(number) + _ROW_HEIGHT / 2
    yield _row_label(bar, number)
    if bar.low is not None and bar.high is not None:
        ends = f'x1="{place(bar.low):.1f}" x2="{place(bar.high):.1f}"'
        yield f'<line class="line {kind}" {ends} y1="{middle}" y2="{middle}"/>'
    yield f'<circle class="dot {kind}" cx="{place(bar.value):.1f}" cy="{middle}" r="4.5"/>'
    yield _text(WIDTH - _RIGHT, middle + 4, x.shown(bar.value), "end")


def _row_label(bar: Bar, number: int) -> str:
    label = bar.label
    if len(label) > _LABEL_LETTERS:
        label = label[: _LABEL_LETTERS - 1] + "…"
    return _text(_LABEL_WIDTH - 10, _row_top(number) + 17, label, "end")


def _row_top(number: int) -> int:
    return _TOP + _ROW_HEIGHT * number


def _share(axis: Axis, value: float) -> float:
    return (value - axis.low) / ((axis.high - axis.low) or 1.0)


def _ticks(axis: Axis) -> list[float]:
    """Round numbers inside the axis, about five."""
    rough = ((axis.high - axis.low) or 1.0) / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * nice for nice in _NICE_STEPS if power * nice >= rough * (1 - 1e-9))
    first = math.ceil(axis.low / step - 1e-9)
    last = math.floor(axis.high / step + 1e-9)
    return [round(step * count, 12) for count in range(first, last + 1)]


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _svg(title: str, height: float, parts: Sequence[str]) -> str:
    name = escape(title, quote=True)
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{name}">'
        f"<title>{name}</title>{''.join(parts)}</svg>"
    )
