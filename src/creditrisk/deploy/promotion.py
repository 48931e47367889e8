"""The last step of a deployment: the alias `champion` follows what is served."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Promotion(Protocol):
    """Moves the alias of the deployed bundle."""

    def is_champion(self, bundle_sha256: str) -> bool:
        """Whether the version of that bundle is the champion now."""

    def promote(self) -> str:
        """Make the deployed version the champion; what became of it, in a few words."""


class RegistryPromotion:
    """The promotion of the registry, with all the evidence that it asks for.

    Args:
        model_name: the registered model.
        decide: promotes, or refuses; gives a sentence.
    """

    def __init__(self, model_name: str, decide: Callable[[], str]) -> None:
        self._model_name = model_name
        self._decide = decide

    def is_champion(self, bundle_sha256: str) -> bool:
        """Whether the version of that bundle is the champion now."""
        from creditrisk.mlops.store import is_absent
        from creditrisk.mlops.versions import standing

        if is_absent():
            return False  # asking would make a store
        champion = standing(self._model_name).champion
        return champion is not None and champion.bundle_sha256 == bundle_sha256

    def promote(self) -> str:
        """Make the deployed version the champion."""
        return self._decide()
