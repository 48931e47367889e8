"""One trigger, not one an hour, and a record whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from watched_project import ADDED, CHANGES, CHANGES_NOTHING, FAILS, WatchedProject, nobody_new

from creditrisk.core.errors import CreditRiskError
from creditrisk.core.process_lock import LockHeld
from creditrisk.monitoring.retraining.report import RETRAIN_FAILED, RETRAIN_REFUSED, RETRAIN_WANTED
from creditrisk.monitoring.retraining.snapshot import NewData

HERE = Path(__file__).parent
QUIET, DRIFT = 0.0, 0.5


@pytest.fixture
def project(tmp_path: Path) -> WatchedProject:
    """A project whose last two windows drifted, with outcomes that raise no alarm."""
    made = WatchedProject(tmp_path)
    (tmp_path / "train.parquet").write_text("rows")
    (tmp_path / "manifest.json").write_text("model")
    made.drifted(QUIET, DRIFT, DRIFT)
    made.judged()
    return made


def test_persistent_drift_retrains(project: WatchedProject) -> None:
    """The pipeline runs on new data; what it changed is recorded, and what comes next."""
    done = project.ask()
    assert (done.decision, done.result, done.exit_code) == ("retrain", "changed", 0)
    assert "drift persists" in done.why
    assert done.new_data == ADDED
    assert done.before
    assert done.after
    assert done.before.bundle_sha256 != done.after.bundle_sha256
    assert done.before.training_sha256 != done.after.training_sha256
    assert done.next_command == "dvc repro register_model"
    assert not done.has_failed
    assert project.report() == done


def test_an_outcome_alarm_retrains(project: WatchedProject) -> None:
    """Known outcomes that contradict the PDs are enough."""
    project.drifted(QUIET, QUIET)
    project.judged("outcome_discrimination")
    done = project.ask()
    assert (done.decision, done.result) == ("retrain", "changed")
    assert done.why.startswith("outcomes raise an alarm: outcome_discrimination")
    assert project.ask(at=21).decision == "no trigger"


def test_a_person_retrains(project: WatchedProject) -> None:
    """A person needs no rule, and the reason is kept."""
    project.drifted(QUIET)
    done = project.ask(reason="new bureau contract")
    assert (done.decision, done.why) == ("retrain", "a person asks: new bureau contract")
    assert project.report().request.reason == "new bureau contract"


def test_quiet_rules_trigger_nothing(project: WatchedProject) -> None:
    """Where all rules are quiet nothing runs, and the report says so."""
    project.drifted(QUIET, DRIFT, QUIET)
    done = project.ask()
    assert (done.decision, done.result, done.has_failed) == ("no trigger", None, False)
    assert project.report() == done
    assert project.results() == []


@pytest.mark.parametrize("missing", ["history", "performance"])
@pytest.mark.parametrize("damaged", [True, False])
def test_what_is_not_measured_is_refused(
    project: WatchedProject,
    missing: str,
    damaged: bool,  # noqa: FBT001
) -> None:
    """Without one of its inputs automation never says 'no drift'; a person may go on."""
    project.drifted(QUIET, QUIET)
    path: Path = getattr(project.files, missing)
    path.write_text("{") if damaged else path.unlink()
    done = project.ask()
    assert (done.decision, done.alarms) == ("refused", (RETRAIN_REFUSED,))
    assert (done.has_failed, done.why.startswith("not measured")) == (True, True)
    assert project.report() == done
    assert project.ask(reason="it is time").result == "changed"


def test_a_rule_that_fires_needs_no_other(project: WatchedProject) -> None:
    """Drift that was measured triggers, although outcomes are not known yet."""
    project.files.performance.unlink()
    assert project.ask().decision == "retrain"


def test_without_a_model_nothing_is_decided(project: WatchedProject) -> None:
    """Where no model is watched there is no evidence about one."""
    done = project.ask(bundle_sha256=None)
    assert (done.decision, "no model" in done.why) == ("refused", True)


def test_inputs_stand_with_their_hashes(project: WatchedProject) -> None:
    """The report names what was read; what does not exist has no hash."""
    named = {Path(file.path).stem: file.sha256 for file in project.ask().inputs}
    assert list(named) == ["history", "performance", "pointer"]
    assert named["history"]
    assert named["performance"]
    assert named["pointer"] is None


def test_one_trigger_not_one_an_hour(project: WatchedProject) -> None:
    """Within the cool-down the next trigger is silenced, and the time is told."""
    project.ask()
    done = project.ask(at=19.9)
    assert (done.decision, done.result, done.has_failed) == ("cool-down", None, False)
    assert done.cool_down_until
    assert done.previous
    assert done.previous.result == "changed"
    assert project.results() == ["changed"]


def test_the_same_evidence_is_answered_once(project: WatchedProject) -> None:
    """After the cool-down it takes a window that was not seen before."""
    project.ask()
    done = project.ask(at=21)
    assert (done.decision, "was answered" in done.why) == ("no trigger", True)
    project.drifted(QUIET, DRIFT, DRIFT, DRIFT)
    assert project.ask(at=21).decision == "retrain"


def test_a_person_is_not_silenced(project: WatchedProject) -> None:
    """The cool-down is for automation."""
    project.ask()
    assert project.ask(at=0.1, reason="I know").result == "changed"
    assert project.ask(at=0.2).decision == "cool-down"


def test_a_failure_is_not_repeated_each_hour(project: WatchedProject) -> None:
    """What failed is tried again after the cool-down, on the same evidence."""
    assert project.ask(FAILS).result == "failed"
    assert project.ask(at=1).decision == "cool-down"
    assert project.ask(at=21).result == "changed"


def test_a_backward_clock_is_refused(project: WatchedProject) -> None:
    """A run of the future makes every cool-down meaningless."""
    project.ask(at=5)
    done = project.ask(at=0)
    assert (done.decision, "clock runs backwards" in done.why) == ("refused", True)


def test_unknown_earlier_runs_are_refused(project: WatchedProject) -> None:
    """With a damaged record no cool-down can be kept, until a person goes on."""
    project.files.runs.write_text("{")
    for _ in range(2):
        done = project.ask()
        assert (done.decision, "earlier runs are unknown" in done.why) == ("refused", True)
    project.ask(reason="looked at it")
    assert project.results() == ["changed"]


def test_a_dry_run_says_what_it_would_run(project: WatchedProject) -> None:
    """Without auto_retrain nothing is run or taken in, and the report says what would be."""
    done = project.ask(dry=True, take=nobody_new)
    assert (done.decision, done.result, done.exit_code) == ("retrain", "dry run", None)
    assert (done.alarms, done.has_failed) == ((RETRAIN_WANTED,), False)
    assert done.command
    assert done.command in done.sentence()
    assert (project.folder / "manifest.json").read_text() == "model"


def test_a_dry_run_silences_dry_runs_only(project: WatchedProject) -> None:
    """Said once is enough; but when automation is switched on, it acts."""
    project.ask(dry=True)
    assert project.ask(dry=True, at=1).decision == "cool-down"
    assert project.ask(at=1).result == "changed"


def test_unchanged_inputs_are_a_no_op(project: WatchedProject) -> None:
    """A pipeline that had nothing to do is not called a retraining."""
    done = project.ask(CHANGES_NOTHING, take=nobody_new)
    assert (done.result, done.exit_code, done.next_command) == ("unchanged", 0, None)
    assert done.after == done.before
    assert "anchor.json does not exist" in str(done.no_new_data_because)
    assert "nothing to do" in done.sentence()


def test_new_applicants_that_change_nothing_are_not_called_news(project: WatchedProject) -> None:
    """Where ingestion left all of them out, the model is as before, and that is said."""
    done = project.ask(CHANGES_NOTHING)
    assert (done.result, done.new_data) == ("unchanged", ADDED)
    assert "the source has them already" in done.sentence()


def test_a_failed_stage_is_named(project: WatchedProject) -> None:
    """Exit code, stage and last lines are kept, with what lies there now."""
    done = project.ask(FAILS)
    assert (done.result, done.exit_code) == ("failed", 1)
    assert done.failed_stage == "build_feature_store"
    assert "it is refused" in str(done.problem)
    assert done.before
    assert done.after
    assert done.after.training_sha256 != done.before.training_sha256
    assert (done.alarms, done.has_failed) == ((RETRAIN_FAILED,), True)
    assert project.report() == done


def test_a_command_that_is_not_there_fails(project: WatchedProject) -> None:
    """A machine without the pipeline's program is a failure, not a crash."""
    done = project.ask("import sys; os.execvp('/usr/bin/env', ['env', 'no-such-program'])")
    assert (done.result, done.exit_code) == ("failed", 127)


