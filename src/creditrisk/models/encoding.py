"""From a feature table to the numbers that a model reads: the same code for both model forms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from creditrisk.core.report import Report
from creditrisk.models.errors import MissingFeatures, WrongFeatureType

Matrix = NDArray[np.float64]
_BLOCK_ROWS = 4096
_NUMBER_TYPES = frozenset({float, int, bool, type(None)})  # what Arrow would hold as numbers


class ModelFeature(BaseModel):
    """One column that the model reads; `categories` in catalogue order give the codes 0, 1, ..."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    type: Literal["real", "integer", "category"]
    categories: tuple[str, ...] = ()


class FeatureEncoding(Report):
    """The model's columns in order. Nothing in it is learnt from data.

    Numbers become float64, categories their code as float64. A missing value is NaN, and so is a
    category that the catalogue does not list: contracts refuse those before a row gets here.
    """

    features: tuple[ModelFeature, ...]

    @property
    def names(self) -> list[str]:
        """The column names in the model's order."""
        return [feature.name for feature in self.features]

    @property
    def category_counts(self) -> list[int]:
        """The number of categories of each feature, 0 for a number."""
        return [len(feature.categories) for feature in self.features]

    def encode(self, table: pa.Table) -> Matrix:
        """The rows as a matrix of shape (n_rows, n_features); further columns are ignored.

        Raises:
            MissingFeatures: the table lacks columns.
            WrongFeatureType: text where a number belongs, or a number where text belongs.
        """
        return _side_by_side(self.columns(table))

    def columns(self, table: pa.Table) -> list[NDArray[np.float64]]:
        """The matrix as its columns, for a model that reads them one by one.

        Raises:
            MissingFeatures, WrongFeatureType: as `encode`.
        """
        present = set(table.column_names)
        missing = [name for name in self.names if name not in present]
        if missing:
            raise MissingFeatures(missing)
        return [_encoded_column(table.column(f.name), f) for f in self.features]

    def encode_records(self, rows: Sequence[Mapping[str, Any]]) -> Matrix:
        """The same matrix from rows by name, as JSON gives them; a few rows take microseconds.

        Raises:
            MissingFeatures: a row lacks features.
            WrongFeatureType: text where a number belongs, or a number where text belongs.
        """
        matrix = np.empty((len(rows), len(self.features)))
        for position, row in enumerate(rows):
            matrix[position] = self._encoded_record(row)
        return matrix

    def _encoded_record(self, row: Mapping[str, Any]) -> list[float | None]:
        try:
            values = [row[name] for name in self._record_names]
        except KeyError:
            missing = [name for name in self.names if name not in row]
            raise MissingFeatures(missing) from None
        for position, codes in self._codes_by_position:
            values[position] = _code(values[position], codes, self.features[position])
        if not set(map(type, values)) <= _NUMBER_TYPES:
            self._refuse_text(values)
        return values

    def _refuse_text(self, values: Sequence[Any]) -> None:
        for feature, value in zip(self.features, values, strict=True):
            if type(value) not in _NUMBER_TYPES:
                raise WrongFeatureType(feature.name, type(value).__name__, "numbers")

    @cached_property
    def _record_names(self) -> tuple[str, ...]:
        return tuple(self.names)

    @cached_property
    def _codes_by_position(self) -> tuple[tuple[int, dict[str, float]], ...]:
        return tuple(
            (position, _code_of(feature))
            for position, feature in enumerate(self.features)
            if feature.type == "category"
        )


def arrow_table(frame: Any, names: Iterable[str]) -> pa.Table:
    """The named columns of a pandas DataFrame as an Arrow table; NaN and None become nulls.

    Raises:
        MissingFeatures: the frame lacks columns.
        WrongFeatureType: a column mixes types.
    """
    names = list(names)
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise MissingFeatures(missing)
    return pa.table({name: _arrow_column(frame[name], name) for name in names})


def _arrow_column(series: Any, name: str) -> pa.Array:
    try:
        return pa.Array.from_pandas(series)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise WrongFeatureType(name, "values of mixed types", "one type") from error


def _side_by_side(columns: list[NDArray[np.float64]]) -> Matrix:
    """The columns as a matrix in row order; block by block, which spares the memory's caches."""
    rows = len(columns[0])
    matrix = np.empty((rows, len(columns)))
    for start in range(0, rows, _BLOCK_ROWS):
        block = slice(start, start + _BLOCK_ROWS)
        np.stack([column[block] for column in columns], axis=1, out=matrix[block])
    return matrix


def _encoded_column(column: pa.ChunkedArray, feature: ModelFeature) -> NDArray[np.float64]:
    if column.null_count == len(column):
        return np.full(len(column), np.nan)
    values = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    return _codes(values, feature) if feature.type == "category" else _numbers(values, feature)


def _numbers(values: pa.Array, feature: ModelFeature) -> NDArray[np.float64]:
    kind = values.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        raise WrongFeatureType(feature.name, str(kind), "numbers")
    return _floats(values)


def _codes(values: pa.Array, feature: ModelFeature) -> NDArray[np.float64]:
    kind = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise WrongFeatureType(feature.name, str(values.type), "text")
    seen = values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
    code_of = _code_of(feature)
    codes = np.array([code_of.get(text, np.nan) for text in seen.dictionary.to_pylist()])
    positions = _floats(seen.indices)
    known = ~np.isnan(positions)
    return np.where(known, codes[np.where(known, positions, 0).astype(np.int64)], np.nan)


def _code_of(feature: ModelFeature) -> dict[str, float]:
    return {category: float(code) for code, category in enumerate(feature.categories)}


def _code(value: Any, codes: Mapping[str, float], feature: ModelFeature) -> float:
    """The code of one cell, NaN for a missing value and for an unlisted category."""
    if value is None:
        return np.nan
    if type(value) is not str:
        raise WrongFeatureType(feature.name, type(value).__name__, "text")
    return codes.get(value, np.nan)


def _floats(values: pa.Array) -> NDArray[np.float64]:
    """The numbers with NaN for nulls, read from Arrow's memory.

    Arrow's own conversion to numpy imports pandas wherever pandas is installed, and its cast takes
    most of a single row's time.
    """
    if not pa.types.is_integer(values.type) and values.type != pa.float64():
        values = values.cast(pa.float64(), safe=False)
    kind = np.dtype(str(values.type))  # Arrow and numpy call integers and doubles the same
    numbers = np.frombuffer(
        values.buffers()[1], kind, count=len(values), offset=kind.itemsize * values.offset
    ).astype(np.float64, copy=False)
    if not values.null_count:
        return numbers
    missing = np.from_dlpack(values.is_null().cast(pa.uint8()))
    return np.where(missing == 1, np.nan, numbers)
