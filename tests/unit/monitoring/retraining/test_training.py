"""What ran, how it ended and what it changed is read off the real `dvc`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from creditrisk.monitoring.retraining.training import TrainedFiles, TrainedState, run_pipeline

STAGES = """
stages:
  make_table:
    cmd: {python} -c "open('table', 'w').write('rows')"
    outs: [table]
  check_table:
    cmd: {python} -c "raise SystemExit({code})"
    deps: [table]
    always_changed: true
"""


@pytest.fixture
def pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of git and DVC, and the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    scripts = Path(sys.executable).parent
    for words in (("git", "init", "-q"), (str(scripts / "dvc"), "init", "-q")):
        subprocess.run(words, check=True)
    return tmp_path


@pytest.mark.slow
def test_the_failed_stage_is_read_off_dvc(
    pipeline: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Exit code, stage and last lines are DVC's; what it says is shown as it comes."""
    (pipeline / "dvc.yaml").write_text(STAGES.format(python=sys.executable, code=3))
    done = run_pipeline(("dvc", "repro", "check_table"))
    assert (done.exit_code > 0, done.failed_stage) == (True, "check_table")
    assert "exited with 3" in done.last_lines
    assert "Running stage 'make_table'" in capfd.readouterr().err


@pytest.mark.slow
def test_a_pipeline_that_ends_well_names_no_stage(pipeline: Path) -> None:
    """Without a failure there is no failed stage."""
    (pipeline / "dvc.yaml").write_text(STAGES.format(python=sys.executable, code=0))
    done = run_pipeline(("dvc", "repro", "check_table"))
    assert (done.exit_code, done.failed_stage) == (0, None)


def test_only_the_last_lines_are_kept() -> None:
    """A report stays small however much a pipeline says."""
    done = run_pipeline((sys.executable, "-c", "for n in range(1000): print('line', n)"))
    assert done.last_lines.splitlines() == [f"line {n}" for n in range(988, 1000)]


def test_lines_that_are_no_text_are_shown_all_the_same() -> None:
    """A byte that is no UTF-8 stops nothing."""
    script = "import sys; sys.stdout.buffer.write(bytes([255, 10]))"
    assert run_pipeline((sys.executable, "-c", script)).exit_code == 0


def test_the_state_is_the_hashes_of_what_lies_there(tmp_path: Path) -> None:
    """What does not exist has no hash; other content has another one."""
    files = TrainedFiles(tmp_path / "train.parquet", tmp_path / "manifest.json")
    assert files.state() == TrainedState(training_sha256=None, bundle_sha256=None)
    (tmp_path / "manifest.json").write_text("one")
    first = files.state()
    (tmp_path / "manifest.json").write_text("two")
    assert first.training_sha256 is None
    assert first.bundle_sha256 != files.state().bundle_sha256
