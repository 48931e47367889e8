"""The evaluation's pictures, drawn from its plot tables and report values alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from creditrisk.reporting.plot_data import Table
from creditrisk.reporting.style import (
    DEFAULTED,
    INK,
    MODEL,
    QUIET,
    REPAID,
    name_axes,
    new_figure,
    percent,
    percent_axis,
    png_bytes,
    write,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PD_TICKS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 0.95)
_SHOWN_FEATURES = 20


@dataclass(frozen=True, slots=True)
class Captions:
    """What the pictures say in words: the rows shown, and measured values by name."""

    sample: str
    values: Mapping[str, float]

    def value(self, name: str, digits: int = 3) -> str:
        """A value as text, 'not measured' where there is none."""
        return f"{self.values[name]:.{digits}f}" if name in self.values else "not measured"

    def interval(self, name: str, digits: int = 3) -> str:
        """A value with its interval."""
        low, high = (self.value(f"{name}_{end}", digits) for end in ("low", "high"))
        return f"{self.value(name, digits)} ({low} to {high})"


def write_pictures(tables: Mapping[str, Table], captions: Captions, folder: Path) -> None:
    """Draw every table into `folder` as PNG, named as the table."""
    for name, draw in _DRAWINGS.items():
        (folder / f"{name}.png").write_bytes(png_bytes(draw(tables[name], captions)))


def _roc(table: Table, captions: Captions) -> Figure:
    title = f"ROC-AUC {captions.interval('roc_auc')}"
    figure, (axes,) = new_figure(title, _subtitle(captions, "Gini", captions.interval("gini")))
    axes.plot([0, 1], [0, 1], color=QUIET, linewidth=1, linestyle=(0, (4, 3)))
    x, y = table["false_positive_rate"], table["true_positive_rate"]
    axes.fill_between(x, x, y, color=MODEL, alpha=0.08, linewidth=0)
    axes.plot(x, y, color=MODEL, linewidth=2.2)
    place = _place_of(x, 0.22)
    write(axes, x[place] + 0.025, y[place] - 0.03, "model", MODEL, weight="bold")
    write(axes, 0.72, 0.66, "chance", QUIET)
    _unit_square(axes)
    name_axes(axes, "share of repaid loans at or above the cut-off", "share of defaults caught")
    return figure


def _precision_recall(table: Table, captions: Captions) -> Figure:
    title = f"PR-AUC {captions.interval('pr_auc')}"
    figure, (axes,) = new_figure(title, _subtitle(captions))
    rate = captions.values["default_rate"]
    recall, precision = table["recall"], table["precision"]
    axes.axhline(rate, color=QUIET, linewidth=1, linestyle=(0, (4, 3)))
    axes.plot(recall, precision, color=MODEL, linewidth=2.2)
    place = _place_of(recall, 0.25)
    write(axes, 0.265, precision[place] + 0.03, "model", MODEL, weight="bold")
    _unit_square(axes)
    steady = [p for r, p in zip(recall, precision, strict=True) if r > 0.01]  # noqa: PLR2004
    top = min(1, 1.15 * max([*steady, 2 * rate]))
    axes.set_ylim(0, top)
    write(axes, 0.012, rate - 0.035 * top, f"chance: {percent(rate)}", QUIET)
    name_axes(axes, "recall: share of defaults caught", "precision: defaults among those flagged")
    return figure


def _kolmogorov_smirnov(table: Table, captions: Captions) -> Figure:
    figure, (axes,) = new_figure(f"KS {captions.interval('ks')}", _subtitle(captions))
    pd, repaid, defaulted = table["pd"], table["share_of_repaid"], table["share_of_defaulted"]
    x = [_log_odds(value) for value in pd]
    axes.plot(x, repaid, color=REPAID, linewidth=2.2)
    axes.plot(x, defaulted, color=DEFAULTED, linewidth=2.2)
    gaps = [abs(a - b) for a, b in zip(repaid, defaulted, strict=True)]
    widest = gaps.index(max(gaps))
    ends = [defaulted[widest], repaid[widest]]
    axes.plot([x[widest]] * 2, ends, color=INK, linewidth=1.4, marker="_", markersize=9)
    gap_label = f"{gaps[widest]:.3f} at PD {percent(pd[widest])}"
    write(axes, x[widest] + 0.1, max(min(ends) - 0.05, 0.04), gap_label, INK)
    _pd_axis(axes, x[_place_of(repaid, 0.002)], x[_place_of(defaulted, 0.995)])
    high, low = x[_place_of(repaid, 0.35)], x[_place_of(defaulted, 0.72)]
    write(axes, high - 0.12, 0.35, "repaid", REPAID, weight="bold", ha="right")
    write(axes, low + 0.15, 0.72, "defaulted", DEFAULTED, weight="bold")
    axes.set_ylim(0, 1)
    percent_axis(axes, "y")
    name_axes(axes, "PD (log-odds scale)", "share of applicants at or below this PD")
    return figure


def _calibration(table: Table, captions: Captions) -> Figure:
    title = (
        f"Calibration slope {captions.value('calibration_slope')}, ECE {captions.value('ece', 4)}"
    )
    ratio = captions.interval("observed_expected", 2)
    figure, (axes,) = new_figure(title, _subtitle(captions, "observed / expected defaults", ratio))
    x, y = table["mean_pd"], table["default_rate"]
    lows, highs = table["low"], table["high"]
    floor = 0.6 * min(value for value in [*x, *y] if value > 0)
    top = min(1.0, 1.35 * max(*highs, *x))
    axes.plot([floor, top], [floor, top], color=QUIET, linewidth=1, linestyle=(0, (4, 3)))
    axes.vlines(x, [max(low, floor) for low in lows], highs, color=MODEL, linewidth=1.6, alpha=0.55)
    axes.plot(x, [max(value, floor) for value in y], "o", color=MODEL, markersize=6.5)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(floor, top)
    axes.set_ylim(floor, top)
    ticks = [tick for tick in _PD_TICKS if floor < tick < top]
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(ticks, labels=[percent(tick) for tick in ticks])
        axis.set_ticks([], minor=True)
    write(axes, top * 0.82, top * 0.93, "perfect", QUIET, ha="right")
    bars = f"bands of {min(table['rows']):,} applicants or more; bars: {_confidence(captions)} interval"
    write(axes, top * 0.93, floor * 1.25, bars, QUIET, ha="right", size=9)
    name_axes(axes, "mean PD of the band", "observed default rate")
    return figure


def _score_distribution(table: Table, captions: Captions) -> Figure:
    mean = percent(captions.values["mean_pd"])
    title = f"Mean PD {mean}, default rate {percent(captions.values['default_rate'])}"
    figure, (axes,) = new_figure(title, _subtitle(captions))
    edges = [_log_odds(pd) for pd in (*table["lowest_pd"], table["highest_pd"][-1])]
    for name, color in (("repaid", REPAID), ("defaulted", DEFAULTED)):
        shares = table[f"share_of_{name}"]
        axes.stairs(shares, edges, color=color, linewidth=1.8)
        axes.stairs(shares, edges, color=color, fill=True, alpha=0.14, linewidth=0)
        peak = max(range(len(shares)), key=shares.__getitem__)
        side = -1 if name == "repaid" else 1
        offset = side * 0.06 * (edges[-1] - edges[0])
        where = (edges[peak] + edges[peak + 1]) / 2 + offset
        alignment = "right" if side < 0 else "left"
        write(axes, where, shares[peak] * 0.98, name, color, weight="bold", ha=alignment)
    threshold = captions.values["threshold"]
    if edges[0] < _log_odds(threshold) < edges[-1]:
        axes.axvline(_log_odds(threshold), color=INK, linewidth=1, linestyle=(0, (4, 3)))
        top = 1.03 * axes.get_ylim()[1]
        label = f" threshold {percent(threshold)}"
        write(axes, _log_odds(threshold), top * 0.97, label, INK, size=9.5)
        axes.set_ylim(0, top)
    _pd_axis(axes, edges[0], edges[-1])
    percent_axis(axes, "y")
    name_axes(axes, "PD (log-odds scale)", "share of each outcome's applicants")
    return figure


def _deciles(table: Table, captions: Captions) -> Figure:
    number, gain, lift = table["decile"], table["gain"], table["lift"]
    title = f"The riskiest decile holds {percent(gain[0])} of all defaults"
    figure, (left, right) = new_figure(title, _subtitle(captions), panels=2)
    rows = sum(table["rows"])
    reached = [0.0]
    for count in table["rows"]:
        reached.append(reached[-1] + count / rows)
    left.plot([0, 1], [0, 1], color=QUIET, linewidth=1, linestyle=(0, (4, 3)))
    left.plot(
        reached, [0.0, *gain], color=MODEL, linewidth=2.2, marker="o", markersize=4.5, clip_on=False
    )
    write(left, 0.66, 0.58, "chance", QUIET)
    _unit_square(left)
    name_axes(left, "share of applicants, riskiest first", "gain: share of defaults")
    right.axhline(1, color=QUIET, linewidth=1, linestyle=(0, (4, 3)))
    right.bar(number, lift, color=MODEL, width=0.72)
    for place, height in zip(number, lift, strict=True):
        write(right, place, height + 0.035 * max(lift), f"{height:.1f}", INK, ha="center", size=9.5)
    right.set_xticks(number)
    right.set_ylim(0, 1.12 * max(lift))
    right.grid(visible=False, axis="x")
    name_axes(right, "decile, riskiest first", "lift: default rate over the mean")
    return figure


def _confusion(table: Table, captions: Captions) -> Figure:
    threshold = percent(captions.values["threshold"])
    title = f"Precision {captions.value('precision')}, recall {captions.value('recall')} at PD {threshold}"
    figure, (axes,) = new_figure(title, _subtitle(captions, "F1", captions.value("f1")), left=0.16)
    counts = dict(
        zip(zip(table["actual"], table["predicted"], strict=True), table["rows"], strict=True)
    )
    outcomes = ("repaid", "defaulted")
    for y, actual in enumerate(outcomes):
        total = sum(counts[actual, predicted] for predicted in outcomes)
        for x, predicted in enumerate(outcomes):
            kind = "right" if actual == predicted else "wrong"
            share = counts[actual, predicted] / total
            words = f"{percent(share)} of {actual}, {kind}"
            _cell(axes, (x, y), f"{counts[actual, predicted]:,}", words, _shade(kind, share))
    axes.set_xlim(-0.5, 1.5)
    axes.set_ylim(1.5, -0.5)
    axes.set_xticks([0, 1], labels=[f"predicted: {name}" for name in outcomes])
    axes.set_yticks([0, 1], labels=[f"actual:\n{name}" for name in outcomes])
    axes.xaxis.tick_top()
    axes.tick_params(labelsize=11, labelcolor=INK)
    axes.grid(visible=False)
    axes.spines["bottom"].set_visible(False)
    return figure


def _shade(kind: str, share: float) -> tuple[str, float]:
    """Colour and opacity of a field: the larger its share, the stronger."""
    return (MODEL if kind == "right" else DEFAULTED), 0.06 + 0.5 * share


def _cell(
    axes: Axes, place: tuple[int, int], count: str, words: str, shade: tuple[str, float]
) -> None:
    """One field of the confusion matrix."""
    from matplotlib.patches import Rectangle

    x, y = place
    color, opacity = shade
    field = Rectangle((x - 0.48, y - 0.47), 0.96, 0.94, facecolor=color, alpha=opacity)
    axes.add_patch(field)
    axes.text(x, y - 0.06, count, ha="center", va="center", size=22, color=INK)
    axes.text(x, y + 0.2, words, ha="center", va="center", color=INK)


def _importance(table: Table, captions: Captions) -> Figure:
    names, shares = table["feature"][:_SHOWN_FEATURES], table["share"][:_SHOWN_FEATURES]
    rest = len(table["feature"]) - len(names)
    title = f"{names[0]} leads with {percent(shares[0])} of the importance"
    others = (
        f"{rest} further features: {percent(max(0.0, 1 - sum(shares)))}" if rest else "all features"
    )
    figure, (axes,) = new_figure(title, _subtitle(captions, others), left=0.40)
    places = range(len(names))
    axes.barh(places, shares, color=MODEL, height=0.68)
    for place, share in zip(places, shares, strict=True):
        write(
            axes, share + 0.012 * max(*shares, 1e-9), place, f"{100 * share:.1f} %", INK, size=8.5
        )
    axes.set_yticks(places, labels=names)
    axes.tick_params(axis="y", labelsize=8.5, labelcolor=INK)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(0, 1.12 * max(*shares, 1e-9))
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    return figure


_DRAWINGS: Mapping[str, Callable[[Any, Captions], Figure]] = {
    "roc": _roc,
    "precision_recall": _precision_recall,
    "ks": _kolmogorov_smirnov,
    "calibration": _calibration,
    "score_distribution": _score_distribution,
    "deciles": _deciles,
    "confusion": _confusion,
    "importance": _importance,
}


def _subtitle(captions: Captions, *facts: str) -> str:
    return "  ·  ".join([captions.sample, " ".join(facts)] if facts else [captions.sample])


def _confidence(captions: Captions) -> str:
    return percent(captions.values["confidence"])


def _unit_square(axes: Axes) -> None:
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    percent_axis(axes)


def _pd_axis(axes: Axes, low: float, high: float) -> None:
    """Label a log-odds axis with PDs."""
    axes.set_xlim(low, high if high > low else low + 1)
    ticks = [tick for tick in _PD_TICKS if low <= _log_odds(tick) <= high]
    axes.set_xticks([_log_odds(tick) for tick in ticks], labels=[percent(tick) for tick in ticks])


def _place_of(rising: Any, value: float) -> int:
    """The first place at which a rising sequence reaches a value."""
    return next((i for i, seen in enumerate(rising) if seen >= value), len(rising) - 1)


def _log_odds(pd: float) -> float:
    inner = min(max(pd, 1e-15), 1 - 1e-15)
    return math.log(inner / (1 - inner))
