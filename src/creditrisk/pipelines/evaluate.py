"""Measure the model on one side of the split, with plots.

The report and the plots are written before anything is logged, so that a tracking server that
does not answer costs no evidence.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from creditrisk.core.files import atomic_folder
from creditrisk.core.settings import DEFAULT_PARAMS_PATH, load_settings
from creditrisk.pipelines.command import run

if TYPE_CHECKING:
    from creditrisk.core.settings import Settings
    from creditrisk.mlops.bundle import Bundle
    from creditrisk.reporting.plot_data import ScoredOutcomes
    from creditrisk.testing.evaluation import EvaluationReport, TruthComparison
    from creditrisk.testing.scored_split import ScoredSplit


class Side(StrEnum):
    """The sides that are evaluated."""

    TRAIN = "train"
    TEST = "test"


REPORTS = {Side.TRAIN: "metrics.json", Side.TEST: "test_metrics.json"}
PLOTS = {Side.TRAIN: "evaluation", Side.TEST: "test_evaluation"}
PREDICTIONS = {Side.TRAIN: None, Side.TEST: Path("reports/test_predictions.parquet")}

# Imported before there are two threads: two that import one package can see it half made.
SHARED_IMPORTS = (
    "matplotlib.backends.backend_agg",
    "matplotlib.figure",
    "matplotlib.patheffects",
    "pyarrow.parquet",
)

Split = Annotated[Side, typer.Option(help="The side to measure on.")]
Splits = Annotated[Path, typer.Option(help="Folder of the split files.")]
Truth = Annotated[Path, typer.Option(help="True PDs, read for the test side only.")]
BundleFolder = Annotated[Path, typer.Option(help="The model.")]
MetricsFile = Annotated[
    Path | None,
    typer.Option(help="Report; default: reports/metrics.json or reports/test_metrics.json."),
]
PlotFolder = Annotated[
    Path | None,
    typer.Option(help="Plots; default: reports/evaluation or reports/test_evaluation."),
]
PredictionsFile = Annotated[
    Path | None,
    typer.Option(help="PDs; default for test: reports/test_predictions.parquet, else none."),
]
Params = Annotated[Path, typer.Option(help="Settings.")]


def main(
    *,
    split: Split = Side.TEST,
    splits: Splits = Path("data/splits"),
    truth: Truth = Path("data/truth/application_train.parquet"),
    bundle: BundleFolder = Path("models/credit_risk_pd"),
    metrics: MetricsFile = None,
    plots: PlotFolder = None,
    predictions: PredictionsFile = None,
    params: Params = DEFAULT_PARAMS_PATH,
) -> None:
    """Measure the model on one side of the split, draw it, and log it to the model's run."""
    from creditrisk.mlops.bundle import Bundle

    settings = load_settings(params)
    sealed = Bundle.load(bundle)
    plot_folder = plots or Path("reports") / PLOTS[split]
    with _run_of(sealed, settings) as run_found:
        scored, outcomes = _scored(splits / f"{split}.parquet", sealed, settings)
        comparison = _comparison(truth, scored) if split is Side.TEST else None
        report = _report(split, scored, sealed, settings, comparison)
        _write_plots(outcomes, report, plot_folder)
        _write_predictions(predictions or PREDICTIONS[split], scored, outcomes.threshold)
        report.write(metrics or Path("reports") / REPORTS[split])
    _log(run_found.result(), report, plot_folder)
    typer.echo(f"{split}: {report.headline()}")


@contextmanager
def _run_of(bundle: Bundle, settings: Settings) -> Iterator[Future[str]]:
    """Look for the model's run meanwhile: MLflow takes seconds to import."""
    from creditrisk.mlops import tracking

    for name in SHARED_IMPORTS:
        importlib.import_module(name)
    with ThreadPoolExecutor(max_workers=1) as background:
        yield background.submit(tracking.ensure_run, bundle, settings.tracking.experiment)


def _scored(path: Path, bundle: Bundle, settings: Settings) -> tuple[ScoredSplit, ScoredOutcomes]:
    from creditrisk.models.importance import feature_importance
    from creditrisk.reporting.plot_data import ScoredOutcomes
    from creditrisk.scoring.scorer import Scorer
    from creditrisk.testing.scored_split import read_split, score_split

    manifest = bundle.manifest
    threads = settings.resources.usable_threads
    table = read_split(path, [feature.name for feature in manifest.features])
    scored = score_split(path, table, Scorer.load(bundle.folder, threads=threads))
    outcomes = ScoredOutcomes(
        target=scored.target,
        pd=scored.pd,
        threshold=manifest.threshold.value,
        importance=feature_importance(manifest.model_type, bundle.contents, table),
        bands=settings.evaluate.ece_bins,
        confidence=settings.evaluate.confidence,
    )
    return scored, outcomes


def _comparison(truth: Path, scored: ScoredSplit) -> TruthComparison:
    from creditrisk.testing.evaluation import compare_with_truth
    from creditrisk.testing.scored_split import read_true_pds

    return compare_with_truth(scored, read_true_pds(truth, scored.applicants))


def _report(
    split: Side,
    scored: ScoredSplit,
    bundle: Bundle,
    settings: Settings,
    comparison: TruthComparison | None,
) -> EvaluationReport:
    from creditrisk.testing.evaluation import evaluate

    return evaluate(
        split.value,
        scored,
        bundle_sha256=bundle.sha256,
        threshold=bundle.manifest.threshold.value,
        settings=settings.evaluate,
        truth=comparison,
    )


def _write_predictions(path: Path | None, scored: ScoredSplit, threshold: float) -> None:
    from creditrisk.testing.scored_split import write_predictions

    if path:
        write_predictions(scored, threshold, path)


def _write_plots(outcomes: ScoredOutcomes, report: EvaluationReport, folder: Path) -> None:
    from creditrisk.reporting.pictures import Captions, write_pictures
    from creditrisk.reporting.plot_data import plot_tables, write_tables

    values = {"confidence": report.confidence, **report.scalars(), **report.bounds()}
    rate = f"{100 * report.default_rate:.2f} %"
    sample = f"{report.split} side: {report.rows:,} applicants, default rate {rate}"
    tables = plot_tables(outcomes)
    with atomic_folder(folder) as temporary:
        write_tables(tables, temporary)
        write_pictures(tables, Captions(sample, values), temporary)


def _log(run_id: str, report: EvaluationReport, plots: Path) -> None:
    from creditrisk.mlops import tracking
    from creditrisk.mlops.evidence import log_pictures

    tracking.log_metrics(run_id, report.scalars(), report.split)
    log_pictures(run_id, plots, plots.name)


if __name__ == "__main__":
    run(main)
