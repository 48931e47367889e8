"""Chain the checksums from the raw files to the bundle, and refuse a chain that is broken."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from creditrisk.core.settings import DEFAULT_PARAMS_PATH, load_settings
from creditrisk.pipelines.command import run

Summary = Annotated[Path, typer.Option(help="Report of what was taken in.")]
Metadata = Annotated[Path, typer.Option(help="Columns and hashes of the feature table.")]
Features = Annotated[Path, typer.Option(help="Feature table.")]
Splits = Annotated[Path, typer.Option(help="Folder of the split files.")]
BundleFolder = Annotated[Path, typer.Option(help="The model.")]
Out = Annotated[Path, typer.Option(help="Report of the chain.")]
Params = Annotated[Path, typer.Option(help="Settings.")]


def main(
    *,
    ingestion_summary: Summary = Path("reports/ingestion_summary.json"),
    metadata: Metadata = Path("data/processed/feature_metadata.json"),
    features: Features = Path("data/processed/feature_store.parquet"),
    splits: Splits = Path("data/splits"),
    bundle: BundleFolder = Path("models/credit_risk_pd"),
    out: Out = Path("reports/data_lineage.json"),
    params: Params = DEFAULT_PARAMS_PATH,
) -> None:
    """Chain the checksums from the raw files to the bundle; exit 1 where the chain is broken."""
    from creditrisk.mlops.lineage import LineageFiles, LineageParameters, trace_lineage

    settings = load_settings(params)
    # A broken chain leaves no report of an earlier, sound one.
    out.unlink(missing_ok=True)
    lineage = trace_lineage(
        LineageFiles(
            ingestion_summary=ingestion_summary,
            feature_metadata=metadata,
            feature_store=features,
            splits=splits,
            bundle=bundle,
        ),
        LineageParameters(
            ingest=settings.ingest,
            contracts=settings.contracts,
            split=settings.split,
            fit_model=settings.fit_model,
            policy=settings.policy,
            evaluate=settings.evaluate,
        ),
    )
    lineage.write(out)
    typer.echo(
        f"{out}: chain {lineage.chain_sha256[:12]} ends in bundle {lineage.bundle.sha256[:12]}"
    )


if __name__ == "__main__":
    run(main)
