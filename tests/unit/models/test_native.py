"""The C interfaces against the Python packages."""

from __future__ import annotations

import gc
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from simulated_lending import ENCODING, fitted, unseen

from creditrisk.models.errors import ModelLibraryMissing, NativeCallFailed
from creditrisk.models.native import LightGBMBooster, XGBoostBooster, _load_library, wait_passively

BOOSTERS = {"lightgbm": LightGBMBooster, "xgboost": XGBoostBooster}
either = pytest.mark.parametrize("model_type", BOOSTERS)


def native(model_type: str) -> LightGBMBooster | XGBoostBooster:
    return BOOSTERS[model_type](fitted(model_type).classifier.model_text_.encode())


@either
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_scores_are_the_python_package_s(model_type: str, threads: int) -> None:
    """Every raw score has the bits that the Python package gives, at any number of threads."""
    matrix = ENCODING.encode(unseen())
    expected = fitted(model_type).classifier.raw_scores(matrix)
    assert np.array_equal(native(model_type).raw_scores(matrix, threads), expected)


@either
def test_a_row_alone_has_the_same_score(model_type: str) -> None:
    """Batch size does not change a bit."""
    matrix, booster = ENCODING.encode(unseen().slice(0, 50)), native(model_type)
    alone = [booster.raw_scores(row[None], threads=1)[0] for row in matrix]
    assert booster.raw_scores(matrix, threads=1).tolist() == alone


@either
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_contributions_are_the_python_package_s(model_type: str, threads: int) -> None:
    """TreeSHAP has the bits that the Python package gives, at any number of threads."""
    matrix = ENCODING.encode(unseen().slice(0, 200))
    expected = package_contributions(model_type, matrix)
    assert np.array_equal(native(model_type).contributions(matrix, threads), expected)


@either
def test_several_threads_may_ask_at_once(model_type: str) -> None:
    """Scores and contributions come out the same while other threads ask the same booster."""
    booster, matrix = native(model_type), ENCODING.encode(unseen().slice(0, 200))
    scores, parts = booster.raw_scores(matrix, threads=1), booster.contributions(matrix, threads=1)

    def asked(row: int) -> bool:
        return (
            np.array_equal(booster.raw_scores(matrix, threads=1), scores)
            and np.array_equal(booster.raw_scores(matrix[row : row + 1], threads=1), scores[[row]])
            and np.array_equal(booster.contributions(matrix, threads=1), parts)
        )

    with ThreadPoolExecutor(max_workers=4) as pool:
        assert all(pool.map(asked, range(40)))


def package_contributions(model_type: str, matrix: np.ndarray) -> np.ndarray:
    evaluator = fitted(model_type).classifier._evaluator
    if model_type == "lightgbm":
        return np.asarray(evaluator.predict(matrix, pred_contrib=True))
    import xgboost

    data = xgboost.DMatrix(
        matrix,
        feature_names=evaluator.feature_names,
        feature_types=evaluator.feature_types,
        enable_categorical=True,
    )
    return np.asarray(evaluator.predict(data, pred_contribs=True), dtype=np.float64)


@pytest.mark.parametrize(("model_type", "tolerance"), [("lightgbm", 1e-9), ("xgboost", 1e-5)])
def test_contributions_add_up_to_the_score(model_type: str, tolerance: float) -> None:
    """A row sums to its raw score, as exactly as the library computes: XGBoost with floats."""
    matrix, booster = ENCODING.encode(unseen().slice(0, 2000)), native(model_type)
    gaps = booster.contributions(matrix, 1).sum(axis=1) - booster.raw_scores(matrix, 1)
    assert np.abs(gaps).max() <= tolerance


def test_xgboost_computes_contributions_in_single_precision() -> None:
    """Every contribution is a float of 32 bits, so no sum of them can be exact to 1e-9."""
    shares = native("xgboost").contributions(ENCODING.encode(unseen().slice(0, 500)), 1)
    assert np.array_equal(shares, shares.astype(np.float32))


@either
def test_no_rows_have_no_contributions(model_type: str) -> None:
    """An empty matrix is explained as nothing."""
    assert native(model_type).contributions(np.empty((0, 4)), threads=1).shape == (0, 5)


@either
def test_memory_order_does_not_matter(model_type: str) -> None:
    """A matrix in column order scores as the same matrix in row order."""
    matrix, booster = ENCODING.encode(unseen().slice(0, 50)), native(model_type)
    by_column = np.asfortranarray(matrix)
    assert np.array_equal(booster.raw_scores(by_column, 1), booster.raw_scores(matrix, 1))


@either
def test_no_rows_have_no_scores(model_type: str) -> None:
    """An empty matrix is scored as nothing."""
    assert native(model_type).raw_scores(np.empty((0, 4)), threads=1).shape == (0,)


@either
def test_scores_outlive_the_booster_s_buffers(model_type: str) -> None:
    """A later call and the booster's end leave earlier scores alone."""
    matrix, booster = ENCODING.encode(unseen().slice(0, 50)), native(model_type)
    scores = booster.raw_scores(matrix, threads=1)
    copy = scores.copy()
    booster.raw_scores(matrix[::-1], threads=1)
    del booster
    gc.collect()
    assert np.array_equal(scores, copy)


@either
def test_a_text_that_is_no_model_is_refused(model_type: str) -> None:
    """The library's reason is passed on."""
    with pytest.raises(NativeCallFailed, match="refused: "):
        BOOSTERS[model_type](b"no model")


def test_a_matrix_of_another_width_is_refused() -> None:
    """LightGBM checks the number of columns."""
    with pytest.raises(NativeCallFailed, match="number of features in data"):
        native("lightgbm").raw_scores(np.zeros((1, 3)), threads=1)


def test_a_library_that_is_not_installed_is_named() -> None:
    """The refusal says what to install."""
    with pytest.raises(ModelLibraryMissing, match="no_such_package was not found"):
        _load_library("no_such_package", "lib", "pip install it")


@pytest.mark.parametrize(("given", "kept"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_threads_sleep_unless_told_otherwise(
    given: str | None, kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenMP's waiting policy is a default: whoever sets it keeps it."""
    monkeypatch.setenv("OMP_WAIT_POLICY", given or "")
    if given is None:
        monkeypatch.delenv("OMP_WAIT_POLICY")
    wait_passively()
    assert os.environ["OMP_WAIT_POLICY"] == kept
