from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from pyarrow import parquet

from creditrisk.core.settings import ContractSettings, ResourceSettings, Settings
from creditrisk.features.catalogue import load_catalogue
from creditrisk.features.feature_store import build_feature_store, validation_runner
from creditrisk.models.encoding import ModelFeature
from creditrisk.monitoring.production.errors import EmptyPull, UnreadablePull
from creditrisk.monitoring.production.pull import FeatureRows
from creditrisk.monitoring.production.raw_tables import is_raw, read_raw_tables

APPLICATIONS = "application_test.csv"
FEATURES = tuple(
    ModelFeature(name=one.name, type=one.type, categories=one.categories)
    for one in load_catalogue()
)
Rows = list[list[str]]


@pytest.fixture
def raw(generated_pull: Path, tmp_path: Path) -> Path:
    """A copy of the generated pull."""
    shutil.copytree(generated_pull, tmp_path / "raw")
    return tmp_path / "raw"


def read(raw: Path) -> FeatureRows:
    """The pull in that folder."""
    return read_raw_tables(raw, APPLICATIONS, FEATURES, Settings())


def edit(path: Path, change: Callable[[Rows], Iterable[list[str]]]) -> None:
    """Rewrite a CSV file; its first row is the header."""
    with path.open(newline="") as stream:
        rows = list(csv.reader(stream))
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows(change(rows))


def without_column(path: Path, name: str) -> None:
    """Drop a column of a CSV file."""

    def drop(rows: Rows) -> Rows:
        place = rows[0].index(name)
        return [row[:place] + row[place + 1 :] for row in rows]

    edit(path, drop)


def test_features_are_those_of_training(raw: Path, tmp_path: Path) -> None:
    """A pull's features are what `build_feature_store` computes, to the bit, and nothing is absent."""
    rows = read(raw)
    build_feature_store(
        raw,
        tmp_path / "features.parquet",
        tmp_path / "metadata.json",
        validation_out=tmp_path / "verdict.json",
        summary_out=tmp_path / "summary.json",
        resources=ResourceSettings(),
        runner=validation_runner(ContractSettings()),
        applications=APPLICATIONS,
    )
    expected = parquet.read_table(tmp_path / "features.parquet")
    assert rows.table.equals(expected.select(rows.table.column_names).cast(rows.table.schema))
    assert set(rows.table.column_names) == set(expected.column_names)
    assert (dict(rows.absent), rows.extra_columns, rows.not_measured) == ({}, (), ())
    assert not any(rule.refuses for rule in rows.broken_rules)


def test_a_history_that_is_not_there_takes_its_features_along(raw: Path) -> None:
    """What is made of it, or of it and another, is absent; no count of it is zero."""
    (raw / "bureau.csv").unlink()
    rows = read(raw)
    by_source = {one.name: one.source for one in load_catalogue()}
    assert {by_source[name] for name in rows.absent} == {"bureau", "bureau_balance"}
    assert set(rows.absent.values()) == {"bureau.csv is not in the pull"}
    assert not set(rows.absent).intersection(rows.table.column_names)
    assert [one.what for one in rows.not_measured] == ["bureau.csv"]
    assert not any(rule.refuses for rule in rows.broken_rules)


def test_applications_alone_give_their_own_features(raw: Path) -> None:
    """A raw file without any history is measured as far as it goes."""
    for path in raw.iterdir():
        if path.name != APPLICATIONS:
            path.unlink()
    rows = read(raw)
    by_source = {one.name: one.source for one in load_catalogue()}
    kept = {by_source[name] for name in rows.table.column_names if name != "SK_ID_CURR"}
    assert kept == {"application", "application_nulls"}
    assert len(rows.not_measured) == 6


def test_a_missing_raw_column_takes_what_reads_it_along(raw: Path) -> None:
    """Features that read it are absent with the column's name, the others are there."""
    without_column(raw / APPLICATIONS, "AMT_ANNUITY")
    rows = read(raw)
    assert rows.absent["AMT_ANNUITY"] == "column AMT_ANNUITY of application is not in the pull"
    assert "ANNUITY_TO_INCOME" in rows.absent
    assert "AMT_CREDIT" in rows.table.column_names
    assert {rule.rule for rule in rows.broken_rules if rule.refuses} == {"application.columns"}


