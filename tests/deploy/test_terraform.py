"""The Terraform module as far as it can be judged without Terraform: it parses, and names what exists."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import hcl2
import pytest

from creditrisk.deploy.target import EcsTarget

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "deploy/terraform").glob("*.tf"))
TEXT = "\n".join(path.read_text(encoding="utf-8") for path in FILES)
NOT_RESOURCES = {"var", "local", "data", "each", "path", "alarm", "dimension", "repository"}
# What knows no resource, by Amazon's table of actions; see the comments beside them.
WITHOUT_RESOURCE = {
    "ecr:GetAuthorizationToken",
    "ecs:DescribeTaskDefinition",
    "ecs:ListTasks",
    "ecs:RegisterTaskDefinition",
    "elasticloadbalancing:DescribeTargetHealth",
}


def plain(value: Any) -> Any:
    """Parsed HCL with names and texts without their quotes."""
    if isinstance(value, dict):
        return {key.strip('"'): plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return value.strip('"') if isinstance(value, str) else value


def parsed() -> dict[str, list[Any]]:
    """All blocks of the module by kind."""
    blocks: dict[str, list[Any]] = {}
    for path in FILES:
        with path.open(encoding="utf-8") as file:
            for kind, found in plain(hcl2.load(file)).items():
                blocks.setdefault(kind, []).extend(found if isinstance(found, list) else [found])
    return blocks


MODULE = parsed()


def declared(kind: str) -> set[str]:
    """`TYPE.NAME` of each resource or data source."""
    return {
        f"{one_type}.{name}"
        for block in MODULE[kind]
        for one_type, named in block.items()
        for name in named
        if not name.startswith("__")
    }


def used(pattern: str) -> set[str]:
    """What the module names, comments and texts that are no template left out."""
    code = re.sub(r"#.*", "", TEXT)
    return set(re.findall(pattern, code))


def statements() -> list[dict[str, Any]]:
    """Every statement of every policy."""
    return [
        statement
        for block in MODULE["data"]
        for document in block.get("aws_iam_policy_document", {}).values()
        for statement in document["statement"]
    ]


def test_every_file_parses() -> None:
    """And holds something."""
    assert len(FILES) >= 8
    assert {"resource", "data", "variable", "output", "locals", "terraform"} <= MODULE.keys()


def test_each_variable_that_is_used_is_declared_and_the_other_way_round() -> None:
    """No name leads nowhere, and none is asked for in vain."""
    names = {name for block in MODULE["variable"] for name in block}
    assert used(r"\bvar\.(\w+)") == names


def test_each_local_that_is_used_is_declared() -> None:
    """Locals, too."""
    names = {name for block in MODULE["locals"] for name in block if not name.startswith("__")}
    assert used(r"\blocal\.(\w+)") == names


def test_each_resource_that_is_named_is_declared() -> None:
    """An attribute of a resource or a data source that is not there would stop Terraform."""
    named = used(r"(?<![\w.\"])((?:aws|random)_\w+\.\w+)(?=[.\[])")
    sources = used(r"\bdata\.((?:aws|random)_\w+\.\w+)")
    assert named
    assert named <= declared("resource")
    assert sources == declared("data")


def test_no_policy_allows_whatever_there_is() -> None:
    """Each action is named whole; only those that know no resource have all of them."""
    assert len(statements()) > 10
    for statement in statements():
        actions = set(statement["actions"])
        assert not [action for action in actions if "*" in action]
        if "*" in statement.get("resources", []):
            assert actions <= WITHOUT_RESOURCE


def test_the_output_is_what_a_deployment_reads() -> None:
    """The names are those of the target, every required one is there."""
    (output,) = [block for block in MODULE["output"] if "deployment_target" in block]
    given = {name for name in output["deployment_target"]["value"] if not name.startswith("__")}
    fields = EcsTarget.model_fields
    assert given <= set(fields)
    assert {name for name, field in fields.items() if field.is_required()} <= given


def test_every_alarm_is_made_from_its_file() -> None:
    """Each fact of an alarm that the file holds, the module passes on."""
    alarms = json.loads((ROOT / "deploy/cloudwatch/alarms.json").read_text(encoding="utf-8"))
    passed = used(r"each\.value\.(\w+)") | {"AlarmName", "ActionsEnabled"}
    assert {name for alarm in alarms for name in alarm} == passed


@pytest.mark.parametrize(
    "operation",
    ["register_task_definition", "run_task", "update_service", "list_tasks", "stop_task"],
)
def test_the_deployer_may_do_what_a_deployment_does(operation: str) -> None:
    """The role of whoever deploys covers the calls of ECS."""
    allowed = {action for statement in statements() for action in statement["actions"]}
    assert "ecs:" + "".join(word.title() for word in operation.split("_")) in allowed
