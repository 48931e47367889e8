"""The numbers behind the evaluation's pictures, as small tables that `dvc plots` can draw too."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from creditrisk.models import metrics

if TYPE_CHECKING:
    from numpy.typing import NDArray

Table = Mapping[str, Sequence[Any]]  # columns by name, each of numbers or of texts

_CURVE_POINTS = 400
_MOST_SCORE_BINS = 60
_OUTERMOST_ROWS_SHARE = 0.0005  # the score axis leaves out so many rows on each side


@dataclass(frozen=True, slots=True)
class ScoredOutcomes:
    """What every table is computed from. Shapes (n_rows,); `importance` by falling share."""

    target: NDArray[np.int8]
    pd: NDArray[np.float64]
    threshold: float
    importance: Mapping[str, float]
    bands: int
    confidence: float


def plot_tables(scored: ScoredOutcomes) -> dict[str, Table]:
    """Every table by the name of its file, without the ending."""
    return {
        "roc": _roc(scored),
        "precision_recall": _precision_recall(scored),
        "ks": _kolmogorov_smirnov(scored),
        "calibration": _calibration(scored),
        "score_distribution": _score_distribution(scored),
        "deciles": _deciles(scored),
        "confusion": _confusion(scored),
        "importance": _importance(scored),
    }


def write_tables(tables: Mapping[str, Table], folder: Path) -> None:
    """Write each table as CSV, numbers with eight significant digits."""
    for name, table in tables.items():
        (folder / f"{name}.csv").write_text(_csv(table), encoding="utf-8", newline="\n")


def _csv(table: Table) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(table)
    for row in zip(*table.values(), strict=True):
        writer.writerow(f"{cell:.8g}" if isinstance(cell, float) else cell for cell in row)
    return stream.getvalue()


def _roc(scored: ScoredOutcomes) -> Table:
    curve = metrics.roc_curve(scored.target, scored.pd)
    x, y = curve.false_positive_rate, curve.true_positive_rate
    kept = _spread_points(x, y)
    return {"false_positive_rate": x[kept].tolist(), "true_positive_rate": y[kept].tolist()}


def _precision_recall(scored: ScoredOutcomes) -> Table:
    curve = metrics.precision_recall_curve(scored.target, scored.pd)
    kept = _spread_points(curve.recall, curve.precision)
    return {
        "recall": curve.recall[kept].tolist(),
        "precision": curve.precision[kept].tolist(),
        "threshold": curve.thresholds[kept].tolist(),
    }


def _kolmogorov_smirnov(scored: ScoredOutcomes) -> Table:
    counts = metrics.score_counts(scored.target, scored.pd)
    others = np.cumsum(counts.others) / counts.others.sum()
    defaulters = np.cumsum(counts.defaults) / counts.defaults.sum()
    widest = int(np.argmax(np.abs(others - defaulters)))
    kept = np.union1d(_spread_points(others, defaulters), widest)
    return {
        "pd": counts.scores[kept].tolist(),
        "share_of_repaid": others[kept].tolist(),
        "share_of_defaulted": defaulters[kept].tolist(),
    }


def _calibration(scored: ScoredOutcomes) -> Table:
    bands = metrics.risk_bands(scored.target, scored.pd, scored.bands, scored.confidence)
    return {
        "mean_pd": [band.mean_pd for band in bands],
        "default_rate": [band.default_rate for band in bands],
        "low": [band.low for band in bands],
        "high": [band.high for band in bands],
        "rows": [band.rows for band in bands],
    }


def _score_distribution(scored: ScoredOutcomes) -> Table:
    """Shares of each outcome's rows in bins of equal width on the log-odds scale."""
    log_odds = _log_odds(scored.pd)
    reach = [_OUTERMOST_ROWS_SHARE, 1 - _OUTERMOST_ROWS_SHARE]
    low, high = np.quantile(log_odds, reach).tolist()
    bins = min(_MOST_SCORE_BINS, 10 + int(math.sqrt(scored.target.sum())))
    edges = np.linspace(low, high if high > low else low + 1, bins + 1)
    shares = {
        name: np.histogram(log_odds[members], bins=edges)[0] / max(int(members.sum()), 1)
        for name, members in (("repaid", scored.target == 0), ("defaulted", scored.target == 1))
    }
    pd = 1 / (1 + np.exp(-edges))
    return {
        "lowest_pd": pd[:-1].tolist(),
        "highest_pd": pd[1:].tolist(),
        "share_of_repaid": shares["repaid"].tolist(),
        "share_of_defaulted": shares["defaulted"].tolist(),
    }


def _deciles(scored: ScoredOutcomes) -> Table:
    table = metrics.decile_table(scored.target, scored.pd, scored.confidence)
    return {
        "decile": [decile.number for decile in table],
        "rows": [decile.band.rows for decile in table],
        "defaults": [decile.band.defaults for decile in table],
        "mean_pd": [decile.band.mean_pd for decile in table],
        "default_rate": [decile.band.default_rate for decile in table],
        "lift": [decile.lift for decile in table],
        "cumulative_lift": [decile.cumulative_lift for decile in table],
        "gain": [decile.gain for decile in table],
    }


def _confusion(scored: ScoredOutcomes) -> Table:
    found = metrics.confusion_at(scored.target, scored.pd, scored.threshold)
    return {
        "actual": ["repaid", "repaid", "defaulted", "defaulted"],
        "predicted": ["repaid", "defaulted", "repaid", "defaulted"],
        "rows": [
            found.true_negatives,
            found.false_positives,
            found.false_negatives,
            found.true_positives,
        ],
    }


def _importance(scored: ScoredOutcomes) -> Table:
    return {"feature": list(scored.importance), "share": list(scored.importance.values())}


def _spread_points(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.intp]:
    """Places of at most 400 points, evenly spread along a curve, its ends among them."""
    steps = np.abs(np.diff(x)) + np.abs(np.diff(y))
    path = np.concatenate(([0.0], np.cumsum(steps)))
    wanted = np.searchsorted(path, np.linspace(0, path[-1], _CURVE_POINTS))
    return np.unique(np.concatenate(([0], np.minimum(wanted, x.size - 1), [x.size - 1])))


def _log_odds(pd: NDArray[np.float64]) -> NDArray[np.float64]:
    inner = np.clip(pd, metrics.SMALLEST_PD, 1 - metrics.SMALLEST_PD)
    log_odds: NDArray[np.float64] = np.log(inner) - np.log1p(-inner)
    return log_odds
