"""A registered model with all the evidence that a promotion needs, and ways to spoil it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from creditrisk.core.files import sha256_of
from creditrisk.core.settings import RegistrySettings, Settings, load_settings
from creditrisk.mlops import registry, tracking
from creditrisk.mlops.bundle import Bundle
from creditrisk.mlops.hold_out import HoldOut
from creditrisk.mlops.registry import MeasuredBundle
from creditrisk.mlops.versions import standing
from creditrisk.monitoring.drift import DomainShift, DriftReport, Sample, Shift
from creditrisk.testing.canary import CanaryReport, Contender
from creditrisk.testing.checks import Check
from creditrisk.testing.post_training import PostTrainingValidation

BUNDLE = Path("models/credit_risk_pd")
METRICS = Path("reports/test_metrics.json")
LINEAGE = Path("reports/data_lineage.json")
DRIFT = Path("reports/drift_report.json")
VALIDATION = Path("reports/post_training_validation.json")
REGISTRATION = Path("reports/registry_promotion.json")
CANARY = Path("reports/canary_report.json")
TRANSITION = Path("reports/registry_transition.json")
RECEIPT = Path("reports/receipts/register_model.txt")
MANIFEST = BUNDLE / "manifest.json"


def configure(name: str, **sections: Mapping[str, Any]) -> Settings:
    """Settings of a model with that name."""
    content = {"registry": {"model_name": name, "promote_min_value": 0.7}, **sections}
    Path("params.yaml").write_text(yaml.safe_dump(content))
    return load_settings()


def install(bundle: Bundle) -> None:
    """Put the bundle and the files that validation rests on into the working folder."""
    shutil.rmtree(BUNDLE, ignore_errors=True)
    shutil.copytree(bundle.folder, BUNDLE)
    Path("reports").mkdir(exist_ok=True)
    METRICS.write_text('{"roc_auc": 0.75}')
    LINEAGE.write_text('{"raw": "1"}')


def register(bundle: Bundle, name: str) -> str:
    """Register the bundle as the candidate; its version."""
    promotion = registry.register(
        bundle,
        tracking.ensure_run(bundle),
        MeasuredBundle("test", bundle.sha256, {"roc_auc": 0.75}),
        HoldOut(seed=7, test_share=1.0),
        RegistrySettings(model_name=name, promote_min_value=0.7),
    )
    promotion.write(REGISTRATION)
    assert promotion.version
    return promotion.version


def write_drift(bundle: Bundle, **statuses: str) -> None:
    """A drift report of that bundle; inputs are stable unless named."""
    names = [feature.name for feature in bundle.manifest.features]
    shifts = {
        name: Shift.model_validate(
            {"name": name, "kind": "number", "status": statuses.get(name, "stable")}
        )
        for name in ("PD", *names)
    }
    sample = Sample(name="test", rows=1, sha256="0" * 64)
    DriftReport(
        bundle_sha256=bundle.sha256,
        reference=sample,
        current=sample,
        confidence=0.99,
        tests=1,
        level=0.01,
        bars={},
        status="stable",
        drift_detected=False,
        drift_share=0.0,
        beyond_chance=0,
        score=shifts.pop("PD"),
        domain=DomainShift(status="stable", reference_rows=1, current_rows=1),
        features=tuple(shifts.values()),
    ).write(DRIFT)


def check(**changes: Any) -> Check:
    """A passed, required check."""
    fields = {
        "id": "roc_auc_floor",
        "family": "floors",
        "holds": "The model ranks.",
        "required": True,
        "status": "passed",
        "observed": "0.75",
        "bar": "0.70",
        "basis": "policy",
        "source": "the lender",
        "values": {},
        "evidence": {},
    }
    return Check.model_validate({**fields, **changes})


def write_validation(bundle: Bundle, settings: Settings, **changes: Any) -> None:
    """A validation that rests on the files as they are now."""
    evidence = {path.as_posix(): sha256_of(path) for path in (MANIFEST, METRICS, LINEAGE, DRIFT)}
    fields = {
        "bundle_sha256": bundle.sha256,
        "decision": "passed",
        "refused_by": (),
        "settings": {
            "policy": settings.policy.model_dump(mode="json"),
            "validate_model": settings.validate_model.model_dump(mode="json"),
        },
        "checks": (check(evidence=evidence),),
    }
    PostTrainingValidation.model_validate({**fields, **changes}).write(VALIDATION)


def write_canary(bundle: Bundle, name: str, **changes: Any) -> None:
    """A canary that let the bundle through beside the present champion."""
    now = standing(name)
    candidate = now.of_bundle(bundle.sha256)
    contenders = {
        role: Contender(
            version=known.version,
            run_id=known.run_id,
            bundle_sha256=known.bundle_sha256,
            aliases=known.aliases,
            evidence=known.evidence,
            hold_out=None,
        )
        for role, known in (("candidate", candidate), ("champion", now.champion))
        if known
    }
    decision = "passed" if now.champion else "no champion"
    if now.champion and candidate and now.champion.version == candidate.version:
        decision = "already champion"
    fields = {
        "model_name": name,
        "decision": decision,
        "reason": "as the test says",
        "without_champion": "pass",
        "confidence": 0.95,
        "bundle_sha256": bundle.sha256,
        "checks": (check(id="auc_change"),) if decision == "passed" else (),
        "evidence": {MANIFEST.as_posix(): sha256_of(MANIFEST)},
        **contenders,
    }
    CanaryReport.model_validate({**fields, **changes}).write(CANARY)


def prepare(bundle: Bundle, name: str, **sections: Mapping[str, Any]) -> str:
    """Everything that a promotion of this bundle needs; its version."""
    settings = configure(name, **sections)
    install(bundle)
    version = register(bundle, name)
    write_drift(bundle)
    write_validation(bundle, settings)
    write_canary(bundle, name)
    return version


def edit(path: Path, **changes: Any) -> None:
    """Change fields of a report behind its writer's back."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