def test_a_history_without_its_key_is_no_history(raw: Path) -> None:
    """Rows that belong to nobody would all be missing values."""
    without_column(raw / "credit_card_balance.csv", "SK_ID_CURR")
    rows = read(raw)
    assert set(rows.absent.values()) == {"credit_card_balance.csv has no column SK_ID_CURR"}
    assert {rule.rule for rule in rows.broken_rules if rule.refuses} == {
        "credit_card_balance.readable"
    }


def test_a_history_that_cannot_be_read_is_a_violation(raw: Path) -> None:
    """Its features are absent with the loader's words; the applications are measured."""
    edit(raw / "bureau.csv", lambda rows: [*rows[:5], ["x"] * len(rows[0]), *rows[5:]])
    rows = read(raw)
    assert any("must be a whole number" in why for why in rows.absent.values())
    assert {rule.rule for rule in rows.broken_rules if rule.refuses} == {"bureau.readable"}
    assert "AMT_CREDIT" in rows.table.column_names


def test_broken_rules_are_counted_and_refuse_nothing(raw: Path) -> None:
    """Training would refuse the table; monitoring counts and goes on."""

    def young(rows: Rows) -> Rows:
        place = rows[0].index("DAYS_BIRTH")
        return [rows[0], *([*row[:place], "5", *row[place + 1 :]] for row in rows[1:4]), *rows[4:]]

    edit(raw / APPLICATIONS, young)
    rows = read(raw)
    counted = {rule.rule: rule.violations for rule in rows.broken_rules if rule.refuses}
    assert counted["application.DAYS_BIRTH.range"] == 3
    assert rows.table.num_rows == 300


def test_an_applicant_of_several_rows_is_left_out(raw: Path) -> None:
    """Nobody knows the right one; the broken rule and the rows are counted."""
    edit(raw / APPLICATIONS, lambda rows: [*rows, rows[1]])
    rows = read(raw)
    assert rows.table.num_rows == 299
    assert [one.what for one in rows.not_measured] == ["2 rows"]


def test_a_further_column_is_listed(raw: Path) -> None:
    """With the table that it stands in."""
    edit(raw / APPLICATIONS, lambda rows: [[*row, "SHOE_SIZE"] for row in rows])
    assert read(raw).extra_columns == ("application.SHOE_SIZE",)


def test_histories_of_the_folder_s_other_applicants_are_no_orphans(raw: Path) -> None:
    """Two files of applicants share their histories, as in the data of the competition."""
    half = raw / "application_train.csv"
    shutil.copy(raw / APPLICATIONS, half)
    edit(raw / APPLICATIONS, lambda rows: rows[:100])
    edit(half, lambda rows: [rows[0], *rows[100:]])
    orphans = [rule for rule in read(raw).broken_rules if "known_application" in rule.rule]
    assert not any(rule.refuses for rule in orphans)
    assert sum(rule.violations for rule in orphans) == 0


def test_applications_without_ids_or_rows_are_refused(raw: Path) -> None:
    """There is nobody to measure."""
    edit(raw / APPLICATIONS, lambda rows: rows[:1])
    with pytest.raises(EmptyPull, match="holds no applicant"):
        read(raw)
    without_column(raw / APPLICATIONS, "SK_ID_CURR")
    with pytest.raises(UnreadablePull, match="no column SK_ID_CURR"):
        read(raw)


def test_raw_files_are_told_from_feature_tables(raw: Path) -> None:
    """By the names that only one of them has."""
    header = (raw / APPLICATIONS).read_text().splitlines()[0].split(",")
    assert is_raw(header)
    assert not is_raw([feature.name for feature in FEATURES])
    assert not is_raw(["SK_ID_CURR", "AMT_CREDIT"])
