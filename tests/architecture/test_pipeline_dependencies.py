"""`dvc.yaml` tells DVC exactly what each stage depends on."""

from __future__ import annotations

import ast
import importlib
import inspect
from functools import cache
from pathlib import Path
from typing import Any

import grimp
import pytest
import yaml

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"
STAGES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]

# Its result is a hash of all source files, so it depends on all of them.
DEPENDS_ON_ALL_SOURCE = "record_lineage"
# Runs every time, whatever changed.
ALWAYS_RUNS = {name for name, stage in STAGES.items() if stage.get("always_changed")}
# Kept in git: names what ingestion adds to its source.
TRACKED = {"snapshots/labelled.json"}
# Resources never change a result.
RESULT_NEUTRAL_SECTIONS = {"resources"}


@cache
def import_graph() -> grimp.ImportGraph:
    return grimp.build_graph("creditrisk")


def module_of(stage: str) -> str:
    return str(STAGES[stage]["cmd"]).split()[2]


def source_path(module: str) -> str:
    """The path that stands for a module in `deps`: its package, or itself among the pipelines."""
    parts = module.split(".")
    if parts[1] == "pipelines":
        return f"src/{'/'.join(parts)}.py"
    return f"src/{'/'.join(parts[:2])}"


def imported_source(stage: str) -> set[str]:
    module = module_of(stage)
    modules = import_graph().find_upstream_modules(module) | {module}
    return {source_path(name) for name in modules if name.count(".") > 1}


def declared_source(stage: str) -> set[str]:
    return {path for path in STAGES[stage]["deps"] if path.startswith("src/")}


def sections_read(stage: str) -> set[str]:
    """Sections of the settings that the stage's module names as `settings.SECTION`.

    A module that takes its section from a flag reads the one that the stage's command names, or
    the flag's default.
    """
    module = module_of(stage)
    tree = ast.parse((SOURCE / f"{module.replace('.', '/')}.py").read_text())
    named = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "settings"
    }
    return named | section_by_flag(stage, module)


def section_by_flag(stage: str, module: str) -> set[str]:
    flag = inspect.signature(importlib.import_module(module).main).parameters.get("section")
    if flag is None:
        return set()
    words = str(STAGES[stage]["cmd"]).split()
    return {words[words.index("--section") + 1] if "--section" in words else flag.default.value}


@pytest.mark.parametrize("stage", sorted(set(STAGES) - ALWAYS_RUNS - {DEPENDS_ON_ALL_SOURCE}))
def test_deps_are_the_import_closure(stage: str) -> None:
    """A stage lists each package it imports, directly or not, and no other."""
    assert declared_source(stage) == imported_source(stage)


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_params_are_the_sections_read(stage: str) -> None:
    """A stage lists each section of params.yaml that its module reads, and no other."""
    declared = {name.split(".")[0] for name in STAGES[stage].get("params", [])}
    assert declared == sections_read(stage) - RESULT_NEUTRAL_SECTIONS


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_what_is_read_is_some_stage_s_out(stage: str) -> None:
    """Every dependency is source code, a file that git tracks, or the out of another stage."""
    outs = {path for name in STAGES for path in outs_of(name)}
    read = {path for path in STAGES[stage]["deps"] if not path.startswith("src/")}
    assert read <= outs | TRACKED
    assert all((ROOT / path).exists() for path in read & TRACKED)


def test_each_file_has_one_writer() -> None:
    """No path is the out of two stages."""
    outs = [path for name in STAGES for path in outs_of(name)]
    assert len(outs) == len(set(outs))


def outs_of(stage: str) -> list[str]:
    listed = (STAGES[stage].get(kind, []) for kind in ("outs", "metrics", "plots"))
    return [path if isinstance(path, str) else next(iter(path)) for kind in listed for path in kind]
