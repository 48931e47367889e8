"""Made-up rows and their scores."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from simulated_lending import FEATURES, unseen

from creditrisk.mlops.golden import GoldenPredictions, made_up_rows, table_of

ROWS = made_up_rows(unseen(), FEATURES, count=50, seed=3)


def test_no_row_is_a_person_s() -> None:
    """Cells are real, but amounts that stand together in a made-up row never did in the data."""
    pairs = {(row["EXT_SOURCE_2"], row["CREDIT_TO_INCOME"]) for row in ROWS}
    real = [unseen().column(name).to_pylist() for name in ("EXT_SOURCE_2", "CREDIT_TO_INCOME")]
    known = {pair for pair in pairs if None not in pair}
    assert len(known) > 30
    assert not known & set(zip(*real, strict=True))
    assert all(left in real[0] and right in real[1] for left, right in pairs)


def test_missing_values_are_nulls() -> None:
    """JSON has no NaN: NaN and null both become null."""
    table = pa.table({feature.name: pa.array([None, None]) for feature in FEATURES})
    nan = pa.array([float("nan")] * 2)
    table = table.set_column(0, "EXT_SOURCE_2", nan)
    assert set(made_up_rows(table, FEATURES, 1, 0)[0].values()) == {None}


def test_rows_come_back_as_a_table() -> None:
    """The table has the features' columns, numbers as float64 and categories as text."""
    table = table_of(ROWS, FEATURES)
    assert table.column("CNT_CHILDREN").to_pylist() == [row["CNT_CHILDREN"] for row in ROWS]
    assert [str(kind) for kind in table.schema.types] == ["double", "double", "double", "string"]


def test_the_last_bit_counts() -> None:
    """A PD that differs in its last bit differs."""
    golden = GoldenPredictions(rows=(), raw_scores=(0.0, 0.0), probabilities=(0.1, 0.2))
    assert len(golden.differing(np.array([0.1, 0.2]))) == 0
    assert len(golden.differing(np.array([0.1, np.nextafter(0.2, 1)]))) == 1
