from __future__ import annotations

import re
from pathlib import Path

import pytest

from creditrisk.core.settings import MonitorDriftSettings
from creditrisk.monitoring.drift.judgement import bars_by_method
from creditrisk.monitoring.drift.pages import DriftPage, Judged, page_html, write_page
from creditrisk.monitoring.drift.report import BinShares, DriftStatus, Measure, NewCategory, Shift

BARS = bars_by_method(MonitorDriftSettings())


def shift(name: str, status: DriftStatus, psi: float | None = None, **changes: object) -> Shift:
    """A verdict on a number with two bins, or on nothing where no PSI is given."""
    if psi is None:
        return Shift(name=name, kind="number", status=status, reason="the pull has no such column")
    measure = Measure(
        method="psi",
        statistic=psi,
        bar=BARS["psi"].shifted_from,
        critical_value=0.0123,
        p_value=0.5,
        beyond_chance=status != "stable",
        status=status,
    )
    bins = (
        BinShares(label="<= 1", reference_share=0.4, current_share=0.7),
        BinShares(label="</script>", reference_share=0.6, current_share=0.3),
    )
    found = Shift(name=name, kind="number", status=status, measures=(measure,), bins=bins)
    return found.model_copy(update=changes)


def page(**changes: object) -> DriftPage:
    """A page of a score and five inputs, of which three are drawn."""
    new = (NewCategory(category="<img src=x onerror=alert(1)>", rows=3),)
    fields = {
        "title": "Production <month>",
        "status": "drifted",
        "facts": {"Measured": "month_02 & others"},
        "judged": Judged(0.99, 255, 3.9e-5, BARS),
        "score": shift("PD", "stable", 0.001),
        "domain": None,
        "features": (
            shift("CALM", "stable", 0.002),
            shift("GONE", "not measured"),
            shift("MOVED", "shifted", 0.07, new_categories=new),
            shift("FAR", "drifted", 0.5),
            shift("FARTHER", "drifted", 0.9),
        ),
        "lists": {"Not measured": ["GONE: the pull has no such column"], "Empty": []},
        "drawn_columns": 3,
    }
    return DriftPage(**{**fields, **changes})  # type: ignore[arg-type]


def test_what_moved_most_comes_first() -> None:
    """By status, then by distance above the bar; the score leads, what was not measured is told."""
    names = [one.name for one in page().shifts]
    assert names == ["PD", "FARTHER", "FAR", "MOVED", "GONE", "CALM"]


def test_as_many_inputs_are_drawn_as_were_asked_for() -> None:
    """Of those that were measured."""
    assert [one.name for one in page(drawn_columns=4).drawn] == ["FARTHER", "FAR", "MOVED", "CALM"]
    assert not page(drawn_columns=0).drawn


@pytest.fixture(scope="module")
def html() -> str:
    """The page; Evidently takes ten seconds to import."""
    return page_html(page())


@pytest.mark.slow
def test_each_column_shows_our_verdict(html: str) -> None:
    """Every column stands in the table with its status, statistic, bar and reason."""
    row = re.search(r"<td>FARTHER</td>.*?</tr>", html, re.DOTALL)
    assert row is not None
    assert "drifted" in row.group()
    assert "0.9000" in row.group()
    assert "0.0123" in row.group()
    assert "PSI, bar 0.025" in html
    assert "<td>the pull has no such column</td>" in html
    assert html.count("<td>CALM</td>") == 1


@pytest.mark.slow
def test_drawings_repeat_the_verdict_and_add_none(html: str) -> None:
    """Evidently's part holds our sentence a chart, and no verdict of its own."""
    assert html.count('"title": "FARTHER: drifted, PSI 0.900"') == 1
    assert html.count('"title": "PD: stable, PSI 0.001"') == 1
    data = html[html.index("var part_1 =") :].partition("</script>")[0]
    assert not [word for word in ("CALM", "GONE", "detected") if word in data]


@pytest.mark.slow
def test_the_same_report_gives_the_same_bytes(html: str, tmp_path: Path) -> None:
    """Random ids are numbered in the order of their appearance."""
    write_page(page(), tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text() == html
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", html)


@pytest.mark.slow
def test_texts_of_data_are_text(html: str) -> None:
    """No category, title or fact becomes markup, nor ends the script that it stands in."""
    assert "<img src=x" not in html
    assert "&lt;img src=x onerror=alert(1)&gt;" in html
    assert "<title>Production &lt;month&gt;</title>" in html
    assert "month_02 &amp; others" in html
    assert '"</script>"' not in html


@pytest.mark.slow
def test_the_page_needs_no_network(html: str) -> None:
    """Its policy forbids any request, it loads nothing by address, and it is one file of 4 MB."""
    assert "default-src 'none'" in html[: html.index("<style>")]
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)\s*=\s*[\"']?(https?:)?//", html)
    assert len(html.encode()) < 10_000_000
