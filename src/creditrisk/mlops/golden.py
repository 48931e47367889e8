"""Made-up rows with the scores that a sealed model gives them: proof that it still does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from creditrisk.core.report import Report
from creditrisk.models.encoding import ModelFeature

if TYPE_CHECKING:
    from numpy.typing import NDArray

Cell = int | float | str | None


class InputExample(Report):
    """What a caller sends: one record a row, null where a value is unknown."""

    rows: tuple[dict[str, Cell], ...]


class GoldenPredictions(Report):
    """Rows and the exact scores that they had when the bundle was sealed."""

    rows: tuple[dict[str, Cell], ...]
    raw_scores: tuple[float, ...]
    probabilities: tuple[float, ...]

    def differing(self, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        """The sizes of the differences from the sealed PDs, where there is any."""
        gaps: NDArray[np.float64] = np.abs(probabilities - np.array(self.probabilities))
        found: NDArray[np.float64] = gaps[gaps != 0]
        return found


def made_up_rows(
    table: pa.Table, features: Sequence[ModelFeature], count: int, seed: int
) -> tuple[dict[str, Cell], ...]:
    """Rows whose every cell comes from another applicant, so that no row is a person's."""
    generator = np.random.default_rng(seed)
    columns = {
        feature.name: _cells(table.column(feature.name), feature, count, generator)
        for feature in features
    }
    return tuple({name: cells[row] for name, cells in columns.items()} for row in range(count))


def table_of(rows: Sequence[dict[str, Cell]], features: Sequence[ModelFeature]) -> pa.Table:
    """The rows as an Arrow table with the features' columns."""
    from pyarrow import json as arrow_json

    schema = pa.schema([(feature.name, _arrow_type(feature)) for feature in features])
    lines = "\n".join(map(json.dumps, rows)).encode()
    options = arrow_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    # Read from text: Arrow imports pandas, where it is installed, to convert Python lists.
    return arrow_json.read_json(pa.BufferReader(lines), parse_options=options).select(schema.names)


def _cells(
    column: pa.ChunkedArray, feature: ModelFeature, count: int, generator: np.random.Generator
) -> list[Cell]:
    chosen = column.take(pa.array(generator.integers(len(column), size=count)))
    if feature.type != "category":
        chosen = pc.if_else(pc.is_nan(pc.cast(chosen, pa.float64())), None, chosen)
    cells: list[Cell] = chosen.to_pylist()
    return cells


def _arrow_type(feature: ModelFeature) -> pa.DataType:
    return pa.string() if feature.type == "category" else pa.float64()
