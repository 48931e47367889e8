"""What a feature table in a file is: its columns, and its rows chunk by chunk in bounded memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from creditrisk.contracts.tables import APPLICANT_KEY, ColumnType
from creditrisk.scoring.batch.csv_rows import Rows
from creditrisk.scoring.batch.errors import BrokenInput, WrongInputColumns
from creditrisk.scoring.batch.rejects import Reject

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

ADDED_COLUMNS = ("decision_id", "probability", "prediction", "decision", "grade", "reasons")
COLUMNS_RULE = "features.columns"
BAD_LINE_RULE = "file.cells"
REQUIRED_CELL: Mapping[ColumnType, str] = {
    "integer": "a whole number",
    "real": "a finite number",
    "category": "text",
}

_LARGEST_INTEGER = 2.0**63


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive rows of a file.

    `rows` are their numbers in the file from 1. `rejects` are of cells and lines that could not be
    read; such a cell is null in `table`, such a line is not in it. `lines` are the rows of `table` as
    the bytes that a text file has of them.
    """

    number: int
    rows: NDArray[np.int64]
    table: pa.Table
    rejects: tuple[Reject, ...] = ()
    lines: Rows | None = None

    @property
    def all_rows(self) -> NDArray[np.int64]:
        """The numbers of all rows, those of lines that could not be read included."""
        bad_lines = [reject.row for reject in self.rejects if reject.rule == BAD_LINE_RULE]
        return np.sort(np.concatenate([self.rows, np.array(bad_lines, np.int64)]))

    @property
    def ids(self) -> pa.Array:
        """The applicants of the table's rows, null where one cannot be read."""
        return whole_numbers(self.table.column(APPLICANT_KEY).combine_chunks())


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns that a contract knows by type, and those of them that must be there."""

    types: Mapping[str, ColumnType]
    required: tuple[str, ...]


ChunkReader = Callable[[], Chunk]


class FeatureFile(Protocol):
    """A feature table in a file; `schema` is that of its chunks.

    `header` is the first row as the bytes that a text file has of it.
    """

    @property
    def header(self) -> bytes | None:
        """The names as a text file has them; None where the file is no text."""

    @property
    def schema(self) -> pa.Schema:
        """The columns in the file's order, those of the layout in their types."""

    @property
    def rows_about(self) -> int:
        """How many rows it has, for a person who waits; a text file's are an estimate."""

    def ids(self) -> Iterator[pa.Array]:
        """The applicants' ids in pieces, null where one cannot be read."""

    def chunks(self, rows: int) -> Iterator[ChunkReader]:
        """The file in chunks of so many rows, the last may have fewer.

        Most of the work is in the calls, which any thread may make, in any order.
        """


@contextmanager
def told(shown: str, required: str) -> Iterator[None]:
    """Say in our words that a file cannot be read."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise BrokenInput(shown, str(error).splitlines()[0].rstrip("."), required) from error
    except OSError as error:  # Arrow says so of damaged pages
        raise BrokenInput(shown, str(error).splitlines()[0].rstrip("."), required) from error


def check_names(names: Sequence[str], shown: str, layout: Layout) -> None:
    """Refuse columns that are missing, there twice, or named as an answer.

    Raises:
        WrongInputColumns: one is.
    """
    present = Counter(names)
    problems = {
        "missing": [name for name in layout.required if name not in present],
        "there more than once": [name for name, count in present.items() if count > 1],
        "a name that the answers have": [name for name in ADDED_COLUMNS if name in present],
    }
    if any(problems.values()):
        raise WrongInputColumns(shown, problems)


def whole_numbers(values: pa.Array) -> pa.Array:
    """Numbers as integers, null where one is not whole."""
    import pyarrow as pa
    from pyarrow import types

    if types.is_integer(values.type) or types.is_null(values.type):
        return values.cast(pa.int64(), safe=False)
    return as_integers(values.cast(pa.float64()))[0]


def as_integers(numbers: pa.Array) -> tuple[pa.Array, NDArray[np.bool_]]:
    """Floats as integers, null where one is not whole, and where that is."""
    import pyarrow as pa

    plain = numbers.fill_null(0).to_numpy()
    with np.errstate(invalid="ignore"):
        bad = (plain != np.trunc(plain)) | ~(np.abs(plain) < _LARGEST_INTEGER)
    whole = np.where(bad, 0, plain).astype(np.int64)
    return pa.array(whole, mask=bad | is_null(numbers)), bad


def is_null(values: pa.Array) -> NDArray[np.bool_]:
    """Where there is no value."""
    nulls: NDArray[np.bool_] = values.is_null().to_numpy(zero_copy_only=False)
    return nulls
