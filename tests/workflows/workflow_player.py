"""Plays the jobs of a workflow here, as GitHub's runner would: shell steps for real, actions noted."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from github_expressions import NotPlayable, calls_status_function, evaluate, filled_in, is_true
from workflow_files import Job, called, workflow

_STAND_IN = """#!/usr/bin/env bash
printf '%s\\n' "${0##*/} $*" >> "$PLAY_CALLS"
printf '%s' "${PLAY_OUTPUT-}" >> "$GITHUB_OUTPUT"
[ "$(wc -l < "$PLAY_CALLS")" != "$PLAY_FAILS_AT" ]
"""
_FILES = ("GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_STEP_SUMMARY")
_STEP_KEYS = {"name", "id", "if", "uses", "with", "run", "env"}
_JOB_KEYS = {
    *("name", "runs-on", "timeout-minutes", "permissions", "environment", "strategy"),
    *("env", "steps", "outputs", "needs", "if"),
}
# What GitHub's shell is called with where the workflow says `shell: bash`.
_BASH = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c")


@dataclass(frozen=True)
class Repository:
    """What a repository's settings hold, and what set the workflow off."""

    variables: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    event: str = "push"

    def contexts(self, matrix: Mapping[str, str], needs: Mapping[str, Any]) -> dict[str, Any]:
        """The contexts of a job's expressions."""
        github = {
            "event_name": self.event,
            "ref": "refs/heads/main",
            "run_id": "1",
            "sha": "0" * 40,
            "workflow": "played",
            "repository": "lender/creditrisk",
            "event": {"repository": {"private": False}},
        }
        return {
            "vars": self.variables,
            "secrets": self.secrets,
            "github": github,
            "matrix": matrix,
            "needs": needs,
            "env": {},
            "steps": {},
        }


@dataclass
class Play:
    """What became of a job."""

    result: str = "success"
    steps: dict[str, str] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    uploads: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    summary: str = ""
    log: str = ""


