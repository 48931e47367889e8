"""Every command, flag, target, stage, script and path that a workflow names exists."""

from __future__ import annotations

import importlib
import re
import subprocess
from collections.abc import Callable

import pytest
import typer
from workflow_files import FILES, ROOT, Job, all_jobs, called, workflow

from creditrisk.cli import COMMANDS
from creditrisk.mlops.deployment import WORKFLOWS

CALLS = sorted({(str(job), *words) for job in all_jobs() for words in called(job)})


def check_creditrisk(name: str, *arguments: str) -> None:
    """The command is there and takes these arguments, of these types."""
    app = typer.Typer(add_completion=False)
    app.command()(importlib.import_module(f"creditrisk.pipelines.{COMMANDS[name]}").main)
    typer.main.get_command(app).make_context(name, list(arguments))


def check_dvc(*arguments: str) -> None:
    """DVC takes these arguments, and the stages are in dvc.yaml."""
    import yaml
    from dvc.cli.parser import get_main_parser

    parsed = get_main_parser().parse_args(list(arguments))
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    assert set(parsed.targets) <= set(stages)


def check_make(*targets: str) -> None:
    """Make knows how to make each target."""
    words = ["make", "--dry-run", *targets]
    process = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr


def check_module(*arguments: str) -> None:
    """`python -m MODULE` is importable and what it is given lies here."""
    flag, module, *rest = arguments
    assert flag == "-m"
    importlib.import_module(module)
    check_paths(*rest)


def check_paths(*arguments: str) -> None:
    """Each argument that is no flag is a path of the repository."""
    assert all((ROOT / word).exists() for word in arguments if not word.startswith("-"))


def check_script(*words: str) -> None:
    """A script of the repository that can be run."""
    assert (ROOT / words[0]).stat().st_mode & 0o100


def check_as_root(*words: str) -> None:
    """The command behind sudo and env."""
    rest = [word for word in words if not word.startswith(("-", "PATH=")) and word != "env"]
    check_call(rest)


CHECKS: dict[str, Callable[..., None]] = {
    "creditrisk": check_creditrisk,
    "dvc": check_dvc,
    "make": check_make,
    "python": check_module,
    "pytest": check_paths,
    "sudo": check_as_root,
}


def check_call(words: list[str]) -> None:
    if "/" in words[0]:
        check_script(*words)
    else:
        CHECKS[words[0]](*words[1:])


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_a_call_can_be_made(call: tuple[str, ...]) -> None:
    """What a step calls exists and takes what it is given; a program that no check knows fails here."""
    check_call(list(call[1:]))


@pytest.mark.parametrize("job", all_jobs(), ids=str)
def test_paths_of_actions_are_the_project_s(job: Job) -> None:
    """What actions read and write lies where the project's commands write."""
    inputs = [step.get("with", {}) for step in job.steps]
    named = [value for part in inputs for name, value in part.items() if name.endswith("path")]
    paths = {path for value in named for path in value.split()}
    assert all(path.partition("/")[0] in {"reports", "models"} for path in paths)


def test_the_manifest_lists_these_workflows() -> None:
    """The deployment manifest names the files that are here."""
    assert [f".github/workflows/{file}" for file in FILES] == list(WORKFLOWS)


def test_settings_are_documented() -> None:
    """Each variable and secret that a workflow reads has a row in the document, and no other has."""
    text = "".join((ROOT / ".github/workflows" / file).read_text() for file in FILES)
    read = set(re.findall(r"\b(?:vars|secrets)\.([A-Z_]+)", text))
    chapter = (ROOT / "docs/deployment.md").read_text().partition("## Workflows")[2]
    rows = set(re.findall(r"^\| `([A-Z_]+)` \| (?:variable|secret) ", chapter, re.MULTILINE))
    assert rows == read


def test_workflows_are_whole() -> None:
    """Each file has jobs; an empty one would pass all of this."""
    assert all(workflow(file)["jobs"] for file in FILES)
