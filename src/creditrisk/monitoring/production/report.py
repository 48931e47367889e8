"""`reports/production_drift_report.json` and `reports/drift_metrics.json`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import AwareDatetime

from creditrisk.core.report import Number, Part, Report
from creditrisk.core.settings import DriftBars
from creditrisk.monitoring.drift.report import (
    FOUND,
    DomainShift,
    DriftStatus,
    Method,
    Shift,
    names_of_moved,
)

REPORT = Path("reports/production_drift_report.json")
METRICS = Path("reports/drift_metrics.json")

PullKind = Literal["features", "applications", "ledger"]
AlarmName = Literal[
    "score_drift",
    "input_drift",
    "domain_drift",
    "decision_drift",
    "drift_not_measured",
    "contract_violations",
    "unseen_categories",
]
RuleLevel = Literal["error", "warning"]


class Window(Part):
    """What was measured.

    `sha256` is the hash of what was measured: of a file's content, of the hashes of several, of the
    ledger's entries. `first_at` and `last_at` are the moments of its first and last application, null
    where they are not known. `files` are hashes by name.
    """

    kind: PullKind
    shown: str
    sha256: str
    first_at: AwareDatetime | None
    last_at: AwareDatetime | None
    rows: int
    files: dict[str, str]


class BrokenRule(Part):
    """A rule of a contract that rows of a table, or its columns, broke.

    `because` says why a rule is relaxed, if it is.
    """

    table: str
    rule: str
    level: RuleLevel
    violations: int
    rows: int
    description: str
    because: str | None = None

    @property
    def refuses(self) -> bool:
        """Whether training and scoring would refuse the rows."""
        return self.level == "error" and self.because is None


class NotMeasured(Part):
    """Something that could not be measured, and why."""

    what: str
    why: str


class Change(Part):
    """A share among the training rows and now; chance alone stays within `critical_difference`."""

    reference_share: Number
    current_share: Number
    difference: Number
    critical_difference: Number
    status: DriftStatus


class Predictions(Part):
    """What the model says of the rows on average, and the decisions that the policy makes of it."""

    mean_pd: Number
    approval: Change
    decline: Change


class ProductionDriftReport(Report):
    """Production data against the training side that is stored in the bundle.

    Score, inputs and domain are judged as in the drift report of the pipeline: beyond chance, of
    which `confidence` is that of all `tests` together, and beyond `bars`. `domain` is null where no
    rows of training were given.

    `status` is the worst of score, inputs, domain and, where rows suffice to judge them, decisions.
    `drift_share` is the share of the measured inputs that are shifted or drifted, null where none
    was measured. Of `broken_rules` those of level error that nothing excuses add up to
    `contract_violations`. `unseen_categories` counts cells with a text that no training row has.
    docs/runbook.md has a heading for each of `alarms`.
    """

    bundle_sha256: str
    window: Window
    reference_rows: int
    confidence: Number
    tests: int
    level: Number
    bars: dict[Method, DriftBars]
    status: DriftStatus
    drift_detected: bool | None
    alarms: tuple[AlarmName, ...]
    drift_share: Number | None
    score: Shift
    predictions: Predictions | None
    domain: DomainShift | None
    features: tuple[Shift, ...]
    unseen_categories: int
    contract_violations: int
    broken_rules: tuple[BrokenRule, ...]
    extra_columns: tuple[str, ...]
    not_measured: tuple[NotMeasured, ...]

    def headline(self) -> str:
        """The report in one line for a person."""
        moved = names_of_moved(self.features)
        parts = [
            f"{self.status}, {self.window.rows:,} applicants",
            f"{len(moved)} of {len(self.features)} inputs moved",
        ]
        if self.predictions is not None:
            parts.append(
                f"mean PD {self.predictions.mean_pd:.4f}, "
                f"approved {self.predictions.approval.current_share:.1%}"
            )
        parts.append(f"{self.contract_violations:,} contract violations")
        return ", ".join(parts)


class DriftMetrics(Report):
    """The figures of a production drift report that are watched over time.

    A figure is null where it was not measured; `drift_detected` too, which is never false then.
    `drift_share` is that of the inputs, or of the score alone where no input was measured.
    """

    window_sha256: str
    window_kind: PullKind
    first_at: AwareDatetime | None
    last_at: AwareDatetime | None
    bundle_sha256: str
    rows: int
    status: DriftStatus
    drift_detected: bool | None
    drift_share: Number | None
    score_psi: Number | None
    domain_auc: Number | None
    mean_pd: Number | None
    approval_rate: Number | None
    approval_change: Number | None
    contract_violations: int
    unseen_categories: int
    not_measured: int

    @classmethod
    def of(cls, report: ProductionDriftReport) -> Self:
        """The figures of a report."""
        predictions, window, domain = report.predictions, report.window, report.domain
        return cls(
            window_sha256=window.sha256,
            window_kind=window.kind,
            first_at=window.first_at,
            last_at=window.last_at,
            bundle_sha256=report.bundle_sha256,
            rows=window.rows,
            status=report.status,
            drift_detected=report.drift_detected,
            drift_share=_drift_share(report),
            score_psi=report.score.value,
            domain_auc=domain.roc_auc if domain else None,
            mean_pd=predictions.mean_pd if predictions else None,
            approval_rate=predictions.approval.current_share if predictions else None,
            approval_change=predictions.approval.difference if predictions else None,
            contract_violations=report.contract_violations,
            unseen_categories=report.unseen_categories,
            not_measured=len(report.not_measured),
        )


def _drift_share(report: ProductionDriftReport) -> float | None:
    if report.drift_share is not None or report.score.status == "not measured":
        return report.drift_share
    return float(report.score.status in FOUND)
