"""Which form of file a feature table is in."""

from __future__ import annotations

from pathlib import Path

from creditrisk.scoring.batch.csv_features import CsvFeatures
from creditrisk.scoring.batch.errors import UnsupportedFile
from creditrisk.scoring.batch.feature_file import FeatureFile, Layout
from creditrisk.scoring.batch.parquet_features import ParquetFeatures


def open_feature_file(path: Path, shown: str, layout: Layout, *, threads: int) -> FeatureFile:
    """The feature table in a CSV or Parquet file.

    Raises:
        UnsupportedFile: its name ends in neither.
        BrokenInput: it is not what its name says.
        WrongInputColumns: a column is missing, stands there twice, or is of another type.
    """
    if path.suffix.lower() == ".parquet":
        return ParquetFeatures(path, shown, layout, threads=threads)
    if path.suffix.lower() == ".csv":
        return CsvFeatures(path, shown, layout)
    raise UnsupportedFile(shown, "input")
