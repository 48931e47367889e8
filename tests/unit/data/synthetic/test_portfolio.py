"""A portfolio on disk: same bytes always, all files or none, people who stay who they are."""

# ruff: noqa: S608  (queries are put together from constants)

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from creditrisk.contracts.tables import RAW_FILES, raw_tables, without_target
from creditrisk.core.files import sha256_of
from creditrisk.core.settings import ScenarioSettings, SyntheticSettings
from creditrisk.data.synthetic import portfolio as portfolio_module
from creditrisk.data.synthetic.portfolio import generate_month, generate_portfolio

HISTORIES = sorted(set(RAW_FILES) - {"application_train.csv"})


def generated(folder: Path, applicants: int = 60, **options: Any) -> Path:
    """A portfolio in a folder of its own; `options` of the settings, then of the generator."""
    threads, chunk = options.pop("threads", 1), options.pop("chunk", "medium")
    settings = SyntheticSettings(applicants=applicants, seed=options.pop("seed", 5), **options)
    generate_portfolio(folder / "raw", folder / "truth", settings, threads=threads, chunk=chunk)
    return folder


def checksums(folder: Path) -> dict[str, str]:
    """The checksum of every file below a folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): sha256_of(path) for path in sorted(files)}


def rows_of(folder: Path, name: str) -> set[str]:
    """The data lines of a raw file."""
    return set((folder / "raw" / name).read_text(encoding="utf-8").splitlines()[1:])


@pytest.mark.slow
def test_workers_and_chunks_change_no_byte(tmp_path: Path) -> None:
    """The same seed gives the same files at every chunk size, with one worker and with two."""
    expected = checksums(generated(tmp_path / "a", 4_500, chunk="large"))
    assert len(expected) == len(RAW_FILES) + 3
    assert checksums(generated(tmp_path / "b", 4_500, chunk="small", threads=2)) == expected
    assert checksums(generated(tmp_path / "c", 4_500, chunk="medium")) == expected


def test_a_month_alone_is_the_month_of_the_portfolio(tmp_path: Path) -> None:
    """Files and truth of a month are to the byte those of a portfolio that holds it."""
    scenario = ScenarioSettings(kind="prior", from_month=2)
    settings = SyntheticSettings(applicants=60, seed=5, months=2, scenario=scenario)
    whole = generated(tmp_path / "whole", months=2, scenario=scenario)
    alone = tmp_path / "alone"
    folder = generate_month(alone / "raw", alone / "truth", settings, 2, threads=1)
    assert folder == alone / "raw/production/month_02"
    assert checksums(folder) == checksums(whole / "raw/production/month_02")
    assert checksums(alone / "truth") == {
        name: sha for name, sha in checksums(whole / "truth").items() if "month_02" in name
    }


def test_another_seed_gives_other_files(tmp_path: Path) -> None:
    """No file is the same under another seed."""
    first, second = (checksums(generated(tmp_path / str(seed), seed=seed)) for seed in (1, 2))
    assert not set(first.values()) & set(second.values())


def test_more_applicants_leave_the_first_as_they_were(tmp_path: Path) -> None:
    """A larger portfolio of the same seed holds the smaller one's people with all their rows."""
    small, large = generated(tmp_path / "small", 200), generated(tmp_path / "large", 500)
    for name in RAW_FILES:
        rows = rows_of(small, name)
        assert len(rows) >= 200, name
        assert rows <= rows_of(large, name), name


@pytest.mark.parametrize("applicants", [1, 2, 50])
def test_tiny_portfolios_are_complete(applicants: int, tmp_path: Path) -> None:
    """Any number of labelled applicants can be asked for, and as many come."""
    folder = generated(tmp_path, applicants)
    names = {path.name for path in (folder / "raw").iterdir()}
    assert names == {*RAW_FILES, "application_test.csv"}
    assert (
        len((folder / "raw" / "application_train.csv").read_text().splitlines()) == applicants + 1
    )
    assert pq.read_table(folder / "truth" / "application_train.parquet").num_rows == applicants


def test_headers_are_the_contracts(portfolio: Path) -> None:
    """Each file's first line is its table's columns in order."""
    tables = raw_tables()
    headers = {name: tables[table].column_names for name, table in RAW_FILES.items()}
    headers["application_test.csv"] = without_target(tables["application"]).column_names
    for name, columns in headers.items():
        with (portfolio / "raw" / name).open(encoding="utf-8") as stream:
            assert stream.readline() == ",".join(columns) + "\n"


def test_truth_belongs_to_the_applicants(tables: duckdb.DuckDBPyConnection) -> None:
    """Each applicant has one true probability, within 0 and 1, and nobody else has."""
    for name in ("application_train", "application_test"):
        figures = tables.execute(
            f"select count(*), count(app.SK_ID_CURR), min(TRUE_PD) > 0, max(TRUE_PD) < 1"
            f" from truth_{name} full join {name} as app using (SK_ID_CURR)"
        ).fetchall()
        rows = tables.execute(f"select count(*) from {name}").fetchall()[0][0]
        assert figures == [(rows, rows, True, True)]


