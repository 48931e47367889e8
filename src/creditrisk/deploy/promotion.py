"""The last step of a deployment: the alias `champion` follows what is served."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from creditrisk.deploy.errors import ApprovalNeeded


class Promotion(Protocol):
    """Moves the alias of the deployed bundle."""

    def is_champion(self, bundle_sha256: str) -> bool:
        """Whether the version of that bundle is the champion now."""

    def require_allowed(self, bundle_sha256: str) -> None:
        """Refuse what nobody may promote in the end, before anything is changed."""

    def promote(self) -> str:
        """Make the deployed version the champion; what became of it, in a few words."""


class RegistryPromotion:
    """The promotion of the registry, with all the evidence that it asks for.

    Args:
        model_name: the registered model.
        decide: promotes, or refuses; gives a sentence.
        is_allowed: whether a person approved, or nobody has to.
    """

    def __init__(self, model_name: str, decide: Callable[[], str], *, is_allowed: bool) -> None:
        self._model_name = model_name
        self._decide = decide
        self._is_allowed = is_allowed

    def is_champion(self, bundle_sha256: str) -> bool:
        """Whether the version of that bundle is the champion now."""
        from creditrisk.mlops.store import is_absent
        from creditrisk.mlops.versions import standing

        if is_absent():
            return False  # asking would make a store
        champion = standing(self._model_name).champion
        return champion is not None and champion.bundle_sha256 == bundle_sha256

    def require_allowed(self, bundle_sha256: str) -> None:
        """Refuse what nobody may promote in the end, before anything is changed.

        Raises:
            ApprovalNeeded: promotion is a person's, and none approved.
        """
        if not self._is_allowed and not self.is_champion(bundle_sha256):
            raise ApprovalNeeded(bundle_sha256)

    def promote(self) -> str:
        """Make the deployed version the champion."""
        return self._decide()
