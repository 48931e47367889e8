"""Every job played with stand-ins: each failing command fails its job, and reports are still kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from workflow_files import FILES, UPLOAD, Job, all_jobs, workflow
from workflow_player import Play, Repository, Runner, stand_ins

JOBS = all_jobs()
EVERYTHING = Repository(
    variables={
        "AWS_REGION": "eu-central-1",
        "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/delivery",
        "CREDITRISK_ECS_TARGET": "{}",
        "IMAGE_REGISTRY": "registry.example",
        "MLFLOW_TRACKING_URI": "https://mlflow.example",
    },
    secrets={"DVC_REMOTE_URL": "s3://bucket/dvc", "CREDITRISK_LEDGER_URL": "postgresql://ledger"},
)
# Without a place to deploy to, CD itself promotes.
UNDEPLOYED = Repository(
    {name: text for name, text in EVERYTHING.variables.items() if name != "CREDITRISK_ECS_TARGET"},
    EVERYTHING.secrets,
)
NOTHING = Repository()
DIGEST = f"sha256:{'0' * 64}"
SUCCEEDED = Play("success", outputs={"described": "true", "api": DIGEST})
by_job = pytest.mark.parametrize("job", JOBS, ids=str)


def runner(folder: Path, repository: Repository, jobs: list[Job], fails_at: int = 0) -> Runner:
    workspace = folder / "workspace"
    workspace.mkdir(exist_ok=True)
    programs = [stand_ins(job, folder / "programs", workspace) for job in jobs]
    said = {"PLAY_OUTPUT": f"api={DIGEST}\nbatch={DIGEST}\n"}
    return Runner(workspace, repository, tuple(programs[:1]), said, fails_at)


def played(job: Job, folder: Path, repository: Repository = EVERYTHING, fails_at: int = 0) -> Play:
    needs = job.content.get("needs", [])
    before = dict.fromkeys([needs] if isinstance(needs, str) else needs, SUCCEEDED)
    return runner(folder, repository, [job], fails_at).play(job, before)


def played_whole(file: str, folder: Path, repository: Repository) -> dict[str, Play]:
    jobs = [job for job in JOBS if job.file == file]
    return runner(folder, repository, jobs).play_all(file)


def kept(call: str) -> bool:
    """Whether it belongs to what is done after a failure too."""
    uploads = call.startswith(f"uses {UPLOAD}") and not call.endswith(" bundle")
    return uploads or call.startswith("uses actions/cache/save") or "--recover" in call


def programs_of(play: Play) -> list[str]:
    return [call for call in play.calls if not call.startswith("uses ")]


@by_job
def test_a_job_passes_where_all_its_steps_do(job: Job, tmp_path: Path) -> None:
    """With every setting present, or all but the place to deploy to, each step is carried out."""
    carried_out: set[str] = set()
    for repository in (EVERYTHING, UNDEPLOYED):
        play = played(job, tmp_path, repository)
        assert play.result in (
            {"success"} if repository is EVERYTHING else {"success", "skipped"}
        ), play.log
        carried_out |= {step for step, result in play.steps.items() if result == "success"}
        assert set(play.steps.values()) <= {"success", "skipped"}
    assert carried_out == set(played(job, tmp_path).steps)


@pytest.mark.parametrize("repository", [EVERYTHING, UNDEPLOYED], ids=["deployed", "undeployed"])
@by_job
def test_each_failing_step_fails_its_job(job: Job, repository: Repository, tmp_path: Path) -> None:
    """Whichever command or action fails: the job fails, what follows is not begun, reports are kept."""
    order = played(job, tmp_path, repository).calls
    assert order or repository is UNDEPLOYED
    for number, call in enumerate(order, 1):
        play = played(job, tmp_path, repository, fails_at=number)
        assert play.result == "failure", call
        assert play.calls == [*order[:number], *(one for one in order[number:] if kept(one))]


@by_job
def test_a_job_passes_without_any_setting(job: Job, tmp_path: Path) -> None:
    """A repository that has set nothing up has green runs, of what needs no setting."""
    assert played(job, tmp_path, NOTHING).result in {"success", "skipped"}


@pytest.mark.parametrize("file", FILES)
def test_a_whole_workflow_passes(file: str, tmp_path: Path) -> None:
    """The jobs after one another, each after those that it needs."""
    results = {play.result for play in played_whole(file, tmp_path, EVERYTHING).values()}
    assert results == {"success"}


def test_delivery_without_settings(tmp_path: Path) -> None:
    """The model is validated, the images are built; nothing is pulled, promoted, pushed or deployed."""
    plays = played_whole("cd.yaml", tmp_path, NOTHING)
    assert [play.result for play in plays.values()] == ["success", "success", "skipped", "success"]
    assert programs_of(plays["model"]) == [
        "make .venv/pipeline",
        "dvc repro validate_model",
        "dvc repro monitor_drift",
        "creditrisk check-freshness --fail-on-stale",
    ]
    assert programs_of(plays["images"]) == ["make images", "make sbom"]
    assert "creditrisk summarise-delivery" in programs_of(plays["summary"])[-1]


def test_delivery_in_order(tmp_path: Path) -> None:
    """Evidence comes before images, images before traffic; the roll-out promotes in the end."""
    plays = played_whole("cd.yaml", tmp_path, EVERYTHING)
    calls = [call for play in plays.values() for call in programs_of(play)]
    order = [
        "creditrisk remote pull",
        "dvc repro validate_model",
        "dvc repro monitor_drift",
        "creditrisk check-freshness --fail-on-stale",
        "dvc repro --single-item canary_validation",
        "creditrisk deploy-manifest --before-promotion",
        "make images",
        "creditrisk deploy-ecs",
    ]
    places = [next(i for i, call in enumerate(calls) if call.startswith(one)) for one in order]
    assert places == sorted(places)
    assert "dvc repro --single-item register_model" not in calls


def test_what_is_not_deployed_is_promoted_by_itself(tmp_path: Path) -> None:
    """Without a place to deploy to, a champion stands in the registry for whoever serves it."""
    plays = played_whole("cd.yaml", tmp_path, UNDEPLOYED)
    calls = programs_of(plays["model"])
    promoted = calls.index("dvc repro --single-item register_model")
    assert calls.index("dvc repro --single-item deploy_manifest") > promoted
    assert plays["deploy"].result == "skipped"


@pytest.mark.parametrize("job", ["model", "images", "deploy"])
def test_a_delivery_that_fails_is_summarised(job: str, tmp_path: Path) -> None:
    """After a failure no later job begins but the summary."""
    jobs = [one for one in JOBS if one.file == "cd.yaml"]
    machine = runner(tmp_path, EVERYTHING, jobs)
    names = list(workflow("cd.yaml")["jobs"])
    plays: dict[str, Play] = {}
    for one in jobs:
        machine.fails_at = 3 if one.name == job else 0
        needs = one.content.get("needs", [])
        before = {name: plays[name] for name in ([needs] if isinstance(needs, str) else needs)}
        plays[one.name] = machine.play(one, before)
    after = names[names.index(job) + 1 : -1]
    assert plays[job].result == "failure"
    assert all(plays[name].result == "skipped" for name in after)
    assert plays["summary"].result == "success"


def test_what_is_deployed_is_named_by_digest(tmp_path: Path) -> None:
    """A tag can lead elsewhere by the time that a task starts; the digest of the push cannot."""
    deployed = programs_of(played_whole("cd.yaml", tmp_path, EVERYTHING)["deploy"])
    image = f"registry.example/creditrisk-api@{DIGEST}"
    assert f"creditrisk deploy-ecs --image {image}" in deployed


@pytest.mark.parametrize("absent", ["MLFLOW_TRACKING_URI", "CREDITRISK_LEDGER_URL"])
def test_nothing_is_promoted_into_a_store_that_ends(absent: str, tmp_path: Path) -> None:
    """Registry and ledger must outlive the runner, or there is no version and no deployment."""
    variables = {name: text for name, text in EVERYTHING.variables.items() if name != absent}
    secrets = {name: text for name, text in EVERYTHING.secrets.items() if name != absent}
    plays = played_whole("cd.yaml", tmp_path, Repository(variables, secrets))
    assert not [call for call in plays["model"].calls if "--single-item" in call]
    assert plays["deploy"].result == "skipped"


def test_static_keys_are_accepted(tmp_path: Path) -> None:
    """Keys in place of a role lead to the same steps; neither leads to none of AWS."""
    keys = Repository({"AWS_REGION": "eu-central-1"}, {"AWS_ACCESS_KEY_ID": "key"})
    job = next(job for job in JOBS if str(job) == "nightly.yaml:night")
    assert played(job, tmp_path, keys).steps["Credentials of AWS"] == "success"
    assert played(job, tmp_path, NOTHING).steps["Credentials of AWS"] == "skipped"


def test_secrets_reach_only_the_steps_that_use_them() -> None:
    """No secret is in the environment of a whole job, but for whether it is there."""
    for job in JOBS:
        values = job.content.get("env", {}).values()
        assert all("secrets." not in value or "!= ''" in value for value in map(str, values))
