from __future__ import annotations

import hashlib
from importlib.resources import files
from pathlib import Path

from creditrisk.contracts.tables import Column, raw_tables
from creditrisk.features.catalogue import load_catalogue
from creditrisk.features.metadata import FeatureMetadata, describe

TARGET = raw_tables()["application"].column("TARGET")
GROUP = Column("HOUSEHOLD", "category", nullable=True)


def test_columns_stand_in_the_order_of_the_table() -> None:
    """Key, features in the catalogue's order, outcome, group; each with its role."""
    metadata = describe([TARGET, GROUP])
    assert metadata.names("key") == ("SK_ID_CURR",)
    assert metadata.names("feature") == load_catalogue().names
    assert metadata.names("target") == ("TARGET",)
    assert metadata.names("group") == ("HOUSEHOLD",)
    assert [column.name for column in metadata.columns[-2:]] == ["TARGET", "HOUSEHOLD"]


def test_applicants_without_outcome_have_no_target() -> None:
    """Where nothing is carried through, only key and features stand there."""
    assert len(describe([]).columns) == 1 + len(load_catalogue())


def test_hashes_are_those_of_the_files() -> None:
    """The metadata holds the SHA-256 of the catalogue and of each SQL file."""
    folder = files("creditrisk.features")
    metadata = describe([])
    catalogue = folder.joinpath("catalogue.yaml").read_bytes()
    assert metadata.catalogue_sha256 == hashlib.sha256(catalogue).hexdigest()
    sql = {path.name: path.read_bytes() for path in folder.joinpath("sql").iterdir()}
    assert metadata.sql_sha256 == {n: hashlib.sha256(text).hexdigest() for n, text in sql.items()}


def test_it_is_read_back(tmp_path: Path) -> None:
    """The file gives back what was written."""
    metadata = describe([TARGET])
    metadata.write(tmp_path / "metadata.json")
    assert FeatureMetadata.read(tmp_path / "metadata.json") == metadata
