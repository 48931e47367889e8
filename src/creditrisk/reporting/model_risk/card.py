"""The model card: one page of Markdown on a model, for people who choose whether to use it.

It holds nothing that changes from run to run of the same pipeline, so it can stand in the
repository.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from creditrisk.reporting.document import Facts, Grid, Items, Paragraph, Section
from creditrisk.reporting.model_risk.checks import verdict
from creditrisk.reporting.model_risk.evidence import Evidence
from creditrisk.reporting.model_risk.index import limits
from creditrisk.reporting.model_risk.model import purpose
from creditrisk.reporting.model_risk.performance import performance
from creditrisk.reporting.model_risk.wording import count

_HEAD = """\
# Model card

This page is written by `creditrisk model-report` from the evidence of the last run of the pipeline.
The whole case, with plots, is `reports/model_risk_report.html`.
"""


def model_card(evidence: Evidence) -> str:
    """The card in Markdown."""
    return "\n".join(_parts(evidence))


def _parts(evidence: Evidence) -> Iterator[str]:
    yield _HEAD
    yield f"**{verdict(evidence).text}**\n"
    yield from _section(purpose(evidence))
    yield "## Training data\n"
    yield from _training(evidence)
    yield from _section(performance(evidence), tables=1)
    yield "## Fairness\n"
    yield from _fairness(evidence)
    yield from _section(limits(evidence))


def _training(evidence: Evidence) -> Iterator[str]:
    summary = evidence.ingestion
    if summary is None:
        yield evidence.why_absent("ingestion_summary.json") + "\n"
        return
    if any(table.source == "synthetic" for table in summary.tables):
        yield "Generated. Figures on generated data say nothing about any real portfolio.\n"
    sides = evidence.bundle.manifest.sides.items()
    rows = [[side, count(found.rows), count(found.defaults)] for side, found in sides]
    yield from _table(["Side", "Applicants", "Defaults"], rows)


def _fairness(evidence: Evidence) -> Iterator[str]:
    policy, validation = evidence.policy, evidence.validation
    yield (
        f"Prohibited as an input by the lender's policy: {', '.join(policy.prohibited_columns)}. "
        "Bars are the lender's policy, not the law.\n"
    )
    if validation is None:
        yield evidence.why_absent("post_training_validation.json") + "\n"
        return
    checks = [check for check in validation.checks if check.family == "fairness"]
    rows = [
        [check.id, check.observed or check.reason or "", check.bar, check.status]
        for check in checks
    ]
    yield from _table(["Check", "Seen", "Bar", "Status"], rows)


def _section(section: Section, tables: int = 0) -> Iterator[str]:
    """A section's words, its facts and its first few tables."""
    yield f"## {section.title}\n"
    for block in section.blocks:
        match block:
            case Paragraph(text):
                yield text + "\n"
            case Items(texts):
                yield "\n".join(f"- {text}" for text in texts) + "\n"
            case Facts(values):
                yield from _table(["", ""], [[name, value] for name, value in values.items()])
            case Grid(_, columns, rows) if tables:
                tables -= 1
                yield from _table(columns, ([cell.text for cell in row] for row in rows))
            case _:
                pass


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    lines = [columns, ["---"] * len(columns), *rows]
    yield "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
