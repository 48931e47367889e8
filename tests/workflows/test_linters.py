"""What actionlint and zizmor say of the workflows, and that they would say it of a mistake.

CREDITRISK_ACTIONLINT names the script of an installed actionlint for node (`.ci/run` installs it).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from workflow_files import FOLDER

# Mistakes that a schema does not see, each with a word of what actionlint says about it.
MISTAKES = {
    ("env.HAS_REMOTE == 'true'", "secrets.DVC_REMOTE_URL != ''"): "secrets",
    ("needs: [model, images]", "needs: [model, pictures]"): "pictures",
    ("steps.push.outputs.api", "steps.pushed.outputs.api"): "pushed",
    ("timeout-minutes", "timeout-hours"): "timeout-hours",
}


@pytest.fixture(scope="module")
def actionlint() -> Path:
    if "CREDITRISK_ACTIONLINT" in os.environ and shutil.which("node"):
        return Path(os.environ["CREDITRISK_ACTIONLINT"])
    pytest.skip("needs node and CREDITRISK_ACTIONLINT, the script of an installed actionlint")


def linted(script: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    words = ["node", str(script), f"{folder}/*.yaml"]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def audited(*files: Path) -> subprocess.CompletedProcess[str]:
    words = (Path(sys.executable).parent / "zizmor", "--offline", "--no-progress", "--pedantic")
    return subprocess.run([*words, *files], capture_output=True, text=True, check=False)


@pytest.mark.external
def test_actionlint_finds_nothing(actionlint: Path) -> None:
    """Syntax, contexts, expressions, inputs of actions and dependencies of jobs are right."""
    process = linted(actionlint, FOLDER)
    assert process.returncode == 0, process.stdout
    assert "Checking 3 workflow file(s)" in process.stdout


@pytest.mark.external
def test_actionlint_sees_mistakes(actionlint: Path, tmp_path: Path) -> None:
    """Mistakes that GitHub would only tell after the push are found here, each of them."""
    text = (FOLDER / "cd.yaml").read_text()
    for mistake, word in MISTAKES.items():
        assert mistake[0] in text
        (tmp_path / f"{word}.yaml").write_text(text.replace(*mistake))
    process = linted(actionlint, tmp_path)
    findings = [line.partition(".yaml:")[::2] for line in process.stdout.splitlines()]
    assert process.returncode == 1
    for word in MISTAKES.values():
        assert any(path.endswith(word) and word in finding for path, finding in findings), word


def test_zizmor_finds_nothing() -> None:
    """No finding of security, those that are a matter of taste included."""
    process = audited(FOLDER)
    assert process.returncode == 0, process.stdout


def test_zizmor_sees_a_mistake(tmp_path: Path) -> None:
    """A name of a branch in a shell step, through which a stranger runs code, is found."""
    text = (FOLDER / "ci.yaml").read_text()
    file = tmp_path / ".github/workflows/ci.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(text.replace("run: make lint", "run: make lint ${{ github.head_ref }}"))
    process = audited(file)
    assert process.returncode != 0
    assert "template-injection" in process.stdout
