"""Inline SVG charts."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from creditrisk.reporting.charts import (
    WIDTH,
    Axis,
    Bar,
    Line,
    axis_over,
    bar_chart,
    decimal,
    line_chart,
    percent,
)

UNIT = Axis("share", 0, 1, percent)


def drawn(svg: str, tag: str, kind: str) -> list[ET.Element]:
    """The elements of a tag that carry a class."""
    page = ET.fromstring(svg)  # noqa: S314 (our own markup)
    return [part for part in page.iter(tag) if kind in part.get("class", "").split()]


def texts(svg: str) -> list[str]:
    return [part.text or "" for part in ET.fromstring(svg).iter("text")]  # noqa: S314


def test_a_line_runs_from_corner_to_corner() -> None:
    """The lowest pair of values stands at the lower left end of the axes, the highest opposite."""
    svg = line_chart("Chance", [Line("chance", [0, 1], [0, 1])], UNIT, UNIT)
    (line,) = drawn(svg, "polyline", "series0")
    (left, bottom), (right, top) = (
        tuple(map(float, point.split(","))) for point in line.get("points", "").split()
    )
    assert left < right < WIDTH
    assert top < bottom


def test_a_bar_is_as_long_as_its_value() -> None:
    """Twice the value, twice the length."""
    bars = [Bar("whole", 1.0), Bar("half", 0.5)]
    whole, half = (
        float(bar.get("width", "0")) for bar in drawn(bar_chart("Bars", bars, UNIT), "rect", "bar")
    )
    assert whole == pytest.approx(2 * half, abs=0.2)


def test_a_value_out_of_bounds_is_marked() -> None:
    """Only the flagged value has the colour of a fault."""
    bars = [Bar("well", 0.9, 0.8, 1.0), Bar("ill", 0.5, 0.4, 0.6, flagged=True)]
    svg = bar_chart("Ratios", bars, UNIT, whiskers=True, marks=(0.8,))
    assert len(drawn(svg, "circle", "flagged")) == 1
    assert len(drawn(svg, "line", "mark")) == 1


def test_a_mark_outside_the_axis_is_not_drawn() -> None:
    """A bound that no value comes near does not stand at the edge as if it were there."""
    assert not drawn(bar_chart("Bars", [Bar("a", 0.5)], UNIT, marks=(1.25,)), "line", "mark")


def test_names_are_escaped() -> None:
    """A category's name cannot become markup."""
    svg = bar_chart("<b>", [Bar("Single <not> married & co", 0.5)], UNIT)
    assert "Single <not> married & co" in texts(svg)


def test_an_axis_holds_its_values() -> None:
    """No value lies outside, and zero is inside where it is asked for."""
    axis = axis_over([0.2, 0.9], "share", percent, zero=True)
    assert axis.low == 0
    assert axis.high > 0.9


def test_one_value_makes_an_axis() -> None:
    """A single value has room on both sides."""
    axis = axis_over([3.0], "x", decimal)
    assert axis.low < 3 < axis.high


@pytest.mark.parametrize(
    ("value", "written"), [(0.5, "50 %"), (0.1234, "12.3 %"), (0.0051, "0.51 %"), (0, "0 %")]
)
def test_shares_are_written_in_percent(value: float, written: str) -> None:
    """Small shares keep two significant digits."""
    assert percent(value) == written


@pytest.mark.parametrize(
    ("value", "written"), [(0.93, "0.93"), (1234.5, "1234"), (0, "0"), (0.00012, "0.00012")]
)
def test_numbers_are_written_without_exponent(value: float, written: str) -> None:
    """At most three significant digits, none of them an idle zero."""
    assert decimal(value) == written
