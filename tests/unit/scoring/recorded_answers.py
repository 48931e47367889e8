"""Builders of decision records, as the API makes them of its answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from creditrisk.core.settings import PolicySettings
from creditrisk.mlops.served import ServedModel
from creditrisk.scoring.answers import DecisionMaker
from creditrisk.scoring.decision_record import (
    DecisionRecord,
    Form,
    Origin,
    PolicyBands,
    Warned,
    decision_record,
)
from creditrisk.scoring.scorer import Scorer

POLICY = PolicySettings(approve_below=0.10, decline_from=0.20)
WARNINGS = (Warned(rule="application.AMT_CREDIT.plausible", column="AMT_CREDIT"),)


def served(scorer: Scorer) -> ServedModel:
    """What is said of a model that a registry named."""
    return ServedModel(
        alias="champion",
        model_name="CreditRiskPD",
        version="3",
        aliases=("champion",),
        run_id="a" * 32,
        git_commit="b" * 40,
        bundle_sha256=scorer.bundle_sha256,
        feature_set_sha256=scorer.manifest.feature_set_sha256,
        data_snapshot_sha256="c" * 64,
        bundle=scorer.bundle_sha256,
    )


def recorded(
    scorer: Scorer,
    row: Mapping[str, Any],
    *,
    form: Form = "features",
    inputs: Mapping[str, Any] | None = None,
    threshold: float | None = None,
    warnings: Sequence[Warned] = WARNINGS,
    store_inputs: bool = True,
) -> DecisionRecord:
    """The record of the answer to a feature row, made of `inputs` where these are raw."""
    (answer,) = DecisionMaker(scorer, POLICY).decide_records([row], [threshold])
    names = [feature.name for feature in scorer.manifest.features]
    return decision_record(
        answer,
        origin=Origin(
            request_id="request-1",
            caller="shop",
            received_at="2026-11-23T10:00:00+00:00",
            form=form,
        ),
        record=0,
        inputs=row if inputs is None else inputs,
        features=None if inputs is None else {name: row[name] for name in names},
        overridden=threshold is not None,
        warnings=warnings,
        model=served(scorer),
        policy=PolicyBands.of(POLICY),
        store_inputs=store_inputs,
    )
