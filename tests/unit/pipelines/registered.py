"""Builders of registered models from the bundle that lies in the working folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from creditrisk.core.settings import RegistrySettings
from creditrisk.mlops import aliases, registry, tracking
from creditrisk.mlops.bundle import Bundle
from creditrisk.mlops.hold_out import HoldOut
from creditrisk.mlops.registry import MeasuredBundle

BUNDLE = Path("models/credit_risk_pd")


def register(name: str) -> str:
    """The version of the bundle that is there, under that name, which the settings then have."""
    path = Path("params.yaml")
    settings: dict[str, Any] = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**settings, "registry": {"model_name": name}}))
    bundle = Bundle.load(BUNDLE)
    promotion = registry.register(
        bundle,
        tracking.ensure_run(bundle),
        MeasuredBundle("test", bundle.sha256, {"roc_auc": 0.75}),
        HoldOut(seed=7, test_share=0.2),
        RegistrySettings(model_name=name),
    )
    assert promotion.version
    return promotion.version


def promote(name: str, champion: str | None = None) -> None:
    """Register that bundle and make it the champion."""
    sha256 = Bundle.load(BUNDLE).sha256
    aliases.promote(name, register(name), bundle_sha256=sha256, expected_champion=champion)


def retrain() -> None:
    """Another bundle: the same model with another source hash."""
    manifest = Bundle.load(BUNDLE).manifest
    manifest.model_copy(update={"source_sha256": "9" * 64}).write(BUNDLE / "manifest.json")
