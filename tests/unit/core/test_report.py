from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from creditrisk.core.errors import MissingFile, UnreadableReport
from creditrisk.core.report import Report


class Reading(Report):
    """A report as small as it gets."""

    name: str
    value: float


def test_a_report_reads_back_as_written(tmp_path: Path) -> None:
    """Floats survive to the last bit."""
    reading = Reading(name="gini", value=0.1 + 0.2)
    reading.write(tmp_path / "reading.json")
    assert Reading.read(tmp_path / "reading.json") == reading


def test_same_content_same_bytes(tmp_path: Path) -> None:
    """Two equal reports are equal files."""
    for name in ("one", "two"):
        Reading(name="ks", value=0.25).write(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_missing_report_names_the_file(tmp_path: Path) -> None:
    """Evidence that is not there is an error, never an empty report."""
    with pytest.raises(MissingFile, match=r"absent\.json does not exist"):
        Reading.read(tmp_path / "absent.json")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "JSON"),
        ('{"name": "gini"}', "value: Field required"),
        ('{"name": "gini", "value": 1, "extra": 2}', "extra: Extra inputs"),
    ],
)
def test_an_unreadable_report_says_what_is_wrong(
    tmp_path: Path, content: str, problem: str
) -> None:
    """Broken JSON, a missing field and an unknown field are each refused by name."""
    path = tmp_path / "reading.json"
    path.write_text(content)
    with pytest.raises(UnreadableReport, match=problem):
        Reading.read(path)


def test_a_report_that_is_no_text_is_unreadable(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are refused like every other wrong content."""
    path = tmp_path / "reading.json"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UnreadableReport, match="Invalid JSON"):
        Reading.read(path)


def test_what_is_no_number_cannot_be_reported() -> None:
    """NaN and infinity have no JSON form and no meaning as evidence."""
    with pytest.raises(ValidationError):
        Reading(name="gini", value=float("nan"))
