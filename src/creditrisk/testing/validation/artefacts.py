"""Whether the model and everything it was made from are there and are what was recorded."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from creditrisk.contracts.verdicts import VALIDATED_STAGES
from creditrisk.core.settings import EvaluateSettings, PolicySettings
from creditrisk.data.split import split_files
from creditrisk.features.catalogue import load_catalogue, prohibited_features
from creditrisk.features.metadata import FeatureMetadata
from creditrisk.mlops.errors import BundleRefused, GoldenPredictionsDiffer
from creditrisk.mlops.lineage import chain_sha256
from creditrisk.mlops.provenance import package_sha256
from creditrisk.testing.checks import Finding, Rule
from creditrisk.testing.evaluation import evaluate
from creditrisk.testing.validation.agreement import compare, compare_numbers

if TYPE_CHECKING:
    from creditrisk.testing.validation.evidence import Evidence

FAMILY = "artefacts"
_HASHES = "comparison of SHA-256 checksums (FIPS 180-4)"


def rules(
    evidence: Evidence, policy: PolicySettings, evaluation: EvaluateSettings, tolerance: float
) -> tuple[Rule, ...]:
    """The checks of this family."""
    return (
        _bundle(evidence),
        _golden_predictions(evidence),
        _lineage(evidence),
        _hashes(evidence),
        _contracts(evidence),
        _prohibited(evidence, policy),
        _metrics(evidence, evaluation, tolerance),
    )


def _bundle(evidence: Evidence) -> Rule:
    def measure() -> Finding:
        try:
            count = len(evidence.bundle.manifest.files)
        except BundleRefused as refusal:
            return Finding(passed=False, observed=str(refusal))
        return Finding(passed=True, observed=f"{count} files as sealed", values={"files": count})

    return Rule(
        id="bundle_sound",
        family=FAMILY,
        holds="The model's folder holds exactly the files that were sealed.",
        bar="every file is listed and has its checksum",
        basis="identity",
        source=_HASHES,
        evidence=(evidence.paths.manifest,),
        measure=measure,
    )


def _golden_predictions(evidence: Evidence) -> Rule:
    def measure() -> Finding:
        rows = len(evidence.bundle.golden_predictions().rows)
        try:
            scored = evidence.scorer.bundle_sha256 == evidence.bundle.sha256
        except GoldenPredictionsDiffer as difference:
            return Finding(passed=False, observed=str(difference))
        return Finding(scored, f"{rows} PDs reproduced", {"rows": rows})

    return Rule(
        id="golden_predictions",
        family=FAMILY,
        holds="The model gives here, to the last bit, the PDs it was sealed with.",
        bar="no difference",
        basis="identity",
        source="comparison of stored and recomputed scores",
        evidence=(evidence.paths.manifest,),
        measure=measure,
    )


def _contracts(evidence: Evidence) -> Rule:
    def measure() -> Finding:
        summary = evidence.contracts
        tables = [table for stage in summary.stages for table in stage.tables]
        absent = sorted(set(VALIDATED_STAGES) - {stage.stage for stage in summary.stages})
        kept = sum(len(table.kept_rules) for table in tables)
        values = {"kept": kept, "errors": summary.errors, "warnings": summary.warnings}
        return Finding(
            passed=not summary.errors and not absent,
            observed=f"{kept} rules kept, {summary.errors} broken, {summary.warnings} warnings, "
            f"{len(summary.relaxed_rules)} relaxed"
            + (f"; {', '.join(absent)} never checked" if absent else ""),
            values=values,
        )

    return Rule(
        id="contracts_kept",
        family=FAMILY,
        holds="Raw tables, features and split keep every data contract that refuses.",
        bar="no rule broken, every stage checked",
        basis="identity",
        source="Pandera schemas of the tables, counted in DuckDB",
        evidence=(evidence.paths.contracts,),
        measure=measure,
    )


def _lineage(evidence: Evidence) -> Rule:
    return Rule(
        id="lineage_complete",
        family=FAMILY,
        holds="The recorded chain leads without a gap from the raw files to this model and code.",
        bar="every link is recorded and agrees with the model, the code and the chain's own hash",
        basis="identity",
        source=_HASHES,
        evidence=(
            evidence.paths.lineage,
            evidence.paths.manifest,
            evidence.paths.ingestion_summary,
        ),
        measure=lambda: compare(_links_required(evidence), _links_recorded(evidence)),
    )


def _links_required(evidence: Evidence) -> dict[str, str]:
    """What the chain must say, from the model, the ingestion report and the installed package."""
    manifest = evidence.bundle.manifest
    snapshot = manifest.snapshot
    taken_in = {table.file: table.sha256 for table in evidence.ingestion.tables}
    return {
        **{f"raw {name}": digest for name, digest in taken_in.items()},
        **{f"raw of the model {name}": digest for name, digest in snapshot.raw.items()},
        **{f"SQL {name}": digest for name, digest in snapshot.sql.items()},
        **{f"split {side}": digest for side, digest in snapshot.splits.items()},
        "split test": evidence.checksum(evidence.paths.side("test")),
        "catalogue": snapshot.catalogue,
        "feature table": snapshot.feature_store,
        "parameters of fit_model": _json(manifest.params),
        "source": package_sha256(Path(str(files("creditrisk")))),
        "chain": chain_sha256(evidence.lineage),
        **{f"file {name}": digest for name, digest in manifest.files.items()},
    }


def _links_recorded(evidence: Evidence) -> dict[str, str]:
    lineage = evidence.lineage
    raw = {name: entry.sha256 for name, entry in lineage.raw.items()}
    return {
        **{f"raw {name}": digest for name, digest in raw.items()},
        **{f"raw of the model {name}": digest for name, digest in raw.items()},
        **{f"SQL {name}": digest for name, digest in lineage.sql_sha256.items()},
        **{f"split {side}": digest for side, digest in lineage.split_sha256.items()},
        "catalogue": lineage.catalogue_sha256,
        "feature table": lineage.feature_store_sha256,
        "parameters of fit_model": _json(lineage.parameters.get("fit_model")),
        "source": lineage.source_sha256,
        "chain": lineage.chain_sha256,
        **{f"file {name}": digest for name, digest in lineage.bundle.files.items()},
    }


def _json(content: Any) -> str:
    return json.dumps(content, sort_keys=True)


def _hashes(evidence: Evidence) -> Rule:
    paths, sides = evidence.paths, split_files(evidence.paths.splits)

    def measure() -> Finding:
        lineage, checksum = evidence.lineage, evidence.checksum
        metadata = FeatureMetadata.read(paths.feature_metadata)
        required = {
            "feature table": lineage.feature_store_sha256,
            "catalogue": lineage.catalogue_sha256,
            "bundle": lineage.bundle.sha256,
            **{f"SQL {name}": digest for name, digest in lineage.sql_sha256.items()},
            **{f"split {side}": digest for side, digest in lineage.split_sha256.items()},
        }
        seen = {
            "feature table": checksum(paths.feature_store),
            "catalogue": metadata.catalogue_sha256,
            "bundle": evidence.bundle.sha256,
            **{f"SQL {name}": digest for name, digest in metadata.sql_sha256.items()},
            **{f"split {side}": checksum(path) for side, path in sides.items()},
        }
        return compare(required, seen)

    return Rule(
        id="artefact_hashes",
        family=FAMILY,
        holds="Feature table, split and model on disk are those of the recorded chain.",
        bar="every file is there and has the checksum that the lineage records",
        basis="identity",
        source=_HASHES,
        evidence=(
            paths.lineage,
            paths.manifest,
            paths.feature_store,
            paths.feature_metadata,
            *sides.values(),
        ),
        measure=measure,
    )


def _prohibited(evidence: Evidence, policy: PolicySettings) -> Rule:
    def measure() -> Finding:
        prohibited = prohibited_features(load_catalogue(), policy)
        found = [
            f"{feature.name} (reads {prohibited[feature.name]})"
            for feature in evidence.bundle.manifest.features
            if feature.name in prohibited
        ]
        observed = f"reads {', '.join(found)}" if found else "none is read"
        return Finding(not found, observed, {"prohibited": len(prohibited), "found": len(found)})

    columns = ", ".join(policy.prohibited_columns) or "nothing"
    return Rule(
        id="prohibited_features",
        family=FAMILY,
        holds="The model reads no feature made from a column that the policy prohibits.",
        bar=f"no feature that reads {columns} (params.yaml, policy.prohibited_inputs)",
        basis="policy",
        source="the lender's policy; the catalogue says which raw columns a feature reads",
        evidence=(evidence.paths.manifest,),
        measure=measure,
    )


def _metrics(evidence: Evidence, settings: EvaluateSettings, tolerance: float) -> Rule:
    def measure() -> Finding:
        report = evidence.test_metrics
        again = evaluate(
            "test",
            evidence.scored,
            bundle_sha256=evidence.bundle.sha256,
            threshold=evidence.bundle.manifest.threshold.value,
            settings=settings,
        )
        required = again.scalars() | again.bounds()
        recorded = report.model_copy(update={"truth": None})
        return compare_numbers(required, recorded.scalars() | recorded.bounds(), tolerance)

    paths = evidence.paths
    return Rule(
        id="test_metrics_reproduce",
        family=FAMILY,
        holds="The test metrics on file are those of this model on this test side, measured anew.",
        bar=f"every number within {tolerance:g}",
        basis="identity",
        source="scoring and measuring the test side a second time",
        evidence=(paths.test_metrics, paths.side("test"), paths.manifest),
        measure=measure,
    )
