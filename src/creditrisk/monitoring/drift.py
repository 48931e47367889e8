"""How far scores and inputs have moved from the rows that the model was trained on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from creditrisk.contracts.tables import APPLICANT_KEY
from creditrisk.core.errors import CreditRiskError, MissingFile
from creditrisk.core.files import sha256_of
from creditrisk.core.report import Number, Part, Report
from creditrisk.core.settings import MonitorDriftSettings
from creditrisk.models.encoding import FeatureEncoding, ModelFeature
from creditrisk.models.metrics.observations import NotMeasurable
from creditrisk.models.metrics.stability import NumberBins, category_counts, stability_index

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from creditrisk.models.metrics.observations import Counts

SCORE = "PD"
DriftStatus = Literal["stable", "shifted", "drifted", "not measured"]
_WORST_FIRST: tuple[DriftStatus, ...] = ("drifted", "shifted", "not measured", "stable")


class NoSample(CreditRiskError):
    """A file of applicants holds no row."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} holds no applicant, drift needs rows on both sides.")


class Model(Protocol):
    """What drift needs of a scorer."""

    bundle_sha256: str

    def probabilities(self, table: pa.Table) -> NDArray[np.float64]:
        """The PD of each row."""
        ...


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
    kind: Literal["score", "real", "integer", "category"]
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


def measure_drift(
    reference: Path,
    current: Path,
    features: Sequence[ModelFeature],
    model: Model,
    settings: MonitorDriftSettings,
) -> DriftReport:
    """Compare the applicants of two Parquet files, bins made from the reference alone.

    Raises:
        MissingFile, NoSample: a file is not there or empty.
        MissingFeatures, WrongFeatureType: its columns are not the model's.
    """
    before, now = (_read(path, features) for path in (reference, current))
    score = _score_shift(model.probabilities(before), model.probabilities(now), settings)
    shifts = _feature_shifts(before, now, features, settings)
    return DriftReport(
        bundle_sha256=model.bundle_sha256,
        reference=Sample(name=reference.stem, rows=before.num_rows, sha256=sha256_of(reference)),
        current=Sample(name=current.stem, rows=now.num_rows, sha256=sha256_of(current)),
        bins=settings.bins,
        confidence=settings.confidence,
        shifted_from=settings.shifted_from,
        drifted_from=settings.drifted_from,
        status=worst(shift.status for shift in (score, *shifts)),
        beyond_chance=sum(bool(shift.beyond_chance) for shift in shifts),
        score=score,
        features=shifts,
    )


def worst(statuses: Iterable[DriftStatus]) -> DriftStatus:
    """The status that asks most of a reader: what drifted hides what could not be measured."""
    return min(statuses, key=_WORST_FIRST.index)


def _read(path: Path, features: Sequence[ModelFeature]) -> pa.Table:
    from pyarrow import parquet

    if not path.exists():
        raise MissingFile(path, "monitor_drift", "Run split_data, or name another file.")
    present = parquet.read_schema(path).names
    wanted = (APPLICANT_KEY, *(feature.name for feature in features))
    table = parquet.read_table(path, columns=[name for name in wanted if name in present])
    if not table.num_rows:
        raise NoSample(path)
    return table


def _score_shift(
    reference: NDArray[np.float64], current: NDArray[np.float64], settings: MonitorDriftSettings
) -> Shift:
    bins = NumberBins.of(reference, settings.bins)
    counts = bins.counts(reference), bins.counts(current)
    return _judged(SCORE, "score", bins.labels, counts, settings)


def _feature_shifts(
    reference: pa.Table,
    current: pa.Table,
    features: Sequence[ModelFeature],
    settings: MonitorDriftSettings,
) -> tuple[Shift, ...]:
    encoding = FeatureEncoding(features=tuple(features))
    numbers = encoding.encode(reference), encoding.encode(current)
    return tuple(
        _category_shift(reference, current, feature, settings)
        if feature.type == "category"
        else _number_shift(numbers[0][:, place], numbers[1][:, place], feature, settings)
        for place, feature in enumerate(features)
    )


def _number_shift(
    reference: NDArray[np.float64],
    current: NDArray[np.float64],
    feature: ModelFeature,
    settings: MonitorDriftSettings,
) -> Shift:
    bins = NumberBins.of(reference, settings.bins)
    counts = bins.counts(reference), bins.counts(current)
    return _judged(feature.name, feature.type, bins.labels, counts, settings)


def _category_shift(
    reference: pa.Table, current: pa.Table, feature: ModelFeature, settings: MonitorDriftSettings
) -> Shift:
    (labels, before), (_, now) = (
        category_counts(_category_rows(table, feature.name), feature.categories)
        for table in (reference, current)
    )
    return _judged(feature.name, feature.type, labels, (before, now), settings)


def _category_rows(table: pa.Table, name: str) -> dict[str | None, int]:
    return {entry["values"]: entry["counts"] for entry in table[name].value_counts().to_pylist()}


def _judged(
    name: str,
    kind: Literal["score", "real", "integer", "category"],
    labels: Sequence[str],
    counts: tuple[Counts, Counts],
    settings: MonitorDriftSettings,
) -> Shift:
    try:
        index = stability_index(*counts, settings.confidence)
    except NotMeasurable as error:
        return Shift(name=name, kind=kind, status="not measured", reason=str(error))
    status = _status(index.value, index.critical_value, settings)
    return Shift(
        name=name,
        kind=kind,
        status=status,
        reason=_reason(index.critical_value, settings) if status == "not measured" else None,
        value=index.value,
        critical_value=index.critical_value,
        beyond_chance=index.value > index.critical_value,
        bins=_shares(labels, *counts),
    )


def _status(value: float, critical_value: float, settings: MonitorDriftSettings) -> DriftStatus:
    if critical_value >= settings.drifted_from:
        return "not measured"
    if value < settings.shifted_from or value <= critical_value:
        return "stable"
    return "drifted" if value >= settings.drifted_from else "shifted"


def _reason(critical_value: float, settings: MonitorDriftSettings) -> str:
    return (
        f"too few rows: chance alone reaches {critical_value:.3f}, "
        f"drift begins at {settings.drifted_from:g}"
    )


def _shares(labels: Sequence[str], reference: Counts, current: Counts) -> tuple[BinShares, ...]:
    """The bins that hold a row of either sample."""
    return tuple(
        BinShares(
            label=label,
            reference_share=float(one / reference.sum()),
            current_share=float(other / current.sum()),
        )
        for label, one, other in zip(labels, reference, current, strict=True)
        if one or other
    )
