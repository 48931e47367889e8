"""Columns to numbers."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from creditrisk.models.encoding import FeatureEncoding, ModelFeature, arrow_table
from creditrisk.models.errors import MissingFeatures, WrongFeatureType

REAL = ModelFeature(name="AMT_CREDIT", type="real")
INTEGER = ModelFeature(name="CNT_CHILDREN", type="integer")
CATEGORY = ModelFeature(name="CODE_GENDER", type="category", categories=("F", "M"))


def encoded(feature: ModelFeature, values: pa.Array) -> list[float]:
    column: list[float] = (
        FeatureEncoding(features=(feature,)).encode(pa.table({feature.name: values}))[:, 0].tolist()
    )
    return column


def test_categories_become_their_position_in_the_catalogue() -> None:
    """The code of a category is its place in the catalogue's list, whatever the rows hold."""
    assert encoded(CATEGORY, pa.array(["M", "F", "M"])) == [1.0, 0.0, 1.0]


@pytest.mark.parametrize("value", [None, "XNA", "m", ""])
def test_missing_and_unlisted_categories_are_nan(value: str | None) -> None:
    """A category that is null or unlisted has no code."""
    assert np.isnan(encoded(CATEGORY, pa.array([value], pa.string())))


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())]
)
def test_every_arrow_form_of_text_is_read(kind: pa.DataType) -> None:
    """Plain, large and dictionary-encoded text give the same codes."""
    assert encoded(CATEGORY, pa.array(["M", "F"]).cast(kind)) == [1.0, 0.0]


@pytest.mark.parametrize("kind", [pa.int8(), pa.int64(), pa.float32(), pa.float64(), pa.bool_()])
def test_every_arrow_form_of_number_is_read(kind: pa.DataType) -> None:
    """Integers, floats and truth values become float64."""
    assert encoded(INTEGER, pa.array([1, 0]).cast(kind)) == [1.0, 0.0]


def test_missing_numbers_are_nan() -> None:
    """Nulls and NaN are the same missing value."""
    assert np.isnan(encoded(REAL, pa.array([None, float("nan")], pa.float64()))).all()


@pytest.mark.parametrize("feature", [REAL, CATEGORY])
@pytest.mark.parametrize("kind", [pa.null(), pa.string(), pa.float64()])
def test_a_column_of_nulls_has_any_type(feature: ModelFeature, kind: pa.DataType) -> None:
    """A column without values is missing throughout, whatever type a reader gave it."""
    assert np.isnan(encoded(feature, pa.nulls(2, kind))).all()


def test_text_where_a_number_belongs_is_refused() -> None:
    """The refusal names the column, the type seen and the type required."""
    with pytest.raises(WrongFeatureType, match="AMT_CREDIT holds string, the model reads numbers"):
        encoded(REAL, pa.array(["1.5"]))


def test_a_number_where_text_belongs_is_refused() -> None:
    """A category is never guessed from a number."""
    with pytest.raises(WrongFeatureType, match="CODE_GENDER holds int64, the model reads text"):
        encoded(CATEGORY, pa.array([1]))


def test_missing_columns_are_named() -> None:
    """A table without a feature is refused by the feature's name."""
    with pytest.raises(MissingFeatures, match="first AMT_CREDIT"):
        FeatureEncoding(features=(REAL, CATEGORY)).encode(pa.table({"CODE_GENDER": ["F"]}))


def test_columns_are_found_by_name() -> None:
    """Order and further columns of the table do not matter."""
    encoding = FeatureEncoding(features=(REAL, CATEGORY))
    table = pa.table({"OTHER": [9], "CODE_GENDER": ["M"], "AMT_CREDIT": [2.5]})
    assert encoding.encode(table).tolist() == [[2.5, 1.0]]


@pytest.mark.parametrize("feature", [REAL, CATEGORY])
def test_slices_and_chunks_are_read_where_they_lie(feature: ModelFeature) -> None:
    """Rows from the middle of a table with several chunks keep their values."""
    values = {
        "AMT_CREDIT": [[1.0, None], [3.0, 4.0, 5.0]],
        "CODE_GENDER": [["F", None], ["M", "F", "M"]],
    }
    column = pa.chunked_array(values[feature.name])
    table = pa.table({feature.name: column})
    encoding = FeatureEncoding(features=(feature,))
    whole = encoding.encode(table)
    for start in range(5):
        part = encoding.encode(table.slice(start, 2))
        assert np.array_equal(part, whole[start : start + 2], equal_nan=True)


