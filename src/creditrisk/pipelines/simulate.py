"""Replay generated months through scoring, monitoring, outcomes and retraining; draw a timeline.

Everything happens in a folder of its own: nothing here, no ledger and no registry, is touched.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from creditrisk.core.settings import DEFAULT_PARAMS_PATH, load_settings
from creditrisk.pipelines.command import run

if TYPE_CHECKING:
    from creditrisk.simulation.timeline import Played, Timeline

Scenario = Annotated[
    Literal["none", "covariate", "prior", "concept"],
    typer.Option(help="What changes; none: nothing does."),
]
Out = Annotated[Path, typer.Option(help="Folder for all of it; empty or not there yet.")]
Months = Annotated[int, typer.Option(min=1, max=20, help="Months to play.")]
FromMonth = Annotated[int, typer.Option(min=1, help="The first month of the change.")]
Strength = Annotated[float, typer.Option(min=0, max=1, help="How much changes.")]
Applicants = Annotated[int, typer.Option(min=1, help="To train the first model on.")]
MonthApplicants = Annotated[int, typer.Option(min=1, help="Applicants of a month.")]
Seed = Annotated[int, typer.Option(min=0, help="Same seed, same applicants.")]
FailOnBroken = Annotated[
    bool,
    typer.Option("--fail-on-broken-promise", help="Exit 1 where monitoring failed to keep one."),
]
Project = Annotated[Path, typer.Option(help="Where dvc.yaml lies.")]
Params = Annotated[Path, typer.Option(help="Settings; the portfolio is the simulation's own.")]


def main(
    *,
    scenario: Scenario = "concept",
    out: Out = Path("reports/simulation"),
    months: Months = 12,
    from_month: FromMonth = 4,
    strength: Strength = 1.0,
    applicants: Applicants = 30_000,
    month_applicants: MonthApplicants = 5_000,
    seed: Seed = 20,
    fail_on_broken_promise: FailOnBroken = False,
    project: Project = Path(),
    params: Params = DEFAULT_PARAMS_PATH,
) -> None:
    """Replay generated months through scoring, monitoring, outcomes and retraining.

    Writes timeline.json and timeline.html into OUT, anew after every month.
    """
    from creditrisk.simulation.play import Simulation
    from creditrisk.simulation.timeline import Played
    from creditrisk.simulation.workspace import Workspace, simulated_settings

    played = Played(
        scenario=scenario,
        strength=strength,
        from_month=from_month,
        months=months,
        applicants=applicants,
        month_applicants=month_applicants,
        seed=seed,
    )
    if scenario != "none" and from_month > months:
        message = f"the change comes in month {from_month}, but --months is {months}"
        raise typer.BadParameter(message, param_hint="--from-month")
    settings = simulated_settings(load_settings(params), _portfolio(played))
    workspace = Workspace.make(out, project, settings)
    typer.echo(f"training the first model on {applicants:,} applicants in {out}")
    timeline = Simulation(workspace, settings, played, lambda now: _show(now, out)).play()
    for promise in timeline.promises:
        typer.echo(f"{'kept' if promise.kept else 'BROKEN'}: {promise.text} ({promise.seen})")
    typer.echo(f"{out / 'timeline.html'} shows it")
    if fail_on_broken_promise and not timeline.has_kept_all:
        raise typer.Exit(1)


def _portfolio(played: Played) -> dict[str, int]:
    return {"applicants": played.applicants, "seed": played.seed}


def _show(timeline: Timeline, out: Path) -> None:
    from creditrisk.simulation.page import write_page

    timeline.write(out / "timeline.json")
    write_page(timeline, out / "timeline.html")
    if timeline.months:
        typer.echo(timeline.months[-1].sentence())


if __name__ == "__main__":
    run(main)
