"""The serving form from its files."""

from __future__ import annotations

import numpy as np
import pytest
from simulated_lending import ENCODING, fitted, unseen

from creditrisk.models.errors import MissingFeatures
from creditrisk.models.serving import MODEL_FILES, ServingForm, serving_files

every_model = pytest.mark.parametrize("model_type", MODEL_FILES)


def serving_form(model_type: str, threads: int = 1) -> ServingForm:
    classifier = fitted(model_type).classifier
    files = serving_files(model_type, ENCODING, classifier.calibration, classifier.model_text_)
    return ServingForm.parse(model_type, files, threads)


@every_model
@pytest.mark.parametrize("threads", [1, 2])
def test_both_forms_give_the_same_bits(model_type: str, threads: int) -> None:
    """The PDs of the files are those of the sklearn Pipeline on a DataFrame, to the last bit."""
    expected = fitted(model_type).pipeline().predict_proba(unseen().to_pandas())[:, 1]
    assert np.array_equal(serving_form(model_type, threads).probabilities(unseen()), expected)


@every_model
def test_the_pd_is_the_calibrated_raw_score(model_type: str) -> None:
    """PD = link(slope * raw + intercept)."""
    form = serving_form(model_type)
    expected = form.calibration.probabilities(form.raw_scores(unseen()))
    assert np.array_equal(form.probabilities(unseen()), expected)
    assert expected.std() > 0.01


@every_model
def test_contributions_are_calibrated(model_type: str) -> None:
    """Slope and intercept of the calibration are part of them: they add up to the PD's log-odds."""
    form = serving_form(model_type)
    expected = form.calibration.slope * form.raw_scores(unseen()) + form.calibration.intercept
    gaps = form.contributions(unseen()).sum(axis=1) - expected
    assert np.abs(gaps).max() <= (1e-5 if model_type == "xgboost" else 1e-9)
    assert form.calibration.slope != 1


@every_model
def test_threads_change_no_bit(model_type: str) -> None:
    """The same model on more threads gives the same PDs and contributions."""
    one, two = serving_form(model_type), serving_form(model_type).on_threads(2)
    assert np.array_equal(one.probabilities(unseen()), two.probabilities(unseen()))
    assert np.array_equal(one.contributions(unseen()), two.contributions(unseen()))


def test_a_missing_column_is_refused() -> None:
    """A feature that the table lacks is never taken as missing."""
    with pytest.raises(MissingFeatures, match="EXT_SOURCE_2"):
        serving_form("lightgbm").probabilities(unseen().drop(["EXT_SOURCE_2"]))
