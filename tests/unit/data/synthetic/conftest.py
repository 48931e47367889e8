"""One small generated portfolio that many tests read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from creditrisk.core.settings import SyntheticSettings
from creditrisk.data.synthetic import generate_portfolio

APPLICANTS = 6_000


@pytest.fixture(scope="session")
def portfolio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `raw` and `truth` of 6,000 labelled applicants."""
    folder = tmp_path_factory.mktemp("portfolio")
    settings = SyntheticSettings(applicants=APPLICANTS, seed=3)
    generate_portfolio(folder / "raw", folder / "truth", settings, threads=1)
    return folder


@pytest.fixture(scope="session")
def tables(portfolio: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that holds every file of the portfolio as a table of the file's name."""
    with duckdb.connect() as connection:
        for path in sorted((portfolio / "raw").glob("*.csv")):
            connection.execute(
                f'create table "{path.stem}" as from read_csv(?, sample_size = -1)',
                [str(path)],
            )
        for path in sorted((portfolio / "truth").glob("*.parquet")):
            connection.execute(
                f'create table "truth_{path.stem}" as from read_parquet(?)',
                [str(path)],
            )
        connection.execute(
            "create table person as"
            " select SK_ID_CURR, true as labelled from application_train"
            " union all select SK_ID_CURR, false from application_test"
        )
        yield connection


@pytest.fixture(scope="session")
def figure(tables: duckdb.DuckDBPyConnection) -> Callable[[str], float]:
    """Evaluate a query that gives one number."""

    def evaluate(query: str) -> float:
        (row,) = tables.execute(query).fetchall()
        return float(row[0])

    return evaluate
