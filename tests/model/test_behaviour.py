"""How trained models behave: invariance, direction, calibration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from simulated_lending import FEATURES, fitted, sealed, settings, tables, true_pds, unseen

from creditrisk.models.errors import NoCharacteristics
from creditrisk.models.metrics import recalibration, roc_auc
from creditrisk.models.serving import MODEL_FILES
from creditrisk.models.training import TrainingTables, train
from creditrisk.scoring.scorer import Scorer

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

every_model = pytest.mark.parametrize("model_type", MODEL_FILES)


@pytest.fixture(scope="module", params=MODEL_FILES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sealed bundle of each model type."""
    return sealed(tmp_path_factory.mktemp("bundle"), request.param).folder


@pytest.fixture(scope="module")
def pds(folder: Path) -> NDArray[np.float64]:
    """The PDs of rows that no training has seen."""
    return Scorer.load(folder).probabilities(unseen())


def replaced(name: str, values: pa.Array) -> pa.Table:
    """The unseen rows with one column replaced."""
    return unseen().set_column(unseen().column_names.index(name), name, values)


def test_the_order_of_rows_does_not_matter(folder: Path, pds: NDArray[np.float64]) -> None:
    """Shuffled rows have their own PDs, shuffled."""
    order = np.random.default_rng(0).permutation(unseen().num_rows)
    assert np.array_equal(Scorer.load(folder).probabilities(unseen().take(order)), pds[order])


@pytest.mark.parametrize("threads", [2, 3])
def test_the_number_of_threads_does_not_matter(
    folder: Path, pds: NDArray[np.float64], threads: int
) -> None:
    """Every thread count gives the same bits."""
    assert np.array_equal(Scorer.load(folder, threads).probabilities(unseen()), pds)


@pytest.mark.parametrize("rows", [1, 7, 1000])
def test_the_size_of_a_batch_does_not_matter(
    folder: Path, pds: NDArray[np.float64], rows: int
) -> None:
    """A row scores the same alone and among thousands."""
    scorer = Scorer.load(folder)
    batches = [unseen().slice(start, rows) for start in range(0, 3 * rows, rows)]
    scored = np.concatenate([scorer.probabilities(batch) for batch in batches])
    assert np.array_equal(scored, pds[: 3 * rows])


def test_further_columns_do_not_matter(folder: Path, pds: NDArray[np.float64]) -> None:
    """Columns that the model does not read, the outcome among them, change nothing."""
    names = [feature.name for feature in FEATURES]
    assert np.array_equal(Scorer.load(folder).probabilities(unseen().select(names[::-1])), pds)


def test_a_higher_score_elsewhere_means_less_risk(folder: Path) -> None:
    """With all else equal, the mean PD never rises along EXT_SOURCE_2, and falls overall."""
    scorer = Scorer.load(folder)
    levels = (0.1, 0.3, 0.5, 0.7, 0.9)
    columns = [pa.array(np.full(unseen().num_rows, level)) for level in levels]
    means = [scorer.probabilities(replaced("EXT_SOURCE_2", c)).mean() for c in columns]
    assert (np.diff(means) <= 0).all()
    assert means[0] > 3 * means[-1]


def test_each_category_has_its_risk(folder: Path) -> None:
    """With all else equal, income types are ranked as in the law."""
    scorer, rows = Scorer.load(folder), unseen().num_rows
    ranked = ("Pensioner", "State servant", "Commercial associate", "Working")
    columns = [pa.array([income] * rows) for income in ranked]
    means = [scorer.probabilities(replaced("NAME_INCOME_TYPE", c)).mean() for c in columns]
    assert (np.diff(means) > 0).all()


def test_pds_are_calibrated(pds: NDArray[np.float64]) -> None:
    """On unseen rows slope is 1 and the mean PD is the law's, within sampling error."""
    slope = recalibration(unseen().column("TARGET").to_numpy(), pds).slope.value
    assert slope == pytest.approx(1, abs=0.12)
    assert pds.mean() == pytest.approx(true_pds(unseen()).mean(), rel=0.08)


def test_pds_are_close_to_the_law(pds: NDArray[np.float64]) -> None:
    """Most of what can be known about the risk is learnt."""
    target, truth = unseen().column("TARGET").to_numpy(), true_pds(unseen())
    gini, attainable = (2 * roc_auc(target, score) - 1 for score in (pds, truth))
    assert gini / attainable > 0.85


def shuffled_outcomes() -> TrainingTables:
    """The sides with outcomes to be trained on that have nothing to do with the features."""
    target = tables().train.column("TARGET").to_numpy()
    shuffled = pa.array(np.random.default_rng(1).permutation(target))
    index = tables().train.column_names.index("TARGET")
    blind = tables().train.set_column(index, "TARGET", shuffled)
    return TrainingTables(blind, tables().validation, tables().calibration)


@pytest.mark.parametrize("model_type", sorted(set(MODEL_FILES) - {"scorecard"}))
def test_noise_alone_does_not_rank(model_type: str) -> None:
    """Trained on shuffled outcomes, a model knows nothing about unseen applicants."""
    chosen = settings(model_type=model_type, calibration="none")
    model = train(shuffled_outcomes(), FEATURES, chosen, threads=1)
    scores = model.pipeline().predict_proba(unseen())[:, 1]
    assert roc_auc(unseen().column("TARGET").to_numpy(), scores) == pytest.approx(0.5, abs=0.12)


def test_a_scorecard_of_noise_is_refused() -> None:
    """No feature clears the bar on information value, and the error names the bar."""
    with pytest.raises(NoCharacteristics, match=r"none of 4 features .* value of 0\.02"):
        train(shuffled_outcomes(), FEATURES, settings(model_type="scorecard"), threads=1)


def test_smote_ruins_raw_scores_and_calibration_mends_them() -> None:
    """Before calibration the mean PD is several times the default rate, after it the rate."""
    model = train(tables(), FEATURES, settings(resampling="smote_downsampling"), threads=1)
    rate = true_pds(unseen()).mean()
    matrix = model.encoding.encode(unseen())
    raw = 1 / (1 + np.exp(-model.classifier.raw_scores(matrix)))
    assert raw.mean() > 1.8 * rate
    assert model.classifier.predict_proba(matrix)[:, 1].mean() == pytest.approx(rate, rel=0.08)


def test_no_resampling_needs_little_mending() -> None:
    """Trained on the population as it is, raw scores already are near-calibrated log-odds."""
    assert fitted().classifier.slope_ == pytest.approx(1, abs=0.25)
    assert fitted().classifier.intercept_ == pytest.approx(0, abs=0.5)