def test_no_rows_are_an_empty_matrix() -> None:
    """An empty table keeps its columns."""
    table = pa.table({"AMT_CREDIT": pa.array([], pa.float64())})
    assert FeatureEncoding(features=(REAL,)).encode(table).shape == (0, 1)


@pytest.mark.parametrize("kind", ["object", "str", "category", "string[python]"])
def test_every_pandas_form_of_text_is_read(kind: str) -> None:
    """Object, string and categorical columns give the same codes, missing values included."""
    import pandas as pd

    frame = pd.DataFrame({"CODE_GENDER": pd.Series(["M", None, "F"], dtype=kind)})
    assert encoded(CATEGORY, arrow_table(frame, ["CODE_GENDER"])["CODE_GENDER"])[::2] == [1.0, 0.0]


@pytest.mark.parametrize("kind", ["float64", "Int64", "object"])
def test_every_pandas_form_of_number_is_read(kind: str) -> None:
    """Numbers with missing values give the same column from any pandas type."""
    import pandas as pd

    frame = pd.DataFrame({"CNT_CHILDREN": pd.Series([2, None], dtype=kind)})
    column = encoded(INTEGER, arrow_table(frame, ["CNT_CHILDREN"])["CNT_CHILDREN"])
    assert column[0] == 2.0
    assert np.isnan(column[1])


def test_a_pandas_column_of_mixed_types_is_refused() -> None:
    """Text among numbers is no number."""
    import pandas as pd

    with pytest.raises(WrongFeatureType, match="AMT_CREDIT holds values of mixed types"):
        arrow_table(pd.DataFrame({"AMT_CREDIT": [1.5, "x"]}), ["AMT_CREDIT"])


def test_a_pandas_frame_without_a_column_is_refused() -> None:
    """A missing column is named before anything is converted."""
    import pandas as pd

    with pytest.raises(MissingFeatures, match="AMT_CREDIT"):
        arrow_table(pd.DataFrame({"OTHER": [1]}), ["AMT_CREDIT"])


RECORDS: list[dict[str, object]] = [
    {"AMT_CREDIT": 0.1 + 0.2, "CNT_CHILDREN": 2**53 - 1, "CODE_GENDER": "M", "SK_ID_CURR": 1},
    {"AMT_CREDIT": None, "CNT_CHILDREN": None, "CODE_GENDER": None},
    {"AMT_CREDIT": -0.0, "CNT_CHILDREN": -3, "CODE_GENDER": "XNA"},
    {"AMT_CREDIT": float("nan"), "CNT_CHILDREN": 0, "CODE_GENDER": "F"},
]


def test_records_are_encoded_as_the_table_is() -> None:
    """Rows by name give the table's matrix, bit by bit, together and alone."""
    encoding = FeatureEncoding(features=(REAL, INTEGER, CATEGORY))
    expected = encoding.encode(pa.Table.from_pylist(RECORDS)).view(np.int64)
    assert np.array_equal(encoding.encode_records(RECORDS).view(np.int64), expected)
    alone = [encoding.encode_records([record])[0] for record in RECORDS]
    assert np.array_equal(np.array(alone).view(np.int64), expected)


def test_no_records_are_a_matrix_without_rows() -> None:
    """The number of columns is the model's, whatever the number of rows."""
    assert FeatureEncoding(features=(REAL, CATEGORY)).encode_records([]).shape == (0, 2)


def test_a_record_without_a_feature_is_refused() -> None:
    """A record names every feature; an unknown value is null."""
    with pytest.raises(MissingFeatures, match="CODE_GENDER"):
        FeatureEncoding(features=(REAL, CATEGORY)).encode_records([{"AMT_CREDIT": 1.0}])


@pytest.mark.parametrize(
    ("feature", "cell"), [(REAL, "1.0"), (INTEGER, "1"), (REAL, [1.0]), (CATEGORY, 1.0)]
)
def test_a_record_with_a_cell_of_another_type_is_refused(
    feature: ModelFeature, cell: object
) -> None:
    """Text is no number, and a number is no category."""
    with pytest.raises(WrongFeatureType, match=feature.name):
        FeatureEncoding(features=(feature,)).encode_records([{feature.name: cell}])
