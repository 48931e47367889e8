"""What the validation reads: files of other stages, each about this bundle or refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from creditrisk.contracts.tables import APPLICANT_KEY, TARGET
from creditrisk.contracts.verdicts import ValidationSummary
from creditrisk.core.errors import CreditRiskError
from creditrisk.core.files import sha256_of
from creditrisk.data.ingestion import IngestionSummary
from creditrisk.mlops.bundle import MANIFEST_FILE, Bundle
from creditrisk.mlops.lineage import DataLineage
from creditrisk.scoring.scorer import Scorer
from creditrisk.testing.evaluation import EvaluationReport
from creditrisk.testing.scored_split import ScoredSplit, read_split, score_split

if TYPE_CHECKING:
    import pyarrow as pa


class ForeignEvidence(CreditRiskError):
    """A report is about something else than what is validated."""

    def __init__(self, path: Path, what: str, seen: str, required: str) -> None:
        super().__init__(
            f"{path.as_posix()} is about {what} {seen[:12]}, required: {required[:12]}"
        )


class MeasuredSample(Protocol):
    """One of the two samples of a drift report."""

    @property
    def name(self) -> str:
        """The file's name without folder and ending."""

    @property
    def sha256(self) -> str:
        """The file's checksum."""


class MeasuredShift(Protocol):
    """The stability index of the score or of one input."""

    @property
    def name(self) -> str:
        """PD, or the input's name."""

    @property
    def value(self) -> float | None:
        """PSI or CSI."""

    @property
    def critical_value(self) -> float | None:
        """What chance alone stays below."""

    @property
    def status(self) -> str:
        """stable, shifted, drifted or not measured."""


class MeasuredDrift(Protocol):
    """What validation reads of a drift report; which package wrote it is not its concern."""

    @property
    def bundle_sha256(self) -> str:
        """The model whose scores and inputs were compared."""

    @property
    def reference(self) -> MeasuredSample:
        """The sample that the bins were made from."""

    @property
    def current(self) -> MeasuredSample:
        """The sample compared with it."""

    @property
    def confidence(self) -> float:
        """That of the critical values."""

    @property
    def score(self) -> MeasuredShift:
        """PSI of the score."""

    @property
    def features(self) -> Sequence[MeasuredShift]:
        """CSI of every model input."""


@dataclass(frozen=True, slots=True)
class EvidencePaths:
    """Where the evidence lies."""

    bundle: Path
    feature_store: Path
    feature_metadata: Path
    splits: Path
    ingestion_summary: Path
    contracts: Path
    train_metrics: Path
    test_metrics: Path
    lineage: Path
    drift: Path

    @property
    def manifest(self) -> Path:
        """The bundle's manifest, whose checksum is the bundle's."""
        return self.bundle / MANIFEST_FILE

    def side(self, name: str) -> Path:
        """The file of one side of the split."""
        return self.splits / f"{name}.parquet"


class Evidence:
    """The evidence of one validation; everything is read once, when a check first asks for it.

    A report that names another bundle or another split raises `ForeignEvidence` wherever it is
    used, so no check can rest on it.
    """

    def __init__(
        self,
        paths: EvidencePaths,
        read_drift: Callable[[Path], MeasuredDrift],
        threads: int = 1,
    ) -> None:
        self.paths = paths
        self.checksum = cache(sha256_of)
        self._read_drift = read_drift
        self._threads = threads

    @cached_property
    def bundle(self) -> Bundle:
        """The model, every file of it compared with its manifest."""
        return Bundle.load(self.paths.bundle)

    @cached_property
    def scorer(self) -> Scorer:
        """The model, shown to reproduce its golden predictions."""
        return Scorer.load(self.paths.bundle, threads=self._threads)

    @cached_property
    def lineage(self) -> DataLineage:
        """The chain of checksums, which must end in this bundle."""
        lineage = DataLineage.read(self.paths.lineage)
        self._require("bundle", self.paths.lineage, lineage.bundle.sha256, self.bundle.sha256)
        return lineage

    @cached_property
    def ingestion(self) -> IngestionSummary:
        """What was taken in."""
        return IngestionSummary.read(self.paths.ingestion_summary)

    @cached_property
    def contracts(self) -> ValidationSummary:
        """How every table fared against its data contract."""
        return ValidationSummary.read(self.paths.contracts)

    @cached_property
    def test_metrics(self) -> EvaluationReport:
        """The metrics of this bundle on this test side."""
        return self._evaluation(self.paths.test_metrics, "test")

    @cached_property
    def train_metrics(self) -> EvaluationReport:
        """The metrics of this bundle on this train side."""
        return self._evaluation(self.paths.train_metrics, "train")

    @cached_property
    def drift(self) -> MeasuredDrift:
        """The drift of this bundle's scores and inputs, train side against test side."""
        path, drift = self.paths.drift, self._read_drift(self.paths.drift)
        self._require("bundle", path, drift.bundle_sha256, self.bundle.sha256)
        for sample, side in ((drift.reference, "train"), (drift.current, "test")):
            required = self.checksum(self.paths.side(side))
            self._require("sample", path, sample.sha256, required)
        return drift

    @cached_property
    def test_side(self) -> pa.Table:
        """Every column of the test side, in key order."""
        from pyarrow import parquet

        path = self.paths.side("test")
        columns = [
            name for name in parquet.read_schema(path).names if name not in {APPLICANT_KEY, TARGET}
        ]
        return read_split(path, columns)

    @cached_property
    def scored(self) -> ScoredSplit:
        """The test side as this bundle scores it now."""
        return score_split(self.paths.side("test"), self.test_side, self.scorer)

    def _evaluation(self, path: Path, side: Literal["train", "test"]) -> EvaluationReport:
        report = EvaluationReport.read(path)
        self._require("side", path, report.split, side)
        self._require("bundle", path, report.bundle_sha256, self.bundle.sha256)
        self._require("split", path, report.split_sha256, self.checksum(self.paths.side(side)))
        return report

    @staticmethod
    def _require(what: str, path: Path, seen: str, required: str) -> None:
        if seen != required:
            raise ForeignEvidence(path, what, seen, required)
