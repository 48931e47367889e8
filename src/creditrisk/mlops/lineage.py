"""The chain of checksums from the raw files to a sealed bundle.

Each link was recorded by the stage that made it. Recording the chain means comparing them: a
chain in which two stages disagree is refused, never written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from creditrisk.core.errors import CreditRiskError, MissingFile
from creditrisk.core.files import sha256_of, sha256_of_json
from creditrisk.core.report import Report
from creditrisk.core.settings import (
    ContractSettings,
    EvaluateSettings,
    FitModelSettings,
    IngestSettings,
    PolicySettings,
    SplitSettings,
)
from creditrisk.data.ingestion import IngestionSummary
from creditrisk.data.sources.location import Location
from creditrisk.data.split import split_files
from creditrisk.features.catalogue import (
    load_catalogue,
    prohibited_features,
    protected_features,
)
from creditrisk.features.metadata import FeatureMetadata, describe
from creditrisk.mlops.bundle import Bundle
from creditrisk.mlops.provenance import package_sha256, source_sha256

Hashes = Mapping[str, str]


class BrokenLineage(CreditRiskError):
    """Two stages name different content for the same thing."""

    def __init__(self, disagreements: list[str]) -> None:
        self.disagreements = disagreements
        super().__init__(
            "Lineage refused, the chain from raw files to the model is broken:\n  "
            + "\n  ".join(disagreements)
            + "\nRun dvc repro, so that every stage has seen the same data."
        )


class RawFileLineage(BaseModel):
    """One raw file as it was taken in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str
    bytes: int
    rows: int
    schema_fingerprint: str


class BundleLineage(BaseModel):
    """The bundle at the end of the chain."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str
    model_type: str
    feature_set_sha256: str
    files: dict[str, str]
    libraries: dict[str, str]


class DataLineage(Report):
    """SHA-256 of everything between the raw files and the bundle, by stage.

    It names no commit: a tracked file must not change with every commit. `source_sha256` stands
    for the code's content; the commit is a tag of the bundle's MLflow run. `chain_sha256` is the
    hash of all the rest: two models with the same chain are the same model.
    """

    raw: dict[str, RawFileLineage]
    catalogue_sha256: str
    sql_sha256: dict[str, str]
    feature_store_sha256: str
    split_sha256: dict[str, str]
    parameters: dict[str, Any]
    source_sha256: str
    bundle: BundleLineage
    chain_sha256: str


@dataclass(frozen=True, slots=True)
class LineageFiles:
    """Where the pieces lie."""

    ingestion_summary: Path
    feature_metadata: Path
    feature_store: Path
    splits: Path
    bundle: Path


@dataclass(frozen=True, slots=True)
class LineageParameters:
    """The sections of params.yaml that decide the bundle and its measurement."""

    ingest: IngestSettings
    contracts: ContractSettings
    split: SplitSettings
    fit_model: FitModelSettings
    policy: PolicySettings
    evaluate: EvaluateSettings


def trace_lineage(paths: LineageFiles, parameters: LineageParameters) -> DataLineage:
    """Follow the chain and compare every link.

    Raises:
        MissingFile, UnreadableReport, BundleRefused: a piece is not there or not sound.
        BrokenLineage: pieces disagree; all disagreements are named at once.
    """
    summary = IngestionSummary.read(paths.ingestion_summary)
    metadata = FeatureMetadata.read(paths.feature_metadata)
    bundle = Bundle.load(paths.bundle)
    feature_store = _hash(paths.feature_store, "build_feature_store")
    splits = {side: _hash(path, "split_data") for side, path in split_files(paths.splits).items()}
    disagreements = [
        *_raw_disagreements(summary, bundle),
        *_feature_disagreements(metadata, feature_store, bundle),
        *_split_disagreements(splits, bundle),
        *_fit_disagreements(parameters.fit_model, bundle),
        *_policy_disagreements(parameters.policy, bundle),
    ]
    if disagreements:
        raise BrokenLineage(disagreements)
    content = {
        "raw": _raw_files(summary),
        "catalogue_sha256": metadata.catalogue_sha256,
        "sql_sha256": metadata.sql_sha256,
        "feature_store_sha256": feature_store,
        "split_sha256": splits,
        "parameters": _shown(parameters),
        "source_sha256": package_sha256(Path(str(files("creditrisk")))),
        "bundle": _bundle(bundle).model_dump(),
    }
    return DataLineage.model_validate({**content, "chain_sha256": sha256_of_json(content)})


def chain_sha256(lineage: DataLineage) -> str:
    """The hash that a lineage's other fields make; an edited lineage has another one on file."""
    return sha256_of_json(lineage.model_dump(mode="json", exclude={"chain_sha256"}))


def _raw_disagreements(summary: IngestionSummary, bundle: Bundle) -> list[str]:
    taken_in = {table.file: table.sha256 for table in summary.tables}
    return _compared("raw file", "ingest_data", taken_in, bundle.manifest.snapshot.raw)


