"""The workflows as they stand in the repository, and the commands that they call."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".github/workflows"
FILES = ("ci.yaml", "cd.yaml", "nightly.yaml")
UPLOAD = "actions/upload-artifact"
_SHELL_WORDS = {"echo"}


@dataclass(frozen=True)
class Job:
    """A job of a workflow."""

    file: str
    name: str
    content: dict[str, Any]

    @property
    def steps(self) -> list[dict[str, Any]]:
        """Its steps, in order."""
        return self.content["steps"]

    def __str__(self) -> str:
        """Its place, as a test's id."""
        return f"{self.file}:{self.name}"


def workflow(file: str) -> dict[Any, Any]:
    """A workflow's content; YAML reads the word `on` as true."""
    content: dict[Any, Any] = yaml.safe_load((FOLDER / file).read_text())
    return content


def all_jobs() -> list[Job]:
    """Every job of every workflow."""
    return [
        Job(file, name, content)
        for file in FILES
        for name, content in workflow(file)["jobs"].items()
    ]


def called(job: Job) -> Iterator[list[str]]:
    """Each command of the project that a job calls, as words; variables stand as they are written."""
    for step in job.steps:
        for line in step.get("run", "").splitlines():
            words = shlex.split(line.partition(" >> ")[0])
            if words and words[0] not in _SHELL_WORDS:
                yield words
