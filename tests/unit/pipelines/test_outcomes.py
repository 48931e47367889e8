"""`creditrisk outcomes`: what it asks for, writes and exits with."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer

from creditrisk.ledger import DecisionLedger, NewDecision
from creditrisk.monitoring.outcomes.performance import PerformanceReport
from creditrisk.pipelines import outcomes

if TYPE_CHECKING:
    from webhook_server import Webhook

AS_OF = datetime(2026, 3, 1)  # noqa: DTZ001  # as typer gives it
DECISION = {
    "origin": {"received_at": "2025-01-15T10:00:00+00:00"},
    "sk_id_curr": 1,
    "probability": 0.05,
    "decision": "approve",
    "grade": "C",
    "model": {"bundle_sha256": "b" * 64},
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a ledger of one decision."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CREDITRISK_LEDGER_KEY", "a secret of the tests, 32 bytes and more")
    monkeypatch.delenv("CREDITRISK_LEDGER_URL", raising=False)
    monkeypatch.delenv("CREDITRISK_LEDGER_ANCHOR", raising=False)
    Path("params.yaml").write_text("monitoring: {outcomes: {window_days: 365}}")
    with DecisionLedger.open() as ledger:
        content = json.dumps(DECISION).encode()
        ledger.append([NewDecision("decision", "decision-1", "request-1", content)])
    return tmp_path


def filed(project: Path, *rows: str) -> str:
    """A file of outcomes."""
    path = project / "outcomes.csv"
    path.write_text("\n".join(["decision_id,TARGET,maturity_date", *rows]) + "\n")
    return str(path)


def load(file: str, **options: str) -> int | None:
    """Load a file; the exit code where it is not 0."""
    try:
        outcomes.main("load", file, as_of=AS_OF, **options)  # type: ignore[arg-type]
    except typer.Exit as end:
        return int(end.exit_code)
    return None


def test_a_load_is_told_in_one_line(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Loaded, known and refused are counted; refused rows lie beside the reports."""
    file = filed(project, "decision-1,1,2026-02-01", "decision-2,0,2026-02-01")
    assert load(file, by="an auditor") is None
    said = capsys.readouterr().out
    assert "1 outcomes loaded (1 defaults), 0 known, 1 refused (1 unknown)" in said
    refused = Path("reports/outcomes/outcomes.csv.refused.csv").read_text()
    assert "decision-2,,0,2026-02-01,unknown" in refused


def test_a_file_url_is_fetched(project: Path) -> None:
    """An address that fsspec knows is loaded as a path is."""
    import fsspec

    text = Path(filed(project, "decision-1,1,2026-02-01")).read_text()
    with fsspec.open("memory://bucket/outcomes.csv", "w") as stream:
        stream.write(text)
    assert load("memory://bucket/outcomes.csv") is None
    with DecisionLedger.open() as ledger:
        assert len([*ledger.outcomes().rows()]) == 1


def test_a_load_of_nothing_exits_1(project: Path) -> None:
    """Where not one outcome stands afterwards, a job that waits for it fails."""
    assert load(filed(project, "decision-9,1,2026-02-01")) == 1


def test_the_report_is_written(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`report` writes performance.json and says its headline."""
    load(filed(project, "decision-1,1,2026-02-01"))
    outcomes.main("report", as_of=AS_OF)
    report = PerformanceReport.read(Path("reports/performance.json"))
    assert (report.outcomes, report.loads, report.status) == (1, 1, "not measured")
    assert "not measured: 1 outcomes" in capsys.readouterr().out


def tampered(project: Path) -> None:
    """An outcome that is not what was loaded, which is an alarm."""
    load(filed(project, "decision-1,1,2026-02-01"))
    with DecisionLedger.open() as ledger, ledger._database.engine.connect() as connection:
        connection.exec_driver_sql("drop trigger outcomes_refuses_update")
        connection.exec_driver_sql("update outcomes set target = 0")
        connection.commit()


def test_an_alarm_is_posted_once(project: Path, hook: Webhook) -> None:
    """With --alert people hear of an alarm; a report without one posts nothing."""
    outcomes.main("report", as_of=AS_OF, alert=True)
    assert not hook.received
    tampered(project)
    for _ in range(2):
        outcomes.main("report", as_of=AS_OF, alert=True)
    (posted,) = hook.received
    assert posted["text"].startswith("[critical] outcome_integrity: ")


def test_an_alarm_fails_where_asked(project: Path) -> None:
    """`--fail-on-alarm` exits 1 after the report is written; else the exit code is 0."""
    tampered(project)
    outcomes.main("report", as_of=AS_OF)
    with pytest.raises(typer.Exit):
        outcomes.main("report", as_of=AS_OF, fail_on_alarm=True)
    assert PerformanceReport.read(Path("reports/performance.json")).status == "alarm"


@pytest.mark.parametrize(("action", "file"), [("load", None), ("report", "outcomes.csv")])
@pytest.mark.usefixtures("project")
def test_a_file_belongs_to_load_alone(action: str, file: str | None) -> None:
    """A missing file, or one that nobody reads, is misuse."""
    with pytest.raises(typer.BadParameter):
        outcomes.main(action, file)  # type: ignore[arg-type]
