"""Each kind of location has its connector."""

from __future__ import annotations

import subprocess
import sys

import pytest

from creditrisk.data.sources.connectors import open_source
from creditrisk.data.sources.errors import UnusableSource
from creditrisk.data.sources.location import Location
from creditrisk.data.sources.transfer import RetryPolicy


@pytest.mark.parametrize(
    ("address", "connector"),
    [
        ("data/raw", "LocalSource"),
        ("file:///data/raw", "LocalSource"),
        ("http://host/raw", "WebSource"),
        ("https://host/raw", "WebSource"),
        ("memory://raw", "CloudSource"),
    ],
)
def test_the_scheme_chooses_the_connector(address: str, connector: str) -> None:
    """Nothing is asked of the source yet."""
    assert type(open_source(Location(address), RetryPolicy(0, 0))).__name__ == connector


def test_single_files_are_not_generated() -> None:
    """A generated file fits only the other files of its portfolio."""
    with pytest.raises(UnusableSource, match="consistent only as a whole"):
        open_source(Location("synthetic"), RetryPolicy(0, 0))


def test_a_local_folder_needs_no_client_library() -> None:
    """Neither fsspec's web client nor Kaggle's nor DVC is imported for it."""
    code = (
        "from creditrisk.data.sources.connectors import *\n"
        "import sys\n"
        "open_source(Location('data/raw'), RetryPolicy(0, 0))\n"
        "print({'aiohttp', 'dvc', 'fsspec', 'kaggle'} & set(sys.modules))"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert process.stdout == b"set()\n"
