"""The reports of contract checks: gathered, written, merged, refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from creditrisk.contracts.errors import ContractViolated
from creditrisk.contracts.rules import Level
from creditrisk.contracts.verdicts import (
    RuleOutcome,
    RuleStatus,
    StageVerdict,
    TableVerdict,
    ValidationSummary,
    settle,
    summarise,
)
from creditrisk.core.errors import MissingFile


def outcome(
    rule: str, status: RuleStatus, violations: int = 0, level: Level = "error"
) -> RuleOutcome:
    return RuleOutcome(
        rule=rule,
        level=level,
        status=status,
        description="credits are positive",
        violations=violations,
        rows=1000,
        samples=({"line": 7, "AMT_CREDIT": -5.0},) if violations else (),
    )


def stage(name: str, *outcomes: RuleOutcome) -> StageVerdict:
    return StageVerdict.of(name, [TableVerdict.of("loans", 1000, outcomes)], {})


KEPT = outcome("loans.kept", "passed")
TOLERATED = outcome("loans.tolerated", "passed", 3, "warning")
WARNED = outcome("loans.warned", "warned", 30, "warning")
RELAXED = outcome("loans.relaxed", "relaxed", 1)
FAILED = outcome("loans.failed", "failed", 2)
UNSEEN = outcome("loans.unseen", "not_measured", level="warning")


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [
        ((KEPT, TOLERATED), "passed"),
        ((KEPT, WARNED), "warned"),
        ((KEPT, RELAXED), "warned"),
        ((KEPT, UNSEEN), "warned"),
        ((WARNED, FAILED), "failed"),
    ],
)
def test_the_worst_rule_decides(outcomes: tuple[RuleOutcome, ...], status: str) -> None:
    """A stage is as good as its worst rule."""
    assert stage("build", *outcomes).status == status
    assert ValidationSummary.of([stage("a", KEPT), stage("b", *outcomes)]).status == status


def test_kept_rules_are_names_and_others_are_findings() -> None:
    """What was kept is listed by name; what was broken or tolerated is told in full."""
    table = TableVerdict.of("loans", 1000, [KEPT, TOLERATED, WARNED])
    assert table.kept_rules == ("loans.kept", "loans.tolerated")
    assert [finding.rule for finding in table.findings] == ["loans.tolerated", "loans.warned"]


def test_errors_and_warnings_are_apart() -> None:
    """Failures refuse; everything else that is not right is a warning."""
    verdict = stage("build", KEPT, TOLERATED, WARNED, RELAXED, UNSEEN, FAILED)
    assert verdict.failures == (FAILED,)
    assert verdict.warnings == (WARNED, RELAXED, UNSEEN)


def test_a_pass_is_written_and_read_back(tmp_path: Path) -> None:
    """The report of a stage holds the same verdict after reading, and no summary is touched."""
    verdict = stage("build", KEPT, WARNED)
    settle(verdict, tmp_path / "build.json", tmp_path / "summary.json")
    assert StageVerdict.read(tmp_path / "build.json") == verdict
    assert not (tmp_path / "summary.json").exists()


def test_a_refusal_lists_every_failed_rule_and_replaces_the_summary(tmp_path: Path) -> None:
    """After a refusal neither the stage's report nor the summary shows an earlier pass."""
    other = outcome("loans.other", "failed", 5)
    ValidationSummary.of([stage("build", KEPT)]).write(tmp_path / "summary.json")
    with pytest.raises(ContractViolated) as refusal:
        settle(
            stage("build", FAILED, WARNED, other), tmp_path / "b.json", tmp_path / "summary.json"
        )
    assert str(refusal.value).splitlines() == [
        "build refused its data, 2 rules are broken:",
        "  loans.failed: 2 of 1,000 (credits are positive); first: line 7, AMT_CREDIT -5.0",
        "  loans.other: 5 of 1,000 (credits are positive); first: line 7, AMT_CREDIT -5.0",
        f"See {tmp_path / 'b.json'}",
    ]
    assert StageVerdict.read(tmp_path / "b.json").status == "failed"
    assert ValidationSummary.read(tmp_path / "summary.json").status == "failed"


def test_the_summary_merges_every_stage(tmp_path: Path) -> None:
    """The summary counts errors and warnings and gathers what was relaxed."""
    StageVerdict.of("a", [TableVerdict.of("t", 1, [WARNED])], {"x": "why"}).write(
        tmp_path / "a.json"
    )
    StageVerdict.of("b", [TableVerdict.of("t", 1, [RELAXED])], {"w": "so"}).write(
        tmp_path / "b.json"
    )
    summary = summarise(tmp_path, ["a", "b"])
    assert (summary.status, summary.errors, summary.warnings) == ("warned", 0, 2)
    assert list(summary.relaxed_rules) == ["w", "x"]


def test_a_stage_without_verdict_is_refused(tmp_path: Path) -> None:
    """What was not checked cannot be summed up as passed."""
    stage("build_feature_store", KEPT).write(tmp_path / "build_feature_store.json")
    with pytest.raises(MissingFile, match="split_data"):
        summarise(tmp_path)
