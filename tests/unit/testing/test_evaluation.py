from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from creditrisk.core.settings import EvaluateSettings
from creditrisk.models import metrics
from creditrisk.testing.evaluation import (
    PROMOTABLE_METRICS,
    EvaluationReport,
    compare_with_truth,
    evaluate,
)
from creditrisk.testing.scored_split import ScoredSplit


def scored(rows: int = 4_000, *, seed: int = 0, pd: Any = None) -> ScoredSplit:
    """Applicants whose outcomes are drawn from PDs around 8 %; scored with them, or as given."""
    generator = np.random.default_rng(seed)
    true_pd = 1 / (1 + np.exp(2.7 - generator.standard_normal(rows)))
    return ScoredSplit(
        applicants=np.arange(rows),
        target=(generator.random(rows) < true_pd).astype(np.int8),
        pd=true_pd if pd is None else np.asarray(pd(true_pd), dtype=np.float64),
        sha256="5" * 64,
    )


def report(sample: ScoredSplit, **changes: Any) -> EvaluationReport:
    """The report of a sample at a threshold of 15 %."""
    options = {"bundle_sha256": "b" * 64, "threshold": 0.15, "settings": EvaluateSettings()}
    return evaluate("test", sample, **{**options, **changes})


def test_the_report_holds_the_metrics_of_its_rows() -> None:
    """Each value is what the metric's own function says of the same rows, to ten digits."""
    sample = scored()
    found, pair = report(sample), (sample.target, sample.pd)
    auc = metrics.roc_auc_estimate(*pair)
    assert found.roc_auc == round(auc.value, 10)
    assert found.intervals["roc_auc"].low == round(auc.low, 10)
    assert found.gini == pytest.approx(2 * auc.value - 1)
    assert found.ks == pytest.approx(metrics.kolmogorov_smirnov(*pair).value)
    assert found.pr_auc == pytest.approx(metrics.average_precision(*pair).value)
    assert found.log_loss == pytest.approx(metrics.log_loss(*pair).value)
    assert found.brier_score == pytest.approx(metrics.brier_score(*pair).value)
    assert found.ece == pytest.approx(metrics.expected_calibration_error(*pair, 10))
    assert found.observed_expected == pytest.approx(sample.target.sum() / sample.pd.sum())
    assert found.calibration_slope == pytest.approx(1, abs=0.2)


def test_decisions_are_counted_at_the_threshold() -> None:
    """Precision, recall and F1 follow from the counts at the threshold that is given."""
    found = report(scored(), threshold=0.2)
    counts = found.confusion
    hits, flagged = counts.true_positives, counts.true_positives + counts.false_positives
    assert found.threshold == 0.2
    assert found.precision == pytest.approx(hits / flagged)
    assert found.recall == pytest.approx(hits / found.defaults)
    assert found.f1 == pytest.approx(2 * hits / (flagged + found.defaults))
    assert flagged == int((scored().pd >= 0.2).sum())


def test_every_interval_holds_its_value() -> None:
    """No value lies outside its own bounds, and each bounded value is in the report."""
    found = report(scored())
    for name, interval in found.intervals.items():
        assert interval.low <= getattr(found, name) <= interval.high


def test_confidence_widens_intervals() -> None:
    """The settings' confidence reaches every interval."""
    narrow = report(scored(), settings=EvaluateSettings(confidence=0.5)).intervals
    wide = report(scored(), settings=EvaluateSettings(confidence=0.99)).intervals
    assert all(narrow[n].high - narrow[n].low < wide[n].high - wide[n].low for n in narrow)


def test_deciles_add_up() -> None:
    """Ten tenths, the riskiest first, holding every row and every default."""
    found = report(scored())
    assert [row.decile for row in found.deciles] == list(range(1, 11))
    assert sum(row.rows for row in found.deciles) == found.rows
    assert sum(row.defaults for row in found.deciles) == found.defaults
    assert found.deciles[-1].gain == 1
    assert found.deciles[0].default_rate > 3 * found.deciles[-1].default_rate


