"""One side of the split with the model's PDs, and the true PDs where there are any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from creditrisk.contracts.tables import APPLICANT_KEY, TARGET
from creditrisk.core.errors import MissingFile
from creditrisk.core.files import atomic_path, sha256_of
from creditrisk.testing.errors import IncompleteTruth, UnusableSplit

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

TRUE_PD = "TRUE_PD"


class Model(Protocol):
    """What evaluation needs of a scorer."""

    def probabilities(self, table: pa.Table) -> NDArray[np.float64]:
        """The PD of each row."""
        ...


@dataclass(frozen=True, slots=True)
class ScoredSplit:
    """Applicants in key order. Arrays of shape (n_rows,); `sha256` is that of the split file."""

    applicants: NDArray[np.int64]
    target: NDArray[np.int8]
    pd: NDArray[np.float64]
    sha256: str


def read_split(path: Path, features: Sequence[str]) -> pa.Table:
    """The key, the outcome and the named features of one side, in key order.

    Columns that the file lacks are left for the scorer to name.

    Raises:
        MissingFile: no such file.
        UnusableSplit: it lacks the key or the outcome, or an applicant's outcome.
    """
    from pyarrow import parquet

    if not path.exists():
        raise MissingFile(path, "evaluation", "Run split_data.")
    present = parquet.read_schema(path).names
    wanted = [name for name in (APPLICANT_KEY, *features, TARGET) if name in present]
    table = parquet.read_table(path, columns=wanted)
    for name in (APPLICANT_KEY, TARGET):
        if name not in present:
            raise UnusableSplit(path, f"there is no column {name}")
        if table.column(name).null_count:
            raise UnusableSplit(path, f"{name} is null in {table.column(name).null_count} rows")
    return _in_key_order(table)


def score_split(path: Path, table: pa.Table, model: Model) -> ScoredSplit:
    """Score the rows that `read_split` read from that path."""
    return ScoredSplit(
        applicants=table.column(APPLICANT_KEY).to_numpy().astype(np.int64),
        target=table.column(TARGET).to_numpy().astype(np.int8),
        pd=model.probabilities(table),
        sha256=sha256_of(path),
    )


def read_true_pds(path: Path, applicants: NDArray[np.int64]) -> NDArray[np.float64] | None:
    """The true PD of each applicant; None where the file is empty, as it is for real data.

    Raises:
        MissingFile: no such file; ingest_data writes one for every source.
        IncompleteTruth: some applicants are missing.
    """
    from pyarrow import parquet

    if not path.exists():
        raise MissingFile(path, "evaluation", "Run ingest_data; for real data the file is empty.")
    truth = parquet.read_table(path, columns=[APPLICANT_KEY, TRUE_PD])
    if not truth.num_rows:
        return None
    ids = truth.column(APPLICANT_KEY).to_numpy().astype(np.int64)
    order = np.argsort(ids, kind="stable")
    places = np.minimum(np.searchsorted(ids, applicants, sorter=order), ids.size - 1)
    rows = order[places]
    missing = applicants[ids[rows] != applicants]
    if missing.size:
        raise IncompleteTruth(path, missing.tolist(), applicants.size)
    true_pds: NDArray[np.float64] = truth.column(TRUE_PD).to_numpy().astype(np.float64)[rows]
    return true_pds


def write_predictions(scored: ScoredSplit, threshold: float, path: Path) -> None:
    """Write applicant, outcome, PD and decision (1 from the threshold on), in key order."""
    import pyarrow as pa
    from pyarrow import parquet

    columns: Mapping[str, NDArray[np.generic]] = {
        APPLICANT_KEY: scored.applicants,
        TARGET: scored.target,
        "PD": scored.pd,
        "prediction": (scored.pd >= threshold).astype(np.int8),
    }
    with atomic_path(path) as temporary:
        parquet.write_table(pa.table(dict(columns)), temporary, compression="zstd")


def _in_key_order(table: pa.Table) -> pa.Table:
    keys = table.column(APPLICANT_KEY).to_numpy()
    return table if np.all(np.diff(keys) > 0) else table.sort_by(APPLICANT_KEY)
