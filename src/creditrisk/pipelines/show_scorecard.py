"""Print the scorecard, as a person applies it by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from creditrisk.core.errors import Misuse
from creditrisk.pipelines.command import run

if TYPE_CHECKING:
    from rich.table import Table

    from creditrisk.mlops.bundle import Bundle
    from creditrisk.models.scorecard import Scorecard, TableRow

SHOWN_SCORES = 9


class NoScorecard(Misuse):
    """The bundle holds a model of another type."""

    def __init__(self, bundle: Path, model_type: str) -> None:
        super().__init__(
            f"{bundle} holds a model of type {model_type}, which has no table of points; "
            "required is a bundle of type scorecard, such as fit_scorecard writes."
        )


def main(
    *,
    bundle: Annotated[Path, typer.Option(help="The model.")] = Path("models/scorecard"),
) -> None:
    """Print the scorecard's points, and the PD that a sum of points stands for."""
    from rich.console import Console

    from creditrisk.mlops.bundle import Bundle
    from creditrisk.models.scorecard import Scorecard
    from creditrisk.models.serving import MODEL_FILES

    sealed = Bundle.load(bundle)
    if sealed.manifest.model_type != "scorecard":
        raise NoScorecard(bundle, sealed.manifest.model_type)
    scorecard = Scorecard.model_validate_json(sealed.contents[MODEL_FILES["scorecard"]])
    console = Console(highlight=False)
    console.print(_points_table(scorecard.table()))
    console.print(_pd_table(sealed, scorecard))


def _points_table(rows: Sequence[TableRow]) -> Table:
    title = "Scorecard: start, then add the points of one bin of each characteristic"
    table = _table(title, "Characteristic", "Bin", "Points", "Rows", "Default rate", "WoE", "IV")
    for row, characteristic in zip(rows, _without_repeats(rows), strict=True):
        table.add_row(
            characteristic,
            row.bin,
            f"{row.points:+d}" if row.rows is not None else str(row.points),
            "" if row.rows is None else f"{row.rows:,}",
            "" if row.default_rate is None else f"{100 * row.default_rate:.2f} %",
            "" if row.woe is None else f"{row.woe:.3f}",
            "" if row.information_value is None else f"{row.information_value:.4f}",
            end_section=row.bin.startswith("missing"),
        )
    return table


def _without_repeats(rows: Sequence[TableRow]) -> Iterator[str]:
    before = None
    for row in rows:
        yield "" if row.characteristic == before else row.characteristic
        before = row.characteristic


def _pd_table(bundle: Bundle, scorecard: Scorecard) -> Table:
    """PDs over a range of scores around the start, in steps of the points that double the odds."""
    import numpy as np

    step = max(round(scorecard.scaling.pdo), 1)
    steps = np.arange(SHOWN_SCORES) - SHOWN_SCORES // 2
    scores = scorecard.start_points + step * steps
    pds = bundle.manifest.calibration.probabilities(scorecard.scaling.log_odds(scores))
    table = _table("What a score means after calibration", "Score", "PD", "Good:bad odds")
    for score, pd in zip(scores.tolist(), pds.tolist(), strict=True):
        table.add_row(str(score), f"{100 * pd:.2f} %", f"{(1 - pd) / pd:.1f}")
    return table


def _table(title: str, *columns: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for position, name in enumerate(columns):
        words = name in {"Characteristic", "Bin"}
        table.add_column(name, justify="left" if words else "right", no_wrap=position == 0)
    return table


if __name__ == "__main__":
    run(main)
