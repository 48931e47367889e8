"""Limits of the model, the index of evidence, and where supervisory texts find theirs."""

from __future__ import annotations

from collections.abc import Iterator

from creditrisk.reporting.document import Cell, Grid, Items, Paragraph, Section
from creditrisk.reporting.model_risk.evidence import Evidence
from creditrisk.reporting.model_risk.wording import count

# Text, provision, what it asks in our own words, sections of this report that hold the evidence.
_PROVISIONS = (
    (
        "SR 26-2 (Federal Reserve, with OCC Bulletin 2026-13 and FDIC, 17 April 2026; replaces SR 11-7)",
        "Development and conceptual soundness",
        "Purpose, design, data and assumptions fit the use and are written down",
        ("purpose", "data", "inputs", "limits"),
    ),
    (
        "SR 26-2",
        "Outcomes analysis",
        "Predictions are held against outcomes, with benchmarks and by segment",
        ("performance", "calibration", "scorecard"),
    ),
    (
        "SR 26-2",
        "Ongoing monitoring",
        "Shifts of population and performance are seen and acted on",
        ("stability",),
    ),
    (
        "SR 26-2",
        "Effective challenge and governance",
        "Somebody with standing can say no; decisions, roles and an inventory are kept",
        ("validation", "challenge", "approvals", "evidence"),
    ),
    (
        "EU AI Act (Regulation (EU) 2024/1689)",
        "Annex III, point 5(b)",
        "Evaluating the creditworthiness of natural persons is a high-risk use",
        ("purpose",),
    ),
    (
        "EU AI Act",
        "Article 9, risk management",
        "Risks are identified, estimated, reduced and tested against set measures",
        ("validation", "limits"),
    ),
    (
        "EU AI Act",
        "Article 10, data and data governance",
        "Data are relevant, representative and examined for bias",
        ("data", "fairness"),
    ),
    (
        "EU AI Act",
        "Articles 11 and 12, documentation and records",
        "The system is documented, and events are recorded over its life",
        ("evidence", "approvals"),
    ),
    (
        "EU AI Act",
        "Articles 13 and 14, transparency and human oversight",
        "Deployers can interpret the output, and a person can overrule it",
        ("explanations", "purpose"),
    ),
    (
        "EU AI Act",
        "Article 15, accuracy and robustness",
        "Levels of accuracy are declared and kept",
        ("performance", "stability"),
    ),
    (
        "Regulation B (12 CFR 1002), Equal Credit Opportunity Act",
        "1002.9(a)(2) and (b)(2), adverse action",
        "A refused applicant gets the specific principal reasons",
        ("explanations",),
    ),
    (
        "Regulation B",
        "1002.4 and 1002.6, discrimination and evaluation",
        "Prohibited bases play no part in the evaluation",
        ("inputs", "fairness"),
    ),
    (
        "Regulation B",
        "1002.2(p), empirically derived credit scoring systems",
        "The system is sound statistically, is validated and revalidated",
        ("performance", "validation", "stability"),
    ),
)


def limits(evidence: Evidence) -> Section:
    """What the figures do not say."""
    manifest = evidence.bundle.manifest
    train = manifest.sides.get("train")
    texts = [
        (
            "The model knows only applicants whose loans were granted. How those would have fared who "
            "were refused is not in the data, so the PD of such applicants is an extrapolation."
        ),
        (
            "The raw data hold days before the application but no calendar date. A test in time, on "
            "applications later than those of training, is not possible on them; monitoring production "
            "months takes its place."
        ),
        (
            "The default of the data is that of their publisher: payment difficulties early in the "
            "loan. It is no 12-month regulatory default, and the PD no through-the-cycle PD."
        ),
        (
            "Scores of external agencies are inputs. How they are made is not known, and a change at an "
            "agency reaches the model unannounced."
        ),
        (
            "Fairness is measured on the attributes that the data hold. Others, such as ethnic origin, "
            "are not in them, so their absence from the checks says nothing."
        ),
        (
            "Intervals tell sampling error. They do not tell of a changing economy, fraud, or errors in "
            "what was recorded."
        ),
    ]
    if train is not None:
        texts.append(
            f"Fitted on {count(train.rows)} applicants with {count(train.defaults)} defaults; groups "
            "that are rare among them are measured with wide intervals or not at all."
        )
    return Section("limits", "Limits", [Items(texts)])


def evidence_index(evidence: Evidence) -> Section:
    """Every file that the report rests on, with its checksum."""
    checksums = evidence.checksums()
    manifest = evidence.bundle.manifest
    return Section(
        "evidence",
        "Index of evidence",
        [
            Paragraph(
                "Whoever holds these files can check that they are the ones this report was made "
                "of: sha256sum gives the same checksum."
            ),
            Grid(
                f"Files under {evidence.reports.name}/.",
                ["File", "SHA-256"],
                [[Cell(path), Cell(sha256, code=True)] for path, sha256 in checksums.items()],
            ),
            Grid(
                "Files of the model bundle.",
                ["File", "SHA-256"],
                [[Cell(path), Cell(sha256, code=True)] for path, sha256 in manifest.files.items()],
            ),
            Grid(
                "Libraries that can change a score.",
                ["Library", "Version"],
                [[Cell(name), Cell(version)] for name, version in manifest.libraries.items()],
            ),
        ],
    )


def regulation(titles: dict[str, str]) -> Section:
    """Where a reader of the supervisory texts finds the evidence.

    Args:
        titles: the sections' titles by anchor, in their order; they are numbered in that order.
    """
    return Section(
        "regulation",
        "Index by supervisory text",
        [
            Paragraph(
                "An index, not a claim of compliance: it says where evidence on a provision stands "
                "in this report. Whether that evidence is enough is for the lender, its counsel and "
                "its supervisor to say. Provisions are told in our own words."
            ),
            Grid(
                "Provisions and where to look.",
                ["Text", "Provision", "What it asks", "Sections"],
                [
                    [
                        Cell(text),
                        Cell(provision),
                        Cell(asks),
                        Cell(", ".join(_named(anchors, titles))),
                    ]
                    for text, provision, asks, anchors in _PROVISIONS
                ],
            ),
        ],
    )


def _named(anchors: tuple[str, ...], titles: dict[str, str]) -> Iterator[str]:
    numbers = {anchor: number for number, anchor in enumerate(titles, 1)}
    for anchor in anchors:
        yield f"{numbers[anchor]} {titles[anchor]}"
