"""Raw tables as the input of a batch: the features of training, by the same code and contracts."""

from __future__ import annotations

from pathlib import Path

from creditrisk.contracts.tables import RAW_FILES
from creditrisk.core.settings import Settings
from creditrisk.features.feature_store import APPLICATIONS, build_feature_store, validation_runner

HISTORIES = tuple(name for name in RAW_FILES if name != APPLICATIONS)


def raw_features(
    raw: Path, applications: str, folder: Path, verdict: Path, settings: Settings
) -> Path:
    """The feature table of a folder of raw tables, made in `folder` unless it is there already.

    Raises:
        ContractViolated: a table is unreadable or broke a rule; `verdict` says which.
        FeaturesNotComputed, MemoryLimitTooLow, NoSpaceForSpill: it could not be computed.
    """
    features = folder / "features.parquet"
    if not features.exists():
        build_feature_store(
            raw,
            features,
            folder / "feature_metadata.json",
            validation_out=verdict,
            summary_out=folder / "validation_summary.json",
            resources=settings.resources,
            runner=validation_runner(settings.contracts),
            applications=applications,
        )
    return features
