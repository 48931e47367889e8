"""The features of one application, or of some, by the same SQL files as for training.

The files of an applicant's own earlier loans and all others read no table in common. For a single
applicant the two run side by side, as DuckDB lets go of the interpreter while it computes; where
requests queue and are put together, the second thread would take time from other work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from creditrisk.contracts.tables import APPLICANT_KEY
from creditrisk.features.request_plans import Cell, Part, Plans

if TYPE_CHECKING:
    import pyarrow as pa

# In the order of the features; of one applicant each side takes about as long as the other.
_APPLICATION = "application"
_OTHERS = (_APPLICATION, "bureau", "bureau_balance")
_EARLIER_LOANS = (
    "previous_application",
    "installments_payments",
    "credit_card_balance",
    "POS_CASH_balance",
)


class RequestFeatures:
    """Computes features in process. One thread at a time may use it."""

    def __init__(self) -> None:
        self._beside = ThreadPoolExecutor(max_workers=1, thread_name_prefix="feature-side")
        loans = self._beside.submit(Plans, _EARLIER_LOANS)
        self._others = Plans(_OTHERS)
        self._loans = loans.result()

    def rows(self, tables: Mapping[str, pa.Table]) -> list[dict[str, Cell]]:
        """The feature rows of these applicants by name, in the order of the application rows.

        Args:
            tables: raw tables by name with the columns of `request_schema`, keys filled in; one
                that is left out is empty.

        Raises:
            FeaturesNotComputable: an amount is beyond what the features can hold.
            FeatureEngineFailed: DuckDB failed otherwise.
            WrongRequestTable: a table has other columns.
        """
        parts = self._parts(tables)
        ids = tables[_APPLICATION].column(APPLICANT_KEY).to_pylist()
        return [_row(key, parts) for key in ids]

    def close(self) -> None:
        """Free what DuckDB holds."""
        self._beside.shutdown()
        self._others.close()
        self._loans.close()

    def _parts(self, tables: Mapping[str, pa.Table]) -> list[Part]:
        alone = tables[_APPLICATION].num_rows == 1
        if not (alone and self._loans.have_rows(tables)):
            return [*self._others.parts(tables), *self._loans.parts(tables)]
        loans = self._beside.submit(self._loans.parts, tables)
        try:
            others = self._others.parts(tables)
        finally:
            loans.exception()  # whatever fails here, the other side has let go of the tables
        return [*others, *loans.result()]


def _row(key: int, parts: Sequence[Part]) -> dict[str, Cell]:
    """What `feature_store.sql` joins: whoever has no row in a table has nulls."""
    row: dict[str, Cell] = {APPLICANT_KEY: key}
    for part in parts:
        row.update(part.of(key))
    return row
