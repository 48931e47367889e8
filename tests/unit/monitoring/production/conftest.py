"""A small model whose training rows keep their contract, and a generated raw pull."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from pyarrow import parquet

HERE = Path(__file__).parent
TESTS = HERE.parents[2]
sys.path[:0] = [str(HERE), str(TESTS / "model"), str(TESTS / "unit/scoring")]

from production_pulls import Model, sealed_model, training_table  # noqa: E402 - as above

from creditrisk.core.settings import SyntheticSettings  # noqa: E402 - as above
from creditrisk.data.synthetic import generate_portfolio  # noqa: E402 - as above


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """The model with the file of its training rows; tests only read them."""
    folder = tmp_path_factory.mktemp("production_model")
    training = folder / "train.parquet"
    parquet.write_table(training_table(), training)
    return sealed_model(folder, training)


@pytest.fixture(scope="session")
def generated_pull(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of raw files of 300 applicants; tests copy it."""
    folder = tmp_path_factory.mktemp("generated")
    settings = SyntheticSettings(applicants=200, months=1, month_applicants=300, seed=3)
    generate_portfolio(folder / "raw", folder / "truth", settings, threads=1)
    return folder / "raw/production/month_01"
