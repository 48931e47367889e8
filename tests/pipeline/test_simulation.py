"""`creditrisk simulate`: months through the real stages, from a shift to a new champion."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from creditrisk.ledger import DecisionLedger
from creditrisk.monitoring.retraining.history import DriftHistory
from creditrisk.simulation.timeline import Timeline

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2_400)]

# Small, so that it takes minutes: the rules of monitoring are those of params.yaml, the bars that a
# model must pass are those that the other tests relax for a portfolio of this size.
SIZE = ("--applicants", "2000", "--month-applicants", "200")


@dataclass(frozen=True)
class PlayedOut:
    """A simulation that has ended."""

    project: Any
    process: subprocess.CompletedProcess[str]

    @property
    def folder(self) -> Path:
        """Where all of it lies."""
        return Path(self.project.folder / "played")

    @property
    def timeline(self) -> Timeline:
        """What it wrote."""
        return Timeline.read(self.folder / "timeline.json")

    def ledger(self) -> DecisionLedger:
        """Its ledger, under its own key."""
        lines = (self.folder / "ledger/demonstration.key").read_text().splitlines()
        key = "".join(line for line in lines if not line.startswith("#")).strip()
        url = f"sqlite:///{self.folder / 'ledger/ledger.db'}"
        anchor = self.folder / "ledger/decisions_anchor.json"
        return DecisionLedger.open(url, key, anchor, create=False)


def simulated(project: Any, *words: str) -> PlayedOut:
    """Run the command in a project; a broken promise is told by exit code 1."""
    process = project.command(
        *("creditrisk", "simulate", "--out", "played", "--fail-on-broken-promise"), *SIZE, *words
    )
    return PlayedOut(project, process)


@pytest.fixture(scope="module")
def shifted(new_project: Callable[..., Any]) -> PlayedOut:
    """Four months; from the second one on other people apply."""
    months = ("--scenario", "covariate", "--months", "4", "--from-month", "2")
    return simulated(new_project(), *months)


def test_a_shift_leads_to_a_new_champion_within_two_months(shifted: PlayedOut) -> None:
    """No trigger before it, one at the end of the second shifted month; the new model answers next."""
    assert shifted.process.returncode == 0, shifted.process.stdout + shifted.process.stderr
    timeline = shifted.timeline
    assert timeline.has_kept_all
    assert [month.number for month in timeline.triggers] == [3]
    assert [month.number for month in timeline.promotions] == [3]
    assert [month.champion for month in timeline.months] == ["1", "1", "1", "2"]


def test_the_new_model_has_learnt_from_the_outcomes_that_were_known(shifted: PlayedOut) -> None:
    """Those accepted in the months before the last: outcomes come a month later."""
    first, second, third, _ = shifted.timeline.months
    accepted = sum(m.decisions["approve"] + m.decisions["refer"] for m in (first, second))
    assert first.outcomes
    assert second.outcomes
    assert first.outcomes.outcomes + second.outcomes.outcomes == accepted
    assert third.retraining.new_applicants == accepted


def test_every_decision_stands_in_the_ledger_in_simulated_time(shifted: PlayedOut) -> None:
    """As raw applications with their inputs, month by month; the chain is whole."""
    with shifted.ledger() as ledger:
        assert ledger.verify().is_whole
        april = ledger.window(datetime(2024, 4, 1, tzinfo=UTC), datetime(2024, 5, 1, tzinfo=UTC))
        decided = [json.loads(one.content or b"") for one in april if one.kind == "decision"]
    assert len(decided) == 200
    assert {one["origin"]["form"] for one in decided} == {"applications"}
    assert all(one["inputs"] for one in decided)
    assert {one["origin"]["received_at"][:7] for one in decided} == {"2024-04"}


def test_every_month_is_one_window_of_the_drift_history(shifted: PlayedOut) -> None:
    """Measured at its end against the model that answered in it."""
    windows = DriftHistory.read(shifted.folder / "reports/drift_history.json").windows
    assert [(window.measured_at.month, window.bundle_sha256) for window in windows] == [
        (month.number + 1, month.bundle_sha256) for month in shifted.timeline.months
    ]


def test_the_page_lies_beside_the_timeline(shifted: PlayedOut) -> None:
    """One file that needs no other, with all months and the promotion on it."""
    html = (shifted.folder / "timeline.html").read_text()
    assert not re.search(r"<script|https?://|<link|<img", html)
    assert all(month.month in html for month in shifted.timeline.months)
    assert "▲★" in html


def test_a_used_folder_is_refused(shifted: PlayedOut) -> None:
    """What lies there would be taken for the simulation's own."""
    again = simulated(shifted.project, "--scenario", "none", "--months", "1")
    assert again.process.returncode == 1
    assert "is not empty" in again.process.stderr


def test_quiet_months_trigger_nothing(new_project: Callable[..., Any]) -> None:
    """Where nothing changes, no rule asks for a model."""
    quiet = simulated(new_project(), "--scenario", "none", "--months", "3")
    assert quiet.process.returncode == 0, quiet.process.stdout + quiet.process.stderr
    assert [month.retraining.decision for month in quiet.timeline.months] == ["no trigger"] * 3
