"""What a comparison of two samples found."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from creditrisk.core.report import Number, Part, Report
from creditrisk.core.settings import DriftBars

SCORE = "PD"
DriftStatus = Literal["stable", "shifted", "drifted", "not measured"]
Kind = Literal["score", "number", "category"]
Method = Literal["psi", "wasserstein", "jensen_shannon", "roc_auc"]
FOUND: frozenset[DriftStatus] = frozenset({"shifted", "drifted"})
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


class Measure(Part):
    """One way of measuring a difference.

    psi: the population (or characteristic) stability index by bin. wasserstein: how far values
    moved on average, in standard deviations of the reference. jensen_shannon: the distance of two
    distributions of categories. roc_auc: how well a classifier tells both samples apart.
    `statistic` counts only at or above `bar`, the setting `shifted_from`, and beyond chance: beyond
    `critical_value` where the method has one, with a `p_value` below the report's level.
    """

    method: Method
    statistic: Number
    bar: Number
    critical_value: Number | None
    p_value: Number
    beyond_chance: bool
    status: DriftStatus


class NewCategory(Part):
    """A text that no row of the reference has, cut to sixty characters, and its rows."""

    category: str
    rows: int


class Shift(Part):
    """How far one distribution has moved; `status` is the worst of its measures.

    `missing_share_change` is the current share of missing values less the reference's.
    `new_categories` are the ten most frequent texts that the reference has not, `new_rows` the rows
    of all. Measures and bins are empty where nothing was measured; `reason` says why, for
    'too few rows' beside what was measured.
    """

    name: str
    kind: Kind
    status: DriftStatus
    reason: str | None = None
    reference_rows: int | None = None
    current_rows: int | None = None
    missing_share_change: Number | None = None
    new_categories: tuple[NewCategory, ...] = ()
    new_rows: int = 0
    measures: tuple[Measure, ...] = ()
    bins: tuple[BinShares, ...] = ()

    @property
    def value(self) -> float | None:
        """The stability index."""
        return next((one.statistic for one in self.measures if one.method == "psi"), None)

    @property
    def critical_value(self) -> float | None:
        """What chance alone keeps the stability index below."""
        return next((one.critical_value for one in self.measures if one.method == "psi"), None)

    @property
    def beyond_chance(self) -> bool:
        """Whether some measure is."""
        return any(one.beyond_chance for one in self.measures)


class Leader(Part):
    """A feature by which the domain classifier tells the samples apart, and its share of that."""

    name: str
    share: Number


class DomainShift(Part):
    """Whether a classifier tells rows of both samples apart, each asked about rows it never saw.

    Finds what no single column shows, for instance two columns that no longer go together.
    `leaders` are the features that it used most. Rows are those that were drawn.
    """

    status: DriftStatus
    reason: str | None = None
    reference_rows: int
    current_rows: int
    measure: Measure | None = None
    leaders: tuple[Leader, ...] = ()

    @property
    def roc_auc(self) -> float | None:
        """How well it does; 0.5 is not at all."""
        return self.measure.statistic if self.measure else None


class DriftReport(Report):
    """Scores, every model input, and both together, a reference against a current sample.

    stable: below its bar, or no further than chance explains. shifted, drifted: at or above
    `shifted_from` or `drifted_from` of `bars`, and beyond chance. not measured: the samples are so
    small that chance alone reaches `drifted_from`, or there is nothing to compare.

    Chance is that of the whole report: of all comparisons without drift, `confidence` report none,
    as each of `tests` measures is beyond chance only with a p-value below `level`.

    `status` is the worst of score, inputs and domain; `drift_detected` whether it is shifted or
    drifted, null where nothing was found and something was not measured; `drift_share` the share of
    the measured inputs that are shifted or drifted, null where none was measured.
    """

    bundle_sha256: str
    reference: Sample
    current: Sample
    confidence: Number
    tests: int
    level: Number
    bars: dict[Method, DriftBars]
    status: DriftStatus
    drift_detected: bool | None
    drift_share: Number | None
    beyond_chance: int
    score: Shift
    domain: DomainShift
    features: tuple[Shift, ...]

    def headline(self) -> str:
        """The report in one line for a person."""
        moved = names_of_moved(self.features)
        score = "not measured" if self.score.value is None else f"{self.score.value:.4f}"
        auc = "not measured" if self.domain.roc_auc is None else f"{self.domain.roc_auc:.3f}"
        return (
            f"{self.status}, score PSI {score}, domain AUC {auc}, "
            f"{len(moved)} of {len(self.features)} inputs moved"
            + (f" ({', '.join(moved)})" if moved else "")
        )


def names_of_moved(shifts: Iterable[Shift]) -> tuple[str, ...]:
    """Which are shifted or drifted."""
    return tuple(shift.name for shift in shifts if shift.status in FOUND)


def worst(statuses: Iterable[DriftStatus]) -> DriftStatus:
    """The status that asks most of a reader: what drifted hides what could not be measured."""
    return min(statuses, key=_WORST_FIRST.index)


def detected(status: DriftStatus) -> bool | None:
    """Whether a status is drift; null where it cannot be told."""
    return None if status == "not measured" else status in FOUND
