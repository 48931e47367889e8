"""Several files at a time; the first failure ends them all."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.progress import Progress

from creditrisk.core.settings import IngestSettings, SourceSettings
from creditrisk.data.sources.acquisition import Delivery, RawFile, acquire, locate
from creditrisk.data.sources.errors import NotAtSource, SourceFailed, UnknownRawFile, UnusableSource
from creditrisk.data.sources.location import Location
from creditrisk.data.sources.source import Watch
from creditrisk.data.sources.staging import Staging, staging

REQUIRED = ("bureau.csv", "bureau_balance.csv")
OPTIONAL = ("application_test.csv",)


def settings(source: object, **files: Path) -> IngestSettings:
    named = {f"{name}.csv": SourceSettings(uri=str(path)) for name, path in files.items()}
    return IngestSettings(source=str(source), files=named)


def filled(folder: Path, *names: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_text(name)
    return folder


def zip_of(path: Path, **members: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members.items():
            archive.writestr(f"{name}.csv", text)
    return path


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Staging]:
    with staging(tmp_path / "raw") as made:
        yield made


def take(
    deliveries: list[Delivery],
    stage: Staging,
    check: Callable[[RawFile], None] = lambda _: None,
) -> dict[str, str]:
    with Progress(disable=True) as progress:
        files = acquire(deliveries, stage, 2, progress, check)
    return {file.name: file.path.read_text() for file in files}


def test_each_file_is_found_at_its_own_source(tmp_path: Path, stage: Staging) -> None:
    """`files` overrules `source`; an optional file that is nowhere is left out."""
    source = filled(tmp_path / "source", *REQUIRED)
    other = filled(tmp_path / "other", "export.csv") / "export.csv"
    deliveries = locate(settings(source, bureau=other), REQUIRED, OPTIONAL)
    taken = take(deliveries, stage)
    assert taken == {"bureau.csv": "export.csv", "bureau_balance.csv": "bureau_balance.csv"}


def test_all_that_is_missing_is_named_at_once(tmp_path: Path) -> None:
    """Nobody wants to learn of seven missing files in seven runs."""
    source = filled(tmp_path / "source")
    with pytest.raises(
        NotAtSource, match=r"^bureau\.csv, bureau_balance\.csv not found at"
    ) as caught:
        locate(settings(source), REQUIRED, OPTIONAL)
    assert "looked for bureau.csv, bureau.csv.gz, bureau.csv.zip, bureau.zip" in str(caught.value)


def test_an_archive_serves_several_files_but_is_one_object(tmp_path: Path, stage: Staging) -> None:
    """It is delivered once; the optional file may be missing in it."""
    archive = zip_of(tmp_path / "all.zip", bureau="1", bureau_balance="2")
    deliveries = locate(settings(archive), REQUIRED, OPTIONAL)
    assert [delivery.file_names for delivery in deliveries] == [REQUIRED + OPTIONAL]
    assert take(deliveries, stage) == {"bureau.csv": "1", "bureau_balance.csv": "2"}


def test_archives_of_one_name_are_kept_apart(tmp_path: Path, stage: Staging) -> None:
    """Two sources may call different archives all.zip."""
    one, two = (filled(tmp_path / name) for name in ("one", "two"))
    source = settings(
        zip_of(one / "all.zip", bureau_balance="2"), bureau=zip_of(two / "all.zip", bureau="1")
    )
    assert take(locate(source, REQUIRED, ()), stage) == {
        "bureau.csv": "1",
        "bureau_balance.csv": "2",
    }


def test_one_csv_cannot_serve_all_files(tmp_path: Path) -> None:
    """Seven tables do not lie in one CSV file."""
    path = filled(tmp_path / "source", "bureau.csv") / "bureau.csv"
    with pytest.raises(UnusableSource, match="a folder or a zip of all raw files"):
        locate(settings(path), REQUIRED, OPTIONAL)


def test_a_name_that_is_no_raw_file_is_misuse(tmp_path: Path) -> None:
    """The message lists the names that are."""
    with pytest.raises(UnknownRawFile, match=r"names buro\.csv; the raw files are bureau\.csv"):
        locate(settings(tmp_path, buro=tmp_path), REQUIRED, OPTIONAL)


@dataclass(frozen=True)
class Endless:
    """An object that never ends, unless it is told to."""

    location = Location("s3://bucket/bureau.csv")
    size = None

    def materialise(self, folder: Path, watch: Watch) -> Path:
        """Report progress for ever."""
        while True:
            watch(1)
            time.sleep(0.001)
            assert folder.exists()


@dataclass(frozen=True)
class Failing:
    """An object that fails at once."""

    location = Location("s3://bucket/bureau_balance.csv")
    size = None

    def materialise(self, folder: Path, watch: Watch) -> Path:
        """Fail."""
        raise SourceFailed("s3://bucket", f"not today ({folder.name != ''}, {watch is not None})")


def test_the_first_failure_stops_the_others(stage: Staging) -> None:
    """Nobody waits for a download whose result is no longer wanted; the failure is what is told."""
    deliveries = [Delivery(Endless(), REQUIRED[:1]), Delivery(Failing(), REQUIRED[1:])]
    with pytest.raises(SourceFailed, match="not today"):
        take(deliveries, stage)


def test_each_file_is_checked_as_soon_as_it_is_here(tmp_path: Path, stage: Staging) -> None:
    """With its checksum, and at a path where it can be read."""
    source = filled(tmp_path / "source", *REQUIRED)
    seen: dict[str, tuple[str, int]] = {}

    def check(file: RawFile) -> None:
        seen[file.name] = (file.path.read_text(), file.digests.bytes)

    take(locate(settings(source), REQUIRED, OPTIONAL), stage, check)
    assert seen == {name: (name, len(name)) for name in REQUIRED}
