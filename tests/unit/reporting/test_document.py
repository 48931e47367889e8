"""The HTML page of a document."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

from creditrisk.reporting.document import (
    Cell,
    Chart,
    Document,
    Facts,
    Grid,
    Items,
    Notice,
    Paragraph,
    Section,
)

HOSTILE = "<script>alert('x')</script>"


class Page(HTMLParser):
    """The tags and texts of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the tag."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Keep the text."""
        self.texts.append(data)


def document(*blocks: object, text: str = "words") -> Document:
    """A document of one section."""
    section = Section("part", text, blocks)  # type: ignore[arg-type]
    return Document(text, text, Notice(text, "good"), {text: text}, [section])


def every_block(text: str) -> list[object]:
    return [
        Paragraph(text),
        Items([text]),
        Notice(text),
        Facts({text: text}),
        Grid(text, [text], [[Cell(text)]]),
        Chart("<svg></svg>", text),
    ]


def test_no_text_becomes_markup() -> None:
    """Whatever a category, a reason or an approver is called, it is shown and never run."""
    page = Page(document(*every_block(HOSTILE), text=HOSTILE).html())
    assert "script" not in {tag for tag, _ in page.tags}
    assert "".join(page.texts).count(HOSTILE) >= len(every_block(HOSTILE))


def test_the_page_needs_nothing_else() -> None:
    """Nothing is loaded from another file or from the network."""
    page = Page(document(*every_block("words")).html())
    assert not [attrs for _, attrs in page.tags if "src" in attrs]
    assert all(attrs["href"].startswith("#") for _, attrs in page.tags if attrs.get("href"))  # type: ignore[union-attr]


def test_the_contents_lead_to_the_sections() -> None:
    """Each entry of the contents points at a section's anchor."""
    page = Page(document(Paragraph("words")).html())
    anchors = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    assert {attrs["href"] for tag, attrs in page.tags if tag == "a"} == {"#part"}
    assert "part" in anchors


def test_a_verdict_has_its_colour() -> None:
    """A failed check's cell carries the tone that the style sheet colours."""
    page = Page(document(Grid("Checks", ["Status"], [[Cell("failed", "bad")]])).html())
    assert any(tag == "td" and attrs["class"] == "bad" for tag, attrs in page.tags)


def test_a_table_without_rows_keeps_its_head(tmp_path: Path) -> None:
    """An empty table still says what it would have held; the page is written as one file."""
    document(Grid("Approvals", ["When", "Who"], [])).write(tmp_path / "page.html")
    page = Page((tmp_path / "page.html").read_text())
    assert {"When", "Who"} <= set(page.texts)
