"""A document for people: sections of paragraphs, tables and charts, as one HTML file.

The file needs no network, no script and no other file; it follows the reader's light or dark
setting and prints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar, Literal

from creditrisk.core.files import write_text

Tone = Literal["good", "bad", "open", "plain"]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Plain words."""

    text: str
    kind: ClassVar[str] = "paragraph"


@dataclass(frozen=True, slots=True)
class Items:
    """A list of sentences."""

    texts: Sequence[str]
    kind: ClassVar[str] = "items"


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence that must not be missed."""

    text: str
    tone: Tone = "plain"
    kind: ClassVar[str] = "notice"


@dataclass(frozen=True, slots=True)
class Facts:
    """Names with their values."""

    values: Mapping[str, str]
    kind: ClassVar[str] = "facts"


@dataclass(frozen=True, slots=True)
class Cell:
    """A table's cell; the tone colours a verdict, the note stands small below the text."""

    text: str
    tone: Tone = "plain"
    number: bool = False
    code: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """A table with what it shows above it."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    kind: ClassVar[str] = "grid"


@dataclass(frozen=True, slots=True)
class Chart:
    """An inline SVG with the words that say how to read it."""

    svg: str
    caption: str
    kind: ClassVar[str] = "chart"


Block = Paragraph | Items | Notice | Facts | Grid | Chart


@dataclass(frozen=True, slots=True)
class Section:
    """A titled part of the document; `anchor` is its address within the page."""

    anchor: str
    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True, slots=True)
class Document:
    """The whole page. `headline` are the few values that are read first."""

    title: str
    subtitle: str
    verdict: Notice
    headline: Mapping[str, str]
    sections: Sequence[Section]

    def write(self, path: Path) -> None:
        """Write the page atomically."""
        write_text(path, self.html())

    def html(self) -> str:
        """The page; every text in it is escaped."""
        from markupsafe import Markup

        svg = Markup  # a chart is markup that this package made, its texts already escaped
        return str(_template().render(document=self, svg=svg))


def _template() -> Any:
    from jinja2 import Environment, StrictUndefined

    source = files("creditrisk.reporting").joinpath("templates/document.html.j2")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(source.read_text(encoding="utf-8"))
