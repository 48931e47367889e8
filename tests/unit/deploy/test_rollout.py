from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from deploy_stage import BUCKET, IMAGE, Stage, write_credentials

from creditrisk.core.errors import CreditRiskError
from creditrisk.deploy.report import DeploymentReport
from creditrisk.deploy.rollout import error_of


def deployed(stage: Stage, **changes: Any) -> DeploymentReport:
    return stage.deployment(**changes).run(stage.order(), 0.0)


def impatiently_deployed(stage: Stage, fault: str) -> DeploymentReport:
    """Waiting for an answer that never comes is cut short; nothing else may depend on it."""
    return deployed(stage, waits={"request_seconds": 0.5} if fault == "timeout" else {})


def exit_code(report: DeploymentReport) -> int:
    error = error_of(report)
    return 0 if error is None else error.exit_code


def names(report: DeploymentReport, status: str) -> list[str]:
    return [step.name for step in report.steps if step.status == status]


def spoil_candidate(stage: Stage, fault: str) -> None:
    if fault in {"image missing", "never healthy"}:
        stage.fake.play.candidate = fault  # type: ignore[assignment]
    else:
        stage.candidate.fault = fault


def spoil_rollout(stage: Stage, fault: str) -> None:
    if fault in {"circuit breaker", "hangs", "foreign task"}:
        stage.fake.play.rollout = fault  # type: ignore[assignment]
    elif fault == "promotion refused":
        stage.registry.refusal = CreditRiskError("the evidence is stale")
    else:
        stage.balancer.fault, stage.balancer.of = fault, stage.bundle.sha256


def assert_as_before(stage: Stage) -> None:
    """The service runs its first revision, the alias has not moved, nothing else runs, no lock."""
    assert stage.fake.running == [stage.fake.first] * 2
    assert stage.registry.moves == []
    assert stage.fake.outside == []
    assert stage.journal()["phase"] == "idle"


def test_a_sound_revision_is_rolled_out(stage: Stage) -> None:
    """Only the new revision runs, the alias has moved, the lock is free, the candidate is gone."""
    report = deployed(stage)
    assert (report.outcome, exit_code(report)) == ("deployed", 0), report
    assert report.new is not None
    assert stage.fake.running == [report.new.task_definition] * 2
    assert stage.registry.moves == [stage.bundle.sha256]
    assert stage.fake.outside == []
    assert stage.journal()["phase"] == "idle"


def test_the_order_is_outside_then_service_then_alias(stage: Stage) -> None:
    """The candidate is asked before the service is touched, the alias moves when all else is done."""
    seen: list[tuple[int, int]] = []
    stage.fake.after_update = lambda: seen.append(
        (len(stage.candidate.asked), len(stage.balancer.asked))
    )
    report = deployed(stage)
    assert seen == [(5, 0)]
    assert len(stage.balancer.asked) == 5
    assert names(report, "passed")[-1] == "move the alias"


def test_what_nobody_may_promote_is_not_rolled_out(stage: Stage) -> None:
    """Where promotions are a person's and none approved, nothing is begun; a champion may be."""
    stage.registry.is_allowed = False
    report = deployed(stage)
    assert (report.outcome, exit_code(report), report.steps) == ("refused", 1, ())
    assert "--approved-by" in str(report.reason)
    assert (stage.fake.calls, stage.registry.moves) == ([], [])
    stage.registry.champion = stage.bundle.sha256
    assert deployed(stage).outcome == "deployed"


def test_the_task_definition_pins_image_and_bundle(stage: Stage, moto: str) -> None:
    """What ECS got names the image by digest and the bundle by hash."""
    report = deployed(stage)
    assert report.new is not None
    client = boto3.client("ecs", region_name="eu-central-1", endpoint_url=moto)
    found = client.describe_task_definition(taskDefinition=report.new.task_definition)
    api = next(c for c in found["taskDefinition"]["containerDefinitions"] if c["name"] == "api")
    variables = {one["name"]: one["value"] for one in api["environment"]}
    assert api["image"] == IMAGE
    assert variables["CREDITRISK_BUNDLE_SHA256"] == stage.bundle.sha256


def test_the_bundle_lies_where_the_tasks_look(stage: Stage) -> None:
    """Every file of the bundle is in the bucket under its hash, byte for byte."""
    deployed(stage)
    for path in stage.bundle.folder.iterdir():
        key = f"bundles/{stage.bundle.sha256}/{path.name}"
        assert stage.state.get_object(Bucket=BUCKET, Key=key)["Body"].read() == path.read_bytes()


