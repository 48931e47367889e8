"""Measure the chain from raw files to test metrics, stage by stage, all processes included.

    python benchmarks/pipeline.py --raw DIR --truth DIR
    python benchmarks/pipeline.py --applicants 30000

prints what each stage took, then what the model is worth beside a logistic baseline.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from measure import Cost, run

ROOT = Path(__file__).parents[1]
CHAIN = (
    "ingest_data",
    "build_feature_store",
    "split_data",
    "summarise_validation",
    "fit_model",
    "evaluate_test",
)

SHOWN_METRICS = (
    "rows",
    "default_rate",
    "mean_pd",
    "roc_auc",
    "gini",
    "ks",
    "pr_auc",
    "brier_score",
    "attainable_brier_score",
    "calibration_slope",
    "ece",
    "share_of_attainable_gini",
    "mean_absolute_pd_error",
)


def main() -> None:
    """Measure the chain on raw files that exist, or on a portfolio that is generated for it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--raw", type=Path, help="a folder with the raw files")
    parser.add_argument("--truth", type=Path, help="the true PDs, where the files are generated")
    parser.add_argument("--applicants", type=int, help="generate that many applicants first")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="creditrisk-bench-") as name:
        folder = Path(name)
        if options.applicants:
            options.raw, options.truth = generate(folder, options.applicants)
        report(folder, options.raw.resolve(), options.truth and options.truth.resolve())


def generate(folder: Path, applicants: int) -> tuple[Path, Path]:
    """Write a generated portfolio; what that takes is not part of the chain."""
    raw, truth = folder / "source", folder / "source_truth"
    arguments = ["--applicants", str(applicants), "--out", str(raw), "--truth", str(truth)]
    run(stage_command("generate_data") + arguments, folder, folder / "log")
    return raw, truth


def report(folder: Path, raw: Path, truth: Path | None) -> None:
    """Run the chain and print the two tables."""
    costs = run_chain(folder, raw, truth, model_type="lightgbm")
    print(f"{'stage':<24}{'wall s':>8}{'cpu s':>8}{'peak GiB':>10}")
    for stage, cost in costs.items():
        print_cost(stage, cost)
    total = sum(costs.values(), start=Cost(0, 0, 0))
    print_cost("total", total)
    champion = json.loads((folder / "reports/test_metrics.json").read_text())
    baseline_costs = run_chain(
        folder, raw, truth, model_type="logistic", stages=("fit_model", "evaluate_test")
    )
    baseline = json.loads((folder / "reports/test_metrics.json").read_text())
    print(f"\nlogistic baseline: fitted and evaluated in {sum_wall(baseline_costs):.1f} s\n")
    print(f"{'on the test side':<34}{'lightgbm':>12}{'logistic':>12}")
    for label in SHOWN_METRICS:
        print(f"{label:<34}{shown(champion, label):>12}{shown(baseline, label):>12}")


def run_chain(
    folder: Path,
    raw: Path,
    truth: Path | None,
    *,
    model_type: str,
    stages: tuple[str, ...] = CHAIN,
) -> dict[str, Cost]:
    """Run stages as DVC would, in a folder of their own."""
    settings = yaml.safe_load((ROOT / "params.yaml").read_text())
    settings["ingest"]["source"] = str(raw)
    settings["fit_model"]["model_type"] = model_type
    (folder / "params.yaml").write_text(yaml.safe_dump(settings))
    costs = {}
    for stage in stages:
        costs[stage] = run(dvc_command(stage), folder, folder / "log")
        if stage == "ingest_data" and truth:
            shutil.copytree(truth, folder / "data/truth", dirs_exist_ok=True)
    return costs


def dvc_command(stage: str) -> list[str]:
    """The command that `dvc.yaml` names for a stage, run by this interpreter."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    return [sys.executable, *stages[stage]["cmd"].split()[1:]]


def stage_command(module: str) -> list[str]:
    """The command of a pipelines module that is no DVC stage."""
    return [sys.executable, "-m", f"creditrisk.pipelines.{module}"]


def print_cost(label: str, cost: Cost) -> None:
    """Print one row of the cost table."""
    print(
        f"{label:<24}{cost.wall_seconds:>8.1f}{cost.processor_seconds:>8.1f}{cost.peak_gib:>10.2f}"
    )


def sum_wall(costs: dict[str, Cost]) -> float:
    """Wall seconds of several stages."""
    return sum(cost.wall_seconds for cost in costs.values())


def shown(metrics: dict[str, Any], label: str) -> str:
    """A metric of the report or of its comparison with the truth, where it was measured."""
    value = {**metrics, **metrics["truth"]}[label]
    return "not measured" if value is None else f"{value:.5g}"


if __name__ == "__main__":
    main()