def test_what_cannot_be_measured_is_null() -> None:
    """A constant PD below the threshold has neither a calibration slope nor a precision."""
    found = report(scored(pd=lambda pd: np.full_like(pd, 0.1)))
    assert (found.calibration_slope, found.calibration_intercept, found.precision) == (None,) * 3
    assert "calibration_slope" not in found.intervals
    assert found.roc_auc == 0.5
    assert not {"precision", "calibration_slope"} & set(found.scalars())


def test_brier_skill_is_zero_for_the_mean_and_negative_for_worse() -> None:
    """A constant at the default rate has no skill, a PD of 0.5 for all has less than none."""
    rate = scored().target.mean()
    constant = report(scored(pd=lambda pd: np.full_like(pd, rate)))
    careless = report(scored(pd=lambda pd: np.full_like(pd, 0.5)))
    assert constant.brier_skill == pytest.approx(0)
    assert careless.brier_skill < 0


def test_one_outcome_is_refused() -> None:
    """Without a default there is nothing to measure."""
    sample = scored(20)
    empty = ScoredSplit(sample.applicants, np.zeros(20, np.int8), sample.pd, sample.sha256)
    with pytest.raises(metrics.NotMeasurable, match="0 of 20 rows are defaults"):
        report(empty)


def test_the_report_survives_its_file(tmp_path: Path) -> None:
    """Written and read back it is the same, and the same rows give the same bytes."""
    paths = [tmp_path / name for name in ("first.json", "second.json")]
    for path in paths:
        report(scored()).write(path)
    assert EvaluationReport.read(paths[0]) == report(scored())
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_scalars_are_what_dvc_and_mlflow_show() -> None:
    """Numbers only: metrics and the comparison with the truth, no hashes, counts of bins, tables."""
    sample = scored()
    scalars = report(sample, truth=compare_with_truth(sample, sample.pd)).scalars()
    assert {"rows", "roc_auc", "ece", "threshold", "share_of_attainable_gini"} <= set(scalars)
    assert not {"ece_bins", "confidence", "split", "status"} & set(scalars)
    assert all(isinstance(value, float) for value in scalars.values())
    assert set(PROMOTABLE_METRICS) <= set(scalars)


def test_the_true_pds_reach_all_that_is_attainable() -> None:
    """A model that says the true PDs attains everything and errs by nothing."""
    sample = scored()
    truth = compare_with_truth(sample, sample.pd)
    assert truth.status == "measured"
    assert truth.share_of_attainable_gini == 1
    assert (truth.mean_absolute_pd_error, truth.root_mean_squared_pd_error) == (0, 0)
    assert truth.attainable_brier_score == pytest.approx(report(sample).brier_score)


def test_a_distorted_model_is_set_against_the_truth() -> None:
    """Halved PDs rank as well as the true ones and err by half of them."""
    sample, truth = scored(pd=lambda pd: pd / 2), scored().pd
    found = compare_with_truth(sample, truth)
    assert found.share_of_attainable_gini == pytest.approx(1)
    assert found.mean_absolute_pd_error == pytest.approx(truth.mean() / 2)
    assert found.root_mean_squared_pd_error == pytest.approx(np.sqrt(np.mean(truth**2)) / 2)


def test_a_blind_model_attains_nothing() -> None:
    """PDs without knowledge reach a share of the attainable Gini near zero."""
    generator = np.random.default_rng(1)
    found = compare_with_truth(scored(pd=generator.permutation), scored().pd)
    assert found.share_of_attainable_gini == pytest.approx(0, abs=0.15)


def test_without_true_pds_nothing_is_made_up() -> None:
    """A real portfolio has no truth to compare with: not measured, and no number."""
    found = compare_with_truth(scored(), None)
    numbers = found.model_dump(exclude={"status", "reason"})
    assert found.status == "not measured"
    assert set(numbers.values()) == {None}
    assert "share_of_attainable_gini" not in report(scored(), truth=found).scalars()
