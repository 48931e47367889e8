"""What a check of data against its contract found, and the reports that keep it.

`reports/validation/<stage>.json` holds one stage's verdict, `reports/validation_summary.json` all
of them. They hold no time of day: the same data and rules give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict

from creditrisk.contracts.errors import ContractViolated
from creditrisk.contracts.rules import Level
from creditrisk.core.report import Report

RuleStatus = Literal["passed", "warned", "relaxed", "failed", "not_measured"]
Status = Literal["passed", "warned", "failed"]
Sample = dict[str, int | float | str | None]

VALIDATED_STAGES = ("build_feature_store", "split_data")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class RuleOutcome(_Part):
    """How a table fared under one rule.

    `violations` of `rows` broke it (groups of rows for a rule about groups); up to the share
    `bound` is tolerated. `samples` show a few where it is not: key and offending columns.
    """

    rule: str
    level: Level
    status: RuleStatus
    description: str
    violations: int
    rows: int
    bound: float = 0.0
    relaxed_because: str | None = None
    samples: tuple[Sample, ...] = ()

    def sentence(self) -> str:
        """The outcome in one line for a person."""
        text = f"{self.rule}: {self.violations:,} of {self.rows:,} ({self.description})"
        if not self.samples:
            return text
        first = ", ".join(f"{name} {value}" for name, value in self.samples[0].items())
        return f"{text}; first: {first}"


class TableVerdict(_Part):
    """How one table fared: the rules it kept by name, every other one with its findings.

    A rule that only a tolerated share of rows breaks is kept, and listed as a finding too.
    """

    table: str
    rows: int
    status: Status
    kept_rules: tuple[str, ...]
    findings: tuple[RuleOutcome, ...]

    @classmethod
    def of(cls, table: str, rows: int, outcomes: Sequence[RuleOutcome]) -> Self:
        """Gather the outcomes of a table's rules."""
        return cls(
            table=table,
            rows=rows,
            status=_worst(outcome.status for outcome in outcomes),
            kept_rules=tuple(o.rule for o in outcomes if o.status == "passed"),
            findings=tuple(o for o in outcomes if o.status != "passed" or o.violations),
        )


class StageVerdict(Report):
    """`reports/validation/<stage>.json`: how every table that a stage checked fared."""

    stage: str
    status: Status
    relaxed_rules: dict[str, str]
    tables: tuple[TableVerdict, ...]

    @classmethod
    def of(
        cls, stage: str, tables: Sequence[TableVerdict], relaxed_rules: Mapping[str, str]
    ) -> Self:
        """Gather the verdicts of a stage's tables."""
        return cls(
            stage=stage,
            status=_worst(table.status for table in tables),
            relaxed_rules=dict(sorted(relaxed_rules.items())),
            tables=tuple(tables),
        )

    @property
    def failures(self) -> tuple[RuleOutcome, ...]:
        """Every rule that refuses the data."""
        return tuple(o for table in self.tables for o in table.findings if o.status == "failed")

    @property
    def warnings(self) -> tuple[RuleOutcome, ...]:
        """Every rule that is broken without refusing the data."""
        statuses = ("warned", "relaxed", "not_measured")
        return tuple(o for table in self.tables for o in table.findings if o.status in statuses)


class ValidationSummary(Report):
    """`reports/validation_summary.json`: the verdicts of all stages."""

    status: Status
    errors: int
    warnings: int
    relaxed_rules: dict[str, str]
    stages: tuple[StageVerdict, ...]

    @classmethod
    def of(cls, stages: Sequence[StageVerdict]) -> Self:
        """Gather the verdicts of stages."""
        relaxed = {rule: why for stage in stages for rule, why in stage.relaxed_rules.items()}
        return cls(
            status=_worst(stage.status for stage in stages),
            errors=sum(len(stage.failures) for stage in stages),
            warnings=sum(len(stage.warnings) for stage in stages),
            relaxed_rules=dict(sorted(relaxed.items())),
            stages=tuple(stages),
        )


def settle(verdict: StageVerdict, report: Path, summary: Path) -> None:
    """Write a stage's verdict, and refuse to go on where a rule failed.

    A refusal also replaces the merged summary, which would otherwise show an earlier pass.

    Raises:
        ContractViolated: some rule failed.
    """
    verdict.write(report)
    if verdict.failures:
        ValidationSummary.of([verdict]).write(summary)
        raise ContractViolated(verdict.stage, verdict.failures, report)


def summarise(folder: Path, stages: Sequence[str] = VALIDATED_STAGES) -> ValidationSummary:
    """Merge the reports of `stages` under a folder.

    Raises:
        MissingFile: a stage left no verdict.
        UnreadableReport: a verdict is not one.
    """
    return ValidationSummary.of([StageVerdict.read(folder / f"{stage}.json") for stage in stages])


def conclude(summary: ValidationSummary, report: Path) -> None:
    """Refuse to go on from a summary in which some rule failed.

    Raises:
        ContractViolated: a stage that was summed up had refused its data.
    """
    for stage in summary.stages:
        if stage.failures:
            raise ContractViolated(stage.stage, stage.failures, report)


def _worst(statuses: Iterable[str]) -> Status:
    found = set(statuses)
    if "failed" in found:
        return "failed"
    return "warned" if found & {"warned", "relaxed", "not_measured"} else "passed"
