"""The errors of training and of turning feature rows into scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from creditrisk.core.errors import CreditRiskError, Misuse

_SHOWN_NAMES = 5


class MissingFeatures(CreditRiskError):
    """A table lacks columns that the model reads."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        shown = ", ".join(self.names[:_SHOWN_NAMES])
        super().__init__(
            f"Rows refused: {len(self.names)} feature column(s) missing, first {shown}. "
            "The model needs every feature of feature_metadata.json; unknown values are nulls."
        )


class WrongFeatureType(CreditRiskError):
    """A column holds another type than the model was trained on."""

    def __init__(self, name: str, seen: str, required: str) -> None:
        self.name = name
        super().__init__(f"Rows refused: column {name} holds {seen}, the model reads {required}.")


class UnknownExcludedFeatures(Misuse):
    """`fit_model.excluded_features` names columns that are no features."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        super().__init__(
            f"fit_model.excluded_features names {', '.join(names)}, "
            "which feature_metadata.json does not list as a feature."
        )


class NoFeatures(Misuse):
    """Nothing is left to train on."""

    def __init__(self) -> None:
        super().__init__(
            "No feature is left after fit_model.excluded_features; at least one is required."
        )


class EmptySplit(CreditRiskError):
    """A side of the split has no rows."""

    def __init__(self, side: str) -> None:
        self.side = side
        super().__init__(
            f"Not trained: the {side} split has no rows. "
            "Raise its share (params.yaml, split.shares) or add applicants."
        )


class SingleClass(CreditRiskError):
    """A side of the split holds only defaults or only repaid loans."""

    def __init__(self, side: str, rows: int, defaults: int) -> None:
        self.side = side
        super().__init__(
            f"Not trained: the {side} split has {defaults} defaults in {rows} rows; "
            "both outcomes are required."
        )


class InvalidTarget(CreditRiskError):
    """TARGET is absent, or holds something else than 0 and 1."""

    def __init__(self, side: str, seen: str) -> None:
        self.side = side
        super().__init__(
            f"Not trained: {seen} in the {side} split; TARGET must be 0 or 1 in every row."
        )


class InvertedCalibration(CreditRiskError):
    """The fitted calibration would turn the order of applicants around."""

    def __init__(self, slope: float) -> None:
        self.slope = slope
        super().__init__(
            f"Not calibrated: the fitted slope is {slope:.4g}, it must be above 0. On the "
            "calibration split the model ranks defaults no better than chance."
        )


class CalibrationNotFitted(CreditRiskError):
    """Newton's method found no finite calibration."""

    def __init__(self, rows: int, defaults: int) -> None:
        super().__init__(
            f"Not calibrated: no finite slope and intercept fit the calibration split ({defaults} "
            f"defaults in {rows} rows). The raw scores may separate the outcomes perfectly."
        )


class NotConverged(CreditRiskError):
    """The logistic regression did not reach its optimum."""

    def __init__(self, iterations: int) -> None:
        super().__init__(
            f"Not trained: the logistic regression did not converge in {iterations} iterations. "
            "Raise max_iterations of fit_model.logistic or fit_model.scorecard; the former also "
            "converges sooner with a lower inverse_regularisation."
        )


class BinningNotSolved(CreditRiskError):
    """The solver found no bins, or none that it could prove to be the best."""

    def __init__(self, feature: str, status: str, seconds: float) -> None:
        self.feature = feature
        super().__init__(
            f"Not trained: the bins of {feature} are {status}, required is OPTIMAL. Raise "
            f"fit_model.scorecard.solver_seconds ({seconds:g}) or lower pre_bins."
        )


class NoCharacteristics(CreditRiskError):
    """No feature is informative enough for a scorecard."""

    def __init__(self, features: int, required: float) -> None:
        super().__init__(
            f"Not trained: none of {features} features is left as a characteristic. Each needs an "
            f"information value of {required:g} (fit_model.scorecard.min_information_value) and a "
            "significant positive coefficient (min_wald_z)."
        )


class UncalibratedResampling(Misuse):
    """Resampled training rows without calibration would give PDs of a population nobody has."""

    def __init__(self, resampling: str) -> None:
        super().__init__(
            f"fit_model.resampling '{resampling}' with calibration 'none' is refused: resampling "
            "moves the base rate, only calibration: platt brings it back."
        )


class TooFewDefaults(CreditRiskError):
    """SMOTE needs neighbours to interpolate between."""

    def __init__(self, defaults: int, required: int) -> None:
        super().__init__(
            f"Not resampled: {defaults} defaults in the train split, SMOTE needs at least {required}."
        )


class ModelLibraryMissing(CreditRiskError):
    """The native library that evaluates the model is not installed."""

    def __init__(self, package: str, remedy: str) -> None:
        self.package = package
        super().__init__(f"The native library of {package} was not found. {remedy}")


class NativeCallFailed(CreditRiskError):
    """The native library refused a call."""

    def __init__(self, package: str, reason: str) -> None:
        super().__init__(f"{package} refused: {reason}")


class FormsDisagree(CreditRiskError):
    """The sklearn Pipeline and the serving form give different PDs: the bundle is not sealed."""

    def __init__(self, rows: int, differing: int, largest: float) -> None:
        self.differing = differing
        super().__init__(
            f"Bundle not sealed: the pipeline and the serving form differ in {differing} of {rows} "
            f"PDs (largest difference {largest:.3g}); every bit must agree."
        )


class UntrustedPipeline(CreditRiskError):
    """A skops file holds types outside the list that this project trusts."""

    def __init__(self, types: Sequence[str]) -> None:
        self.types = tuple(types)
        super().__init__(
            f"Pipeline refused: it holds {', '.join(types)}, "
            "which creditrisk.models.pipeline_file does not trust."
        )


class NoApprovedApplicants(CreditRiskError):
    """Nobody is there with whom a refused applicant could be compared."""

    def __init__(self, rows: int, lowest: float, approve_below: float) -> None:
        super().__init__(
            f"Bundle not sealed: of {rows} calibration applicants none has a PD below "
            f"{approve_below:g} (params.yaml, policy.approve_below), the lowest is {lowest:.4g}. "
            "Reasons compare with approved applicants, so at least one is required."
        )


class UncataloguedFeatures(CreditRiskError):
    """A model reads features that the catalogue has no words for."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        super().__init__(
            f"Bundle not sealed: catalogue.yaml has no feature {', '.join(names[:_SHOWN_NAMES])}; "
            "a model without words cannot give reasons."
        )


class ProhibitedInputs(CreditRiskError):
    """A model reads what the lender's policy prohibits."""

    def __init__(self, columns: Mapping[str, str]) -> None:
        self.columns = dict(columns)
        read = ", ".join(f"{feature} (reads {column})" for feature, column in columns.items())
        super().__init__(
            f"Bundle not sealed: the model reads {read}, which params.yaml, "
            "policy.prohibited_inputs, prohibits. Train it without them."
        )