def test_data_that_cannot_be_taken_in_fail(project: WatchedProject) -> None:
    """Nothing is trained where known outcomes are damaged; the report says which step it was."""

    def damaged() -> NewData:
        raise CreditRiskError("Outcomes are not what was loaded")

    done = project.ask(take=damaged)
    assert (done.result, done.failed_stage) == ("failed", "labelled snapshot")
    assert (project.folder / "manifest.json").read_text() == "model"


def test_a_bug_leaves_a_record_too(project: WatchedProject) -> None:
    """An error that nobody foresaw is raised, and stands in the report."""

    def broken() -> NewData:
        raise ZeroDivisionError("by zero")

    with pytest.raises(ZeroDivisionError):
        project.ask(take=broken)
    assert (project.report().result, project.results()) == ("failed", ["failed"])


CALLER = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[1:2]
from watched_project import WatchedProject
print(WatchedProject(Path(sys.argv[2])).ask(sys.argv[3]).result)
"""
WAITS = (
    "import time; from pathlib import Path; Path('started').touch()\n"
    "for _ in range(2_000): Path('go').exists() or time.sleep(0.05)\n"
)


def other_call(project: WatchedProject, script: str) -> subprocess.Popen[str]:
    """A call in a process of its own, which has come as far as its pipeline."""
    words = [sys.executable, "-c", CALLER, str(HERE), str(project.folder), script]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not (project.folder / "started").exists():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            process.communicate()
            pytest.fail(f"the other call did not get to its pipeline, exit {process.returncode}")
        time.sleep(0.02)
    return process


def release(project: WatchedProject) -> None:
    (project.folder / "go").touch()


def test_of_two_calls_the_second_is_refused(project: WatchedProject) -> None:
    """The second says who is at it, and leaves the report to the first."""
    with other_call(project, WAITS + CHANGES) as first:
        with pytest.raises(LockHeld, match=f"held by process {first.pid} on "):
            project.ask(reason="me too")
        assert project.report().result == "running"
        release(project)
        assert first.communicate()[0].strip() == "changed"
    assert project.results() == ["changed"]


def test_a_second_call_can_wait(project: WatchedProject) -> None:
    """Whoever waits decides afterwards, on what the first left."""
    with other_call(project, WAITS + CHANGES):
        release(project)
        assert project.ask(wait_seconds=60).decision == "cool-down"


def test_the_lock_ends_with_the_work(project: WatchedProject) -> None:
    """A killed call's pipeline still runs: until it has ended, nobody starts another."""
    with other_call(project, WAITS) as first:
        os.kill(first.pid, signal.SIGKILL)
    with pytest.raises(LockHeld, match="or by what it started"):
        project.ask()
    release(project)
    assert project.ask(wait_seconds=60).result == "changed"


def test_a_killed_call_is_recognised(project: WatchedProject) -> None:
    """What a killed call left is called interrupted; it blocks nothing and silences nothing."""
    with other_call(project, WAITS) as first:
        os.kill(first.pid, signal.SIGKILL)
    assert project.report().result == "running"
    release(project)
    done = project.ask(wait_seconds=60)
    assert done.previous
    assert done.previous.result == "interrupted"
    assert (done.result, project.results()) == ("changed", ["interrupted", "changed"])
