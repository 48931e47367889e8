"""What a batch may be asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from creditrisk.data.sources.location import Location
from creditrisk.scoring.batch.errors import InvalidBatchId, OutputIsInput, UnsupportedFile
from creditrisk.scoring.batch.places import UnwritablePlace
from creditrisk.scoring.batch.request import BatchRequest, beside


def request(
    source: str = "in.parquet", output: str = "out.parquet", **options: Any
) -> BatchRequest:
    return BatchRequest(
        input=Location(source),
        output=Location(output),
        rejects=Location(options.pop("rejects", "rejects.csv")),
        summary=Location(options.pop("summary", "summary.json")),
        **options,
    )


@pytest.mark.parametrize(
    ("output", "side_file"),
    [
        ("out.parquet", "out.rejects.csv"),
        ("/data/out.csv", "/data/out.rejects.csv"),
        ("s3://lake/out/out.csv", "s3://lake/out/out.rejects.csv"),
        ("abfs://c@a.host/x.csv?sig=1", "abfs://c@a.host/x.rejects.csv?sig=1"),
        ("a.b/v1.2.parquet", "a.b/v1.2.rejects.csv"),
    ],
)
def test_side_files_lie_beside_the_output(output: str, side_file: str) -> None:
    """A side file has the output's address with another ending."""
    assert beside(output, ".rejects.csv") == side_file


@pytest.mark.parametrize("output", ["out", "out.xlsx", "folder/"])
def test_an_output_says_its_form_by_its_ending(output: str) -> None:
    """Only .csv and .parquet can be written."""
    with pytest.raises(UnsupportedFile, match="cannot be the output"):
        request(output=output)


@pytest.mark.parametrize(
    "places",
    [
        {"source": "out.parquet"},
        {"source": "./x/../out.parquet", "output": "x/../out.parquet"},
        {"rejects": "out.parquet"},
        {"summary": "rejects.csv"},
    ],
)
def test_no_file_has_two_roles(places: dict[str, str]) -> None:
    """Nothing that is read or written overwrites another."""
    with pytest.raises(OutputIsInput, match="cannot be both"):
        request(**places)


@pytest.mark.parametrize("place", ["https://host/out.csv", "kaggle://home/out.csv"])
def test_an_output_lies_where_somebody_can_write(place: str) -> None:
    """An address that only serves files is refused before anything is scored."""
    with pytest.raises(UnwritablePlace, match="cannot be written to"):
        request(output=place)


@pytest.mark.parametrize("batch_id", ["short", "a" * 41, "has space", "-leading", "../../etc/x"])
def test_a_batch_id_fits_into_decision_ids(batch_id: str) -> None:
    """A batch id has 8 to 40 plain characters, so that no path or log can be meddled with."""
    with pytest.raises(InvalidBatchId, match="8 to 40 letters"):
        request(batch_id=batch_id)


def test_a_folder_is_raw_tables(tmp_path: Path) -> None:
    """What does not end as a feature table, or is a folder, holds raw tables."""
    (tmp_path / "odd.csv").mkdir()
    assert request(str(tmp_path)).is_raw
    assert request(str(tmp_path / "odd.csv")).is_raw
    assert request("s3://lake/raw").is_raw
    assert not request("s3://lake/rows.csv").is_raw


def test_the_work_folder_lies_beside_the_output() -> None:
    """One rename moves a finished output; for an address elsewhere work is done here."""
    assert request(output="/data/out.csv").work_folder == Path("/data/.out.csv.batch")
    assert request(output="s3://lake/out.csv").work_folder == Path(".out.csv.batch")
