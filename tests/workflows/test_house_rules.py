"""What every workflow keeps to, whatever it does."""

from __future__ import annotations

import re

import pytest
from workflow_files import FILES, FOLDER, ROOT, UPLOAD, Job, all_jobs, workflow

JOBS = all_jobs()
PINNED = re.compile(r"[\w-]+/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
WRITING = (
    "ci.yaml:supply-chain",
    "cd.yaml:model",
    "cd.yaml:images",
    "cd.yaml:deploy",
    "nightly.yaml:night",
)
by_file = pytest.mark.parametrize("file", FILES)
by_job = pytest.mark.parametrize("job", JOBS, ids=str)


def used_actions() -> list[str]:
    lines = "\n".join((FOLDER / file).read_text() for file in FILES)
    return re.findall(r"uses: (.+)", lines)


def test_the_three_workflows_are_all() -> None:
    """No other workflow escapes what is tested here."""
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(FILES)


def test_actions_are_pinned_by_commit() -> None:
    """A tag can be moved to other code; a commit cannot. The version beside it is for people."""
    assert [action for action in used_actions() if not PINNED.fullmatch(action)] == []


def test_an_action_has_one_version() -> None:
    """All workflows run the same code of an action."""
    versions = set(used_actions())
    assert len(versions) == len({action.partition("@")[0] for action in versions})


@by_file
def test_a_workflow_may_do_nothing_by_itself(file: str) -> None:
    """Permissions are given to jobs, each its own, and to none by default."""
    assert workflow(file)["permissions"] == {}


@by_file
def test_runs_of_a_workflow_take_turns(file: str) -> None:
    """Two runs on one branch do not get into each other's way."""
    assert workflow(file)["concurrency"]["group"]


@by_file
def test_a_failure_in_a_pipe_counts(file: str) -> None:
    """The shell is called with pipefail, which GitHub's default is not."""
    assert workflow(file)["defaults"] == {"run": {"shell": "bash"}}


@by_job
def test_a_job_ends(job: Job) -> None:
    """A job that hangs is ended long before GitHub's six hours."""
    assert 0 < job.content["timeout-minutes"] <= 180


@by_job
def test_a_job_may_do_what_it_must(job: Job) -> None:
    """Nothing may be written to the repository; tokens for AWS exist where credentials are fetched."""
    permissions = job.content["permissions"]
    fetches = any("configure-aws-credentials" in step.get("uses", "") for step in job.steps)
    assert permissions["contents"] == "read"
    assert set(permissions) <= {"contents", "id-token", "attestations"}
    assert ("id-token" in permissions) == fetches


@by_job
def test_the_token_does_not_stay_in_the_checkout(job: Job) -> None:
    """What runs after the checkout finds no credentials of the repository in it."""
    assert job.steps[0]["with"]["persist-credentials"] is False


@by_job
def test_shell_steps_only_call(job: Job) -> None:
    """Logic stands in commands that a person can run: a step has two lines, no branch, no loop.

    An expression has no place there either: through it a branch's name could become code.
    """
    for step in job.steps:
        script = step.get("run", "")
        assert len(script.splitlines()) <= 2, script
        assert not re.search(r"\$\{\{|\b(?:if|for|while|case)\b|\|\||&&|;", script), script


@by_job
def test_a_failure_is_never_swallowed(job: Job) -> None:
    """No step and no job goes on as if nothing had happened."""
    assert not any("continue-on-error" in part for part in (job.content, *job.steps))


@pytest.mark.parametrize("name", WRITING, ids=str)
def test_reports_are_kept_whatever_happens(name: str) -> None:
    """A job that writes reports uploads them, after a failure too."""
    steps = next(job for job in JOBS if str(job) == name).steps
    uploads = [step for step in steps if step.get("uses", "").startswith(UPLOAD)]
    reports = [step for step in uploads if step["with"]["path"].startswith("reports")]
    assert [step["if"] for step in reports] == ["always()"]


def test_the_supported_pythons_are_tested() -> None:
    """CI runs on each version that the package claims."""
    claimed = re.search(r'requires-python = "(.*)"', (ROOT / "pyproject.toml").read_text())
    assert claimed
    assert claimed[1] == ">=3.11"
    for name in ("checks", "tests"):
        matrix = workflow("ci.yaml")["jobs"][name]["strategy"]["matrix"]
        assert matrix["python"] == ["3.11", "3.12", "3.13"]


def test_when_each_workflow_runs() -> None:
    """CI on every push and pull request, CD on main, the nightly by the clock; both by hand too."""
    assert set(workflow("ci.yaml")[True]) == {"push", "pull_request"}
    assert workflow("cd.yaml")[True] == {"push": {"branches": ["main"]}, "workflow_dispatch": None}
    assert set(workflow("nightly.yaml")[True]) == {"schedule", "workflow_dispatch"}
