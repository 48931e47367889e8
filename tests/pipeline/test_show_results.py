"""What `make demo` prints at its end."""

from __future__ import annotations

import json
from typing import Any

import pytest

PRINT = ("python", "-m", "creditrisk.pipelines.show_results")


@pytest.mark.slow
def test_the_table_shows_what_the_reports_hold(finished_project: Any) -> None:
    """Applicants, seconds and every headline metric are those of the reports."""
    shown = finished_project.command(*PRINT, "--seconds", "12.4").stdout
    measured = json.loads((finished_project.folder / "reports/test_metrics.json").read_text())
    rows = {words[0]: words[1:] for words in map(str.split, shown.splitlines()) if words}
    assert rows["Applicants"] == ["2,000"]
    assert rows["Seconds"] == ["12"]
    assert rows["Gini"] == [f"{measured['gini']:.4f}"]
    assert "version 1," in " ".join(rows["Registry"])
    assert f"{100 * measured['truth']['share_of_attainable_gini']:.1f} %" in shown


@pytest.mark.slow
def test_seconds_are_left_out_where_nobody_measured(finished_project: Any) -> None:
    """Without `--seconds` the table says nothing about time."""
    assert "Seconds" not in finished_project.command(*PRINT).stdout


@pytest.mark.slow
def test_missing_reports_are_named(finished_project: Any) -> None:
    """Without a run there is nothing to print, and the message says which file is absent."""
    process = finished_project.command(*PRINT, "--reports", "nowhere")
    assert process.returncode == 1
    assert "nowhere/ingestion_summary.json does not exist" in process.stderr
