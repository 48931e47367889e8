"""The validation's checks, family by family, each with the table behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from creditrisk.reporting.charts import Bar, axis_over, bar_chart, decimal, percent
from creditrisk.reporting.document import Block, Cell, Chart, Grid, Notice, Paragraph, Section
from creditrisk.reporting.model_risk.evidence import Evidence
from creditrisk.reporting.model_risk.wording import absent, count, share, verdict_tone
from creditrisk.testing.checks import Check
from creditrisk.testing.details import (
    AgreementTable,
    ApprovalTable,
    CalibrationTable,
    GradeTable,
    ProxyTable,
    ShiftTable,
)

_FILE = "post_training_validation.json"
_CHARTED_SHIFTS = 20


def verdict(evidence: Evidence) -> Notice:
    """The validation's decision in a sentence."""
    validation = evidence.validation
    if validation is None:
        return absent(evidence, _FILE)
    passed, required = validation.tally()
    refusing = [check.id for check in validation.checks if check.refuses]
    if not refusing:
        return Notice(f"Validated: all {required} required checks passed.", "good")
    return Notice(
        f"Refused: {passed} of {required} required checks passed; not {', '.join(refusing)}.",
        "bad",
    )


def families(
    evidence: Evidence, anchor: str, title: str, words: str, names: Sequence[str]
) -> Section:
    """A section on the checks of some families, in the order in which they were made."""
    validation = evidence.validation
    if validation is None:
        return Section(anchor, title, [absent(evidence, _FILE)])
    checks = [check for check in validation.checks if check.family in names]
    blocks: list[Block] = [Paragraph(words), check_table(checks)]
    for check in checks:
        blocks += _details(check)
    return Section(anchor, title, blocks)


def check_table(checks: Sequence[Check]) -> Grid:
    """Each check in a row. A bar of kind policy is the lender's choice, never the law."""
    return Grid(
        "A required check that has not passed keeps the model out.",
        ["What the check holds", "Seen", "Bar", "Status"],
        [
            [
                Cell(check.holds, note=f"{check.id}. Method: {check.source}"),
                Cell(check.observed or check.reason or ""),
                Cell(check.bar, note=check.basis),
                Cell(
                    check.status,
                    verdict_tone(check.status),
                    note="required" if check.required else "for information",
                ),
            ]
            for check in checks
        ],
    )


def _details(check: Check) -> Iterator[Block]:
    match check.details:
        case GradeTable() as table:
            yield from _grades(table)
        case CalibrationTable() as table:
            yield from _calibration(table)
        case ApprovalTable() as table:
            yield _approvals(check, table)
        case ProxyTable() as table:
            yield _proxies(table)
        case ShiftTable() as table:
            yield from _shifts(check, table)
        case AgreementTable() as table:
            yield from _disagreements(check, table)


def _grades(table: GradeTable) -> Iterator[Block]:
    yield Grid(
        "Risk grades, the best first. Small p-values: the PD is too low for the defaults seen.",
        [
            "Grade",
            "PD below",
            "Applicants",
            "Defaults",
            "Mean PD",
            "Default rate",
            "Jeffreys p",
            "Binomial p",
            "Light",
        ],
        [
            [
                Cell(row.grade),
                Cell(percent(row.pd_below), number=True),
                Cell(count(row.rows), number=True),
                Cell(count(row.defaults), number=True),
                Cell(_or_dash(row.mean_pd, share), number=True),
                Cell(_or_dash(row.default_rate, share), number=True),
                Cell(_or_dash(row.jeffreys_p), number=True),
                Cell(_or_dash(row.binomial_p), number=True),
                Cell(row.light or "no applicant", verdict_tone(row.light or "")),
            ]
            for row in table.rows
        ],
    )
    bars = [
        Bar(
            f"{row.grade}: PD {percent(row.mean_pd)}",
            row.default_rate,
            row.low,
            row.high,
            row.light == "red",
        )
        for row in table.rows
        if row.default_rate is not None and row.mean_pd is not None
    ]
    if bars:
        ends = [end for bar in bars for end in (bar.low, bar.high) if end is not None]
        yield Chart(
            bar_chart(
                "Default rate by grade",
                bars,
                axis_over(ends, "Default rate", percent, zero=True),
                whiskers=True,
            ),
            "Each grade's default rate with Jeffreys' interval, its mean PD beside its name.",
        )


