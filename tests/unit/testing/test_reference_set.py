from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from creditrisk.core.errors import MissingFile
from creditrisk.core.files import sha256_of
from creditrisk.mlops.hold_out import HoldOut
from creditrisk.testing.errors import UnusableSplit
from creditrisk.testing.reference_set import UnusableReferenceSet, read_reference_set

FIFTH, QUARTER = HoldOut(seed=7, test_share=0.2), HoldOut(seed=7, test_share=0.25)
OTHER_SEED = HoldOut(seed=8, test_share=0.2)


def side(folder: Path, rule: HoldOut = FIFTH, **columns: Any) -> Path:
    """The test side of 5,000 applicants by that rule."""
    ids = range(100_001, 105_001)
    held = [number for number, kept in zip(ids, rule.holds(ids), strict=True) if kept]
    table = {"SK_ID_CURR": held, "TARGET": [number % 3 == 0 for number in held]}
    table |= {name: [make(number) for number in held] for name, make in columns.items()}
    table["TARGET"] = [int(value) for value in table["TARGET"]]
    path = folder / "test.parquet"
    parquet.write_table(pa.table(table), path)
    return path


def test_models_of_one_split_are_compared_on_the_whole_test_side(tmp_path: Path) -> None:
    """The same seed and share: nobody is left out, and the summary says so."""
    path = side(tmp_path)
    found = read_reference_set(path, {"candidate": FIFTH, "champion": FIFTH})
    assert found.summary.rows == found.summary.rows_in_split == found.table.num_rows
    assert found.summary.left_out == {"candidate": 0, "champion": 0}
    assert found.summary.defaults == int(found.target.sum()) > 0
    assert found.summary.sha256 == sha256_of(path)


def test_a_model_of_another_seed_leaves_a_fifth(tmp_path: Path) -> None:
    """Who is in today's test side by chance only was in its training with four in five."""
    found = read_reference_set(side(tmp_path), {"candidate": FIFTH, "champion": OTHER_SEED})
    kept = found.table.column("SK_ID_CURR").to_pylist()
    assert FIFTH.holds(kept).all()
    assert OTHER_SEED.holds(kept).all()
    assert 0.15 < found.summary.rows / found.summary.rows_in_split < 0.25
    left_out = found.summary.rows_in_split - found.summary.rows
    assert found.summary.left_out == {"candidate": 0, "champion": left_out}


def test_a_wider_test_side_leaves_out_what_the_other_was_trained_on(tmp_path: Path) -> None:
    """A champion with a smaller test share has seen the rest of the present test side."""
    path = side(tmp_path, QUARTER)
    found = read_reference_set(path, {"candidate": QUARTER, "champion": FIFTH})
    assert FIFTH.holds(found.table.column("SK_ID_CURR").to_pylist()).all()
    assert found.summary.left_out["champion"] > 0


def test_rows_keep_their_outcomes_and_columns(tmp_path: Path) -> None:
    """Every column is there for whichever model reads it, in key order."""
    path = side(tmp_path, HOUSEHOLD=lambda number: number // 2)
    found = read_reference_set(path, {"candidate": FIFTH, "champion": OTHER_SEED})
    ids = found.table.column("SK_ID_CURR").to_pylist()
    assert ids == sorted(ids)
    assert found.target.tolist() == [int(number % 3 == 0) for number in ids]
    assert found.table.column("HOUSEHOLD").to_pylist() == [number // 2 for number in ids]


def test_groups_are_held_out_by_their_own_rule(tmp_path: Path) -> None:
    """A champion that was split by household was trained on whole households."""
    grouped = HoldOut(seed=7, test_share=0.2, group_column="HOUSEHOLD")
    path = side(tmp_path, HOUSEHOLD=lambda number: f"h{number // 2}")
    found = read_reference_set(path, {"candidate": FIFTH, "champion": grouped})
    assert grouped.holds(found.table.column("HOUSEHOLD").to_pylist()).all()


def test_an_unknown_rule_is_refused(tmp_path: Path) -> None:
    """A version that was registered without its rule may have seen anybody."""
    with pytest.raises(UnusableReferenceSet, match="the champion was not trained on"):
        read_reference_set(side(tmp_path), {"candidate": FIFTH, "champion": None})


def test_a_missing_group_column_is_refused(tmp_path: Path) -> None:
    """The rule cannot be applied without its column."""
    grouped = HoldOut(seed=7, test_share=0.2, group_column="HOUSEHOLD")
    with pytest.raises(UnusableReferenceSet, match="no column HOUSEHOLD"):
        read_reference_set(side(tmp_path), {"champion": grouped})


def test_a_missing_or_unusable_file_is_refused(tmp_path: Path) -> None:
    """No rows and no outcomes are no reference set."""
    with pytest.raises(MissingFile):
        read_reference_set(tmp_path / "test.parquet", {"champion": FIFTH})
    parquet.write_table(pa.table({"SK_ID_CURR": [1]}), tmp_path / "test.parquet")
    with pytest.raises(UnusableSplit, match="no column TARGET"):
        read_reference_set(tmp_path / "test.parquet", {"champion": FIFTH})
