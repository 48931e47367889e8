"""The typed form of `params.yaml`: one section a stage."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from creditrisk.core.errors import InvalidSettings, MissingFile, validation_problems

DEFAULT_PARAMS_PATH = Path("params.yaml")

Share = Annotated[float, Field(ge=0, le=1)]
PositiveShare = Annotated[float, Field(gt=0, le=1)]


class Section(BaseModel):
    """One section of `params.yaml`; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ResourceSettings(Section):
    """What one process may use. Never changes a result, so no stage depends on it."""

    threads: Annotated[int, Field(ge=1)] | None = None
    memory_limit: str = "4GB"

    @property
    def usable_threads(self) -> int:
        """The number of threads, every core's where none is set."""
        return self.threads or os.cpu_count() or 1


class ScenarioSettings(Section):
    """A shift that the generator plays from a month on, at a strength between 0 and 1."""

    kind: Literal["none", "covariate", "prior", "concept"] = "none"
    strength: Share = 1.0
    from_month: Annotated[int, Field(ge=1)] = 1


class SyntheticSettings(Section):
    """The generated portfolio: labelled applicants, and production months of a tenth as many each."""

    applicants: Annotated[int, Field(ge=1)] = 30_000
    seed: Annotated[int, Field(ge=0)] = 20
    months: Annotated[int, Field(ge=0, le=20)] = 0
    month_applicants: Annotated[int, Field(ge=1)] | None = None
    scenario: ScenarioSettings = ScenarioSettings()

    @property
    def applicants_each_month(self) -> int:
        """Applicants of one production month."""
        return self.month_applicants or max(1, self.applicants // 10)

    @model_validator(mode="after")
    def _scenario_has_its_month(self) -> Self:
        if self.scenario.kind != "none" and self.scenario.from_month > self.months:
            message = (
                f"scenario {self.scenario.kind} starts in month {self.scenario.from_month}, "
                f"but months is {self.months}: it would change nothing"
            )
            raise ValueError(message)
        return self


class SourceSettings(Section):
    """Where one raw file comes from, with the checksum it must have.

    `uri` names the file, an archive that holds it, or its folder. A checksum is of the CSV file,
    also where it comes in an archive.
    """

    uri: str
    md5: Annotated[str, Field(pattern="^[0-9a-f]{32}$")] | None = None
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None


class IngestSettings(Section):
    """Where the raw files come from.

    `source` serves every file that `files` does not name: `synthetic`, a folder, a zip of all
    files, the URL of either (s3, gs, az, abfs, http, https, any other that fsspec knows),
    `kaggle://COMPETITION`, `dvc://PATH` or `dvc://PATH?repo=URL&rev=REVISION`. `${NAME}` in an
    address stands for an environment variable: no secret need be written into params.yaml.

    `profile: kaggle` requires MD5, rows and bytes of the files that Kaggle publishes. A source may
    fail `retries` times in a row without progress; the pause doubles from `backoff_seconds`.
    """

    source: str = "synthetic"
    files: dict[str, SourceSettings] = {}
    profile: Literal["none", "kaggle"] = "none"
    parallel_downloads: Annotated[int, Field(ge=1, le=16)] = 4
    retries: Annotated[int, Field(ge=0)] = 5
    backoff_seconds: Annotated[float, Field(ge=0)] = 0.5
    synthetic: SyntheticSettings = SyntheticSettings()


class ContractSettings(Section):
    """Rules that are relaxed by name, each with the reason; recorded in the summary."""

    relaxed_rules: dict[str, Annotated[str, Field(min_length=1)]] = {}


class SplitShares(Section):
    """Shares of applicants on each side; none is zero and they add up to one."""

    train: PositiveShare = 0.64
    validation: PositiveShare = 0.08
    calibration: PositiveShare = 0.08
    test: PositiveShare = 0.20

    @model_validator(mode="after")
    def _add_up_to_one(self) -> Self:
        total = self.train + self.validation + self.calibration + self.test
        if not math.isclose(total, 1):
            message = f"train + validation + calibration + test is {total:g}, must be 1"
            raise ValueError(message)
        return self


class SplitSettings(Section):
    """How applicants are assigned to sides, how far default rates may differ, what is leakage."""

    seed: Annotated[int, Field(ge=0)] = 7
    shares: SplitShares = SplitShares()
    group_column: str | None = None
    max_default_rate_z: Annotated[float, Field(gt=0)] = 4.0
    max_feature_auc: Annotated[float, Field(gt=0.5, le=1)] = 0.95


class LightGBMSettings(Section):
    """What only `model_type: lightgbm` reads."""

    num_leaves: Annotated[int, Field(ge=2)] = 10
    min_child_samples: Annotated[int, Field(ge=1)] = 100


class XGBoostSettings(Section):
    """What only `model_type: xgboost` reads."""

    max_depth: Annotated[int, Field(ge=1)] = 4
    min_child_weight: Annotated[float, Field(ge=0)] = 20.0


class LogisticSettings(Section):
    """What only `model_type: logistic` reads."""

    inverse_regularisation: Annotated[float, Field(gt=0)] = 0.1
    max_iterations: Annotated[int, Field(ge=1)] = 500


ModelType = Literal["lightgbm", "xgboost", "logistic", "scorecard"]


class ScorecardSettings(Section):
    """What only `model_type: scorecard` reads.

    Bins hold at least `min_bin_share` of the training rows; a bin of missing values, and a rare
    category where groups are formed, is pulled towards the average by `prior_rows` rows. A
    characteristic needs `min_information_value`, a correlation of at most `max_correlation` with
    each stronger one, and a Wald statistic of `min_wald_z` in the regression. `base_points` stand
    for good:bad odds of `base_odds`; `pdo` more points double the odds.
    """

    pre_bins: Annotated[int, Field(ge=2, le=100)] = 20
    max_bins: Annotated[int, Field(ge=2)] = 8
    min_bin_share: Annotated[float, Field(gt=0, le=0.5)] = 0.03
    prior_rows: Annotated[int, Field(ge=1)] = 200
    min_information_value: Annotated[float, Field(ge=0)] = 0.02
    max_correlation: Annotated[float, Field(gt=0, le=1)] = 0.7
    min_wald_z: Annotated[float, Field(gt=0)] = 2.0
    max_characteristics: Annotated[int, Field(ge=1)] = 25
    solver_seconds: Annotated[float, Field(gt=0)] = 60.0
    max_iterations: Annotated[int, Field(ge=1)] = 100
    pdo: Annotated[float, Field(gt=0)] = 20.0
    base_points: int = 600
    base_odds: Annotated[float, Field(gt=0)] = 50.0


class FitModelSettings(Section):
    """Which model is trained and how. The booster parameters serve both tree models."""

    model_type: ModelType = "lightgbm"
    seed: Annotated[int, Field(ge=0)] = 11
    excluded_features: list[str] = []
    resampling: Literal["none", "smote_downsampling"] = "none"
    calibration: Literal["platt", "none"] = "platt"
    threshold: Literal["f1", "youden"] | Share = "f1"
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.1
    max_trees: Annotated[int, Field(ge=1)] = 1_000
    early_stopping_rounds: Annotated[int, Field(ge=1)] = 30
    subsample: Annotated[float, Field(gt=0, le=1)] = 0.8
    colsample_bytree: Annotated[float, Field(gt=0, le=1)] = 0.3
    reg_lambda: Annotated[float, Field(ge=0)] = 10.0
    lightgbm: LightGBMSettings = LightGBMSettings()
    xgboost: XGBoostSettings = XGBoostSettings()
    logistic: LogisticSettings = LogisticSettings()
    scorecard: ScorecardSettings = ScorecardSettings()


class FitScorecardSettings(FitModelSettings):
    """The second model, which a person can read and apply by hand."""

    model_type: ModelType = "scorecard"


class ProtectedAttribute(Section):
    """A column of the feature table that says which group an applicant belongs to.

    `bounds` cut a numeric column into bands: 30 and 40 give below 30, 30 to below 40, 40 and over.
    """

    column: str
    bounds: list[float] = []

    @model_validator(mode="after")
    def _bounds_rise(self) -> Self:
        if self.bounds != sorted(set(self.bounds)):
            message = f"bounds of {self.column} are {self.bounds}, each must exceed the one before"
            raise ValueError(message)
        return self


class PolicySettings(Section):
    """The lender's policy: how a PD becomes a grade and a decision, and whom the law protects.

    An applicant whose PD is below `approve_below` is approved, from `decline_from` on declined,
    between them referred to a person. `grades` gives each grade the PD that it stays below, rising;
    the last is 1. `prohibited_inputs` names raw columns that no model may read, directly or through
    a feature, with the jurisdictions that say so; those of `jurisdictions` count. The lists are the
    lender's reading of its law, not legal advice.
    """

    approve_below: Share = 0.10
    decline_from: Share = 0.20
    grades: dict[str, PositiveShare] = {
        "A": 0.02,
        "B": 0.035,
        "C": 0.055,
        "D": 0.08,
        "E": 0.12,
        "F": 0.20,
        "G": 1.0,
    }
    protected_attributes: dict[str, ProtectedAttribute] = {
        "gender": ProtectedAttribute(column="CODE_GENDER"),
        "family_status": ProtectedAttribute(column="NAME_FAMILY_STATUS"),
        "age_band": ProtectedAttribute(column="AGE_YEARS", bounds=[30, 40, 50, 60]),
    }
    prohibited_inputs: dict[str, list[str]] = {
        "CODE_GENDER": ["EU", "UK", "US"],
        "NAME_FAMILY_STATUS": ["UK", "US"],
    }
    jurisdictions: list[str] = ["EU", "US"]

    @property
    def prohibited_columns(self) -> tuple[str, ...]:
        """The raw columns that no model may read in any of the lender's jurisdictions."""
        return tuple(
            column
            for column, where in self.prohibited_inputs.items()
            if not set(where).isdisjoint(self.jurisdictions)
        )

    @model_validator(mode="after")
    def _bands_are_in_order(self) -> Self:
        if self.approve_below > self.decline_from:
            message = (
                f"approve_below {self.approve_below:g} exceeds decline_from {self.decline_from:g}"
            )
            raise ValueError(message)
        bounds = list(self.grades.values())
        if bounds != sorted(set(bounds)) or bounds[-1:] != [1.0]:
            message = f"grades end at {bounds}, the bounds must rise and the last must be 1"
            raise ValueError(message)
        return self


class EvaluateSettings(Section):
    """How metrics are binned."""

    ece_bins: Annotated[int, Field(ge=2)] = 10
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.95


class DriftBars(Section):
    """From which size on a difference matters, and from which it matters much."""

    shifted_from: Annotated[float, Field(gt=0)]
    drifted_from: Annotated[float, Field(gt=0)]

    @model_validator(mode="after")
    def _rise(self) -> Self:
        if self.shifted_from >= self.drifted_from:
            message = f"shifted_from {self.shifted_from:g} is not below {self.drifted_from:g}"
            raise ValueError(message)
        return self


class MonitorDriftSettings(Section):
    """How samples are compared, and from which size on a difference beyond chance counts.

    `confidence` is that of a whole comparison: so many of all comparisons without any drift report
    none. The bars are in each measure's own unit: nats, standard deviations of the reference, a
    share of the largest possible distance, ROC-AUC. `domain_rows` of each sample, at most, teach
    and ask the classifier that tells samples apart.
    """

    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.99
    psi: DriftBars = DriftBars(shifted_from=0.025, drifted_from=0.25)
    wasserstein: DriftBars = DriftBars(shifted_from=0.15, drifted_from=0.5)
    jensen_shannon: DriftBars = DriftBars(shifted_from=0.07, drifted_from=0.21)
    domain_auc: DriftBars = DriftBars(shifted_from=0.55, drifted_from=0.65)
    domain_rows: Annotated[int, Field(ge=100)] = 20_000


class Band(Section):
    """What a value may be, both ends included."""

    low: float
    high: float

    @model_validator(mode="after")
    def _is_not_empty(self) -> Self:
        if self.low >= self.high:
            message = f"low {self.low:g} is not below high {self.high:g}"
            raise ValueError(message)
        return self


class FloorSettings(Section):
    """Bars of the metrics on the test side.

    ROC-AUC and KS are judged by the lower end of their interval, slope and calibration in the large
    (log-odds) fail where their interval lies wholly outside the band, the ECE where it exceeds by `max_excess_ece` what
    true PDs show by chance, the gap between train and test AUC where its interval lies wholly
    above the bar.
    """

    min_roc_auc: PositiveShare = 0.70
    min_ks: PositiveShare = 0.25
    min_brier_skill: Annotated[float, Field(lt=1)] = 0.03
    calibration_slope: Band = Band(low=0.8, high=1.25)
    calibration_in_the_large: Band = Band(low=-0.3, high=0.3)
    max_excess_ece: PositiveShare = 0.01
    max_auc_gap: PositiveShare = 0.12


class CalibrationSettings(Section):
    """How true PDs must be by grade and by segment.

    A grade's light is amber or red where the p-value of Jeffreys' test falls below `amber` or
    `red`. The gates ask whether a PD is materially wrong: observed over expected defaults beyond
    the band with `confidence`, adjusted for the number of grades, segments or groups.
    """

    amber: PositiveShare = 0.05
    red: PositiveShare = 0.01
    observed_expected: Band = Band(low=0.8, high=1.25)
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.99
    hosmer_lemeshow_p: PositiveShare = 0.01


class FairnessSettings(Section):
    """Bars of the fairness checks: the lender's policy, never the law.

    A group below `smallest_group_share` of the applicants is shown and not judged; it cannot be
    the group that others are compared with either. `max_proxy_auc` bounds how well the inputs may
    tell a group of an attribute that is no input.
    """

    min_adverse_impact_ratio: PositiveShare = 0.8
    max_equal_opportunity_gap: PositiveShare = 0.10
    max_proxy_auc: PositiveShare = 0.90
    smallest_group_share: Share = 0.02
    confidence: PositiveShare = 0.95
    proxy_rows: Annotated[int, Field(ge=100)] = 20_000


class ExplanationSettings(Section):
    """How often the reasons named must beat as many random features, in how many declined cases."""

    min_fidelity: PositiveShare = 0.95
    cases: Annotated[int, Field(ge=1)] = 500


class ValidateModelSettings(Section):
    """The bars of the post-training validation.

    `informational` names checks that are measured and shown and refuse nothing; all others are
    required. Checks that compare content, such as hashes, cannot be named.
    """

    informational: list[str] = [
        "adverse_impact_ratio",
        "equal_opportunity_gap",
        "hosmer_lemeshow",
        "proxy_strength",
    ]
    floors: FloorSettings = FloorSettings()
    calibration: CalibrationSettings = CalibrationSettings()
    fairness: FairnessSettings = FairnessSettings()
    explanation: ExplanationSettings = ExplanationSettings()
    metric_tolerance: Annotated[float, Field(ge=0)] = 1e-9


class OutcomeSettings(Section):
    """When an outcome is final, and when performance on known outcomes raises an alarm.

    An outcome counts from `window_days` after its decision on. The report covers the last
    `report_months` months of decision; alarms judge the last `judged_months` of them that have
    outcomes. All alarms of a report together are false with at most 1 - `confidence`. The AUC alarms
    where it lies by `max_auc_shortfall` or more below what the PDs of the same applicants promise,
    observed over expected defaults where they lie outside the band, an input where default depends on
    it by `max_effect_change` or more (log-odds per standard deviation) otherwise than the PDs say: each
    only beyond chance. With fewer defaults than `min_defaults`, or fewer expected than
    `min_expected_defaults`, nothing is judged.
    """

    window_days: Annotated[int, Field(ge=0)] = 365
    report_months: Annotated[int, Field(ge=1, le=120)] = 24
    judged_months: Annotated[int, Field(ge=1)] = 3
    interval_confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.99
    max_auc_shortfall: Annotated[float, Field(ge=0, lt=0.5)] = 0.02
    max_effect_change: Annotated[float, Field(ge=0)] = 0.25
    observed_expected: Band = Band(low=0.8, high=1.25)
    min_defaults: Annotated[int, Field(ge=10)] = 50
    min_expected_defaults: Annotated[float, Field(ge=1)] = 10.0


class ProductionSettings(Section):
    """When production decides otherwise than the training side would have been decided on.

    A share of approved or declined applicants that differs by `max_decision_change` or more counts
    as drift if chance does not explain it, which both together do with at most 1 - `confidence`.
    More contract violations, or cells with an unseen category, than `max_broken_share` of the rows
    are an alarm. The pages of drift reports draw the score and the `drawn_columns` inputs that moved
    most.
    """

    max_broken_share: Share = 0.001
    max_decision_change: PositiveShare = 0.05
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.999
    drawn_columns: Annotated[int, Field(ge=0, le=500)] = 12


class RetrainingSettings(Section):
    """When drift is held to persist, how old evidence may be, how long one trigger silences the next.

    A window is above the bar where its drift share or the PSI of its scores reaches it. Drift
    persists where at least `drifting_windows` of the last `windows` measured ones are above. Of the
    last `windows`, at most `max_not_measured` may be without a measurement. Evidence of more than
    `max_evidence_days` ago counts as not measured.
    """

    windows: Annotated[int, Field(ge=1, le=50)] = 3
    drifting_windows: Annotated[int, Field(ge=1)] = 2
    min_drift_share: PositiveShare = 0.10
    min_score_psi: Annotated[float, Field(gt=0)] = 0.10
    max_not_measured: Annotated[int, Field(ge=0)] = 1
    max_evidence_days: Annotated[float, Field(gt=0)] = 45.0
    cool_down_days: Annotated[float, Field(ge=0)] = 20.0

    @model_validator(mode="after")
    def _can_persist(self) -> Self:
        if self.drifting_windows > self.windows:
            message = f"drifting_windows {self.drifting_windows} exceeds windows {self.windows}"
            raise ValueError(message)
        return self


class FreshnessSettings(Section):
    """How old a source may be: the default, and by raw file; null says that it never grows stale.

    A moment may lie `clock_tolerance_seconds` in the future before the clock is held to be wrong.
    """

    max_age_days: Annotated[float, Field(gt=0)] | None = 35.0
    files: dict[str, Annotated[float, Field(gt=0)] | None] = {}
    clock_tolerance_seconds: Annotated[float, Field(ge=0)] = 300.0

    def allowed_days(self, file_name: str) -> float | None:
        """The age that one raw file may have, None for any."""
        return self.files.get(file_name, self.max_age_days)


class CloudWatchSettings(Section):
    """Where figures go and how patiently; region and credentials come from the environment.

    `environment` tells the figures of one installation from those of another. All attempts at one
    delivery together end after `deadline_seconds`.
    """

    namespace: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,255}$")] = "CreditRisk"
    environment: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,255}$")] = "development"
    attempts: Annotated[int, Field(ge=1, le=10)] = 4
    backoff_seconds: Annotated[float, Field(ge=0)] = 0.5
    deadline_seconds: Annotated[float, Field(gt=0)] = 20.0