def test_outcomes_follow_the_true_probability(figure: Callable[[str], float]) -> None:
    """Observed and expected defaults agree below and above the median probability."""
    for side in ("<", ">="):
        z = figure(
            "select abs(sum(TARGET - TRUE_PD)) / sqrt(sum(TRUE_PD * (1 - TRUE_PD)))"
            " from application_train join truth_application_train using (SK_ID_CURR)"
            f" where TRUE_PD {side} (select median(TRUE_PD) from truth_application_train)"
        )
        assert z < 4


def test_failure_leaves_the_old_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a block cannot be drawn, the previous portfolio stays and nothing half-written lies about."""
    before = checksums(generated(tmp_path))

    def refuse(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(portfolio_module, "draw_block", refuse)
    with pytest.raises(MemoryError):
        generated(tmp_path, seed=9)
    assert checksums(tmp_path) == before


def test_month_holds_unlabelled_applications_and_their_histories(tmp_path: Path) -> None:
    """A production month has the raw form without TARGET; its outcomes lie in the truth folder."""
    folder = generated(tmp_path, months=2, month_applicants=40)
    month = folder / "raw" / "production" / "month_02"
    assert sorted(path.name for path in month.iterdir()) == sorted(
        [*HISTORIES, "application_test.csv"]
    )
    header = (month / "application_test.csv").read_text().splitlines()[0]
    assert "TARGET" not in header
    truth = pq.read_table(folder / "truth" / "production" / "month_02.parquet")
    assert truth.column_names == ["SK_ID_CURR", "TRUE_PD", "TARGET"]
    assert truth.num_rows == 40


def month_figures(folder: Path, kind: str, month: int) -> tuple[float, float, float]:
    """Default rate, mean external score and correlation of score and outcome in one month."""
    name = f"month_{month:02d}"
    row = duckdb.sql(
        "select avg(TARGET), avg(EXT_SOURCE_2), corr(EXT_SOURCE_2, TARGET)"
        f" from read_csv('{folder / kind / 'raw' / 'production' / name / 'application_test.csv'}')"
        f" join '{folder / kind / 'truth' / 'production' / name}.parquet' using (SK_ID_CURR)"
    ).fetchall()[0]
    return float(row[0]), float(row[1]), float(row[2])


def shifted(folder: Path, kind: str, people: int = 4_000) -> tuple[float, float, float]:
    """The figures of a month in which a scenario holds."""
    scenario = ScenarioSettings.model_validate({"kind": kind})
    generated(folder / kind, 1, months=1, month_applicants=people, scenario=scenario)
    return month_figures(folder, kind, 1)


def plain(folder: Path, people: int = 4_000) -> tuple[float, float, float]:
    """The figures of a month without a shift."""
    generated(folder / "none", 1, months=1, month_applicants=people)
    return month_figures(folder, "none", 1)


def test_covariate_shift_brings_weaker_people(tmp_path: Path) -> None:
    """External scores fall and more people default."""
    rate, score, _ = plain(tmp_path)
    shifted_rate, shifted_score, _ = shifted(tmp_path, "covariate")
    assert shifted_score < score - 0.04
    assert shifted_rate > rate + 0.02


def test_prior_shift_raises_the_default_rate_alone(tmp_path: Path) -> None:
    """The default rate goes to 12 %, scores move little."""
    _, score, _ = plain(tmp_path)
    shifted_rate, shifted_score, _ = shifted(tmp_path, "prior")
    assert shifted_rate == pytest.approx(0.12, abs=0.02)
    assert shifted_score == pytest.approx(score, abs=0.025)


def test_concept_shift_changes_what_makes_people_default(tmp_path: Path) -> None:
    """The people and their default rate stay, external scores no longer tell who defaults."""
    rate, score, relation = plain(tmp_path)
    shifted_rate, shifted_score, shifted_relation = shifted(tmp_path, "concept")
    assert shifted_score == pytest.approx(score)
    assert shifted_rate == pytest.approx(rate, abs=0.02)
    assert shifted_relation > relation + 0.03


def test_scenario_starts_in_its_month(tmp_path: Path) -> None:
    """Months before the scenario's first one are what they would be without it."""
    scenario = ScenarioSettings(kind="covariate", from_month=2)
    options = {"months": 2, "month_applicants": 30}
    with_it = checksums(generated(tmp_path / "a", 30, scenario=scenario, **options))
    without = checksums(generated(tmp_path / "b", 30, **options))
    changed = {name for name in with_it if with_it[name] != without[name]}
    assert {Path(name).parts[-2] for name in changed if name.startswith("raw")} == {"month_02"}
    assert changed
