"""The steps of the sklearn Pipeline."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from simulated_lending import ENCODING, FEATURES, fitted, settings, tables, unseen

from creditrisk.models.errors import ModelLibraryMissing, NotConverged
from creditrisk.models.estimators import (
    CLASSIFIERS,
    EncodedRows,
    FeatureEncoder,
    LogisticClassifier,
    _unweighted_term,
)
from creditrisk.models.linear import LinearModel, NumberTerm
from creditrisk.models.training import train

every_model = pytest.mark.parametrize("model_type", CLASSIFIERS)


def test_the_encoder_reads_frames_and_tables_alike() -> None:
    """A pandas DataFrame and an Arrow table of the same rows give the same matrix."""
    encoder, rows = FeatureEncoder.of(ENCODING), unseen().slice(0, 500)
    expected = ENCODING.encode(rows)
    assert np.array_equal(encoder.transform(rows), expected, equal_nan=True)
    assert np.array_equal(encoder.transform(rows.to_pandas()), expected, equal_nan=True)


def test_the_encoder_keeps_its_encoding() -> None:
    """Sklearn's parameters hold the whole encoding."""
    assert FeatureEncoder.of(ENCODING).encoding == ENCODING


@every_model
def test_steps_can_be_cloned(model_type: str) -> None:
    """Sklearn can copy the pipeline's parameters without what was learnt."""
    from sklearn.base import clone

    copy = clone(fitted(model_type).pipeline())
    assert copy.named_steps["encoder"].encoding == ENCODING
    assert not hasattr(copy.named_steps["classifier"], "model_text_")


@every_model
def test_probabilities_of_both_outcomes_add_up_to_one(model_type: str) -> None:
    """`predict_proba` gives repayment and default, default in the second column."""
    both = fitted(model_type).pipeline().predict_proba(unseen().to_pandas())
    assert both.shape == (20_000, 2)
    assert np.allclose(both.sum(axis=1), 1, atol=1e-15)


@every_model
def test_a_default_is_predicted_from_the_threshold_on(model_type: str) -> None:
    """`predict` compares the PD with the chosen threshold, not with one half."""
    model, frame = fitted(model_type), unseen().to_pandas()
    pds = model.pipeline().predict_proba(frame)[:, 1]
    expected = (pds >= model.threshold.value).astype(int)
    assert np.array_equal(model.pipeline().predict(frame), expected)
    assert 0 < expected.mean() < 1


@every_model
def test_training_twice_gives_the_same_model(model_type: str) -> None:
    """The thread count does not enter the model's text."""
    again = train(tables(), FEATURES, settings(model_type=model_type), threads=3)
    assert again.classifier.model_text_ == fitted(model_type).classifier.model_text_


@every_model
def test_another_seed_or_setting_gives_another_model(model_type: str) -> None:
    """Settings reach the library."""
    changes = {
        "seed": 5,
        "learning_rate": 0.2,
        "logistic": {"inverse_regularisation": 1e-4},
        "scorecard": {"pdo": 40},
    }
    other = train(tables(), FEATURES, settings(model_type=model_type, **changes), threads=1)
    assert other.classifier.model_text_ != fitted(model_type).classifier.model_text_


@pytest.mark.parametrize("model_type", ["lightgbm", "xgboost"])
def test_boosting_stops_before_it_overfits(model_type: str) -> None:
    """The trees kept are those with the best loss on the validation rows."""
    trees: list[int] = []
    model = train(
        tables(), FEATURES, settings(model_type=model_type), threads=1, on_tree=trees.append
    )
    assert trees == list(range(1, model.best_iteration + 20 + 1))
    assert model.best_iteration < 130


@pytest.mark.parametrize("model_type", ["lightgbm", "xgboost"])
def test_only_the_best_trees_are_stored(model_type: str) -> None:
    """The model's text holds no tree after the best one."""
    model = fitted(model_type)
    mark = "\nTree=" if model_type == "lightgbm" else '"split_conditions"'
    assert model.classifier.model_text_.count(mark) == model.best_iteration


def test_uncalibrated_means_the_raw_score() -> None:
    """`calibration: none` keeps slope 1 and intercept 0."""
    model = train(tables(), FEATURES, settings(calibration="none"), threads=1)
    assert (model.classifier.slope_, model.classifier.intercept_) == (1.0, 0.0)


def test_the_logistic_terms_give_sklearn_s_log_odds() -> None:
    """On numbers without outliers the terms are sklearn's own scaler and regression."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    generator = np.random.default_rng(3)
    numbers = np.repeat(generator.normal(size=(20, 2)), 50, axis=0)
    target = (generator.random(1000) < 1 / (1 + np.exp(-numbers[:, 0]))).astype(np.int8)
    rows = EncodedRows(numbers, target)
    own = LogisticClassifier(["a", "b"], [0, 0], settings(model_type="logistic").model_dump())
    own.fit(numbers, target, validation=rows, calibration=rows)
    scaled = StandardScaler().fit_transform(numbers)
    peer = LogisticRegression(C=0.1, tol=1e-8, solver="newton-cholesky").fit(scaled, target)
    assert np.allclose(own.raw_scores(numbers), peer.decision_function(scaled), atol=1e-9)


def test_a_logistic_model_that_does_not_converge_is_refused() -> None:
    """Coefficients short of the optimum are never sealed."""
    with pytest.raises(NotConverged, match="did not converge in 1 iterations"):
        train(
            tables(),
            FEATURES,
            settings(model_type="logistic", logistic={"max_iterations": 1}),
            threads=1,
        )


def test_numbers_are_held_inside_the_bulk_of_training() -> None:
    """One value in a million cannot set the scale of a column."""
    values = np.append(np.arange(1000.0), 1e12)
    term = _unweighted_term(values, 0)
    assert isinstance(term, NumberTerm)
    assert (term.lower, term.median, term.upper) == (5.0, 500.0, 995.0)


@pytest.mark.parametrize("values", [[np.nan, np.nan], [3.0, 3.0]])
def test_a_column_that_says_nothing_adds_nothing(values: list[float]) -> None:
    """A constant or empty column contributes 0 and divides by no zero."""
    term = _unweighted_term(np.array(values), 0).model_copy(update={"weight": 7.0})
    assert term.contribution(np.array(values)).tolist() == [0.0, 0.0]


def test_every_category_and_missing_gets_a_weight() -> None:
    """The one-hot columns come back as one term per feature."""
    model = LinearModel.model_validate_json(fitted("logistic").classifier.model_text_)
    assert len(model.terms) == len(FEATURES)
    assert len(model.terms[3].weights) == 4


def test_xgboost_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, the refusal says how to install it."""
    monkeypatch.setitem(sys.modules, "xgboost", None)
    with pytest.raises(ModelLibraryMissing, match="pip install"):
        train(tables(), FEATURES, settings(model_type="xgboost"), threads=1)
