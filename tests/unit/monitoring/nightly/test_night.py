from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from creditrisk.core.files import sha256_of
from creditrisk.core.process_lock import LockHeld, held
from creditrisk.monitoring.nightly.night import NightFiles, run_night
from creditrisk.monitoring.nightly.plan import Step
from creditrisk.monitoring.nightly.report import NightlyReport, StepRecord

GENEROUS_SECONDS = 120.0


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("reports").mkdir()


def shell(name: str, line: str, **more: object) -> Step:
    return Step(name, ("sh", "-c", line), **more)  # type: ignore[arg-type]


def night(*steps: Step, summary: Path | None = None) -> tuple[NightlyReport, dict[str, StepRecord]]:
    report = run_night(steps, NightFiles(summary=summary))
    return report, {step.name: step for step in report.steps}


def test_a_night_without_fault_succeeds() -> None:
    """All steps ended with 0: the night succeeded, and its file says what was returned."""
    report, records = night(shell("one", "true"), shell("two", "true"))
    assert report.status == "succeeded"
    assert {record.exit_code for record in records.values()} == {0}
    assert NightlyReport.read(Path("reports/nightly.json")) == report


@pytest.mark.parametrize(
    ("line", "status", "exit_code"),
    [("exit 1", "refused", 1), ("exit 255", "failed", 255), ("kill -9 $$", "failed", -9)],
)
def test_one_bad_step_refuses_the_night(line: str, status: str, exit_code: int) -> None:
    """A refusal, an error and a kill are told apart, and what needs nothing of them is still run."""
    report, records = night(shell("bad", line), shell("next", "true"))
    assert (records["bad"].status, records["bad"].exit_code) == (status, exit_code)
    assert records["next"].status == "succeeded"
    assert report.status == "refused"


def test_what_needs_a_failed_step_is_not_run() -> None:
    """It says which step was missing."""
    _, records = night(shell("bad", "exit 1"), shell("after", "touch ran", needs=("bad",)))
    assert (records["after"].status, records["after"].why) == ("not run", "bad refused")
    assert not Path("ran").exists()


def test_what_is_not_configured_refuses_nothing() -> None:
    """It is named with its reason, and the night succeeds without it."""
    report, records = night(shell("one", "true"), shell("pull", "false", missing="no remote"))
    assert report.status == "succeeded"
    assert records["pull"].why == "no remote"
    assert "not configured: pull" in report.sentence()


def test_the_bundle_is_restored_only_where_it_is_gone() -> None:
    """After a failed pipeline DVC's last bundle comes back, where the failure took it away."""
    restore = shell("restore", "touch restored", only_after_failure_of="pipeline")
    manifest = Path("models/credit_risk_pd/manifest.json")
    for line in (
        "true",
        "mkdir -p models/credit_risk_pd; touch models/credit_risk_pd/manifest.json; false",
    ):
        assert night(shell("pipeline", line), restore)[1]["restore"].status == "not needed"
    manifest.unlink()
    assert night(shell("pipeline", "false"), restore)[1]["restore"].status == "succeeded"
    assert Path("restored").exists()


def test_a_step_lists_what_it_wrote() -> None:
    """New and replaced reports are named with their hashes, untouched ones are not."""
    Path("reports/old.json").write_text("{}")
    _, records = night(shell("one", "echo 1 > reports/new.json"))
    (written,) = records["one"].wrote
    assert (written.path, written.sha256) == ("reports/new.json", sha256_of(Path(written.path)))


def test_the_summary_is_appended() -> None:
    """The page keeps what stood on it, and shows each step with the last words of a bad one."""
    summary = Path("summary.md")
    summary.write_text("before\n")
    night(shell("one", "echo '| no <space> left'; exit 1"), summary=summary)
    text = summary.read_text()
    assert text.startswith("before\n## Night refused")
    assert "| one | refused | 1 |" in text
    assert "    | no <space> left" in text


def test_a_report_that_cannot_be_written_refuses_the_night(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Steps go on, last night's report does not stand for this one, and somebody is told."""
    Path("reports/nightly.json").write_text("of last night")
    breaks = shell("one", "rm reports/nightly.json; mkdir -p reports/nightly.json/full")
    report, records = night(breaks, shell("two", "true"))
    assert (report.status, records["two"].status) == ("refused", "succeeded")
    assert "reports/nightly.json was not written" in capfd.readouterr().err


def test_one_night_at_a_time() -> None:
    """Another night is refused and leaves the first one's report alone."""
    Path("reports/nightly.json").write_text("of the other")
    with held(Path("reports/nightly.lock"), "The night"), pytest.raises(LockHeld):
        night(shell("one", "true"))
    assert Path("reports/nightly.json").read_text() == "of the other"


def test_what_a_step_left_at_work_holds_the_night() -> None:
    """A night that was killed is over when its children are."""
    process = started(["Step('one', ('sh', '-c', 'echo $$ > group; touch running; sleep 600'))"])
    wait_for(Path("running"))
    process.kill()
    process.wait()
    with pytest.raises(LockHeld):
        night(shell("one", "true"))
    assert NightlyReport.read(Path("reports/nightly.json")).status == "running"
    os.killpg(int(Path("group").read_text()), signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_night_that_is_told_to_end_says_so(number: signal.Signals) -> None:
    """Its child ends with it, later steps are named as not run, and the exit is not 0."""
    lines = ["Step('one', ('sh', '-c', 'touch running; sleep 600'))", "Step('two', ('true',))"]
    process = started(lines)
    wait_for(Path("running"))
    process.send_signal(number)
    assert process.wait(GENEROUS_SECONDS) == 3
    report = NightlyReport.read(Path("reports/nightly.json"))
    assert report.status == "interrupted"
    assert [step.status for step in report.steps] == ["interrupted", "not run"]
    with held(Path("reports/nightly.lock"), "What is left"):
        pass


def started(steps: list[str]) -> subprocess.Popen[bytes]:
    """A night as a process; it exits 3 unless it succeeded."""
    code = f"""
import sys
from creditrisk.monitoring.nightly.night import NightFiles, run_night
from creditrisk.monitoring.nightly.plan import Step
report = run_night([{", ".join(steps)}], NightFiles())
sys.exit(0 if report.status == 'succeeded' else 3)
"""
    return subprocess.Popen([sys.executable, "-c", code])


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + GENEROUS_SECONDS
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_stage_that_refused_is_named() -> None:
    """DVC ends with 255 whatever a stage said; the reason names the stage."""
    line = "echo \"ERROR: failed to reproduce 'fit_model': failed to run\"; exit 255"
    _, records = night(shell("pipeline", line))
    assert records["pipeline"].why == "exit code 255 of stage fit_model"
