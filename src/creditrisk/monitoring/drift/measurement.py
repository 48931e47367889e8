"""The drift report of two files of applicants."""

from __future__ import annotations

from collections.abc import Sequence
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
from creditrisk.monitoring.drift.report import DriftReport, Sample

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
) -> DriftReport:
    """Compare the applicants of two Parquet files, bins made from the reference alone.

    What the current file lacks is not measured, nor is its score then.

    Raises:
        MissingFile, NoSample: a file is not there or empty.
        MissingFeatures, WrongFeatureType: the reference's columns are not the model's.
    """
    before, now = (_read(path, features) for path in (reference, current))
    encoding = FeatureEncoding(features=tuple(features))
    counted = reference_of(encoding, encoding.encode(before), model.probabilities(before))
    found = compare(counted, now, _scores(model, now), settings)
    return DriftReport(
        bundle_sha256=model.bundle_sha256,
        reference=Sample(name=reference.stem, rows=before.num_rows, sha256=sha256_of(reference)),
        current=Sample(name=current.stem, rows=now.num_rows, sha256=sha256_of(current)),
        bins=settings.bins,
        confidence=settings.confidence,
        shifted_from=settings.shifted_from,
        drifted_from=settings.drifted_from,
        status=found.status,
        drift_share=found.drift_share,
        beyond_chance=sum(bool(shift.beyond_chance) for shift in found.features),
        score=found.score,
        features=tuple(sorted(found.features, key=lambda shift: encoding.names.index(shift.name))),
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