class WebhookSettings(Section):
    """How patiently alerts are posted; the address comes from CREDITRISK_ALERT_WEBHOOK_URL."""

    attempts: Annotated[int, Field(ge=1, le=10)] = 4
    backoff_seconds: Annotated[float, Field(ge=0)] = 0.5
    deadline_seconds: Annotated[float, Field(gt=0)] = 20.0


class MonitoringSettings(Section):
    """What is watched once a model decides, a subsection a part.

    `auto_retrain` lets a trigger run the pipeline; otherwise it says what it would run.
    """

    auto_retrain: bool = False
    retraining: RetrainingSettings = RetrainingSettings()
    production: ProductionSettings = ProductionSettings()
    outcomes: OutcomeSettings = OutcomeSettings()
    freshness: FreshnessSettings = FreshnessSettings()
    cloudwatch: CloudWatchSettings = CloudWatchSettings()
    webhook: WebhookSettings = WebhookSettings()


class RegistrySettings(Section):
    """The bar a candidate must clear to be registered."""

    model_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.-]*$")] = "CreditRiskPD"
    promote_on_metric: str = "roc_auc"
    promote_min_value: float = 0.72


class CanarySettings(Section):
    """What a candidate must show beside the champion, on applicants new to both; policy, not law.

    `without_champion` says what becomes of the first model ever, which has nothing beside it.
    Rows are too few where fewer than `min_outcomes` defaulted, or as few did not. The candidate's
    ROC-AUC less the champion's, with its interval at `confidence`, refuses in two ways: an interval
    wholly below minus `max_auc_loss` (surely worse), or one that reaches below minus `auc_margin`
    (not shown to be as good). The changes are shares of all applicants, up or down;
    `max_mean_pd_change` is a share of the champion's mean PD and refuses nothing: a portfolio that
    has changed needs another mean PD. `min_rank_correlation` is Spearman's.
    """

    without_champion: Literal["pass", "refuse"] = "pass"
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    min_outcomes: Annotated[int, Field(ge=10)] = 100
    max_auc_loss: Share = 0.002
    auc_margin: PositiveShare = 0.03
    max_approval_change: PositiveShare = 0.05
    max_decline_change: PositiveShare = 0.05
    max_mean_pd_change: PositiveShare = 0.15
    max_score_psi: Annotated[float, Field(gt=0)] = 0.25
    min_rank_correlation: PositiveShare = 0.80

    @model_validator(mode="after")
    def _loss_is_within_the_margin(self) -> Self:
        if self.max_auc_loss >= self.auc_margin:
            message = (
                f"max_auc_loss {self.max_auc_loss:g} is not below auc_margin {self.auc_margin:g}"
            )
            raise ValueError(message)
        return self