@pytest.mark.parametrize(
    "fault", ["image missing", "never healthy", "wrong PD", "timeout", "other bundle", "follows"]
)
def test_what_fails_outside_never_reaches_the_service(stage: Stage, fault: str) -> None:
    """The service is not touched, the alias stays, and the next deployment can begin."""
    spoil_candidate(stage, fault)
    report = impatiently_deployed(stage, fault)
    assert (report.outcome, exit_code(report)) == ("refused", 1)
    assert "UpdateService" not in stage.fake.calls
    assert_as_before(stage)


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [
        "circuit breaker",
        "hangs",
        "foreign task",
        "wrong PD",
        "timeout",
        "503",
        "no JSON",
        "promotion refused",
    ],
)
def test_what_fails_in_the_service_is_taken_back(stage: Stage, fault: str) -> None:
    """The recorded revision runs again, verified; ECS's own rollback is no success either."""
    spoil_rollout(stage, fault)
    report = impatiently_deployed(stage, fault)
    assert (report.outcome, exit_code(report)) == ("rolled back", 1)
    assert report.rollback is not None
    assert report.rollback.verified
    assert report.rollback.smoke is not None
    assert_as_before(stage)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("circuit breaker", "in its place"),
        ("hangs", "not stable in time"),
        ("foreign task", "revision run"),
    ],
)
def test_ecs_s_part_in_a_failure_is_told(stage: Stage, fault: str, told: str) -> None:
    """A rollout that ECS has taken back is known as such at once, not by a deadline."""
    spoil_rollout(stage, fault)
    assert told in (deployed(stage).reason or "")


def test_a_rollback_that_answers_wrongly_is_not_verified(stage: Stage) -> None:
    """Where the old revision does not answer with its bundle either, a person is called."""
    stage.balancer.fault = "other bundle"
    report = deployed(stage)
    assert (report.outcome, exit_code(report)) == ("rollback failed", 3)
    assert report.rollback is not None
    assert report.rollback.attempts > 1
    assert stage.journal()["phase"] == "updating"


def test_a_deployed_champion_that_is_rolled_back_is_named(stage: Stage) -> None:
    """A version that was promoted before it was deployed is the champion still; the report says so."""
    stage.registry.champion = stage.bundle.sha256
    stage.fake.play.rollout = "circuit breaker"
    report = deployed(stage)
    assert report.outcome == "rolled back"
    assert "creditrisk rollback-model" in (report.reason or "")


def test_a_champion_is_deployed_without_a_promotion(stage: Stage) -> None:
    """Where the alias is there already, nothing moves."""
    stage.registry.champion = stage.bundle.sha256
    report = deployed(stage)
    assert (report.outcome, report.champion) == ("deployed", "is the champion already")
    assert stage.registry.moves == []


def test_a_promotion_that_moved_the_alias_counts(stage: Stage) -> None:
    """An error after the move does not take a sound deployment back."""

    def moved_then_failed() -> str:
        stage.registry.champion = stage.bundle.sha256
        raise CreditRiskError("the ledger did not answer")

    stage.registry.promote = moved_then_failed  # type: ignore[method-assign]
    assert deployed(stage).outcome == "deployed"


def test_a_lock_that_cannot_be_released_takes_nothing_back(stage: Stage) -> None:
    """Once the alias has moved the deployment stands, and the next one asks the registry."""

    def moved_then_no_rights() -> str:
        stage.fake.faults["S3 PUT"] = ["AccessDenied"]
        stage.registry.champion = stage.bundle.sha256
        return "promoted"

    stage.registry.promote = moved_then_no_rights  # type: ignore[method-assign]
    report = deployed(stage)
    assert report.outcome == "deployed"
    assert "not released" in (report.reason or "")
    assert stage.fake.running != [stage.fake.first] * 2


@pytest.mark.slow
def test_who_lost_the_lock_touches_nothing_any_more(stage: Stage) -> None:
    """Another deployment has taken over and puts the revision back; two would undo each other."""

    def taken_over() -> None:
        content = stage.journal() | {"owner": "another", "deployment": "another"}
        key = "deployments/pd/api.json"
        stage.state.put_object(Bucket=BUCKET, Key=key, Body=json.dumps(content).encode())

    stage.fake.after_update = taken_over
    stage.fake.play.rollout = "circuit breaker"
    report = deployed(stage)
    assert (report.outcome, exit_code(report)) == ("overtaken", 3)
    assert stage.fake.calls.count("UpdateService") == 1
    assert stage.journal()["owner"] == "another"


