"""The drift report of two files of applicants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from creditrisk.contracts.tables import APPLICANT_KEY
from creditrisk.core.errors import CreditRiskError, MissingFile
from creditrisk.core.files import sha256_of
from creditrisk.core.settings import MonitorDriftSettings
from creditrisk.mlops.monitoring_reference import reference_of
from creditrisk.models.encoding import FeatureEncoding, ModelFeature
from creditrisk.models.errors import MissingFeatures, WrongFeatureType
from creditrisk.monitoring.drift.comparison import compare
from creditrisk.monitoring.drift.domain import domain_shift
from creditrisk.monitoring.drift.judgement import bars_by_method
from creditrisk.monitoring.drift.report import DriftReport, Sample, Shift, detected, worst

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray


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


def measure_drift(
    reference: Path,
    current: Path,
    features: Sequence[ModelFeature],
    model: Model,
    settings: MonitorDriftSettings,
    *,
    threads: int = 1,
) -> DriftReport:
    """Compare the applicants of two Parquet files, bins made from the reference alone.

    What the current file lacks is not measured, nor is its score then.

    Raises:
        MissingFile, NoSample: a file is not there or empty.
        MissingFeatures, WrongFeatureType: the reference's columns are not the model's.
    """
    before, now = (_read(path, features) for path in (reference, current))
    encoding = FeatureEncoding(features=tuple(features))
    counted = reference_of(encoding, before, model.probabilities(before))
    found = compare(counted, now, _scores(model, now), settings)
    by_name = {shift.name: shift for shift in found.features}
    domain = domain_shift(before, now, _shared(encoding, by_name), found.judgement, threads)
    status = worst((found.status, domain.status))
    return DriftReport(
        bundle_sha256=model.bundle_sha256,
        reference=Sample(name=reference.stem, rows=before.num_rows, sha256=sha256_of(reference)),
        current=Sample(name=current.stem, rows=now.num_rows, sha256=sha256_of(current)),
        confidence=settings.confidence,
        tests=found.judgement.tests,
        level=found.judgement.level,
        bars=bars_by_method(settings),
        status=status,
        drift_detected=detected(status),
        drift_share=found.drift_share,
        beyond_chance=sum(shift.beyond_chance for shift in found.features),
        score=found.score,
        domain=domain,
        features=tuple(by_name[name] for name in encoding.names),
    )


def _shared(encoding: FeatureEncoding, shifts: Mapping[str, Shift]) -> FeatureEncoding:
    """The columns that could be compared."""
    return FeatureEncoding(
        features=tuple(feature for feature in encoding.features if shifts[feature.name].measures)
    )


def _scores(model: Model, table: pa.Table) -> NDArray[np.float64] | str:
    try:
        return model.probabilities(table)
    except (MissingFeatures, WrongFeatureType) as error:
        return str(error)


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
