from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from production_pulls import production_rows, pulled, saved, with_columns
from simulated_lending import FEATURES

from creditrisk.core.settings import Settings
from creditrisk.monitoring.production.errors import EmptyPull, UnreadablePull
from creditrisk.monitoring.production.feature_file import column_names, read_features
from creditrisk.monitoring.production.pull import FeatureRows


def read(path: Path) -> FeatureRows:
    """The file as a feature table."""
    return read_features(path, path.name, FEATURES, Settings())


def with_texts(path: Path, column: str, *texts: str) -> FeatureRows:
    """A CSV file in whose first rows these texts stand in a column."""
    table = production_rows(10)
    kept = table.column(column).to_pylist()[len(texts) :]
    cells = [*texts, *("" if value is None else f"{value}" for value in kept)]
    return read(saved(with_columns(table, **{column: cells}), path / "pull.csv"))


def refusal(path: Path, content: bytes) -> str:
    """Why a file of that content is refused."""
    path.write_bytes(content)
    with pytest.raises(UnreadablePull) as refused:
        read(path)
    return str(refused.value)


def test_csv_and_parquet_are_read_alike(tmp_path: Path) -> None:
    """The same rows give the same columns in the same types."""
    tables = [
        pulled(production_rows(50), tmp_path, f"pull.{end}").table for end in ("csv", "parquet")
    ]
    assert tables[0].equals(tables[1])
    assert [str(field.type) for field in tables[0].schema] == [
        *("int64", "double", "double", "int64", "string")
    ]


def test_a_cell_that_is_no_number_is_null_and_counted(tmp_path: Path) -> None:
    """Other cells are measured; infinities and NaN are no numbers either."""
    rows = with_texts(tmp_path, "CREDIT_TO_INCOME", "twelve", "inf", "nan", "4.5")
    assert rows.table.column("CREDIT_TO_INCOME").to_pylist()[:4] == [None, None, None, 4.5]
    (broken,) = rows.broken_rules
    assert (broken.rule, broken.violations, broken.refuses) == ("features.columns", 3, True)
    assert "CREDIT_TO_INCOME holds a finite number" in broken.description


def test_a_fraction_is_no_integer(tmp_path: Path) -> None:
    """Nothing is rounded on its way in; a whole number may be written as a real one."""
    rows = with_texts(tmp_path, "CNT_CHILDREN", "1.5", "2.0")
    assert rows.table.column("CNT_CHILDREN").to_pylist()[:2] == [None, 2]


def test_values_out_of_range_break_their_rule(tmp_path: Path) -> None:
    """The contract of training is asked, and its rules are counted by name."""
    rows = with_texts(tmp_path, "CNT_CHILDREN", "-1", "-2")
    assert {r.rule: r.violations for r in rows.broken_rules} == {"features.CNT_CHILDREN.range": 2}


def test_a_relaxed_rule_is_counted_apart(tmp_path: Path) -> None:
    """What the settings relax with a reason refuses nothing, here as everywhere."""
    path = saved(production_rows(10, CNT_CHILDREN=[-1] * 10), tmp_path / "pull.parquet")
    relaxed = {"features.CNT_CHILDREN.range": "a source counts down"}
    settings = Settings.model_validate({"contracts": {"relaxed_rules": relaxed}})
    (broken,) = read_features(path, "pull", FEATURES, settings).broken_rules
    assert (broken.violations, broken.because, broken.refuses) == (
        10,
        "a source counts down",
        False,
    )


def test_repeated_applicants_are_counted(tmp_path: Path) -> None:
    """The rule that an applicant has one row counts applicants."""
    table = pa.concat_tables([production_rows(10), production_rows(2)])
    rows = read(saved(table, tmp_path / "pull.parquet"))
    assert {r.rule: r.violations for r in rows.broken_rules} == {"features.unique_applicant": 2}


def test_a_column_of_another_type_is_absent(tmp_path: Path) -> None:
    """Text where numbers belong is not measured, and said so."""
    table = production_rows(10, CNT_CHILDREN=["two"] * 10)
    rows = read(saved(table, tmp_path / "pull.parquet"))
    assert rows.absent == {"CNT_CHILDREN": "it is stored as VARCHAR, required is a whole number"}
    assert "CNT_CHILDREN" not in rows.table.column_names
    assert sum(rule.violations for rule in rows.broken_rules) == 1


def test_outcomes_that_come_along_are_left_out(tmp_path: Path) -> None:
    """A labelled table is a pull like any other."""
    rows = read(saved(production_rows(10, TARGET=[0] * 10), tmp_path / "pull.parquet"))
    assert "TARGET" not in rows.table.column_names
    assert (rows.extra_columns, rows.broken_rules) == ((), ())


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """The message says what was seen and what is required."""
    assert "not text" in refusal(tmp_path / "a.csv", b"\xff\xfe\x00\x01")
    assert "it is empty" in refusal(tmp_path / "a.csv", b"")
    assert "stands there twice" in refusal(tmp_path / "a.csv", b"SK_ID_CURR,SK_ID_CURR\n1,2\n")
    assert "as many cells" in refusal(tmp_path / "a.csv", b"SK_ID_CURR,EXT_SOURCE_2\n1,2,3\n")
    assert "a whole Parquet file" in refusal(tmp_path / "a.parquet", b"PAR1 and no more")
    assert "its name ends in .xlsx" in refusal(tmp_path / "a.xlsx", b"PK")


def test_a_table_without_rows_is_refused(tmp_path: Path) -> None:
    """No rows are no evidence that nothing moved."""
    for name in ("a.csv", "a.parquet"):
        path = saved(production_rows(1).slice(0, 0), tmp_path / name)
        with pytest.raises(EmptyPull, match="holds no applicant"):
            read(path)


def test_damage_behind_the_footer_is_found(tmp_path: Path) -> None:
    """A Parquet file whose pages are gone is refused when they are read."""
    path = saved(production_rows(2_000), tmp_path / "a.parquet")
    content = bytearray(path.read_bytes())
    content[40:4_000] = bytes(3_960)
    path.write_bytes(content)
    assert column_names(path, "a")
    with pytest.raises(UnreadablePull, match="intact Parquet"):
        read(path)
