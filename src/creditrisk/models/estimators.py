"""The steps of the sklearn Pipeline: an encoder and four classifiers that give calibrated PDs.

What a step has learnt is text and numbers only, so that skops can store it without trusting any
type but the ones defined here.
"""

from __future__ import annotations

import os
import warnings
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pyarrow as pa
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin

from creditrisk.core.settings import FitModelSettings
from creditrisk.models.calibration import AffineCalibration, fit_platt
from creditrisk.models.encoding import FeatureEncoding, Matrix, arrow_table
from creditrisk.models.errors import ModelLibraryMissing, NotConverged
from creditrisk.models.linear import CategoryTerm, LinearModel, NumberTerm
from creditrisk.models.scorecard import Scorecard

if TYPE_CHECKING:
    from numpy.typing import NDArray

OnTree = Callable[[int], None]
DEFAULT_THRESHOLD = 0.5
_WINSORISED_SHARE = 0.005
_GRADIENT_TOLERANCE = 1e-8
_BINNED_ROWS = 50_000  # enough for 255 bins a column, and four times quicker than the default


@dataclass(frozen=True)
class EncodedRows:
    """Encoded rows with their outcomes, 1 for a default."""

    matrix: Matrix
    target: NDArray[np.int8]


class FeatureEncoder(TransformerMixin, BaseEstimator):
    """A DataFrame's or Arrow table's columns as numbers, categories as their catalogue code."""

    def __init__(
        self, names: Sequence[str], types: Sequence[str], categories: Sequence[Sequence[str]]
    ) -> None:
        self.names = names
        self.types = types
        self.categories = categories

    @classmethod
    def of(cls, encoding: FeatureEncoding) -> Self:
        """The transformer of an encoding."""
        return cls(
            names=encoding.names,
            types=[feature.type for feature in encoding.features],
            categories=[list(feature.categories) for feature in encoding.features],
        )

    @property
    def encoding(self) -> FeatureEncoding:
        """The encoding that this transformer applies."""
        columns = zip(self.names, self.types, self.categories, strict=True)
        return FeatureEncoding.model_validate(
            {"features": [{"name": n, "type": t, "categories": tuple(c)} for n, t, c in columns]}
        )

    def fit(self, rows: Any, target: Any = None) -> Self:
        """Learn nothing: names, types and categories come from the catalogue."""
        del rows, target
        return self

    def transform(self, rows: Any) -> Matrix:
        """The rows of a pandas DataFrame or Arrow table as a matrix of float64."""
        table = rows if isinstance(rows, pa.Table) else arrow_table(rows, self.names)
        return self.encoding.encode(table)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """The names of the matrix's columns."""
        del input_features
        return np.array(self.names, dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        return True


class PDClassifier(ClassifierMixin, BaseEstimator):
    """A log-odds model with an affine calibration; `predict_proba` gives [1 - PD, PD]."""

    def __init__(
        self,
        feature_names: Sequence[str],
        category_counts: Sequence[int],
        settings: dict[str, Any],
    ) -> None:
        self.feature_names = feature_names
        self.category_counts = category_counts
        self.settings = settings

    @classmethod
    def of(cls, encoding: FeatureEncoding, settings: FitModelSettings) -> Self:
        """An unfitted classifier for these columns."""
        return cls(encoding.names, encoding.category_counts, settings.model_dump())

    @property
    def classes_(self) -> NDArray[np.int64]:
        """The two outcomes: repaid, default."""
        return np.array([0, 1])

    @property
    def calibration(self) -> AffineCalibration:
        """The fitted calibration."""
        return AffineCalibration(slope=self.slope_, intercept=self.intercept_)

    def fit(
        self,
        matrix: Matrix,
        target: NDArray[np.int8],
        *,
        validation: EncodedRows,
        calibration: EncodedRows,
        threads: int | None = None,
        on_tree: OnTree | None = None,
    ) -> Self:
        """Learn the raw score on the given rows, the calibration on rows it has not seen.

        Args:
            matrix: encoded training rows.
            target: their outcomes, 1 for a default.
            validation: rows that decide when boosting stops.
            calibration: rows on which slope and intercept are fitted.
            threads: how many to use; never changes the result.
            on_tree: called with the number of trees, or of features binned, so far.
        """
        settings = FitModelSettings.model_validate(self.settings)
        rows = EncodedRows(matrix, target)
        self.__dict__.pop("_evaluator", None)
        self.model_text_ = self._fit_raw(
            rows, validation, settings, threads or 0, on_tree or _unwatched
        )
        fitted = AffineCalibration()
        if settings.calibration == "platt":
            fitted = fit_platt(self.raw_scores(calibration.matrix), calibration.target)
        self.slope_, self.intercept_ = fitted.slope, fitted.intercept
        self.threshold_ = DEFAULT_THRESHOLD
        return self

    def raw_scores(self, matrix: Matrix) -> NDArray[np.float64]:
        """The log-odds of each row before calibration."""
        return self._raw_scores(matrix)

    def predict_proba(self, matrix: Matrix) -> NDArray[np.float64]:
        """The probabilities of repayment and default, shape (n_rows, 2)."""
        default = self.calibration.probabilities(self.raw_scores(matrix))
        return np.column_stack([1 - default, default])

    def predict(self, matrix: Matrix) -> NDArray[np.int64]:
        """1 where the PD reaches the threshold."""
        return (self.predict_proba(matrix)[:, 1] >= self.threshold_).astype(np.int64)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the native model, which is rebuilt from its text."""
        state: dict[str, Any] = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_evaluator"}

    @abstractmethod
    def _fit_raw(
        self,
        train: EncodedRows,
        validation: EncodedRows,
        settings: FitModelSettings,
        threads: int,
        on_tree: OnTree,
    ) -> str:
        """Train, and return the model as text."""

    @abstractmethod
    def _raw_scores(self, matrix: Matrix) -> NDArray[np.float64]:
        """Evaluate the model."""


class LightGBMClassifier(PDClassifier):
    """Gradient boosted trees by LightGBM in its deterministic mode."""

    def _fit_raw(
        self,
        train: EncodedRows,
        validation: EncodedRows,
        settings: FitModelSettings,
        threads: int,
        on_tree: OnTree,
    ) -> str:
        import lightgbm

        codes = [index for index, count in enumerate(self.category_counts) if count]
        data = lightgbm.Dataset(
            train.matrix,
            train.target,
            feature_name=list(self.feature_names),
            categorical_feature=codes,
        )
        held_out = data.create_valid(validation.matrix, validation.target)
        booster = lightgbm.train(
            _lightgbm_parameters(settings, threads),
            data,
            settings.max_trees,
            valid_sets=[held_out],
            callbacks=[
                lightgbm.early_stopping(settings.early_stopping_rounds, verbose=False),
                lambda state: on_tree(state.iteration + 1),
            ],
        )
        self.best_iteration_ = int(booster.best_iteration)
        return _without_thread_count(booster.model_to_string(num_iteration=self.best_iteration_))

    def _raw_scores(self, matrix: Matrix) -> NDArray[np.float64]:
        return np.asarray(self._evaluator.predict(matrix, raw_score=True), dtype=np.float64)

    @cached_property
    def _evaluator(self) -> Any:
        import lightgbm

        return lightgbm.Booster(model_str=self.model_text_)


class XGBoostClassifier(PDClassifier):
    """Gradient boosted trees by XGBoost."""

    def _fit_raw(
        self,
        train: EncodedRows,
        validation: EncodedRows,
        settings: FitModelSettings,
        threads: int,
        on_tree: OnTree,
    ) -> str:
        xgboost = _import_xgboost()
        data, held_out = (self._data(xgboost, rows, threads) for rows in (train, validation))

        class CountTrees(xgboost.callback.TrainingCallback):  # type: ignore[name-defined]
            def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
                del model, evals_log
                on_tree(epoch + 1)
                return False

        booster = xgboost.train(
            _xgboost_parameters(settings, threads),
            data,
            settings.max_trees,
            evals=[(held_out, "validation")],
            early_stopping_rounds=settings.early_stopping_rounds,
            verbose_eval=False,
            callbacks=[CountTrees()],
        )
        self.best_iteration_ = int(booster.best_iteration) + 1
        return bytes(booster[: self.best_iteration_].save_raw("json")).decode()

    def _data(self, xgboost: Any, rows: EncodedRows, threads: int) -> Any:
        types = ["c" if count else "q" for count in self.category_counts]
        return xgboost.DMatrix(
            rows.matrix,
            rows.target,
            feature_names=list(self.feature_names),
            feature_types=types,
            enable_categorical=True,
            nthread=threads or os.cpu_count(),
        )

    def _raw_scores(self, matrix: Matrix) -> NDArray[np.float64]:
        margin = self._evaluator.inplace_predict(
            matrix, predict_type="margin", validate_features=False
        )
        return np.asarray(margin, dtype=np.float64)

    @cached_property
    def _evaluator(self) -> Any:
        xgboost = _import_xgboost()
        return xgboost.Booster(model_file=bytearray(self.model_text_.encode()))


class LogisticClassifier(PDClassifier):
    """Logistic regression on winsorised, imputed and standardised numbers and one-hot categories."""

    def _fit_raw(
        self,
        train: EncodedRows,
        validation: EncodedRows,
        settings: FitModelSettings,
        threads: int,
        on_tree: OnTree,
    ) -> str:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        del validation, threads, on_tree
        terms = [
            _unweighted_term(train.matrix[:, i], n) for i, n in enumerate(self.category_counts)
        ]
        with threadpool_limits(1):  # BLAS sums in an order that depends on its threads
            regression = LogisticRegression(
                C=settings.logistic.inverse_regularisation,
                max_iter=settings.logistic.max_iterations,
                solver="newton-cholesky",
                tol=_GRADIENT_TOLERANCE,
            )
            with warnings.catch_warnings(category=ConvergenceWarning, action="error"):
                try:
                    regression.fit(_design(train.matrix, terms), train.target)
                except ConvergenceWarning as warning:
                    raise NotConverged(settings.logistic.max_iterations) from warning
        self.best_iteration_ = int(regression.n_iter_[0])
        weights = regression.coef_[0].tolist()
        return _linear_model(terms, weights, float(regression.intercept_[0])).model_dump_json()

    def _raw_scores(self, matrix: Matrix) -> NDArray[np.float64]:
        return LinearModel.model_validate_json(self.model_text_).raw_scores(matrix)


class ScorecardClassifier(PDClassifier):
    """Whole points for the bins of a few features, added up."""

    def __init__(
        self,
        feature_names: Sequence[str],
        category_counts: Sequence[int],
        settings: dict[str, Any],
        categories: Sequence[Sequence[str]],
    ) -> None:
        super().__init__(feature_names, category_counts, settings)
        self.categories = categories

    @classmethod
    def of(cls, encoding: FeatureEncoding, settings: FitModelSettings) -> Self:
        """An unfitted classifier for these columns."""
        categories = [list(feature.categories) for feature in encoding.features]
        return cls(encoding.names, encoding.category_counts, settings.model_dump(), categories)

    def _fit_raw(
        self,
        train: EncodedRows,
        validation: EncodedRows,
        settings: FitModelSettings,
        threads: int,
        on_tree: OnTree,
    ) -> str:
        from creditrisk.models.scorecard_fitting import Column, fit_scorecard

        del validation, threads
        named = zip(self.feature_names, self.categories, strict=True)
        columns = [Column(place, name, tuple(of)) for place, (name, of) in enumerate(named)]
        scorecard = fit_scorecard(
            train.matrix, train.target, columns, settings.scorecard, on_feature=on_tree
        )
        self.best_iteration_ = len(scorecard.characteristics)
        return scorecard.model_dump_json()

    def _raw_scores(self, matrix: Matrix) -> NDArray[np.float64]:
        return Scorecard.model_validate_json(self.model_text_).raw_scores(matrix)


CLASSIFIERS: dict[str, type[PDClassifier]] = {
    "lightgbm": LightGBMClassifier,
    "xgboost": XGBoostClassifier,
    "logistic": LogisticClassifier,
    "scorecard": ScorecardClassifier,
}


def _unwatched(tree: int) -> None:
    del tree


def _lightgbm_parameters(settings: FitModelSettings, threads: int) -> dict[str, Any]:
    return {
        "objective": "binary",
        "metric": "binary_logloss",
        "learning_rate": settings.learning_rate,
        "num_leaves": settings.lightgbm.num_leaves,
        "min_data_in_leaf": settings.lightgbm.min_child_samples,
        "bagging_fraction": settings.subsample,
        "bagging_freq": 1,
        "feature_fraction": settings.colsample_bytree,
        "lambda_l2": settings.reg_lambda,
        "bin_construct_sample_cnt": _BINNED_ROWS,
        "seed": settings.seed,
        "deterministic": True,
        "force_col_wise": True,  # one thread a column: the same sums at any number of threads
        "num_threads": threads,
        "verbosity": -1,
    }


def _xgboost_parameters(settings: FitModelSettings, threads: int) -> dict[str, Any]:
    return {
        "objective": "binary:logistic",
        "eval_metric": "logloss",
        "tree_method": "hist",
        "learning_rate": settings.learning_rate,
        "max_depth": settings.xgboost.max_depth,
        "min_child_weight": settings.xgboost.min_child_weight,
        "subsample": settings.subsample,
        "colsample_bytree": settings.colsample_bytree,
        "reg_lambda": settings.reg_lambda,
        "seed": settings.seed,
        "nthread": threads or os.cpu_count(),
    }


def _without_thread_count(model_text: str) -> str:
    """LightGBM's text with its one line that depends on the machine set to the default."""
    lines = model_text.splitlines(keepends=True)
    return "".join("[num_threads: 0]\n" if s.startswith("[num_threads:") else s for s in lines)


def _import_xgboost() -> Any:
    try:
        import xgboost
    except ImportError as error:
        raise ModelLibraryMissing("xgboost", "pip install 'creditrisk[xgboost]'") from error
    return xgboost


def _unweighted_term(values: NDArray[np.float64], categories: int) -> NumberTerm | CategoryTerm:
    if categories:
        return CategoryTerm(weights=(0.0,) * categories)
    known = values[~np.isnan(values)]
    if not len(known):
        return NumberTerm(lower=0, upper=0, median=0, mean=0, scale=1)
    lower, median, upper = np.quantile(
        known, (_WINSORISED_SHARE, 0.5, 1 - _WINSORISED_SHARE), method="lower"
    ).tolist()
    bounded = np.clip(np.where(np.isnan(values), median, values), lower, upper)
    scale = float(bounded.std())
    return NumberTerm(
        lower=lower, upper=upper, median=median, mean=float(bounded.mean()), scale=scale or 1.0
    )


def _design(matrix: Matrix, terms: Sequence[NumberTerm | CategoryTerm]) -> Matrix:
    columns: list[NDArray[np.float64]] = []
    for index, term in enumerate(terms):
        values = matrix[:, index]
        if isinstance(term, NumberTerm):
            columns.append(term.standardised(values))
        else:
            columns.extend((values == code).astype(float) for code in range(len(term.weights)))
            columns.append(np.isnan(values).astype(float))
    return np.column_stack(columns)


def _linear_model(
    terms: Sequence[NumberTerm | CategoryTerm], weights: Sequence[float], intercept: float
) -> LinearModel:
    remaining = iter(weights)
    weighted: list[NumberTerm | CategoryTerm] = []
    for term in terms:
        if isinstance(term, NumberTerm):
            weighted.append(term.model_copy(update={"weight": next(remaining)}))
        else:
            levels = tuple(next(remaining) for _ in term.weights)
            weighted.append(CategoryTerm(weights=levels, missing=next(remaining)))
    return LinearModel(intercept=intercept, terms=tuple(weighted))
