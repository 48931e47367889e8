"""Check the raw tables against their contracts and compute the signed-off features."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from creditrisk.core.settings import DEFAULT_PARAMS_PATH, Settings, load_settings
from creditrisk.pipelines.command import run

Raw = Annotated[Path, typer.Option(help="Folder of the raw CSV files.")]
Out = Annotated[Path, typer.Option(help="Feature table, one row an applicant.")]
Metadata = Annotated[Path, typer.Option(help="Columns of the feature table.")]
Validation = Annotated[Path, typer.Option(help="Report of the contract check.")]
Summary = Annotated[Path, typer.Option(help="Merged report, replaced when a contract is broken.")]
Applications = Annotated[str, typer.Option(help="File under --raw that holds the applicants.")]
Params = Annotated[Path, typer.Option(help="Settings; the default file may be absent.")]
Threads = Annotated[int | None, typer.Option(min=1, help="Threads; default: params.yaml.")]
MemoryLimit = Annotated[str | None, typer.Option(help="For example 2GB; default: params.yaml.")]


def main(
    *,
    raw: Raw = Path("data/raw"),
    out: Out = Path("data/processed/feature_store.parquet"),
    metadata: Metadata = Path("data/processed/feature_metadata.json"),
    validation: Validation = Path("reports/validation/build_feature_store.json"),
    summary: Summary = Path("reports/validation_summary.json"),
    applications: Applications = "application_train.csv",
    params: Params = DEFAULT_PARAMS_PATH,
    threads: Threads = None,
    memory_limit: MemoryLimit = None,
) -> None:
    """Check the raw tables against their contracts and compute the signed-off features."""
    from creditrisk.features.feature_store import build_feature_store, validation_runner

    settings = _settings(params)
    resources = settings.resources
    verdict = build_feature_store(
        raw,
        out,
        metadata,
        validation_out=validation,
        summary_out=summary,
        resources=resources.model_copy(
            update={
                "threads": threads or resources.threads,
                "memory_limit": memory_limit or resources.memory_limit,
            }
        ),
        runner=validation_runner(settings.contracts),
        applications=applications,
        group_column=settings.split.group_column,
    )
    features = verdict.tables[-1]
    typer.echo(
        f"{features.rows:,} applicants; {sum(table.rows for table in verdict.tables[:-1]):,} raw "
        f"rows checked, {len(verdict.warnings)} warnings. See {validation}"
    )


def _settings(params: Path) -> Settings:
    """The settings; those that every parameter has where nobody made a file of them."""
    if params == DEFAULT_PARAMS_PATH and not params.exists():
        return Settings()
    return load_settings(params)


if __name__ == "__main__":
    run(main)
