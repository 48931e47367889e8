"""Lanes of months as one inline SVG: every lane has the same months below one another.

Colours are those of the page (`reporting/templates/document.html.j2`), light and dark.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH = 768
_LEFT, _RIGHT, _TOP = 54, 12, 4
_TITLE, _PLOT, _GAP = 24, 92, 14
_STRIP = 34
_FOOT = 26
_TICKS = 3
_NICE_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_TINY = 1e-9
_ROOM = 0.08  # of a lane's range, above and below what it shows

Shown = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with the interval around it."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Series:
    """A value, or none, for each month; `guide` for what the others are held against."""

    name: str
    color: str
    values: Sequence[Interval | None]
    guide: bool = False
    band: bool = False
    flagged: Sequence[bool] = ()


@dataclass(frozen=True, slots=True)
class Bar:
    """A horizontal line that decides something."""

    value: float
    name: str


@dataclass(frozen=True, slots=True)
class Lane:
    """A plot over the months; its scale covers `least` at least, so that noise stays small."""

    title: str
    series: Sequence[Series]
    shown: Shown
    bars: Sequence[Bar] = ()
    least: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at a month's end."""

    month: int
    sign: str
    color: str
    text: str


@dataclass(frozen=True, slots=True)
class Strip:
    """A band of one colour for each name in turn, with marks at the ends of months."""

    title: str
    names: Sequence[str]
    marks: Sequence[Mark]


@dataclass(frozen=True, slots=True)
class Months:
    """The months and which of them are shaded, and why."""

    labels: Sequence[str]
    shaded_from: int | None
    shade: str

    @property
    def width(self) -> float:
        """Of one month's column."""
        return (WIDTH - _LEFT - _RIGHT) / max(1, len(self.labels))

    def middle(self, place: int) -> float:
        """Of a month's column."""
        return _LEFT + (place + 0.5) * self.width

    def end(self, place: int) -> float:
        """Where a month's column ends."""
        return _LEFT + (place + 1) * self.width


def lanes_svg(title: str, months: Months, strip: Strip, lanes: Sequence[Lane]) -> str:
    """The strip above its lanes, one below the other."""
    top = _TOP + _TITLE + _STRIP + _GAP
    height = top + len(lanes) * (_TITLE + _PLOT + _GAP) + _FOOT
    parts = [*_shading(months, height), *_strip(strip, months, _TOP)]
    for place, lane in enumerate(lanes):
        parts += _lane(lane, months, top + place * (_TITLE + _PLOT + _GAP))
    parts += _month_names(months, height - _FOOT + 14)
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">'
        + "".join(parts)
        + "</svg>"
    )


def _shading(months: Months, height: float) -> list[str]:
    if months.shaded_from is None or not months.labels:
        return []
    x = _LEFT + months.shaded_from * months.width
    width = WIDTH - _RIGHT - x
    shade = (
        f'<rect x="{x:.1f}" y="0" width="{width:.1f}" height="{height - _FOOT:.0f}" '
        'style="fill:var(--open);opacity:.09"/>'
    )
    return [
        shade,
        _text(x + 4, height - _FOOT - 3, months.shade, "fill:var(--open)"),
    ]


def _strip(strip: Strip, months: Months, top: float) -> list[str]:
    parts = [_title(strip.title, top)]
    y = top + _TITLE
    names = list(dict.fromkeys(strip.names))
    for place, name in enumerate(strip.names):
        tone = names.index(name) % 4
        parts.append(
            f'<rect x="{months.end(place) - months.width:.1f}" y="{y}" '
            f'width="{months.width:.1f}" height="{_STRIP - 12}" '
            f'style="fill:var(--s{tone});opacity:.85"/>'
        )
    style = "fill:#fff;font-weight:600"
    for place, name in enumerate(strip.names):
        if place == 0 or strip.names[place - 1] != name:
            parts.append(_text(months.end(place) - months.width + 6, y + 15, name, style))
    for mark in strip.marks:
        x = months.end(mark.month)
        style = f"fill:{mark.color};font-size:15px;font-weight:700"
        parts.append(
            f'<line class="mark" x1="{x:.1f}" y1="{y}" x2="{x:.1f}" y2="{y + _STRIP - 10}"/>'
        )
        label = _text(x, y + _STRIP, mark.sign, style, anchor="middle", inner=mark.text)
        parts.append(label)
    return parts


