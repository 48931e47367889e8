"""Source, libraries and commit."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from creditrisk.mlops import provenance


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A source tree with one file in each place that the hash covers."""
    for package in provenance.MODEL_SOURCE_PACKAGES:
        (tmp_path / package).mkdir()
        (tmp_path / package / "part.py").write_text(f"# {package}\n")
    (tmp_path / "pipelines").mkdir()
    for module in provenance.MODEL_SOURCE_MODULES:
        (tmp_path / module).write_text("# stage\n")
    monkeypatch.setattr(provenance, "files", lambda _: tmp_path)
    return tmp_path


@pytest.mark.parametrize("changed", ["models/part.py", "core/part.py", "pipelines/command.py"])
def test_a_changed_file_changes_the_hash(source: Path, changed: str) -> None:
    """The hash covers the packages and the modules of the stage."""
    before = provenance.source_sha256()
    (source / changed).write_text("# other\n")
    assert provenance.source_sha256() != before


def test_a_moved_line_between_files_changes_the_hash(source: Path) -> None:
    """Names and lengths are part of it, not only the joined content."""
    before = provenance.source_sha256()
    (source / "core/part.py").write_text("# core\n# features\n")
    (source / "features/part.py").write_text("")
    assert provenance.source_sha256() != before


@pytest.mark.parametrize("ignored", ["models/__pycache__/x.py", "models/x.pyc", "data/x.py"])
def test_what_does_not_make_the_model_is_left_out(source: Path, ignored: str) -> None:
    """Compiled files and packages that no fit runs do not matter."""
    before = provenance.source_sha256()
    (source / ignored).parent.mkdir(exist_ok=True)
    (source / ignored).write_text("")
    assert provenance.source_sha256() == before


def test_every_hashed_file_is_a_dep_of_the_stage() -> None:
    """DVC trains anew whenever the hash would change."""
    stages = yaml.safe_load((Path(__file__).parents[3] / "dvc.yaml").read_text())["stages"]
    hashed = (*provenance.MODEL_SOURCE_PACKAGES, *provenance.MODEL_SOURCE_MODULES)
    assert {f"src/creditrisk/{path}" for path in hashed} <= set(stages["fit_model"]["deps"])


@pytest.mark.parametrize(
    ("model_type", "library", "other"),
    [("lightgbm", "lightgbm", "xgboost-cpu"), ("xgboost", "xgboost-cpu", "lightgbm")],
)
def test_versions_are_those_of_the_model_s_libraries(
    model_type: str, library: str, other: str
) -> None:
    """A bundle names the libraries that can change its scores, and no others."""
    versions = provenance.library_versions(model_type)
    assert library in versions
    assert other not in versions


def test_the_commit_is_that_of_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit is read from the checkout that the process runs in."""
    monkeypatch.chdir(tmp_path)
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["init", "-q"], [*identity, "commit", "-q", "--allow-empty", "-m", "first"]):
        subprocess.run(["git", *words], check=True)  # noqa: S607
    head = subprocess.check_output(["git", "rev-parse", "HEAD"], text=True)  # noqa: S607
    assert provenance.git_commit() == head.strip()


def test_outside_a_checkout_the_commit_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No commit is made up."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert provenance.git_commit() == "unknown"


def test_without_git_the_commit_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without git can still train."""
    monkeypatch.setenv("PATH", "")
    assert provenance.git_commit() == "unknown"
