"""Train, calibrate and seal the PD model."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from creditrisk.core.errors import MissingFile
from creditrisk.core.files import sha256_of
from creditrisk.core.settings import (
    DEFAULT_PARAMS_PATH,
    FitModelSettings,
    Settings,
    load_settings,
)
from creditrisk.pipelines.command import run

if TYPE_CHECKING:
    from creditrisk.features.metadata import FeatureMetadata
    from creditrisk.mlops.bundle import TrainingSnapshot
    from creditrisk.models.encoding import ModelFeature
    from creditrisk.models.training import FittedModel, TrainingTables

SIDES = ("train", "validation", "calibration")


class Section(StrEnum):
    """The sections of the settings that describe a model."""

    FIT_MODEL = "fit_model"
    FIT_SCORECARD = "fit_scorecard"


def main(
    *,
    splits: Annotated[Path, typer.Option(help="Folder of the split files.")] = Path("data/splits"),
    feature_metadata: Annotated[Path, typer.Option(help="Columns of the feature table.")] = Path(
        "data/processed/feature_metadata.json"
    ),
    feature_store: Annotated[Path, typer.Option(help="Feature table, for its checksum.")] = Path(
        "data/processed/feature_store.parquet"
    ),
    ingestion_summary: Annotated[
        Path, typer.Option(help="Checksums of the raw files; left out where the file is absent.")
    ] = Path("reports/ingestion_summary.json"),
    bundle: Annotated[Path, typer.Option(help="Folder to write the model to.")] = Path(
        "models/credit_risk_pd"
    ),
    section: Annotated[
        Section, typer.Option(help="Section of the settings that says which model and how.")
    ] = Section.FIT_MODEL,
    params: Annotated[Path, typer.Option(help="Settings.")] = DEFAULT_PARAMS_PATH,
) -> None:
    """Train, calibrate and seal a PD model, and track it in MLflow."""
    from creditrisk.features.metadata import FeatureMetadata
    from creditrisk.mlops import tracking
    from creditrisk.mlops.bundle import seal
    from creditrisk.models.training import model_features

    settings = load_settings(params)
    metadata = FeatureMetadata.read(feature_metadata)
    fitting: FitModelSettings = getattr(settings, section)
    features = model_features(metadata, fitting.excluded_features, settings.policy)
    tables = _read_tables(splits)
    snapshot = _snapshot(metadata, splits, feature_store, ingestion_summary)
    model = _trained(tables, features, fitting, settings)
    sealed = seal(model, tables, snapshot, bundle, settings.policy, contracts=settings.contracts)
    run_id = tracking.ensure_run(sealed, settings.tracking.experiment)
    typer.echo(f"{bundle}: {sealed.manifest.model_type}, bundle {sealed.sha256[:12]}, run {run_id}")


def _trained(
    tables: TrainingTables,
    features: tuple[ModelFeature, ...],
    fitting: FitModelSettings,
    settings: Settings,
) -> FittedModel:
    """Train while MLflow is imported and its store is opened; either failing ends both.

    What training needs is imported before: two threads that import one package at once can see it
    half made.
    """
    from creditrisk.mlops import tracking
    from creditrisk.models.native import wait_passively
    from creditrisk.models.resampling import WARNING
    from creditrisk.models.training import import_libraries, train
    from creditrisk.observability.progress import progress_bars

    wait_passively()
    import_libraries(fitting.model_type)
    if fitting.resampling != "none":
        typer.echo(WARNING, err=True)
    with ThreadPoolExecutor(max_workers=1) as background, progress_bars() as progress:
        opened = background.submit(tracking.open_experiment, settings.tracking.experiment)
        steps = len(features) if fitting.model_type == "scorecard" else fitting.max_trees
        training = progress.add_task("Training", total=steps)

        def watch(step: int) -> None:
            progress.update(training, completed=step)
            if opened.done():
                opened.result()

        model = train(tables, features, fitting, threads=settings.resources.threads, on_tree=watch)
        opened.result()
    return model


def _read_tables(splits: Path) -> TrainingTables:
    from pyarrow import parquet

    from creditrisk.models.training import TrainingTables

    paths = {side: splits / f"{side}.parquet" for side in SIDES}
    for path in paths.values():
        if not path.exists():
            raise MissingFile(path, "fit_model", "Run split_data.")
    return TrainingTables(**{side: parquet.read_table(path) for side, path in paths.items()})


def _snapshot(
    metadata: FeatureMetadata, splits: Path, feature_store: Path, ingestion_summary: Path
) -> TrainingSnapshot:
    from creditrisk.mlops.bundle import TrainingSnapshot

    if not feature_store.exists():
        raise MissingFile(feature_store, "fit_model", "Run build_feature_store.")
    return TrainingSnapshot(
        raw=_raw_checksums(ingestion_summary),
        sql=metadata.sql_sha256,
        catalogue=metadata.catalogue_sha256,
        feature_store=sha256_of(feature_store),
        splits={side: sha256_of(splits / f"{side}.parquet") for side in SIDES},
    )


def _raw_checksums(ingestion_summary: Path) -> dict[str, str]:
    from creditrisk.data.ingestion import IngestionSummary

    if not ingestion_summary.exists():
        return {}
    return {table.file: table.sha256 for table in IngestionSummary.read(ingestion_summary).tables}


if __name__ == "__main__":
    run(main)
