"""Whether MLflow tells the same story of the model as its files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING

from creditrisk.mlops.run_record import (
    RunRecord,
    kept_bundle_sha256,
    read_run,
    required_parameters,
    required_tags,
)
from creditrisk.testing.checks import Finding, Rule
from creditrisk.testing.validation.agreement import compare, compare_numbers

if TYPE_CHECKING:
    from creditrisk.testing.validation.evidence import Evidence

FAMILY = "alignment"
_SOURCE = "comparison of two records; the run is found by the bundle's SHA-256, not by its age"
_NOTE = (
    "A store that has no run of this bundle is given one first, made from the bundle and the "
    "metrics on file: there the records agree by construction, and the check shows no more than "
    "that the store keeps them. This report does not say which was the case, so that it is the "
    "same on a machine that trained the model and on one that fetched it; the run's start time "
    "does. A run that holds metrics of another evaluation is brought up to date by "
    "dvc repro --force --single-item evaluate_test."
)


def rules(evidence: Evidence, experiment: str, tolerance: float) -> tuple[Rule, ...]:
    """The checks of this family; the run is asked for once."""
    record = _asked_once(lambda: _record(evidence, experiment))
    files = (evidence.paths.manifest, evidence.paths.test_metrics)

    def metrics() -> Finding:
        required = {f"test_{k}": v for k, v in evidence.test_metrics.scalars().items()}
        return compare_numbers(required, _of_side(record().metrics, "test"), tolerance)

    def parameters() -> Finding:
        return compare(required_parameters(evidence.bundle.manifest), record().parameters)

    def tags() -> Finding:
        required = required_tags(evidence.bundle.manifest, evidence.bundle.sha256)
        return compare(required, {name: record().tags.get(name, "") for name in required})

    def artifact() -> Finding:
        return compare(
            {"bundle": evidence.bundle.sha256}, {"bundle": kept_bundle_sha256(record().run_id)}
        )

    def rule(name: str, holds: str, bar: str, measure: Callable[[], Finding]) -> Rule:
        return Rule(name, FAMILY, holds, bar, "identity", _SOURCE, files, measure, _NOTE)

    return (
        rule(
            "run_metrics",
            "The test metrics on file are those that the model's MLflow run holds.",
            f"every metric within {tolerance:g}",
            metrics,
        ),
        rule(
            "run_parameters",
            "The model was trained with the parameters that its MLflow run holds.",
            "every parameter equal",
            parameters,
        ),
        rule(
            "run_tags",
            "The MLflow run names the same features, split, raw files and code as the model.",
            "every tag equal",
            tags,
        ),
        rule(
            "run_artifact",
            "The copy of the model that the MLflow run keeps is this model.",
            "equal SHA-256 of the bundle, whose files are as sealed",
            artifact,
        ),
    )


def _record(evidence: Evidence, experiment: str) -> RunRecord:
    measured = {"test": evidence.test_metrics.scalars()}
    return read_run(evidence.bundle, measured, experiment)


def _of_side(metrics: Mapping[str, float], side: str) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if name.startswith(f"{side}_")}


def _asked_once(ask: Callable[[], RunRecord]) -> Callable[[], RunRecord]:
    """The answer, or the same failure again: a server that is silent is waited for once."""

    @cache
    def outcome() -> RunRecord | Exception:
        try:
            return ask()
        except Exception as error:  # noqa: BLE001 - raised again below
            return error

    def answer() -> RunRecord:
        found = outcome()
        if isinstance(found, Exception):
            raise found
        return found

    return answer
