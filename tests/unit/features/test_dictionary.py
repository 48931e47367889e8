from __future__ import annotations

from pathlib import Path

from creditrisk.features.dictionary import dictionary

DOCUMENT = Path(__file__).parents[3] / "docs" / "features.md"


def test_the_document_is_the_catalogue_s() -> None:
    """docs/features.md is what `python -m creditrisk.features.dictionary` prints."""
    assert DOCUMENT.read_text(encoding="utf-8") == dictionary()