def _calibration(table: CalibrationTable) -> Iterator[Block]:
    bars = [
        Bar(
            f"{row.attribute}: {row.group}", row.observed_expected, row.low, row.high, not row.holds
        )
        for row in table.rows
    ]
    if bars:
        ends = [1.0, *(end for bar in bars for end in (bar.low, bar.high) if end is not None)]
        yield Chart(
            bar_chart(
                "Observed over expected defaults",
                bars,
                axis_over(ends, "Observed / expected defaults", decimal),
                marks=(1.0,),
                whiskers=True,
            ),
            "1 is right: as many defaults as foretold. Above it the PDs of the group are too low. "
            f"Intervals with {percent(table.confidence)} confidence.",
        )


def _approvals(check: Check, table: ApprovalTable) -> Grid:
    return Grid(
        f"{check.id}: approvals by group, each attribute's best-treated group as the reference.",
        ["Group", "Applicants", "Approved", "Rate", "To reference", "Interval", "Verdict"],
        [
            [
                Cell(f"{row.attribute}: {row.group}"),
                Cell(count(row.applicants), number=True),
                Cell(count(row.approved), number=True),
                Cell(share(row.approval_rate), number=True),
                Cell("-" if row.is_reference else _or_dash(row.value), number=True),
                Cell("-" if row.is_reference else _range(row.low, row.high), number=True),
                Cell("reference") if row.is_reference else _held(row.holds),
            ]
            for row in table.rows
        ],
    )


def _proxies(table: ProxyTable) -> Grid:
    return Grid(
        "How well the inputs tell the groups of a protected attribute apart (ROC-AUC; 0.5 is not at "
        f"all), on {count(table.applicants)} applicants."
        + (
            f" Inputs themselves: {', '.join(table.inputs_themselves)}."
            if table.inputs_themselves
            else ""
        ),
        ["Group", "Applicants", "ROC-AUC", "Interval", "Verdict"],
        [
            [
                Cell(f"{row.attribute}: {row.group}"),
                Cell(count(row.rows), number=True),
                Cell(decimal(row.roc_auc), number=True),
                Cell(_range(row.low, row.high), number=True),
                _held(row.holds),
            ]
            for row in table.rows
        ],
    )


def _shifts(check: Check, table: ShiftTable) -> Iterator[Block]:
    measured = [row for row in table.rows if row.value is not None]
    ranked = sorted(measured, key=lambda row: -(row.value or 0.0))
    bars = [
        Bar(row.name, row.value or 0.0, flagged=row.status in {"shifted", "drifted"})
        for row in islice(ranked, _CHARTED_SHIFTS)
    ]
    if len(bars) > 1:
        yield Chart(
            bar_chart(
                check.id,
                bars,
                axis_over([bar.value for bar in bars], "Stability index", decimal, zero=True),
            ),
            f"The {len(bars)} inputs that differ most between {table.reference} and {table.current}, "
            f"of {len(table.rows)}. Flagged: beyond the bar and beyond chance.",
        )


def _disagreements(check: Check, table: AgreementTable) -> Iterator[Block]:
    if table.disagreements:
        yield Grid(
            f"{check.id}: what disagrees, of {table.compared} compared.",
            ["What", "Required", "Seen"],
            [
                [Cell(row.name), Cell(row.required or "nothing"), Cell(row.seen or "nothing")]
                for row in table.disagreements
            ],
        )


def _held(holds: bool | None) -> Cell:  # noqa: FBT001 (a verdict, not a switch)
    if holds is None:
        return Cell("too few to judge")
    return Cell("holds", "good") if holds else Cell("beyond the bar", "bad")


def _range(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{decimal(low)} to {decimal(high)}"


def _or_dash(value: float | None, shown: Callable[[float], str] = decimal) -> str:
    return "-" if value is None else shown(value)
