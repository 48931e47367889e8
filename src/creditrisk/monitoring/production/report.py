"""`reports/production_drift_report.json` and `reports/drift_metrics.json`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from creditrisk.core.report import Number, Part, Report
from creditrisk.monitoring.drift import DriftStatus, Shift

REPORT = Path("reports/production_drift_report.json")
METRICS = Path("reports/drift_metrics.json")

PullKind = Literal["features", "applications", "ledger"]
RuleLevel = Literal["error", "warning"]


class Window(Part):
    """What was measured.

    `sha256` is the hash of what was measured: of a file's content, of the hashes of several, of the
    ledger's entries. `first_at` and `last_at` are the moments of its first and last application in
    ISO 8601, null where they are not known. `files` are hashes by name.
    """

    kind: PullKind
    shown: str
    sha256: str
    first_at: str | None
    last_at: str | None
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


class NotMeasured(Part):
    """Something that could not be measured, and why."""

    what: str
    why: str


class UnseenCategory(Part):
    """A text that no training row had; `listed` says whether the catalogue knows it."""

    feature: str
    category: str
    rows: int
    listed: bool


class Change(Part):
    """A share among the training rows and now, with what chance alone explains.

    `beyond_chance` says whether the difference exceeds its critical value, `status` judges it.
    """

    reference_share: Number
    current_share: Number
    difference: Number
    critical_difference: Number
    status: DriftStatus


class Predictions(Part):
    """What the model says of the rows: the PD, and the decisions that the policy makes of it."""

    mean_pd: Number
    reference_mean_pd: Number | None
    score: Shift
    approval: Change
    decline: Change


class ProductionDriftReport(Report):
    """Production data against the training side that is stored in the bundle.

    `status` is the worst of features, score, decisions and, where rows of training were given, the
    domain classifier; `contract_violations` counts rules of level error that were not relaxed.
    `drift_share` is the share of measured inputs that drifted, null where none was measured.
    """

    bundle_sha256: str
    window: Window
    reference_rows: int
    status: DriftStatus
    drift_share: Number | None
    predictions: Predictions | None
    features: tuple[Shift, ...]
    unseen_categories: tuple[UnseenCategory, ...]
    contract_violations: int
    broken_rules: tuple[BrokenRule, ...]
    extra_columns: tuple[str, ...]
    not_measured: tuple[NotMeasured, ...]
