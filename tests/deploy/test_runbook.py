"""Every alarm has a heading in the runbook that says what it means and one next step."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import pytest
import yaml

from creditrisk.monitoring.freshness import report as freshness
from creditrisk.monitoring.outcomes.alarms import AlarmName
from creditrisk.monitoring.report_alarms import SEVERITIES
from creditrisk.monitoring.retraining import evidence
from creditrisk.monitoring.retraining import report as retraining

ROOT = Path(__file__).parents[2]
RUNBOOK = (ROOT / "docs/runbook.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", RUNBOOK, re.MULTILINE | re.DOTALL))
RULES = yaml.safe_load((ROOT / "deploy/prometheus/rules.yml").read_text())["groups"]
CLOUDWATCH = json.loads((ROOT / "deploy/cloudwatch/alarms.json").read_text())
REPORTED = {
    freshness.DATA_STALE,
    freshness.DATA_SUPERSEDED,
    freshness.FRESHNESS_NOT_MEASURED,
    retraining.RETRAIN_FAILED,
    retraining.RETRAIN_REFUSED,
    retraining.RETRAIN_WANTED,
    evidence.WINDOWS_NOT_MEASURED,
    *get_args(AlarmName),
}
ALARMS = sorted(
    {rule["alert"] for group in RULES for rule in group["rules"]}
    | {alarm["AlarmName"] for alarm in CLOUDWATCH}
    | SEVERITIES.keys()
    | REPORTED
)


@pytest.mark.parametrize("alarm", ALARMS)
def test_each_alarm_has_its_heading(alarm: str) -> None:
    """Meaning, where to look, and exactly one next step."""
    section = SECTIONS[alarm]
    assert [section.count(part) for part in ("*Means:*", "*Look:*", "*Next step:*")] == [1, 1, 1]


def test_each_alarm_of_a_report_is_posted() -> None:
    """No report raises an alarm that the webhook does not know."""
    assert SEVERITIES.keys() >= REPORTED
