from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import auc

from creditrisk.models import metrics
from creditrisk.reporting.plot_data import ScoredOutcomes, plot_tables, write_tables


def outcomes(rows: int = 5_000, **changes: Any) -> ScoredOutcomes:
    """Outcomes drawn from PDs around 8 %."""
    generator = np.random.default_rng(0)
    pd = 1 / (1 + np.exp(2.7 - generator.standard_normal(rows)))
    fields = {
        "target": (generator.random(rows) < pd).astype(np.int8),
        "pd": pd,
        "threshold": 0.15,
        "importance": {"EXT_SOURCE_2": 0.7, "PAYMENT_RATE": 0.3},
        "bands": 10,
        "confidence": 0.95,
    }
    return ScoredOutcomes(**{**fields, **changes})


def test_curves_are_thinned_without_moving_the_area() -> None:
    """At most a few hundred points, ends kept, area under ROC within a thousandth."""
    scored = outcomes()
    roc = plot_tables(scored)["roc"]
    x, y = roc["false_positive_rate"], roc["true_positive_rate"]
    assert len(x) <= 402
    assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1)
    assert auc(x, y) == pytest.approx(metrics.roc_auc(scored.target, scored.pd), abs=1e-3)


def test_the_widest_gap_is_among_the_points_of_ks() -> None:
    """The thinned curves still show the statistic exactly."""
    scored = outcomes()
    table = plot_tables(scored)["ks"]
    gaps = np.abs(np.subtract(table["share_of_repaid"], table["share_of_defaulted"]))
    assert gaps.max() == metrics.kolmogorov_smirnov(scored.target, scored.pd).value


def test_each_outcome_is_spread_over_the_score_bins() -> None:
    """The bins touch, and all but the outermost rows of each outcome are in them."""
    table = plot_tables(outcomes())["score_distribution"]
    assert table["highest_pd"][:-1] == table["lowest_pd"][1:]
    for outcome in ("repaid", "defaulted"):
        assert 0.98 < sum(table[f"share_of_{outcome}"]) <= 1


def test_bands_come_from_the_settings() -> None:
    """Calibration has as many bands as asked for, each with its interval around the rate."""
    table = plot_tables(outcomes(bands=7))["calibration"]
    assert len(table["rows"]) == 7
    assert all(
        low <= rate <= high
        for low, rate, high in zip(table["low"], table["default_rate"], table["high"], strict=True)
    )


def test_the_confusion_counts_every_row_once() -> None:
    """Four fields that add up to the sample."""
    table = plot_tables(outcomes())["confusion"]
    assert len(set(zip(table["actual"], table["predicted"], strict=True))) == 4
    assert sum(table["rows"]) == 5_000


def test_importance_keeps_its_order() -> None:
    """Features are listed as they come, the most important first."""
    assert plot_tables(outcomes())["importance"] == {
        "feature": ["EXT_SOURCE_2", "PAYMENT_RATE"],
        "share": [0.7, 0.3],
    }


@pytest.mark.parametrize("pd", [0.0, 0.08, 1.0])
def test_a_constant_pd_has_tables_too(pd: float) -> None:
    """One distinct PD, even 0 or 1, gives finite numbers everywhere."""
    for table in plot_tables(outcomes(pd=np.full(5_000, pd))).values():
        for column in table.values():
            assert all(isinstance(cell, str) or np.isfinite(cell) for cell in column)


def test_files_hold_the_tables(tmp_path: Path) -> None:
    """Each CSV has a header and every row, numbers to eight significant digits."""
    tables = plot_tables(outcomes())
    write_tables(tables, tmp_path)
    assert {path.stem for path in tmp_path.glob("*.csv")} == set(tables)
    rows = list(csv.DictReader((tmp_path / "calibration.csv").read_text().splitlines()))
    assert [float(row["mean_pd"]) for row in rows] == pytest.approx(
        tables["calibration"]["mean_pd"], rel=1e-7
    )
