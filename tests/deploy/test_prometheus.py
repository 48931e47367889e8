"""Prometheus' rules: each fires, each stays silent, and each metric they name exists."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from exposed import exposed_metrics, named_metrics

from creditrisk.core.settings import load_settings

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy/prometheus"
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((FOLDER / "rules.yml").read_text())["groups"]
    for rule in group["rules"]
]
needs_promtool = pytest.mark.skipif(not shutil.which("promtool"), reason="needs promtool")


@needs_promtool
@pytest.mark.external
@pytest.mark.parametrize(
    "arguments",
    [("check", "config", "prometheus.yml"), ("test", "rules", "rules_test.yml")],
    ids=["configuration", "rules"],
)
def test_promtool_is_content(arguments: tuple[str, ...]) -> None:
    """The configuration is valid, and each rule fires and stays silent as its tests say."""
    process = subprocess.run(
        [shutil.which("promtool") or "", *arguments],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stdout + process.stderr


def test_each_rule_has_a_test_that_fires_it_and_one_that_does_not() -> None:
    """No rule is without both."""
    tests = yaml.safe_load((FOLDER / "rules_test.yml").read_text())["tests"]
    cases = {
        (case["alertname"], bool(case["exp_alerts"]))
        for test in tests
        for case in test["alert_rule_test"]
    }
    assert cases == {(rule["alert"], fires) for rule in RULES for fires in (True, False)}


def test_each_metric_of_a_rule_exists() -> None:
    """What a rule names is what the API exposes or what the textfile holds."""
    named = {name for rule in RULES for name in named_metrics(rule["expr"])}
    assert named
    assert named <= exposed_metrics()


def test_each_rule_names_its_heading() -> None:
    """An alert leads to the heading of its name in the runbook."""
    for rule in RULES:
        assert rule["annotations"]["runbook"] == f"docs/runbook.md#{rule['alert']}"


def test_the_queue_s_bar_is_half_of_what_is_allowed() -> None:
    """The alarm comes before callers are sent away."""
    rule = next(rule for rule in RULES if rule["alert"] == "queue_filling")
    bar = int(re.findall(r"> (\d+)", rule["expr"])[0])
    assert bar * 2 == load_settings(ROOT / "params.yaml").serve.queue_records
