"""The report as a document: every section in its order, and the few figures that come first."""

from __future__ import annotations

from creditrisk.reporting.charts import decimal, percent
from creditrisk.reporting.document import Document, Section
from creditrisk.reporting.model_risk.checks import families, verdict
from creditrisk.reporting.model_risk.decisions import approvals, challenge
from creditrisk.reporting.model_risk.evidence import Evidence
from creditrisk.reporting.model_risk.index import evidence_index, limits, regulation
from creditrisk.reporting.model_risk.model import data, explanations, features, purpose
from creditrisk.reporting.model_risk.performance import performance, second_model
from creditrisk.reporting.model_risk.wording import short


def model_risk_report(evidence: Evidence) -> Document:
    """The whole case. What is missing is said to be missing, section by section."""
    sections = [
        purpose(evidence),
        data(evidence),
        features(evidence),
        performance(evidence),
        *_checked(evidence),
        explanations(evidence),
        families(
            evidence,
            "reasons",
            "Do the reasons tell the truth",
            "Whether contributions add up to the score, and whether changing what the reasons name "
            "lowers the PD more than changing something else.",
            ("explanations",),
        ),
        second_model(evidence),
        challenge(evidence),
        limits(evidence),
        approvals(evidence),
        evidence_index(evidence),
    ]
    titles = {section.anchor: section.title for section in sections}
    return Document(
        title=f"Model risk report: {_name(evidence)}",
        subtitle=f"{evidence.bundle.manifest.model_type}, bundle {short(evidence.bundle.sha256)}",
        verdict=verdict(evidence),
        headline=headline(evidence),
        sections=[*sections, regulation(titles)],
    )


def headline(evidence: Evidence) -> dict[str, str]:
    """The figures that are read first; empty where the test side was not measured."""
    test = evidence.test
    if test is None:
        return {}
    return {
        "ROC-AUC": decimal(test.roc_auc),
        "Gini": decimal(test.gini),
        "KS": decimal(test.ks),
        "Mean PD": percent(test.mean_pd),
        "Default rate": percent(test.default_rate),
    }


def _name(evidence: Evidence) -> str:
    registration = evidence.registration
    if registration is None or registration.version is None:
        return "unregistered model"
    return f"{registration.model_name} version {registration.version}"


def _checked(evidence: Evidence) -> list[Section]:
    return [
        families(
            evidence,
            "validation",
            "Validation",
            "Whether the evidence is whole and about this model, and whether the model clears the "
            "lender's floors.",
            ("artefacts", "alignment", "floors"),
        ),
        families(
            evidence,
            "calibration",
            "Calibration by grade and segment",
            "Whether as many applicants of each risk grade and segment defaulted as foretold.",
            ("calibration",),
        ),
        families(
            evidence,
            "stability",
            "Stability",
            "Whether the applicants of the test side look like those of training: PSI of the score, "
            "CSI of every input.",
            ("stability",),
        ),
        families(
            evidence,
            "fairness",
            "Fairness",
            "How approvals, errors and calibration differ between groups of the protected "
            "attributes. Thresholds are the lender's policy. None of them states the law.",
            ("fairness",),
        ),
    ]
