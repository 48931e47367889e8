"""The Dockerfiles: clean, from locks, on one base, with nothing of the checkout but what they name."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILES = ("Dockerfile.api", "Dockerfile.batch")


@pytest.mark.parametrize("name", DOCKERFILES)
def test_hadolint_is_content(name: str) -> None:
    """Nothing is found but what is argued in the file."""
    program = Path(sys.executable).with_name("hadolint")
    checked = subprocess.run([program, ROOT / name], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("name", DOCKERFILES)
def test_what_is_installed_is_locked(name: str) -> None:
    """Each installation asks for hashes, or takes the wheel that was built beside it."""
    text = (ROOT / name).read_text().replace("\\\n", " ")
    installs = re.findall(r"(?:pip|uv pip) install .*?(?=&&|\n)", text)
    assert len(installs) == 3
    assert all("--require-hashes" in each or "--no-index" in each for each in installs)


@pytest.mark.parametrize("name", DOCKERFILES)
def test_what_is_copied_exists_and_is_let_through(name: str) -> None:
    """Each file that is copied is there, and .dockerignore lets it in."""
    let_in = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / name).read_text(), re.MULTILINE)
    for path in " ".join(copied).split():
        assert (ROOT / path).exists()
        assert any(Path(path).match(pattern) for pattern in let_in), path


def test_both_stand_on_one_base() -> None:
    """Its name, which base.sh reads in one of them, is the other's, too."""
    first, second = (
        re.findall(r"^FROM (\S+) AS base$", (ROOT / name).read_text(), re.MULTILINE)
        for name in DOCKERFILES
    )
    assert first == second
    assert len(first) == 1
