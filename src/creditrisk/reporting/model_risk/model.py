"""What the model is: purpose, data, inputs, and what drives its answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from creditrisk.features.catalogue import Feature, load_catalogue
from creditrisk.reporting.charts import Bar, axis_over, bar_chart, percent
from creditrisk.reporting.document import (
    Block,
    Cell,
    Chart,
    Facts,
    Grid,
    Items,
    Notice,
    Paragraph,
    Section,
)
from creditrisk.reporting.model_risk.evidence import Evidence, WorkedApplicant
from creditrisk.reporting.model_risk.wording import absent, count, short, verdict_tone

_RISK = {
    "higher_is_riskier": "rises",
    "lower_is_riskier": "falls",
    "none": "open",
}
_CHARTED_FEATURES = 20


def purpose(evidence: Evidence) -> Section:
    """What the model may be used for and what not, with its identity."""
    manifest = evidence.bundle.manifest
    return Section(
        "purpose",
        "What the model is for",
        [
            Paragraph(
                "The model estimates the probability that an applicant for a consumer loan will "
                "default (PD), from the application and from histories that the lender already "
                "holds. The lender's policy turns the PD into approval, referral to a person, or "
                "refusal."
            ),
            Items(
                [
                    (
                        "For: decisions on new applications of natural persons, of the kind and market "
                        "that the training data come from; risk grades; monitoring of that portfolio."
                    ),
                    (
                        "Not for: other products, markets or kinds of borrower; pricing, limits or "
                        "collections without a validation of their own; provisions or capital, which "
                        "need a PD over a defined horizon and cycle."
                    ),
                    (
                        "Not a decision by itself: between the two bands of the policy a person "
                        "decides, and an applicant who is refused is told why."
                    ),
                ]
            ),
            Facts(
                {
                    "Kind of model": f"{manifest.model_type}, calibrated on held-out applicants",
                    "Inputs": f"{len(manifest.features)} features, hash "
                    f"{short(manifest.feature_set_sha256)}",
                    "Bundle": evidence.bundle.sha256,
                    "Source": manifest.source_sha256,
                    "Policy": f"approve below {percent(evidence.policy.approve_below)}, decline "
                    f"from {percent(evidence.policy.decline_from)}",
                }
            ),
        ],
    )


def data(evidence: Evidence) -> Section:
    """Where the data came from, what the contracts said, and the chain to the model."""
    return Section(
        "data",
        "Data and lineage",
        [*_raw_files(evidence), *_contracts(evidence), *_lineage(evidence)],
    )


def _raw_files(evidence: Evidence) -> Iterator[Block]:
    summary = evidence.ingestion
    if summary is None:
        yield absent(evidence, "ingestion_summary.json")
        return
    if any(table.source == "synthetic" for table in summary.tables):
        yield Notice(
            "These data were generated. Figures on generated data say nothing about any real "
            "portfolio.",
            "open",
        )
    yield Grid(
        "The raw files as they were taken in.",
        ["File", "Source", "Rows", "Bytes", "SHA-256"],
        [
            [
                Cell(table.file),
                Cell(table.uri),
                Cell(count(table.rows), number=True),
                Cell(count(table.bytes), number=True),
                Cell(short(table.sha256), code=True),
            ]
            for table in summary.tables
        ],
    )


def _contracts(evidence: Evidence) -> Iterator[Block]:
    summary = evidence.contracts
    if summary is None:
        yield absent(evidence, "validation_summary.json")
        return
    tables = [table for stage in summary.stages for table in stage.tables]
    kept = sum(len(table.kept_rules) for table in tables)
    yield Paragraph(
        f"Every table was held to a written contract of types, ranges, categories, keys and rules "
        f"across columns: {count(kept)} rules kept, {summary.errors} broken, {summary.warnings} "
        f"warnings, {len(summary.relaxed_rules)} relaxed by hand."
    )
    findings = [(table.table, finding) for table in tables for finding in table.findings]
    if findings:
        yield Grid(
            "What the contracts found.",
            ["Table", "Rule", "Rows", "Status"],
            [
                [
                    Cell(name),
                    Cell(found.description),
                    Cell(f"{count(found.violations)} of {count(found.rows)}", number=True),
                    Cell(found.status, verdict_tone(found.status)),
                ]
                for name, found in findings
            ],
        )


def _lineage(evidence: Evidence) -> Iterator[Block]:
    lineage = evidence.lineage
    if lineage is None:
        yield absent(evidence, "data_lineage.json")
        return
    yield Paragraph(
        "Each link of the chain is a checksum: raw files, feature SQL and catalogue, feature "
        "table, split, parameters, source code, model. Two models with the same chain hash are the "
        "same model."
    )
    yield Facts(
        {
            "Raw files": f"{len(lineage.raw)}, each as above",
            "Feature catalogue": lineage.catalogue_sha256,
            "Feature table": lineage.feature_store_sha256,
            **{f"Split, {side}": sha256 for side, sha256 in lineage.split_sha256.items()},
            "Source code": lineage.source_sha256,
            "Bundle": lineage.bundle.sha256,
            "Chain": lineage.chain_sha256,
        }
    )


def features(evidence: Evidence) -> Section:
    """Every input with its meaning, the direction known beforehand, and its weight."""
    catalogue = load_catalogue()
    named = [catalogue[feature.name] for feature in evidence.bundle.manifest.features]
    used = [feature for feature in named if evidence.importance.get(feature.name)]
    return Section(
        "inputs",
        "Inputs",
        [
            Paragraph(
                f"The model may read {len(named)} facts of an applicant and uses {len(used)}. Risk "
                "says whether it rises or falls as the value rises, all else equal, where that is "
                "known before looking at data. Importance is the input's share of what the model "
                "learnt."
            ),
            *_left_out(evidence),
            Grid(
                "The inputs that the model uses, the most important first.",
                ["Input", "Meaning", "Risk", "Importance"],
                _feature_rows(evidence, used),
            ),
            *_unused([feature.name for feature in named if feature not in used]),
        ],
    )


def _left_out(evidence: Evidence) -> Iterator[Block]:
    policy = evidence.policy
    if policy.prohibited_columns:
        yield Paragraph(
            f"Prohibited as an input by the lender's policy for {', '.join(policy.jurisdictions)}: "
            f"{', '.join(policy.prohibited_columns)}. No input is made of them."
        )


def _unused(names: Sequence[str]) -> Iterator[Block]:
    if names:
        yield Paragraph(f"Read, but of no influence on any PD: {', '.join(names)}.")


def _feature_rows(evidence: Evidence, named: Sequence[Feature]) -> list[list[Cell]]:
    importance = evidence.importance
    ranked = sorted(named, key=lambda feature: -importance[feature.name])
    return [
        [
            Cell(feature.name, code=True),
            Cell(feature.definition),
            Cell(_RISK[feature.direction]),
            Cell(percent(importance[feature.name]), number=True),
        ]
        for feature in ranked
    ]


def explanations(evidence: Evidence) -> Section:
    """What drives the model as a whole, and three applicants worked through."""
    blocks: list[Block] = []
    if evidence.importance:
        leading = list(islice(evidence.importance.items(), _CHARTED_FEATURES))
        axis = axis_over([share for _, share in leading], "Share of importance", percent, zero=True)
        bars = [Bar(name, share) for name, share in leading]
        blocks.append(
            Chart(
                bar_chart("Most important inputs", bars, axis),
                f"The {len(leading)} most important inputs. Importance tells what the model uses, "
                "not what causes default.",
            )
        )
    blocks.append(
        Paragraph(
            "An applicant's reasons are exact: the contributions of all inputs add up to the "
            "model's score. They are compared with the average contribution among approved "
            "applicants, summed over inputs that are one idea to a person, and at most four that "
            "raise the PD are named, never a protected attribute. Three applicants of the test "
            "side, without their names:"
        )
    )
    for applicant in evidence.applicants:
        blocks += _worked(applicant)
    return Section("explanations", "Explanations", blocks)


def _worked(applicant: WorkedApplicant) -> Iterator[Block]:
    yield Grid(
        f"{applicant.title}: PD {percent(applicant.pd)}, grade {applicant.grade}, decision: "
        f"{applicant.decision}.",
        ["Reason", "The applicant", "Size (log-odds)", "Share"],
        [
            [
                Cell(reason.words),
                Cell(f"{reason.label}: {reason.comparison}"),
                Cell(f"{reason.log_odds:+.2f}", number=True),
                Cell(percent(reason.share), number=True),
            ]
            for reason in applicant.reasons
        ],
    )
