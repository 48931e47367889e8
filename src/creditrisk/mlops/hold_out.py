"""Which applicants a model was not trained on, now and in every later snapshot.

The split assigns an applicant by the hash of a seed and the applicant's id (or group), so the test
side is a rule, not a list: it also tells on which side an applicant of a newer snapshot would have
stood. A model is registered with its rule, once its own training rows are shown to obey it.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from pydantic import BaseModel, ConfigDict

from creditrisk.contracts.tables import APPLICANT_KEY
from creditrisk.core.errors import CreditRiskError
from creditrisk.core.files import sha256_of
from creditrisk.core.settings import SplitSettings
from creditrisk.data.split import split_files
from creditrisk.mlops.bundle import Bundle

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

_POSITION_BYTES = 8
_POSITIONS = 2**64


class HoldOutUnproven(CreditRiskError):
    """It cannot be shown which applicants a model was not trained on."""

    def __init__(self, bundle: Bundle, reason: str) -> None:
        super().__init__(
            f"Bundle {bundle.sha256[:12]}: which applicants it was not trained on is not proven, "
            f"{reason}. Run dvc repro, so that split and model belong together."
        )


class HoldOut(BaseModel):
    """The rule of the test side; see `creditrisk.data.split`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int
    test_share: float
    group_column: str | None = None

    @classmethod
    def of(cls, settings: SplitSettings) -> Self:
        """The rule that these settings describe."""
        return cls(
            seed=settings.seed,
            test_share=settings.shares.test,
            group_column=settings.group_column,
        )

    @property
    def unit_column(self) -> str:
        """The column whose value decides."""
        return self.group_column or APPLICANT_KEY

    def holds(self, units: Iterable[int | str]) -> NDArray[np.bool_]:
        """Which of these applicants, or groups, stand on the test side."""
        bound = int(self.test_share * _POSITIONS)
        return np.array([self._position(unit) < bound for unit in units], dtype=np.bool_)

    def _position(self, unit: int | str) -> int:
        digest = hashlib.sha256(f"{self.seed}:{unit}".encode()).digest()
        return int.from_bytes(digest[:_POSITION_BYTES], "big")


def prove_hold_out(bundle: Bundle, splits: Path, settings: SplitSettings) -> HoldOut:
    """The rule, once no row that the bundle was fitted on is on the test side by it.

    Args:
        bundle: the model.
        splits: folder of the split files; the trained-on ones must be those that the bundle names.
        settings: the split's seed, shares and group column.

    Raises:
        HoldOutUnproven: a file is missing, is not the one trained on, or holds such a row.
    """
    rule = HoldOut.of(settings)
    files = split_files(splits)
    for side, trained_on in bundle.manifest.snapshot.splits.items():
        path = files[side]
        if not path.exists():
            raise HoldOutUnproven(bundle, f"{path} does not exist")
        if sha256_of(path) != trained_on:
            raise HoldOutUnproven(bundle, f"{path} is not the file that it was trained on")
        held = int(rule.holds(read_units(path, rule)).sum())
        if held:
            reason = (
                f"{held} rows of {path} stand on the test side by params.yaml, split (seed "
                f"{rule.seed}, test share {rule.test_share:g})"
            )
            raise HoldOutUnproven(bundle, reason)
    return rule


def read_units(path: Path, rule: HoldOut) -> list[int | str]:
    """The values that decide, row by row."""
    from pyarrow import parquet

    column = parquet.read_table(path, columns=[rule.unit_column]).column(rule.unit_column)
    units: list[int | str] = column.to_pylist()
    return units
