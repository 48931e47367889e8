"""Assign applicants to train, validation, calibration and test, and check every side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from creditrisk.core.settings import DEFAULT_PARAMS_PATH, load_settings
from creditrisk.pipelines.command import run

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

STAGE = "split_data"

Features = Annotated[Path, typer.Option(help="Feature table.")]
Metadata = Annotated[Path, typer.Option(help="Columns of the feature table.")]
Out = Annotated[Path, typer.Option(help="Folder of the split files; replaced as a whole.")]
Validation = Annotated[Path, typer.Option(help="Report of the contract check.")]
Summary = Annotated[Path, typer.Option(help="Merged report, replaced when a contract is broken.")]
Params = Annotated[Path, typer.Option(help="Settings.")]


def main(
    *,
    features: Features = Path("data/processed/feature_store.parquet"),
    metadata: Metadata = Path("data/processed/feature_metadata.json"),
    out: Out = Path("data/splits"),
    validation: Validation = Path("reports/validation/split_data.json"),
    summary: Summary = Path("reports/validation_summary.json"),
    params: Params = DEFAULT_PARAMS_PATH,
) -> None:
    """Assign applicants to train, validation, calibration and test, and check every side."""
    from creditrisk.contracts.runner import ValidationRunner
    from creditrisk.contracts.verdicts import StageVerdict, settle
    from creditrisk.data.split import split_features
    from creditrisk.features.catalogue import load_catalogue
    from creditrisk.features.metadata import FeatureMetadata

    settings = load_settings(params)
    described = FeatureMetadata.read(metadata)
    runner = ValidationRunner(settings.contracts, features=load_catalogue().columns())

    def check(connection: DuckDBPyConnection, sides: Mapping[str, str]) -> None:
        group = settings.split.group_column
        verdicts = runner.check_splits(connection, sides, group_column=group)
        verdict = StageVerdict.of(STAGE, verdicts, runner.relaxed_rules)
        settle(verdict, validation, summary)

    split = split_features(
        features,
        out,
        settings.split,
        settings.resources,
        columns=[column.name for column in described.columns],
        check=check,
    )
    for side in split.sides:
        typer.echo(
            f"{side.name:<12}{side.rows:>10,} applicants, default rate "
            f"{100 * side.default_rate:.2f} % (z {side.z:+.2f})"
        )


if __name__ == "__main__":
    run(main)
