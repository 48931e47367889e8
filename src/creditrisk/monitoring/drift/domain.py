"""A classifier that tells two samples apart: drift that no single column shows.

A small LightGBM model is fitted on half of the rows of both samples and asked about the other half,
and the other way round. Rows are drawn and halved by a hash of their key, so an applicant who is in
both samples is on one side in both, and no model is asked about a row that it has seen.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from creditrisk.contracts.tables import APPLICANT_KEY
from creditrisk.models.encoding import FeatureEncoding, Matrix
from creditrisk.models.metrics.observations import NotMeasurable
from creditrisk.models.metrics.ranking import roc_auc
from creditrisk.models.native import wait_passively
from creditrisk.monitoring.drift.judgement import Judgement, too_few
from creditrisk.monitoring.drift.report import DomainShift, Leader

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    Hashes = NDArray[np.uint64]

_MOST_TO_ONE = 4  # more rows of one sample than that to a row of the other hardly sharpen the test
_TREES = 80
_SHOWN_LEADERS = 5
_PARAMETERS: dict[str, Any] = {
    "objective": "binary",
    "num_leaves": 12,
    "learning_rate": 0.1,
    "min_child_samples": 50,
    "feature_fraction": 0.5,
    "max_bin": 63,
    "deterministic": True,
    "force_row_wise": True,
    "seed": 1,
    "verbosity": -1,
}


def domain_shift(
    reference: pa.Table,
    current: pa.Table,
    encoding: FeatureEncoding,
    judgement: Judgement,
    threads: int = 1,
) -> DomainShift:
    """How well a classifier tells the rows of two samples apart by the columns of `encoding`.

    The same at any number of threads. One-sided: a classifier cannot do worse than guess.

    Raises:
        MissingFeatures, WrongFeatureType: a sample's columns are not those of the encoding.
    """
    smaller = min(reference.num_rows, current.num_rows)
    most = min(judgement.settings.domain_rows, _MOST_TO_ONE * smaller)
    samples = [_drawn(table, encoding, most) for table in (reference, current)]
    before, now = (len(hashes) for _, hashes in samples)
    try:
        found = _cross_fitted(samples, threads)
    except NotMeasurable as error:
        return DomainShift(
            status="not measured", reason=str(error), reference_rows=before, current_rows=now
        )
    chance = NormalDist(0.5, found.deviation)
    critical = chance.inv_cdf(1 - judgement.level)
    measure = judgement.measure("roc_auc", found.auc, 1 - chance.cdf(found.auc), critical)
    few = measure.status == "not measured"
    return DomainShift(
        status=measure.status,
        reason=too_few(measure, judgement.bars("roc_auc").drifted_from) if few else None,
        reference_rows=before,
        current_rows=now,
        measure=measure,
        leaders=_leaders(encoding.names, found.gains),
    )


def _drawn(table: pa.Table, encoding: FeatureEncoding, most: int) -> tuple[Matrix, Hashes]:
    """At most so many rows, those with the smallest hashes, in the order of the hashes."""
    hashes = _hashes(table)
    order = np.argsort(hashes, kind="stable")[:most]
    return encoding.encode(table)[order], hashes[order]


def _hashes(table: pa.Table) -> Hashes:
    """The first 8 bytes of SHA-256 of each row's key, or of its number where there is no key."""
    keys = (
        table.column(APPLICANT_KEY).to_pylist()
        if APPLICANT_KEY in table.column_names
        else range(table.num_rows)
    )
    digests = b"".join(hashlib.sha256(f"drift:{key}".encode()).digest()[:8] for key in keys)
    return np.frombuffer(digests, dtype=">u8").astype(np.uint64)


@dataclass(frozen=True, slots=True)
class _Found:
    """The mean ROC-AUC of both halves, its deviation by chance, and the gain of each column."""

    auc: float
    deviation: float
    gains: NDArray[np.float64]


def _cross_fitted(samples: list[tuple[Matrix, Hashes]], threads: int) -> _Found:
    """Teach on each half and ask about the other; each half counts by its pairs of rows.

    Raises:
        NotMeasurable: a half lacks rows of a sample.
    """
    matrix = np.vstack([rows for rows, _ in samples])
    later = np.repeat([0.0, 1.0], [len(hashes) for _, hashes in samples])
    # The last bit: the first ones decided who was drawn.
    second = np.concatenate([hashes & np.uint64(1) for _, hashes in samples]).astype(bool)
    halves = [_Half(later[half]) for half in (second, ~second)]
    for half in halves:
        half.require_rows()
    gains, aucs = np.zeros(matrix.shape[1]), []
    for asked in (second, ~second):
        model = _taught(matrix[~asked], later[~asked], threads)
        aucs.append(roc_auc(later[asked], model.predict(matrix[asked], num_threads=threads)))
        gains += model.feature_importance("gain")
    pairs = np.array([half.pairs for half in halves])
    deviations = np.array([half.deviation for half in halves])
    return _Found(
        auc=float(np.average(aucs, weights=pairs)),
        deviation=float(np.sqrt(np.sum((pairs * deviations) ** 2)) / pairs.sum()),
        gains=gains,
    )


class _Half:
    """How many rows of each sample are in one half."""

    def __init__(self, later: NDArray[np.float64]) -> None:
        self.later = int(later.sum())
        self.earlier = len(later) - self.later

    @property
    def pairs(self) -> int:
        """The pairs of an earlier and a later row, over which the ROC-AUC is a mean."""
        return self.earlier * self.later

    @property
    def deviation(self) -> float:
        """That of the ROC-AUC where there is no drift, exact without ties and too large with them.

        The model comes from the other half, so the order of this half's rows is pure chance then.

        Source: Mann and Whitney, On a test of whether one of two random variables is stochastically
        larger than the other (1947).
        """
        return math.sqrt((self.earlier + self.later + 1) / (12 * self.pairs))

    def require_rows(self) -> None:
        """Refuse a half that cannot be told apart.

        Raises:
            NotMeasurable: it has rows of one sample only.
        """
        if not self.pairs:
            seen = f"half of the rows has {self.earlier} earlier and {self.later} later ones"
            raise NotMeasurable(seen, "a classifier needs both in each half")


def _taught(matrix: Matrix, later: NDArray[np.float64], threads: int) -> Any:
    wait_passively()
    import lightgbm

    parameters = {**_PARAMETERS, "num_threads": threads}
    rows = lightgbm.Dataset(matrix, later, params=parameters)
    return lightgbm.train(parameters, rows, _TREES)


def _leaders(names: list[str], gains: NDArray[np.float64]) -> tuple[Leader, ...]:
    order = np.argsort(-gains, kind="stable")[:_SHOWN_LEADERS]
    return tuple(
        Leader(name=names[place], share=float(gains[place] / gains.sum()))
        for place in order
        if gains[place] > 0
    )
