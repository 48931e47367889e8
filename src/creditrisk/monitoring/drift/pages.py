"""A drift report as a page: our verdicts in a table, our bins in Evidently's charts.

The JSON report is the contract. The page is made of nothing else, so that it cannot say anything
else: Evidently draws, and judges nothing. It opens from disk without a network, which its own
policy (CSP) forbids besides, and the same report gives the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any
from warnings import catch_warnings, simplefilter

from creditrisk.core.files import write_text
from creditrisk.core.settings import DriftBars
from creditrisk.monitoring.drift.report import (
    FOUND,
    DomainShift,
    DriftReport,
    DriftStatus,
    Measure,
    Method,
    Shift,
)

if TYPE_CHECKING:
    from evidently.legacy.model.widget import BaseWidgetInfo

_METHODS: Mapping[Method, str] = {
    "psi": "PSI",
    "wasserstein": "Wasserstein",
    "jensen_shannon": "Jensen-Shannon",
}
_EXPLANATION = (
    "A column is shifted or drifted where one of its measures is at or above its bar and beyond "
    "chance. PSI is in nats, Wasserstein in standard deviations of the reference, Jensen-Shannon a "
    "share of the largest possible distance. Of all comparisons without drift, {confidence:.4g} % "
    "report none: each of {tests} measures counts as beyond chance only with a p-value below "
    "{level:.1e}."
)
_UUID = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|metric_[0-9a-f]{32}"
)
_STATUSES: tuple[DriftStatus, ...] = ("drifted", "shifted", "not measured", "stable")
# Scripts and styles of the page itself, pictures and fonts in it; nothing from anywhere else.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:"
)
_REFERENCE_COLOUR, _CURRENT_COLOUR = "#aab3bf", "#1f5a94"
_LAYOUT: Mapping[str, Any] = {
    "template": "none",
    "barmode": "group",
    "xaxis": {"type": "category", "automargin": True},
    "yaxis": {"title": {"text": "share of rows"}, "tickformat": ".0%", "gridcolor": "#e4e7eb"},
    "legend": {"orientation": "h", "y": 1.12},
    "margin": {"l": 60, "r": 20, "t": 30, "b": 60},
}


@dataclass(frozen=True, slots=True)
class Judged:
    """What a report says of its judgement, which both kinds of drift report do in one way."""

    confidence: float
    tests: int
    level: float
    bars: Mapping[Method, DriftBars]

    @property
    def explanation(self) -> str:
        """How to read a verdict."""
        return _EXPLANATION.format(
            confidence=100 * self.confidence, tests=self.tests, level=self.level
        )


@dataclass(frozen=True, slots=True)
class DriftPage:
    """What a page shows: facts, a verdict a column, lists, and the distributions that moved most."""

    title: str
    status: DriftStatus
    facts: Mapping[str, str]
    judged: Judged
    score: Shift
    domain: DomainShift | None
    features: Sequence[Shift]
    lists: Mapping[str, Sequence[str]]
    drawn_columns: int

    @property
    def shifts(self) -> list[Shift]:
        """The score, then the inputs, what asks most of a reader first."""
        return [self.score, *sorted(self.features, key=_most_moved)]

    @property
    def drawn(self) -> list[Shift]:
        """The inputs that are drawn behind the score."""
        return [shift for shift in self.shifts[1:] if shift.bins][: self.drawn_columns]


@dataclass(frozen=True, slots=True)
class _Figure:
    text: str
    status: DriftStatus | None = None


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    status: DriftStatus
    figures: tuple[_Figure, ...]
    remark: str


def write_page(page: DriftPage, path: Path) -> None:
    """Write the page atomically; texts of data are escaped."""
    write_text(path, page_html(page))


def page_html(page: DriftPage) -> str:
    """The page as one file."""
    with catch_warnings():
        simplefilter("ignore")  # what Evidently's imports say of its own libraries
        from evidently.core.metric_types import render_widgets

    widgets = [_chart(shift) for shift in (page.score, *page.drawn) if shift.bins]
    html = str(render_widgets(widgets)).lstrip()
    title = _escaped(page.title)
    policy = f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    head = f"<head>{policy}<title>{title}</title>"
    html = html.replace("<head>", head, 1).replace("<body>", f"<body>{_top(page)}", 1)
    return _numbered_ids(html)


def drift_page(report: DriftReport, drawn_columns: int) -> DriftPage:
    """The page of a comparison of two files."""
    sides = {"Reference": report.reference, "Current": report.current}
    return DriftPage(
        title=f"Drift: {report.current.name} against {report.reference.name}",
        status=report.status,
        facts={
            **{
                what: f"{side.name}, {side.rows:,} rows, sha256 {side.sha256[:12]}"
                for what, side in sides.items()
            },
            "Model": report.bundle_sha256[:12],
            "Summary": report.headline(),
        },
        judged=Judged(report.confidence, report.tests, report.level, report.bars),
        score=report.score,
        domain=report.domain,
        features=report.features,
        lists={},
        drawn_columns=drawn_columns,
    )


def _most_moved(shift: Shift) -> tuple[int, float, str]:
    """Sorts by status, then by how far the farthest measure lies above its bar."""
    farthest = max((one.statistic / one.bar for one in shift.measures), default=0.0)
    return _STATUSES.index(shift.status), -farthest, shift.name


def _row(shift: Shift) -> _Row:
    by_method = {one.method: one for one in shift.measures}
    measures = [_measured(by_method.get(method)) for method in _METHODS]
    chance, missing = shift.critical_value, shift.missing_share_change
    figures = (
        *measures,
        _Figure("" if chance is None else f"{chance:.4f}"),
        _Figure("" if missing is None else f"{100 * missing:+z.1f}"),
    )
    return _Row(shift.name, shift.status, figures, _remark(shift))


def _measured(measure: Measure | None) -> _Figure:
    if measure is None:
        return _Figure("")
    found = measure.status if measure.status in FOUND else None
    return _Figure(f"{measure.statistic:.4f}", found)


def _remark(shift: Shift) -> str:
    new = ", ".join(f"{one.category} ({one.rows:,})" for one in shift.new_categories)
    remarks = (shift.reason, f"not in the reference: {new}" if new else None)
    return "; ".join(filter(None, remarks))


def _columns(bars: Mapping[Method, DriftBars]) -> list[str]:
    measures = [f"{name}, bar {bars[method].shifted_from:g}" for method, name in _METHODS.items()]
    return ["Column", "Status", *measures, "PSI by chance below", "Missing, change in %", "Remark"]


def _domain(shift: DomainShift | None) -> str:
    """The domain classifier in a sentence."""
    if shift is None:
        return "not asked: no rows of training were given"
    if shift.measure is None:
        return f"{shift.status}: {shift.reason}"
    leaders = ", ".join(f"{one.name} {one.share:.0%}" for one in shift.leaders)
    return (
        f"{shift.status}, AUC {shift.measure.statistic:.3f} (bar {shift.measure.bar:g}, by chance "
        f"below {shift.measure.critical_value or 0:.3f}), most by {leaders}"
    )


def _top(page: DriftPage) -> str:
    from jinja2 import Environment, StrictUndefined

    source = files("creditrisk.monitoring.drift").joinpath("page_top.html.j2")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    template = environment.from_string(source.read_text(encoding="utf-8"))
    rows = [_row(shift) for shift in page.shifts]
    columns = _columns(page.judged.bars)
    return template.render(page=page, rows=rows, columns=columns, domain=_domain(page.domain))


def _chart(shift: Shift) -> BaseWidgetInfo:
    """A column's verdict in our words, above its bins."""
    from evidently.legacy.renderers.html_widgets import WidgetSize, plotly_figure

    measures = ", ".join(f"{_METHODS[m.method]} {m.statistic:.3f}" for m in shift.measures)
    title = f"{shift.name}: {shift.status}, {measures}"
    return plotly_figure(title=title, figure=_bars(shift), size=WidgetSize.HALF)


def _bars(shift: Shift) -> Any:
    from plotly import graph_objects

    labels = [_plain(part.label) for part in shift.bins]
    sides = {
        "reference": ([part.reference_share for part in shift.bins], _REFERENCE_COLOUR),
        "current": ([part.current_share for part in shift.bins], _CURRENT_COLOUR),
    }
    bars = [
        graph_objects.Bar(name=name, x=labels, y=shares, marker={"color": colour})
        for name, (shares, colour) in sides.items()
    ]
    return graph_objects.Figure(data=bars, layout=_LAYOUT)


def _plain(text: str) -> str:
    """A label that can end no script: it is drawn, not parsed."""
    return text.replace("<=", "\u2264").replace("<", "\u2039").replace(">", "\u203a")


def _numbered_ids(html: str) -> str:
    """The page with its random ids numbered in the order of their appearance."""
    numbers = count(1)
    names: dict[str, str] = {}

    def name(match: re.Match[str]) -> str:
        found = match.group()
        if found not in names:
            names[found] = f"part_{next(numbers)}"
        return names[found]

    return _UUID.sub(name, html)


def _escaped(text: str) -> str:
    from markupsafe import escape

    return str(escape(text))
