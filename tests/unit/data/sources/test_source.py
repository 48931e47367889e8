"""Which objects may hold a raw file."""

from __future__ import annotations

import pytest

from creditrisk.data.sources.location import Location
from creditrisk.data.sources.source import candidates


def test_a_folder_offers_four_forms() -> None:
    """Plain first, then compressed."""
    offered = [place.name for place in candidates(Location("s3://bucket/raw"), "bureau.csv")]
    assert offered == ["bureau.csv", "bureau.csv.gz", "bureau.csv.zip", "bureau.zip"]


@pytest.mark.parametrize("address", ["s3://bucket/all.zip", "https://host/export.csv.gz?sig=a"])
def test_a_named_object_is_taken_as_it_is(address: str) -> None:
    """Its name need not be the raw file's."""
    assert candidates(Location(address), "bureau.csv") == [Location(address)]