@dataclass
class Runner:
    """A machine of GitHub's: a checkout, what the repository's settings hold, and its programs.

    Args:
        workspace: the checkout.
        repository: settings, and the event.
        programs: what is on PATH before the system's; `stand_ins` makes one.
        environment: variables of the machine besides GitHub's own.
        fails_at: the call, by its number, that fails: stand-ins and actions.
    """

    workspace: Path
    repository: Repository = field(default_factory=Repository)
    programs: tuple[Path, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    fails_at: int = 0

    def play(self, job: Job, needs: Mapping[str, Play] | None = None) -> Play:
        """Play one job to its end."""
        return _Stage(self, job, needs or {}).play()

    def play_all(self, file: str) -> dict[str, Play]:
        """Play the jobs of a workflow, each after those that it needs."""
        plays: dict[str, Play] = {}
        for name, content in workflow(file)["jobs"].items():
            before = {other: plays[other] for other in _listed(content.get("needs", []))}
            plays[name] = self.play(Job(file, name, content), before)
        return plays


def stand_ins(job: Job, folder: Path, workspace: Path) -> Path:
    """A folder of programs that only note that they were called, for every command of a job.

    Each gives the outputs in PLAY_OUTPUT, which takes the place of what the real one would say.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for words in called(job):
        place = workspace if "/" in words[0] else folder
        program = place / words[0]
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(_STAND_IN)
        program.chmod(0o755)
    return folder


class _Stage:
    def __init__(self, runner: Runner, job: Job, needs: Mapping[str, Play]) -> None:
        unknown = set(job.content) - _JOB_KEYS
        if unknown:
            raise NotPlayable(f"{job}: {unknown}")
        self._runner, self._job, self._needs = runner, job, needs
        self._folder = runner.workspace.parent / f"{runner.workspace.name}-{job.name}"
        self._folder.mkdir(exist_ok=True)
        for name in (*_FILES, "PLAY_CALLS"):
            (self._folder / name).write_text("")
        matrix = job.content.get("strategy", {}).get("matrix", {})
        self._contexts = runner.repository.contexts(
            {name: values[0] for name, values in matrix.items()},
            {
                name: {"result": play.result, "outputs": play.outputs}
                for name, play in needs.items()
            },
        )
        self._done = Play()
        self._actions: dict[str, Callable[[dict[str, str]], None]] = {
            "actions/upload-artifact": self._upload
        }

    def play(self) -> Play:
        """Go through the steps; what a failure leaves to be done is done."""
        content = self._job.content
        if not self._wanted(content.get("if"), _of_needs(self._needs)):
            return Play("skipped")
        self._contexts["env"] = self._filled(workflow(self._job.file).get("env", {}))
        self._contexts["env"] |= self._filled(content.get("env", {}))
        for step in content["steps"]:
            self._play_step(step)
        self._done.outputs = self._filled(content.get("outputs", {}))
        self._done.calls = self._calls()
        self._done.summary = (self._folder / "GITHUB_STEP_SUMMARY").read_text()
        return self._done

    def _play_step(self, step: dict[str, Any]) -> None:
        if unknown := set(step) - _STEP_KEYS:
            raise NotPlayable(f"{self._job}, {step['name']}: {unknown}")
        functions = _status_functions(failed=self._done.result == "failure")
        outcome = "skipped"
        if self._wanted(step.get("if"), functions):
            succeeded = self._use(step) if "uses" in step else self._run(step)
            outcome = "success" if succeeded else "failure"
        self._done.steps[step["name"]] = outcome
        if outcome == "failure":
            self._done.result = "failure"
        if "id" in step:
            outputs = _assignments(self._folder / "GITHUB_OUTPUT")
            self._contexts["steps"][step["id"]] = {"outcome": outcome, "outputs": outputs}
        self._contexts["env"] |= _assignments(self._folder / "GITHUB_ENV")

    def _use(self, step: dict[str, Any]) -> bool:
        """Note an action; it fails where it is told to."""
        action = step["uses"].partition("@")[0]
        with (self._folder / "PLAY_CALLS").open("a") as calls:
            calls.write(f"uses {action} {step.get('with', {}).get('name', '')}\n")
        if len(self._calls()) == self._runner.fails_at:
            return False
        if action in self._actions:
            self._actions[action](self._filled(step.get("with", {})))
        return True

    def _upload(self, inputs: dict[str, str]) -> None:
        self._done.uploads[inputs["name"]] = inputs["path"]

    def _run(self, step: dict[str, Any]) -> bool:
        (self._folder / "GITHUB_OUTPUT").write_text("")
        process = subprocess.run(
            [*_BASH, filled_in(step["run"], self._contexts, {})],
            cwd=self._runner.workspace,
            env=self._environment(step),
            capture_output=True,
            text=True,
            check=False,
        )
        self._done.log += f"## {step['name']}\n{process.stdout}{process.stderr}"
        return process.returncode == 0

    def _environment(self, step: dict[str, Any]) -> dict[str, str]:
        added = (self._folder / "GITHUB_PATH").read_text().split()[::-1]
        programs = map(str, self._runner.programs)
        return {
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "HOME": os.environ["HOME"],
            **{name: str(self._folder / name) for name in (*_FILES, "PLAY_CALLS")},
            "PLAY_FAILS_AT": str(self._runner.fails_at),
            "GITHUB_SHA": self._contexts["github"]["sha"],
            "PATH": os.pathsep.join([*added, *programs, "/usr/bin", "/bin"]),
            **self._runner.environment,
            **self._contexts["env"],
            **self._filled(step.get("env", {})),
        }

    def _calls(self) -> list[str]:
        return (self._folder / "PLAY_CALLS").read_text().splitlines()

    def _filled(self, values: Mapping[str, Any]) -> dict[str, str]:
        return {name: filled_in(value, self._contexts, {}) for name, value in values.items()}

    def _wanted(self, condition: str | None, functions: Mapping[str, Callable[[], bool]]) -> bool:
        if condition is None:
            return functions["success"]()
        condition = str(condition).removeprefix("${{").removesuffix("}}")
        if not calls_status_function(condition) and not functions["success"]():
            return False
        return is_true(evaluate(condition, self._contexts, functions))


def _status_functions(*, failed: bool) -> dict[str, Callable[[], bool]]:
    return {
        "always": lambda: True,
        "success": lambda: not failed,
        "failure": lambda: failed,
        "cancelled": lambda: False,
    }


def _of_needs(needs: Mapping[str, Play]) -> dict[str, Callable[[], bool]]:
    """A job starts by itself only where all that it needs succeeded: not where one was skipped."""
    functions = _status_functions(failed=any(play.result == "failure" for play in needs.values()))
    succeeded = all(play.result == "success" for play in needs.values())
    return functions | {"success": lambda: succeeded}


def _listed(needs: str | list[str]) -> list[str]:
    return [needs] if isinstance(needs, str) else needs


def _assignments(file: Path) -> dict[str, str]:
    """`name=value` by line, as GITHUB_OUTPUT and GITHUB_ENV hold them."""
    pairs = (line.partition("=") for line in file.read_text().splitlines())
    return {name: value for name, _, value in pairs}
