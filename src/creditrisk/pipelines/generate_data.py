"""Generate a portfolio: the seven raw tables, application_test and the true default probabilities."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from pydantic import ValidationError

from creditrisk.core.errors import InvalidSettings, validation_problems
from creditrisk.core.settings import DEFAULT_PARAMS_PATH, SyntheticSettings, load_settings
from creditrisk.pipelines.command import run

Scenario = Literal["none", "covariate", "prior", "concept"]


def main(
    *,
    out: Annotated[Path, typer.Option(help="Folder of the raw files.")] = Path("data/raw"),
    truth: Annotated[Path, typer.Option(help="Folder of the true PDs.")] = Path("data/truth"),
    params: Annotated[
        Path, typer.Option(help="Settings; every flag below overrides ingest.synthetic there.")
    ] = DEFAULT_PARAMS_PATH,
    applicants: Annotated[
        int | None, typer.Option(help="Labelled applicants; application_test comes on top.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same bytes.")] = None,
    scenario: Annotated[
        Scenario | None, typer.Option(help="Shift played in the production months.")
    ] = None,
    strength: Annotated[float | None, typer.Option(help="Its strength, 0 to 1.")] = None,
    from_month: Annotated[int | None, typer.Option(help="The first month it holds.")] = None,
    months: Annotated[int | None, typer.Option(help="Production months to generate.")] = None,
    month_applicants: Annotated[
        int | None, typer.Option(help="Applicants of a month; a tenth of the labelled ones.")
    ] = None,
    chunk: Annotated[
        Literal["small", "medium", "large"],
        typer.Option(help="How much a worker draws at a time; changes no byte."),
    ] = "medium",
    threads: Annotated[int | None, typer.Option(help="Worker processes; changes no byte.")] = None,
) -> None:
    """Generate a portfolio: seven raw tables, application_test, and the true default probabilities.

    Figures obtained on generated data say nothing about any real portfolio.
    """
    from creditrisk.data.synthetic import generate_portfolio

    settings = synthetic_settings(
        params,
        {
            "applicants": applicants,
            "seed": seed,
            "months": months,
            "month_applicants": month_applicants,
        },
        {"kind": scenario, "strength": strength, "from_month": from_month},
    )
    generate_portfolio(out, truth, settings, threads=threads, chunk=chunk)


def synthetic_settings(
    params: Path, flags: dict[str, Any], scenario_flags: dict[str, Any]
) -> SyntheticSettings:
    """The generator's section of `params`, or its defaults where that file is absent, with flags on top.

    Raises:
        InvalidSettings: a flag's value is out of range, or the scenario would change nothing.
    """
    absent = params == DEFAULT_PARAMS_PATH and not params.exists()
    base = SyntheticSettings() if absent else load_settings(params).ingest.synthetic
    content = base.model_dump()
    content |= {name: value for name, value in flags.items() if value is not None}
    content["scenario"] |= {
        name: value for name, value in scenario_flags.items() if value is not None
    }
    try:
        return SyntheticSettings.model_validate(content)
    except ValidationError as error:
        raise InvalidSettings(params, validation_problems(error)) from error


if __name__ == "__main__":
    run(main)
