"""What documents, Makefile and CI name does exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from creditrisk.cli import COMMANDS

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path
    for path in [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        ROOT / "Makefile",
        ROOT / ".ci/run",
    ]
    if path.exists()
)
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def named(pattern: str, document: Path) -> set[str]:
    return set(re.findall(pattern, document.read_text(encoding="utf-8")))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_paths_exist(document: Path) -> None:
    """Each path of a folder that is kept in the repository leads somewhere."""
    paths = named(
        r"(?<![\w/.])((?:src|docs|tests|benchmarks|requirements|\.ci)/[\w./-]*\w)", document
    )
    missing = {path for path in paths if not (ROOT / path).exists()}
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    """Each relative link of a document points at a file."""
    links = named(r"\]\((?!https?:|#)([^)#\s]+)", document)
    missing = {link for link in links if not (document.parent / link).exists()}
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_exist(document: Path) -> None:
    """Each `creditrisk` subcommand and `make` target that is named exists."""
    commands = named(r"`creditrisk ([a-z][a-z-]+)", document)
    targets = named(r"(?:`|^|\s)make ([a-z][a-z-]+)(?=`|\s*$|\s+#)", document)
    assert commands <= set(COMMANDS)
    assert targets <= TARGETS
