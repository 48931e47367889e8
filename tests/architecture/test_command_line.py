"""The `creditrisk` command and the stages behind it."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from creditrisk import cli

# Each costs a process half a second to ten seconds, so none may be loaded before it is needed.
HEAVY = {"dvc", "ibis", "lightgbm", "matplotlib", "mlflow", "pandas", "pandera", "scipy", "sklearn"}


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def modules_loaded_by(code: str) -> set[str]:
    process = python(f"import sys\n{code}\nprint(*{{name.split('.')[0] for name in sys.modules}})")
    assert process.returncode == 0, process.stderr
    return set(process.stdout.split())


def creditrisk(*arguments: str) -> subprocess.CompletedProcess[str]:
    return python(f"from creditrisk.cli import main; main({list(arguments)!r})")


def test_help_names_every_command_with_its_meaning() -> None:
    """A newcomer sees each command and the first line of its module's docstring."""
    shown = creditrisk("--help").stdout
    for command, module in cli.COMMANDS.items():
        docstring = importlib.import_module(f"creditrisk.pipelines.{module}").__doc__ or ""
        assert f"  {command:<22}{docstring.splitlines()[0]}" in shown


def test_an_unknown_command_is_misuse() -> None:
    """A word that names no command exits 2 and shows the words that do."""
    process = creditrisk("promote")
    assert process.returncode == 2
    assert "no command 'promote'" in process.stderr
    assert "fit-model" in process.stderr


def test_version_is_the_package_s() -> None:
    """`--version` prints the installed version."""
    assert creditrisk("--version").stdout.startswith("creditrisk 0.")


@pytest.mark.parametrize("module", sorted(set(cli.COMMANDS.values())))
def test_importing_a_stage_loads_no_heavy_library(module: str) -> None:
    """Heavy libraries are imported by the function that needs them, never with the module."""
    assert not modules_loaded_by(f"import creditrisk.pipelines.{module}") & HEAVY


@pytest.mark.parametrize("command", sorted(cli.COMMANDS))
def test_every_command_explains_its_options(command: str) -> None:
    """`creditrisk COMMAND --help` exits 0 and lists options."""
    process = creditrisk(command, "--help")
    assert process.returncode == 0, process.stderr
    assert "--help" in process.stdout
