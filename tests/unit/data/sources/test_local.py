"""Files of this machine are read where they lie."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from creditrisk.data.sources.errors import UnusableSource
from creditrisk.data.sources.local import LocalSource, report_unknown_files
from creditrisk.data.sources.location import Location


def found(folder: Path) -> str | None:
    origin = LocalSource(Location(str(folder))).find("bureau.csv")
    return origin.location.name if origin else None


def test_the_plain_file_is_preferred(tmp_path: Path) -> None:
    """Then a gz, then a zip of the file's full name, then a zip of the table's name."""
    for name in ("bureau.zip", "bureau.csv.zip", "bureau.csv.gz", "bureau.csv"):
        (tmp_path / name).touch()
        assert found(tmp_path) == name


def test_a_folder_may_be_named_like_an_archive(tmp_path: Path) -> None:
    """What lies there decides, not its name."""
    folder = tmp_path / "raw.zip"
    folder.mkdir()
    (folder / "bureau.csv").touch()
    assert found(folder) == "bureau.csv"


def test_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    """An empty folder, and none at all."""
    assert found(tmp_path) is None
    assert found(tmp_path / "nowhere") is None


def test_the_file_itself_is_given(tmp_path: Path) -> None:
    """Nothing is copied before it must be."""
    (tmp_path / "bureau.csv").write_text("A\n")
    origin = LocalSource(Location(str(tmp_path))).find("bureau.csv")
    assert origin is not None
    assert origin.size == 2
    assert origin.materialise(tmp_path / "unused", lambda _: None) == tmp_path / "bureau.csv"


def test_a_folder_in_place_of_the_file_is_misuse(tmp_path: Path) -> None:
    """It is not skipped in favour of another file."""
    (tmp_path / "bureau.csv").mkdir()
    (tmp_path / "bureau.csv.gz").touch()
    with pytest.raises(UnusableSource, match=r"bureau\.csv cannot be a source: it is a folder"):
        found(tmp_path)


def test_only_unknown_files_are_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """At info level; a folder of raw files alone says nothing."""
    (tmp_path / "bureau.csv.gz").touch()
    with caplog.at_level(logging.INFO):
        report_unknown_files(Location(str(tmp_path)), ["bureau.csv"])
        assert caplog.text == ""
        (tmp_path / "notes.txt").touch()
        report_unknown_files(Location(str(tmp_path)), ["bureau.csv"])
    assert "notes.txt" in caplog.text
    assert "bureau" not in caplog.messages[0].partition(": ")[2]
