"""Candidate against champion, and who decided what."""

from __future__ import annotations

from collections.abc import Iterator

from creditrisk.ledger.entries import Entry
from creditrisk.reporting.document import Block, Cell, Facts, Grid, Notice, Paragraph, Section
from creditrisk.reporting.model_risk.checks import check_table
from creditrisk.reporting.model_risk.evidence import Evidence
from creditrisk.reporting.model_risk.wording import absent, count, short, verdict_tone
from creditrisk.testing.canary import CanaryReport
from creditrisk.testing.promotion import DecisionRecord


def challenge(evidence: Evidence) -> Section:
    """The candidate beside the champion on the same applicants."""
    canary = evidence.canary
    if canary is None:
        return Section(
            "challenge", "Champion and challenger", [absent(evidence, "canary_report.json")]
        )
    blocks: list[Block] = [
        Paragraph(
            "Before a model replaces the one in use, both score the same applicants, none of whom "
            "either was trained on. The newcomer must not be worse beyond chance, and must not move "
            "approvals further than the lender's policy allows."
        ),
        Notice(canary.headline(), verdict_tone(canary.decision)),
        *_compared(canary),
    ]
    return Section("challenge", "Champion and challenger", blocks)


def _compared(canary: CanaryReport) -> Iterator[Block]:
    if canary.candidate and canary.champion:
        yield Facts(
            {
                role: f"version {contender.version}, bundle {short(contender.bundle_sha256)}"
                for role, contender in (
                    ("Candidate", canary.candidate),
                    ("Champion", canary.champion),
                )
            }
        )
    if canary.reference:
        yield Paragraph(f"Compared on {count(canary.reference.rows)} applicants.")
    if canary.checks:
        yield check_table(canary.checks)


def approvals(evidence: Evidence) -> Section:
    """The ledger's entries about promotions."""
    return Section(
        "approvals",
        "Approvals",
        [
            Paragraph(
                "Every decision about a model's place in production, refusals too, is appended to a "
                "ledger in which each entry carries the hash of the one before, and whose end is "
                "signed outside the database: a row that is changed, added or removed is found."
            ),
            *_registration(evidence),
            *_entries(evidence),
        ],
    )


def _registration(evidence: Evidence) -> Iterator[Block]:
    registration = evidence.registration
    if registration is None:
        yield absent(evidence, "registry_promotion.json")
        return
    yield Facts(
        {
            "Registered model": registration.model_name,
            "Version": registration.version or "none",
            "Registration": f"{registration.decision}: {registration.reason}",
            "Run": registration.run_id or "none",
        }
    )


def _entries(evidence: Evidence) -> Iterator[Block]:
    if evidence.decisions is None:
        yield Notice("The ledger was not read.", "bad")
        return
    yield Paragraph(
        f"The ledger, verified when this report was written: {evidence.ledger_verdict}."
    )
    yield Grid(
        "Decisions, the newest last. An intent stands before what became of it.",
        ["No.", "When (UTC)", "Step", "Versions", "Who and why"],
        [_decision(entry, DecisionRecord.of(entry)) for entry in evidence.decisions],
    )


def _decision(entry: Entry, record: DecisionRecord) -> list[Cell]:
    who = record.approved_by or "automatic"
    why = "; ".join(filter(None, (record.reason, *record.reasons)))
    return [
        Cell(str(entry.sequence), number=True),
        Cell(entry.recorded_at[:19].replace("T", " "), note=short(entry.sha256)),
        Cell(record.step, verdict_tone(record.step), note=record.action),
        Cell(f"{record.from_version or 'none'} to {record.to_version or 'none'}"),
        Cell(who, note=why),
    ]
