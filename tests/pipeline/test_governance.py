"""From a validated candidate to a promoted champion, and on to its challenger."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Reports = Callable[[str], dict[str, Any]]


def reports_of(project: Any) -> Reports:
    """A reader of the project's reports."""

    def read(name: str) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((project.folder / f"reports/{name}.json").read_text())
        return content

    return read


@pytest.fixture(scope="module")
def later_project(finished_project: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The finished project a month later, with a tenth more applicants, run to its end again."""
    folder = tmp_path_factory.mktemp("later") / "project"
    shutil.copytree(finished_project.folder, folder, symlinks=True)
    project = type(finished_project)(folder)
    project.set_params({"ingest": {"synthetic": {"applicants": 2_200}}})
    process = project.repro()
    assert process.returncode == 0, process.stdout + process.stderr
    return project


@pytest.mark.slow
def test_the_first_model_becomes_champion(finished_project: Any) -> None:
    """The pipeline ends with a promoted version, and all reports are about the same bundle."""
    read = reports_of(finished_project)
    transition = read("registry_transition")
    assert transition["decision"] in {
        "promoted",
        "already champion",
    }  # another test may run it again
    assert transition["to_version"] == "1"
    about = {
        read(name)["bundle_sha256"]
        for name in (
            "test_metrics",
            "drift_report",
            "post_training_validation",
            "registry_promotion",
            "canary_report",
            "registry_transition",
        )
    }
    assert len(about) == 1


@pytest.mark.slow
def test_the_decision_is_in_a_whole_ledger(finished_project: Any) -> None:
    """`creditrisk ledger verify` finds the promotion's intent and outcome, and nothing amiss."""
    process = finished_project.command("creditrisk", "ledger", "verify")
    assert process.returncode == 0, process.stderr
    assert "Verdict  whole" in process.stdout
    shown = finished_project.command("creditrisk", "ledger", "show", "--kind", "promotion").stdout
    assert "intended" in shown
    assert "promoted" in shown


@pytest.mark.slow
def test_the_report_measures_everything(finished_project: Any) -> None:
    """After a whole run no section of the report lacks its evidence."""
    html = (finished_project.folder / "reports/model_risk_report.html").read_text()
    assert "Not measured" not in html
    assert "CreditRiskPD version 1" in html
    assert not re.search(r"""(?:src|href)=["'](?!#)""", html)


@pytest.mark.slow
def test_a_report_without_evidence_says_so(finished_project: Any, tmp_path: Path) -> None:
    """A report that is missing, or about another model, is named where its figures would stand."""
    reports = tmp_path / "reports"
    shutil.copytree(finished_project.folder / "reports", reports)
    (reports / "canary_report.json").unlink()
    metrics = json.loads((reports / "test_metrics.json").read_text())
    (reports / "test_metrics.json").write_text(json.dumps({**metrics, "bundle_sha256": "0" * 64}))
    process = finished_project.command(
        *("creditrisk", "model-report", "--reports", str(reports)),
        *("--out", str(tmp_path / "report.html"), "--card", str(tmp_path / "card.md")),
    )
    assert process.returncode == 0, process.stderr
    assert "is about model 000000000000" in (tmp_path / "report.html").read_text()
    assert "canary_report.json, test_metrics.json" in process.stdout


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_later_month_brings_a_challenger(later_project: Any) -> None:
    """The second model is a second version, and the canary holds it against the first."""
    canary = reports_of(later_project)("canary_report")
    assert (canary["candidate"]["version"], canary["champion"]["version"]) == ("2", "1")
    assert canary["decision"] == "passed"
    assert {check["status"] for check in canary["checks"]} <= {"passed", "failed"}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_former_champion_can_come_back(later_project: Any) -> None:
    """A person rolls back; the ledger names who and why, and stays whole."""
    words = ("--approved-by", "R. Officer", "--reason", "Default rates rise")
    process = later_project.command("creditrisk", "rollback-model", *words)
    assert process.returncode == 0, process.stderr
    transition = reports_of(later_project)("registry_transition")
    assert (transition["decision"], transition["from_version"]) == ("rolled back", "2")
    assert transition["to_version"] == "1"
    assert later_project.command("creditrisk", "ledger", "verify").returncode == 0
    shown = later_project.command("creditrisk", "ledger", "show", "--last", "1").stdout
    assert "R. Officer" in shown
