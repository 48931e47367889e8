"""What a comparison of two samples found."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from creditrisk.core.report import Number, Part, Report

SCORE = "PD"
DriftStatus = Literal["stable", "shifted", "drifted", "not measured"]
_WORST_FIRST: tuple[DriftStatus, ...] = ("drifted", "shifted", "not measured", "stable")


class Sample(Part):
    """A file of applicants; `name` is the file's, without folder and ending."""

    name: str
    rows: int
    sha256: str


class BinShares(Part):
    """What a bin holds and its share of each sample's rows."""

    label: str
    reference_share: Number
    current_share: Number


class Shift(Part):
    """How far one distribution has moved.

    `value` is the PSI of the score or the CSI of an input; `critical_value` is what two samples
    of one population stay below with the report's confidence. Value and bins are null or empty
    where nothing was measured, `reason` then says why.
    """

    name: str
    kind: Literal["score", "number", "category"]
    status: DriftStatus
    reason: str | None = None
    value: Number | None = None
    critical_value: Number | None = None
    beyond_chance: bool | None = None
    bins: tuple[BinShares, ...] = ()


class DriftReport(Report):
    """PSI of the score and CSI of every model input, a reference against a current sample.

    stable: below `shifted_from`, or no further than chance explains. shifted, drifted: at or above
    `shifted_from` or `drifted_from`, and beyond chance. not measured: the samples are so small that
    chance alone reaches `drifted_from`, or there is nothing to compare. `status` is the worst.
    """

    bundle_sha256: str
    reference: Sample
    current: Sample
    bins: int
    confidence: Number
    shifted_from: Number
    drifted_from: Number
    status: DriftStatus
    drift_share: Number | None
    beyond_chance: int
    score: Shift
    features: tuple[Shift, ...]

    def headline(self) -> str:
        """The report in one line for a person."""
        moved = [shift.name for shift in self.features if shift.status in {"shifted", "drifted"}]
        score = "not measured" if self.score.value is None else f"{self.score.value:.4f}"
        return (
            f"{self.status}, score PSI {score}, {len(moved)} of {len(self.features)} inputs moved"
            + (f" ({', '.join(moved)})" if moved else "")
        )


def worst(statuses: Iterable[DriftStatus]) -> DriftStatus:
    """The status that asks most of a reader: what drifted hides what could not be measured."""
    return min(statuses, key=_WORST_FIRST.index)