@pytest.mark.parametrize("operation", ["UpdateService", "DescribeServices", "RunTask", "S3 PUT"])
def test_a_throttled_call_is_repeated(stage: Stage, operation: str) -> None:
    """Some refusals for want of capacity delay a deployment, no more."""
    stage.fake.faults[operation] = ["ThrottlingException"] * 3
    assert deployed(stage).outcome == "deployed"


def test_throttled_for_long_the_rollback_is_repeated(stage: Stage) -> None:
    """Where the way forward is given up, the way back is tried until it is open."""

    def refuse_for_long() -> None:
        stage.fake.after_update = None
        stage.fake.faults["DescribeServices"] = ["ThrottlingException"] * 15

    stage.fake.after_update = refuse_for_long
    report = deployed(stage)
    assert report.outcome == "rolled back"
    assert report.rollback is not None
    assert report.rollback.attempts > 1
    assert_as_before(stage)


def test_credentials_that_are_renewed_in_time(stage: Stage, tmp_path: Path) -> None:
    """Expired in the middle, they are read anew and the deployment goes on."""

    def expire() -> None:
        stage.fake.expired.add("first")
        write_credentials(tmp_path, "second")

    stage.fake.after_update = expire
    assert deployed(stage).outcome == "deployed"


def test_credentials_that_expire_for_good(stage: Stage, tmp_path: Path) -> None:
    """Neither way is open: exit 3, and whoever recovers with new ones finds the revision."""
    stage.fake.after_update = lambda: stage.fake.expired.add("first")
    report = deployed(stage, waits={"rollback_seconds": 60, "lease_seconds": 1})
    assert (report.outcome, exit_code(report)) == ("rollback failed", 3)
    assert "ExpiredToken" in (report.reason or "")
    assert stage.journal()["phase"] == "updating"

    stage.fake.after_update = None
    write_credentials(tmp_path, "second")
    recovered = stage.deployment(waits={"lease_seconds": 1}).recover(1e9)
    assert (recovered.outcome, exit_code(recovered)) == ("recovered", 0)
    assert_as_before(stage)


def test_a_service_in_motion_is_not_deployed_to(stage: Stage) -> None:
    """What somebody else is changing has no revision that could be put back."""
    stage.fake.play.rollout = "hangs"
    stage.fake._begin("arn:aws:ecs:eu-central-1:1:task-definition/other:1", 2)
    report = deployed(stage)
    assert (report.outcome, exit_code(report)) == ("refused", 1)
    assert "RunTask" not in stage.fake.calls


def test_a_first_deployment_starts_the_service(stage: Stage) -> None:
    """Terraform leaves a service without tasks; the first deployment gives it the target's number."""
    stage.fake.install(stage.fake.first, desired=0)
    report = deployed(stage)
    assert report.new is not None
    assert stage.fake.running == [report.new.task_definition] * 2


def test_a_first_deployment_that_fails_leaves_no_task(stage: Stage) -> None:
    """Back to a service without tasks, which has nothing to ask."""
    stage.fake.install(stage.fake.first, desired=0)
    stage.balancer.fault = "wrong PD"
    report = deployed(stage)
    assert report.outcome == "rolled back"
    assert stage.fake.running == []


def test_the_candidate_behind_the_load_balancer(stage: Stage, moto: str) -> None:
    """Where a target group is named, the candidate is in it for its test and not after."""
    group = target_group(moto)
    facts = {"candidate_target_group": group, "candidate_url": stage.candidate.url}
    assert deployed(stage, **facts).outcome == "deployed"
    assert len(stage.candidate.asked) == 5
    balancer = boto3.client("elbv2", region_name="eu-central-1", endpoint_url=moto)
    assert balancer.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"] == []


def target_group(moto: str) -> str:
    region = {"region_name": "eu-central-1", "endpoint_url": moto}
    network = boto3.client("ec2", **region).describe_vpcs()["Vpcs"][0]["VpcId"]
    answer = boto3.client("elbv2", **region).create_target_group(
        Name="candidate", Protocol="HTTP", Port=8000, VpcId=network, TargetType="ip"
    )
    return str(answer["TargetGroups"][0]["TargetGroupArn"])
