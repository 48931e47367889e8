"""The timeline page: complete, self-contained, and honest about what was missed."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

from timelines import TRIGGERED, eventful, month, timeline

from creditrisk.simulation.page import page, write_page
from creditrisk.simulation.timeline import Timeline

QUIET_MONTHS = timeline(month(1), month(2), scenario="none")


def svg_of(shown: Timeline) -> ET.Element:
    """The page's picture, parsed: broken markup fails here."""
    found = re.search(r"<svg.*?</svg>", page(shown).html(), re.DOTALL)
    assert found
    return ET.fromstring(found[0])  # noqa: S314  our own


def texts_of(shown: Timeline) -> list[str]:
    """What is written in the picture."""
    return [element.text or "" for element in svg_of(shown).iter("text")]


def test_the_page_needs_nothing_but_itself(tmp_path: Path) -> None:
    """No script, no address, no other file; the words of a reason are text, never markup."""
    write_page(eventful(), tmp_path / "timeline.html")
    html = (tmp_path / "timeline.html").read_text()
    assert not re.search(r"<script|https?://|<link|<img|url\(|@import", html)
    assert "<grade B>" not in html
    assert "&lt;grade B&gt; &amp; more" in html


def test_every_month_stands_below_its_lanes() -> None:
    """Each month has its name once, and each lane a point where it has a figure."""
    texts = texts_of(eventful())
    assert [text for text in texts if text.startswith("2024-")] == [
        "2024-01",
        "2024-02",
        "2024-03",
        "2024-04",
    ]
    titles = [element.text or "" for element in svg_of(eventful()).iter("title")]
    assert len([title for title in titles if ": realised " in title]) == 3


def test_triggers_and_promotions_are_marked_where_they_happened() -> None:
    """A refused model has another sign than a promoted one; a quiet timeline has none."""
    signs = [text for text in texts_of(eventful()) if text in {"▲★", "▲✕", "▲"}]
    assert signs == ["▲✕", "▲★"]
    assert not [text for text in texts_of(QUIET_MONTHS) if "▲" in text]


def test_the_change_is_shaded_and_named() -> None:
    """From its first month on; nothing is shaded where nothing changes."""
    name = "what makes people default has changed"
    assert name in texts_of(eventful())
    assert len(list(svg_of(QUIET_MONTHS).iter("rect"))) == 2  # the champion's band


def test_a_broken_promise_is_the_verdict() -> None:
    """The page never says that all went well where something was missed."""
    missed = page(timeline(month(1), month(2, retraining=TRIGGERED), scenario="none"))
    assert missed.verdict.tone == "bad"
    assert "2024-02" in missed.verdict.text
    assert page(QUIET_MONTHS).verdict.tone == "good"


def test_a_page_of_an_unfinished_simulation_judges_nothing() -> None:
    """It may be drawn after every month, and before the first one."""
    finished = eventful()
    begun = finished.model_copy(update={"months": finished.months[:1]})
    assert page(begun).verdict.tone == "open"
    assert "no month has been played" in page(finished.model_copy(update={"months": ()})).html()


def test_a_timeline_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    """`timeline.json` holds all of it."""
    eventful().write(tmp_path / "timeline.json")
    assert Timeline.read(tmp_path / "timeline.json") == eventful()
