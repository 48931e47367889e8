"""How well the model ranks applicants and how true its PDs are, beside a second model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from creditrisk.reporting.charts import Axis, Line, decimal, line_chart, percent
from creditrisk.reporting.document import Block, Cell, Chart, Grid, Notice, Paragraph, Section
from creditrisk.reporting.model_risk.evidence import Evidence
from creditrisk.reporting.model_risk.wording import absent, count, share
from creditrisk.testing.evaluation import EvaluationReport

# Name in the report, what a reader should know, how it is written.
_METRICS = {
    "roc_auc": ("ROC-AUC", "chance that a defaulter has the higher PD of a random pair", decimal),
    "gini": ("Gini", "2 x ROC-AUC - 1", decimal),
    "ks": ("KS", "largest gap between the two outcomes' distributions of PDs", decimal),
    "pr_auc": ("PR-AUC", "precision averaged over recall; the default rate is chance", decimal),
    "brier_score": ("Brier score", "mean squared error of the PD; smaller is better", decimal),
    "log_loss": ("Log loss", "surprise at the outcomes; smaller is better", decimal),
    "calibration_slope": (
        "Calibration slope",
        "1 is right; below 1 the PDs are too extreme",
        decimal,
    ),
    "calibration_intercept": ("Calibration intercept", "0 is right, given the slope", decimal),
    "ece": ("Expected calibration error", "mean gap between PD and default rate by band", share),
    "observed_expected": ("Observed / expected", "defaults seen over defaults foretold", decimal),
    "precision": ("Precision", "defaulters among those above the threshold", share),
    "recall": ("Recall", "defaulters found by the threshold", share),
}
_UNIT = (0.0, 1.0)


def performance(evidence: Evidence) -> Section:
    """Metrics with intervals, and the curves behind them."""
    test = evidence.test
    if test is None:
        return Section("performance", "Performance", [absent(evidence, "test_metrics.json")])
    blocks = [
        Paragraph(
            f"Measured on {count(test.rows)} applicants of the test side, {count(test.defaults)} of "
            "whom defaulted. No step of training saw them. Intervals say how far chance alone "
            f"could move a figure, with {percent(test.confidence)} confidence."
        ),
        _metrics(test, evidence.train),
        *_truth(test),
        *_curves(evidence),
        _deciles(test),
    ]
    return Section("performance", "Performance", blocks)


def second_model(evidence: Evidence) -> Section:
    """A scorecard that a person can apply by hand, beside the main model."""
    title, scorecard, test = "A second model", evidence.scorecard_test, evidence.test
    if evidence.scorecard is None:
        return Section("scorecard", title, [Notice("There is no second model.", "open")])
    if scorecard is None or test is None:
        return Section("scorecard", title, [absent(evidence, "scorecard_metrics.json")])
    rows = [
        [
            Cell(name),
            Cell(shown(getattr(test, key)), number=True),
            Cell(shown(getattr(scorecard, key)), number=True),
        ]
        for key, (name, _, shown) in _METRICS.items()
        if isinstance(getattr(test, key), float) and isinstance(getattr(scorecard, key), float)
    ]
    return Section(
        "scorecard",
        title,
        [
            Paragraph(
                "A points scorecard was fitted to the same applicants: a table that a person can "
                "apply with pencil and paper. It shows what the main model's complexity buys, and "
                "is a benchmark that a validator can read line by line."
            ),
            Grid("Both models on the same applicants.", ["Metric", "Main", "Scorecard"], rows),
        ],
    )


def _metrics(test: EvaluationReport, train: EvaluationReport | None) -> Grid:
    return Grid(
        "What was measured.",
        ["Metric", "Meaning", "Test", "Interval", "Train"],
        [
            [
                Cell(name),
                Cell(meaning),
                Cell(shown(value), number=True),
                Cell(_interval(test, key, shown), number=True),
                Cell(shown(getattr(train, key)) if train else "not measured", number=True),
            ]
            for key, (name, meaning, shown) in _METRICS.items()
            if (value := getattr(test, key)) is not None
        ],
    )


def _interval(report: EvaluationReport, key: str, shown: object) -> str:
    bounds = report.intervals.get(key)
    if bounds is None or not callable(shown):
        return ""
    return f"{shown(bounds.low)} to {shown(bounds.high)}"


def _truth(test: EvaluationReport) -> Iterator[Block]:
    truth = test.truth
    if truth is None or truth.share_of_attainable_gini is None:
        return
    yield Paragraph(
        "The outcomes of this generated portfolio were drawn from known PDs. Nobody can rank better "
        f"than those; the model reaches {percent(truth.share_of_attainable_gini)} of their Gini."
    )


def _curves(evidence: Evidence) -> Iterator[Block]:
    roc, calibration, ks = (evidence.plot(name) for name in ("roc", "calibration", "ks"))
    if roc:
        yield Chart(
            line_chart(
                "ROC curve",
                [
                    Line("model", *_pair(roc, "false_positive_rate", "true_positive_rate")),
                    Line("chance", _UNIT, _UNIT, guide=True),
                ],
                Axis("Share of the others refused", *_UNIT, percent),
                Axis("Share of defaulters refused", *_UNIT, percent),
            ),
            "Whoever refuses from some PD on refuses this share of later defaulters at the price of "
            "this share of the others. The further up and to the left, the better.",
        )
    if calibration:
        yield _calibration_chart(calibration)
    if ks:
        yield _ks_chart(ks)


def _calibration_chart(table: Mapping[str, list[str]]) -> Chart:
    expected, seen = _pair(table, "mean_pd", "default_rate")
    end = max(*expected, *seen) * 1.05
    return Chart(
        line_chart(
            "Calibration",
            [
                Line("default rate", expected, seen, points=True),
                Line("PD is right", (0.0, end), (0.0, end), guide=True),
            ],
            Axis("Mean PD of the band", 0.0, end, percent),
            Axis("Default rate", 0.0, end, percent),
        ),
        "Applicants in bands of rising PD. On the dashed line as many defaulted as foretold; above "
        "it the PD was too low.",
    )


def _ks_chart(table: Mapping[str, list[str]]) -> Chart:
    pds = _numbers(table["pd"])
    return Chart(
        line_chart(
            "Distribution of PDs by outcome",
            [
                Line("defaulted", pds, _numbers(table["share_of_defaulted"])),
                Line("repaid", pds, _numbers(table["share_of_repaid"])),
            ],
            Axis("PD", 0.0, max(pds), percent),
            Axis("Share of applicants below it", *_UNIT, percent),
        ),
        "How many applicants of each outcome lie below a PD. KS is the largest gap between the two.",
    )


def _deciles(test: EvaluationReport) -> Grid:
    return Grid(
        "Tenths of the applicants, the riskiest first.",
        ["Tenth", "Applicants", "Mean PD", "Default rate", "Interval", "Share of defaults so far"],
        [
            [
                Cell(str(row.decile)),
                Cell(count(row.rows), number=True),
                Cell(share(row.mean_pd), number=True),
                Cell(share(row.default_rate), number=True),
                Cell(
                    f"{share(row.default_rate_low)} to {share(row.default_rate_high)}",
                    number=True,
                ),
                Cell(share(row.gain), number=True),
            ]
            for row in test.deciles
        ],
    )


def _pair(table: Mapping[str, list[str]], x: str, y: str) -> tuple[list[float], list[float]]:
    return _numbers(table[x]), _numbers(table[y])


def _numbers(cells: Sequence[str]) -> list[float]:
    return [float(cell) for cell in cells]
