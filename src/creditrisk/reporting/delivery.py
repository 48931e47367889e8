"""What became of a delivery, as a page of Markdown for the run that carried it out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from creditrisk.core.errors import UnreadableReport
from creditrisk.core.report import Part, Report


class PushedImage(Part):
    """An image that a registry holds; `reference` names it by digest."""

    name: str
    reference: str
    digest: str
    tag: str
    revision: str
    bytes: int


class PushedImages(Report):
    """What deploy/images/push.sh pushed."""

    images: tuple[PushedImage, ...]

    def headline(self) -> str:
        """The report in one line for a person."""
        return "pushed " + ", ".join(image.reference for image in self.images)


@dataclass(frozen=True, slots=True)
class DeliveryStep:
    """A step of the delivery and the report that it leaves.

    Args:
        title: what is done.
        report: where it is told.
        undone: what is true where no report lies: `not deployed`.
        outcome: reads the report into one sentence.
    """

    title: str
    report: Path
    undone: str
    outcome: Callable[[Path], str]

    def sentence(self) -> str:
        """What became of it; a damaged report is told, never raised: others are to be seen too."""
        if not self.report.exists():
            return self.undone
        try:
            return self.outcome(self.report)
        except UnreadableReport as error:
            return f"unreadable: {error}"


def delivery_summary(steps: Iterable[DeliveryStep]) -> str:
    """A table of the steps, in Markdown."""
    lines = (f"| {step.title} | {_cell(step.sentence())} | `{step.report}` |" for step in steps)
    return "\n".join(
        ("## Delivery", "", "| step | outcome | report |", "| --- | --- | --- |", *lines, "")
    )


def _cell(text: str) -> str:
    """One line that ends no cell."""
    return " ".join(text.split()).replace("|", "\\|")
