"""The evidence that the report is made of, as its files hold it."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from creditrisk.contracts.verdicts import ValidationSummary
from creditrisk.core.errors import CreditRiskError
from creditrisk.core.files import sha256_of
from creditrisk.core.report import Report
from creditrisk.core.settings import PolicySettings
from creditrisk.data.ingestion import IngestionSummary
from creditrisk.mlops.bundle import Bundle
from creditrisk.mlops.lineage import DataLineage
from creditrisk.mlops.registry import RegistryPromotion
from creditrisk.models.explanation import Reason
from creditrisk.testing.canary import CanaryReport
from creditrisk.testing.evaluation import EvaluationReport
from creditrisk.testing.post_training import PostTrainingValidation

if TYPE_CHECKING:
    from creditrisk.ledger.entries import Entry

TEST_PLOTS = "test_evaluation"
Kind = TypeVar("Kind", bound=Report)


@dataclass(frozen=True, slots=True)
class WorkedApplicant:
    """An applicant without name, from PD to decision and reasons."""

    title: str
    pd: float
    grade: str
    decision: str
    reasons: Sequence[Reason]


@dataclass(frozen=True)
class Evidence:
    """All that is known of a model. A file that is missing or unreadable is told as such.

    Args:
        reports: the folder of the reports.
        bundle: the model.
        policy: the lender's policy.
        applicants: a few applicants with their reasons.
        decisions: the ledger's entries about promotions, oldest first; null where it was not read.
        ledger_verdict: what verifying the ledger said.
        scorecard: the second model, where there is one.
    """

    reports: Path
    bundle: Bundle
    policy: PolicySettings
    applicants: Sequence[WorkedApplicant] = ()
    decisions: Sequence[Entry] | None = None
    ledger_verdict: str = "not verified"
    scorecard: Bundle | None = None
    problems: dict[str, str] = field(default_factory=dict)

    @cached_property
    def ingestion(self) -> IngestionSummary | None:
        """What was taken in."""
        return self._read(IngestionSummary, "ingestion_summary.json")

    @cached_property
    def contracts(self) -> ValidationSummary | None:
        """What the data contracts said."""
        return self._read(ValidationSummary, "validation_summary.json")

    @cached_property
    def lineage(self) -> DataLineage | None:
        """The chain of checksums."""
        return self._read(DataLineage, "data_lineage.json")

    @cached_property
    def train(self) -> EvaluationReport | None:
        """Metrics on the rows that the model was trained on."""
        return self._read(EvaluationReport, "metrics.json")

    @cached_property
    def test(self) -> EvaluationReport | None:
        """Metrics on applicants it has not seen."""
        return self._read(EvaluationReport, "test_metrics.json")

    @cached_property
    def scorecard_test(self) -> EvaluationReport | None:
        """Metrics of the second model on the same applicants."""
        if self.scorecard is None:
            return None
        return self._read(EvaluationReport, "scorecard_metrics.json", self.scorecard)

    @cached_property
    def validation(self) -> PostTrainingValidation | None:
        """The checks."""
        return self._read(PostTrainingValidation, "post_training_validation.json")

    @cached_property
    def canary(self) -> CanaryReport | None:
        """The candidate beside the champion."""
        return self._read(CanaryReport, "canary_report.json")

    @cached_property
    def registration(self) -> RegistryPromotion | None:
        """Whether the model was registered."""
        return self._read(RegistryPromotion, "registry_promotion.json")

    @cached_property
    def importance(self) -> Mapping[str, float]:
        """Each input's share of what the model learnt, the largest first."""
        columns = self.plot("importance")
        names = columns.get("feature", [])
        return dict(zip(names, map(float, columns.get("share", [])), strict=True))

    def plot(self, name: str) -> dict[str, list[str]]:
        """The columns of one of the test side's plot tables; empty where it is missing."""
        path = self.reports / TEST_PLOTS / f"{name}.csv"
        if not path.exists():
            return {}
        with path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        return {column: [row[column] for row in rows] for column in (rows[0] if rows else ())}

    def why_absent(self, name: str) -> str:
        """Why a report is not there, in a sentence."""
        return self.problems.get(name, f"{self.reports / name} was not read.")

    def checksums(self) -> dict[str, str]:
        """SHA-256 of every file under the reports' folder that is evidence, by its path there."""
        return {
            path.relative_to(self.reports).as_posix(): sha256_of(path)
            for path in sorted(self.reports.rglob("*"))
            if path.is_file() and path.suffix in {".json", ".csv", ".parquet"}
        }

    def _read(self, kind: type[Kind], name: str, about: Bundle | None = None) -> Kind | None:
        """A report; null where it cannot be read or is about another model."""
        bundle = about or self.bundle
        try:
            report = kind.read(self.reports / name)
        except CreditRiskError as error:
            self.problems[name] = str(error)
            return None
        seen = getattr(report, "bundle_sha256", None) or bundle.sha256
        if seen != bundle.sha256:
            self.problems[name] = (
                f"{self.reports / name} is about model {seen[:12]}, this is {bundle.sha256[:12]}."
            )
            return None
        return report
