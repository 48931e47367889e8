"""The stage that merges contract verdicts."""

from __future__ import annotations

from pathlib import Path

import pytest

from creditrisk.contracts.errors import ContractViolated
from creditrisk.contracts.verdicts import (
    VALIDATED_STAGES,
    RuleOutcome,
    RuleStatus,
    StageVerdict,
    TableVerdict,
    ValidationSummary,
)
from creditrisk.pipelines.summarise_validation import main


def write_verdicts(folder: Path, status: RuleStatus) -> None:
    outcome = RuleOutcome(
        rule="t.r", level="error", status=status, description="d", violations=1, rows=1
    )
    for stage in VALIDATED_STAGES:
        table = TableVerdict.of("t", 1, [outcome])
        StageVerdict.of(stage, [table], {}).write(folder / f"{stage}.json")


def test_verdicts_are_merged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The stage writes the merged report and says what it found."""
    write_verdicts(tmp_path, "warned")
    main(reports=tmp_path, out=tmp_path / "summary.json")
    assert ValidationSummary.read(tmp_path / "summary.json").warnings == 2
    assert "contracts warned: 2 warnings" in capsys.readouterr().out


def test_a_failed_verdict_is_never_passed_on(tmp_path: Path) -> None:
    """Should a stage's refusal have been overlooked, the merged report refuses again."""
    write_verdicts(tmp_path, "failed")
    with pytest.raises(ContractViolated):
        main(reports=tmp_path, out=tmp_path / "summary.json")
    assert ValidationSummary.read(tmp_path / "summary.json").status == "failed"
