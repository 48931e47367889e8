"""What a person asks DVC about a finished run."""

from __future__ import annotations

import json
from typing import Any

import pytest

COMMIT = (
    "git",
    *("-c", "user.name=Tester", "-c", "user.email=tester@example.org"),
    *("commit", "--quiet", "--all", "--message", "Run the pipeline"),
)


@pytest.mark.slow
def test_metrics_of_a_commit_can_be_compared(finished_project: Any) -> None:
    """`dvc metrics diff` finds the metrics of a commit although git does not hold the reports."""
    assert finished_project.command("git", "add", ".").returncode == 0
    assert finished_project.command(*COMMIT).returncode == 0
    shown = finished_project.command("dvc", "metrics", "diff", "--all", "--json", "HEAD")
    assert "failed to load" not in shown.stderr
    changes = json.loads(shown.stdout)
    test_auc = changes["reports/test_metrics.json"]["roc_auc"]
    assert test_auc["old"] == test_auc["new"] > 0.5


@pytest.mark.slow
def test_plots_are_drawn_from_the_test_side(finished_project: Any) -> None:
    """`dvc plots show` knows each curve by its axes."""
    shown = finished_project.command("dvc", "plots", "show", "--json")
    assert shown.returncode == 0, shown.stderr
    plots = json.loads(shown.stdout)
    assert not plots.get("errors")
    named = {"ROC", "Precision and recall", "KS", "Calibration", "Deciles", "Importance"}
    assert named <= set(plots["data"])
