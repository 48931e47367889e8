"""True PDs where labelled snapshots were added to a generated portfolio."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from creditrisk.contracts.tables import APPLICANT_KEY
from creditrisk.data.labelled_rows import Addition

if TYPE_CHECKING:
    import pyarrow as pa

TRUE_PD = "TRUE_PD"


def write_unknown_truth(path: Path) -> None:
    """The table of true PDs for a portfolio whose true PDs nobody knows."""
    import pyarrow as pa
    from pyarrow import parquet

    schema = pa.schema([(APPLICANT_KEY, pa.int64()), (TRUE_PD, pa.float64())])
    parquet.write_table(schema.empty_table(), path)


def extend_truth(folder: Path, path: Path, additions: Sequence[Addition]) -> None:
    """Add the true PDs of added applicants, known where the generator drew them for a later month.

    One whose true PD nobody knows makes a comparison with the truth impossible: the table then has
    no rows, as for real data.

    Args:
        folder: all tables of true PDs.
        path: the one of the labelled applicants.
        additions: what was added to these.
    """
    import pyarrow as pa
    from pyarrow import parquet

    truth = parquet.read_table(path, columns=[APPLICANT_KEY, TRUE_PD])
    added = frozenset().union(*(addition.applicants for addition in additions))
    if not truth.num_rows or not added:
        return
    found = _known(folder, path, added)
    if found.num_rows != len(added):
        write_unknown_truth(path)
        return
    extended = pa.concat_tables([truth, found.cast(truth.schema)]).sort_by(APPLICANT_KEY)
    parquet.write_table(extended, path, compression="zstd")


def _known(folder: Path, path: Path, applicants: frozenset[int]) -> pa.Table:
    import pyarrow as pa
    from pyarrow import compute, parquet

    wanted = pa.array(sorted(applicants), pa.int64())
    others = sorted(set(folder.glob("**/*.parquet")) - {path})
    tables = [parquet.read_table(other, columns=[APPLICANT_KEY, TRUE_PD]) for other in others]
    rows = [
        table.filter(compute.is_in(table.column(APPLICANT_KEY), value_set=wanted))
        for table in tables
    ]
    schema = pa.schema([(APPLICANT_KEY, pa.int64()), (TRUE_PD, pa.float64())])
    return pa.concat_tables([schema.empty_table(), *(table.cast(schema) for table in rows)])
