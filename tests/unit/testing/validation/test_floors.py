from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from creditrisk.core.settings import EvaluateSettings, FloorSettings
from creditrisk.testing.checks import Check, attempt
from creditrisk.testing.evaluation import EvaluationReport, evaluate
from creditrisk.testing.scored_split import ScoredSplit
from creditrisk.testing.validation.evidence import Evidence, EvidencePaths
from creditrisk.testing.validation.floors import rules

ROWS = 6_000


def report(pd: Any = None, *, seed: int = 0, rows: int = ROWS) -> EvaluationReport:
    """The metrics of applicants whose outcomes are drawn from PDs; scored with them, or changed."""
    generator = np.random.default_rng(seed)
    risk = 1 / (1 + np.exp(2.8 - 1.2 * generator.standard_normal(rows)))
    target = (generator.random(rows) < risk).astype(np.int8)
    scores = risk if pd is None else np.asarray(pd(risk), np.float64)
    sample = ScoredSplit(np.arange(rows), target, scores, "5" * 64)
    return evaluate(
        "test", sample, bundle_sha256="b" * 64, threshold=0.15, settings=EvaluateSettings()
    )


def checks(
    folder: Path, test: EvaluationReport, train: EvaluationReport | None = None, **floors: Any
) -> dict[str, Check]:
    """The checks of two reports by id."""
    files = {name: folder / name for name in ("test_metrics", "train_metrics")}
    for path in files.values():
        path.write_text("{}")
    evidence = SimpleNamespace(
        paths=cast("EvidencePaths", SimpleNamespace(**files)),
        test_metrics=test,
        train_metrics=train or test,
    )
    found = rules(cast("Evidence", evidence), FloorSettings(**floors))
    return {rule.id: attempt(rule, lambda _: "0" * 64, required=True) for rule in found}


def failing(found: dict[str, Check]) -> set[str]:
    """The checks that did not pass."""
    return {name for name, check in found.items() if check.status != "passed"}


def test_true_pds_pass_every_floor(tmp_path: Path) -> None:
    """A model that knows the risk clears all bars."""
    assert failing(checks(tmp_path, report())) == set()


@pytest.mark.parametrize(
    ("pd", "failed"),
    [
        (lambda risk: risk * 0.4, {"ece"}),
        (lambda risk: risk**2, {"calibration_slope", "ece", "brier_skill"}),
        (np.sqrt, {"calibration_slope", "ece"}),
        (np.random.default_rng(1).permutation, {"roc_auc", "ks"}),
    ],
    ids=["too low", "too extreme", "too timid", "random"],
)
def test_a_defect_fails_its_floor(tmp_path: Path, pd: Any, failed: set[str]) -> None:
    """Untrue levels, untrue spread and poor ranking are each caught by the metric for them."""
    assert failed <= failing(checks(tmp_path, report(pd)))


def test_a_floor_is_judged_by_the_interval(tmp_path: Path) -> None:
    """An AUC above the floor whose interval reaches below it fails."""
    few = report(rows=400)
    found = checks(tmp_path, few, min_roc_auc=few.roc_auc - 0.01)
    assert found["roc_auc"].status == "failed"
    assert found["roc_auc"].values["low"] < few.roc_auc - 0.01


def test_a_band_fails_only_wholly_outside(tmp_path: Path) -> None:
    """A slope outside the band whose interval meets it passes: chance may explain it."""
    band = {"low": 0.2, "high": report().calibration_slope - 0.01}  # type: ignore[operator]
    assert (
        checks(tmp_path, report(), calibration_slope=band)["calibration_slope"].status == "passed"
    )
    far = {"low": 0.2, "high": 0.7}
    assert checks(tmp_path, report(), calibration_slope=far)["calibration_slope"].status == "failed"


def test_a_slope_that_does_not_exist_is_not_measured(tmp_path: Path) -> None:
    """One PD for all has no slope, which is no pass."""
    found = checks(tmp_path, report(lambda risk: np.full_like(risk, 0.1)))
    assert found["calibration_slope"].status == "not measured"


def test_a_model_that_remembers_is_caught(tmp_path: Path) -> None:
    """A train AUC beyond the test AUC by more than the bar and chance fails."""
    sharp = report()
    blunt = report(np.random.default_rng(2).permutation)
    assert checks(tmp_path, blunt, sharp)["train_test_gap"].status == "failed"
    assert checks(tmp_path, blunt, sharp, max_auc_gap=0.4)["train_test_gap"].status == "passed"