def _lane(lane: Lane, months: Months, top: float) -> list[str]:
    scale = _Scale.of(lane, top + _TITLE)
    parts = [_title(lane.title, top), *_legend(lane, top)]
    for tick in scale.ticks():
        y = scale.y(tick)
        parts.append(
            f'<line class="grid" x1="{_LEFT}" y1="{y:.1f}" x2="{WIDTH - _RIGHT}" y2="{y:.1f}"/>'
        )
        parts.append(_text(_LEFT - 6, y + 4, lane.shown(tick), "", anchor="end"))
    for bar in lane.bars:
        y = scale.y(bar.value)
        parts.append(
            f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{WIDTH - _RIGHT}" y2="{y:.1f}" '
            'style="stroke:var(--bad);stroke-width:1.2;stroke-dasharray:5 3"/>'
        )
        parts.append(_text(WIDTH - _RIGHT, y - 4, bar.name, "fill:var(--bad)", anchor="end"))
    for series in lane.series:
        parts += _drawn(series, months, scale, lane.shown)
    return parts


def _legend(lane: Lane, top: float) -> list[str]:
    """The names of the series at the right of the title, in their colours."""
    parts, x = [], WIDTH - _RIGHT
    for series in reversed(lane.series):
        if series.name:
            sign = "▬ " if series.band or series.guide else "● "
            style = f"fill:{series.color}"
            parts.append(_text(x, top + 15, sign + series.name, style, anchor="end"))
            x -= 7 * (len(series.name) + 4)
    return parts


@dataclass(frozen=True, slots=True)
class _Scale:
    low: float
    high: float
    top: float

    @classmethod
    def of(cls, lane: Lane, top: float) -> _Scale:
        seen = [value for one in lane.series for value in one.values if value is not None]
        ends = [end for one in seen for end in (one.low, one.high)]
        ends += [bar.value for bar in lane.bars] + list(lane.least or ())
        low, high = min(ends, default=0.0), max(ends, default=1.0)
        room = (high - low or 1.0) * _ROOM
        from_least = lane.least is not None and low == lane.least[0]
        return cls(low if from_least else low - room, high + room, top)

    def y(self, value: float) -> float:
        return self.top + _PLOT * (1 - (value - self.low) / (self.high - self.low))

    def ticks(self) -> list[float]:
        """Round values within the scale, two to five of them."""
        rough = (self.high - self.low) / _TICKS
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(nice * power for nice in _NICE_STEPS if nice * power >= rough)
        first = math.ceil(self.low / step - _TINY)
        last = math.floor(self.high / step + _TINY)
        return [number * step for number in range(first, last + 1)]


def _drawn(series: Series, months: Months, scale: _Scale, shown: Shown) -> list[str]:
    found = [(place, one) for place, one in enumerate(series.values) if one is not None]
    parts = _band(series, found, months, scale) if series.band else []
    points = " ".join(f"{months.middle(p):.1f},{scale.y(one.value):.1f}" for p, one in found)
    dash = ";stroke-dasharray:5 4" if series.guide else ""
    style = f"fill:none;stroke:{series.color};stroke-width:2{dash}"
    parts.append(f'<polyline points="{points}" style="{style}"/>')
    if series.guide:
        return parts
    for place, one in found:
        flagged = place < len(series.flagged) and series.flagged[place]
        color = "var(--bad)" if flagged else series.color
        x = months.middle(place)
        if not series.band and one.low < one.high:
            parts.append(
                f'<line x1="{x:.1f}" y1="{scale.y(one.low):.1f}" x2="{x:.1f}" '
                f'y2="{scale.y(one.high):.1f}" style="stroke:{color};stroke-width:1.6"/>'
            )
        tip = f"{months.labels[place]}: {series.name} {shown(one.value)}"
        parts.append(
            f'<circle cx="{x:.1f}" cy="{scale.y(one.value):.1f}" r="{5 if flagged else 3.6}" '
            f'style="fill:{color}"><title>{escape(tip)}</title></circle>'
        )
    return parts


def _band(
    series: Series, found: Sequence[tuple[int, Interval]], months: Months, scale: _Scale
) -> list[str]:
    upper = [f"{months.middle(p):.1f},{scale.y(one.high):.1f}" for p, one in found]
    lower = [f"{months.middle(p):.1f},{scale.y(one.low):.1f}" for p, one in reversed(found)]
    style = f"fill:{series.color};opacity:.16"
    return [f'<polygon points="{" ".join(upper + lower)}" style="{style}"/>']


def _month_names(months: Months, y: float) -> list[str]:
    return [
        _text(months.middle(place), y, label, "", anchor="middle")
        for place, label in enumerate(months.labels)
    ]


def _title(text: str, top: float) -> str:
    return _text(_LEFT, top + 15, text, "fill:var(--ink);font-weight:600;font-size:13px")


def _text(
    x: float, y: float, text: str, style: str, *, anchor: str = "start", inner: str = ""
) -> str:
    tip = f"<title>{escape(inner)}</title>" if inner else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" style="{style}">'
        f"{escape(text)}{tip}</text>"
    )