class PromotionSettings(Section):
    """Whether the pipeline promotes by itself; a person always may (promote_model)."""

    automatic: bool = True


class TrackingSettings(Section):
    """Names in MLflow; the server is named by MLFLOW_TRACKING_URI."""

    experiment: str = "creditrisk-pd"
    inference_experiment: str = "creditrisk-pd-inference"


class RateLimitSettings(Section):
    """How many requests a caller may send: `burst` at once, `requests_per_second` in the long run."""

    requests_per_second: Annotated[float, Field(gt=0)] = 1_000.0
    burst: Annotated[int, Field(ge=1)] = 2_000


class ServeSettings(Section):
    """What the API accepts, keeps and watches. No secret stands here.

    `max_body_bytes` and `max_records` bound one request, `queue_records` what waits to be scored
    before callers are told to come back. `store_inputs: false` keeps the inputs' hash alone: a
    replay then needs the inputs handed in. `shadow: challenger` scores the challenger too, off the
    path of the response. `watch_registry`, `ship_inference` and `publish_metrics` start a process
    each beside the API: one fetches a new champion, one brings what was decided to MLflow, one the
    API's figures to CloudWatch. `documents` shows /docs to callers from elsewhere than this machine.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8_000
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    max_records: Annotated[int, Field(ge=1)] = 1_000
    max_body_bytes: Annotated[int, Field(ge=1_000)] = 64_000_000
    queue_records: Annotated[int, Field(ge=1)] = 4_000
    store_inputs: bool = True
    shadow: Literal["none", "challenger"] = "none"
    watch_registry: bool = False
    watch_seconds: Annotated[float, Field(gt=0)] = 10.0
    ship_inference: bool = False
    publish_metrics: bool = False
    documents: bool = False
    rate_limit: RateLimitSettings = RateLimitSettings()
    retention_days: Annotated[int, Field(ge=1)] | None = None


class Settings(Section):
    """The whole of `params.yaml`."""

    resources: ResourceSettings = ResourceSettings()
    ingest: IngestSettings = IngestSettings()
    contracts: ContractSettings = ContractSettings()
    split: SplitSettings = SplitSettings()
    fit_model: FitModelSettings = FitModelSettings()
    fit_scorecard: FitScorecardSettings = FitScorecardSettings()
    policy: PolicySettings = PolicySettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    monitor_drift: MonitorDriftSettings = MonitorDriftSettings()
    validate_model: ValidateModelSettings = ValidateModelSettings()
    registry: RegistrySettings = RegistrySettings()
    canary: CanarySettings = CanarySettings()
    promotion: PromotionSettings = PromotionSettings()
    tracking: TrackingSettings = TrackingSettings()
    serve: ServeSettings = ServeSettings()
    monitoring: MonitoringSettings = MonitoringSettings()

    @property
    def figure_dimensions(self) -> dict[str, str]:
        """What tells figures of this model and installation from those of others."""
        environment = self.monitoring.cloudwatch.environment
        return {"Model": self.registry.model_name, "Environment": environment}


def load_settings(path: Path = DEFAULT_PARAMS_PATH) -> Settings:
    """Read and check `params.yaml`.

    Raises:
        MissingFile: no such file.
        InvalidSettings: not YAML, an unknown key, a value out of range.
    """
    if not path.exists():
        raise MissingFile(path, "every stage", "Run from the project's root or pass --params.")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        return Settings.model_validate(content)
    except yaml.YAMLError as error:
        raise InvalidSettings(path, [str(error)]) from error
    except ValidationError as error:
        raise InvalidSettings(path, validation_problems(error)) from error