def _feature_disagreements(
    metadata: FeatureMetadata, feature_store: str, bundle: Bundle
) -> list[str]:
    snapshot, current = bundle.manifest.snapshot, describe(())
    catalogue = {"catalogue.yaml": metadata.catalogue_sha256}
    stage = "build_feature_store"
    return [
        *_compared("feature SQL", stage, metadata.sql_sha256, snapshot.sql),
        *_compared("catalogue", stage, catalogue, {"catalogue.yaml": snapshot.catalogue}),
        *_compared(
            "feature table",
            stage,
            {"feature_store.parquet": feature_store},
            {"feature_store.parquet": snapshot.feature_store},
        ),
        *_compared(
            "feature SQL", stage, metadata.sql_sha256, current.sql_sha256, "the installed package"
        ),
        *_compared(
            "catalogue",
            stage,
            catalogue,
            {"catalogue.yaml": current.catalogue_sha256},
            "the installed package",
        ),
    ]


def _split_disagreements(splits: Hashes, bundle: Bundle) -> list[str]:
    """The test side is not compared: training must not have seen it."""
    trained_on = bundle.manifest.snapshot.splits
    seen = {side: digest for side, digest in splits.items() if side != "test"}
    return _compared("split", "split_data", seen, trained_on)


def _fit_disagreements(settings: FitModelSettings, bundle: Bundle) -> list[str]:
    wanted = settings.model_dump(mode="json")
    trained_with = bundle.manifest.params
    problems = [
        f"parameter fit_model.{name}: params.yaml says {wanted.get(name)!r}, "
        f"the bundle {trained_with.get(name)!r}"
        for name in sorted({*wanted, *trained_with})
        if wanted.get(name) != trained_with.get(name)
    ]
    if bundle.manifest.source_sha256 != source_sha256():
        problems.append("source: the installed package is not the code that trained the bundle")
    return problems


def _policy_disagreements(policy: PolicySettings, bundle: Bundle) -> list[str]:
    """What of the policy is sealed: inputs left out, features not named, who counts as approved."""
    reference = bundle.reference_population()
    unnamed = {feature.name for feature in reference.features if feature.reason is None}
    protected = protected_features(load_catalogue(), policy)
    sealed: list[tuple[str, object, object]] = [
        (
            "prohibited_inputs",
            sorted(prohibited_features(load_catalogue(), policy)),
            sorted(bundle.manifest.prohibited),
        ),
        (
            "protected_attributes",
            sorted(protected.keys() & {feature.name for feature in reference.features}),
            sorted(unnamed),
        ),
        ("approve_below", policy.approve_below, reference.approve_below),
    ]
    return [
        f"parameter policy.{name}: params.yaml means {wanted}, the bundle was sealed with {seen}"
        for name, wanted, seen in sealed
        if wanted != seen
    ]


def _compared(
    kind: str, stage: str, recorded: Hashes, other: Hashes, other_name: str = "the bundle"
) -> list[str]:
    return [
        f"{kind} {name}: {stage} recorded {_short(recorded, name)}, "
        f"{other_name} {_short(other, name)}"
        for name in sorted({*recorded, *other})
        if recorded.get(name) != other.get(name)
    ]


def _short(hashes: Hashes, name: str) -> str:
    return hashes[name][:12] if name in hashes else "nothing"


def _raw_files(summary: IngestionSummary) -> dict[str, Any]:
    return {
        table.file: RawFileLineage(
            sha256=table.sha256,
            bytes=table.bytes,
            rows=table.rows,
            schema_fingerprint=table.schema_fingerprint,
        ).model_dump()
        for table in summary.tables
    }


def _bundle(bundle: Bundle) -> BundleLineage:
    manifest = bundle.manifest
    return BundleLineage(
        sha256=bundle.sha256,
        model_type=manifest.model_type,
        feature_set_sha256=manifest.feature_set_sha256,
        files=manifest.files,
        libraries=manifest.libraries,
    )


def _shown(parameters: LineageParameters) -> dict[str, Any]:
    """The sections as JSON, addresses without user, password and query."""
    ingest = parameters.ingest.model_dump(mode="json")
    ingest["source"] = Location(parameters.ingest.source).shown
    for name, source in parameters.ingest.files.items():
        ingest["files"][name]["uri"] = Location(source.uri).shown
    return {
        "ingest": ingest,
        "contracts": parameters.contracts.model_dump(mode="json"),
        "split": parameters.split.model_dump(mode="json"),
        "fit_model": parameters.fit_model.model_dump(mode="json"),
        "policy": parameters.policy.model_dump(mode="json"),
        "evaluate": parameters.evaluate.model_dump(mode="json"),
    }


def _hash(path: Path, stage: str) -> str:
    if not path.exists():
        raise MissingFile(path, "record_lineage", f"Run {stage}.")
    return sha256_of(path)
