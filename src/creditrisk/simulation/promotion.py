"""From a retrained bundle to a new champion, or to the reasons why not."""

from __future__ import annotations

from pathlib import Path

from creditrisk.core.errors import CreditRiskError
from creditrisk.simulation.timeline import PromotionSeen
from creditrisk.simulation.workspace import Workspace
from creditrisk.testing.canary import CanaryReport
from creditrisk.testing.promotion import RegistryTransition

_CANARY = Path("reports/canary_report.json")
_TRANSITION = Path("reports/registry_transition.json")
_COMPARED = "auc_not_worse"


def bring_to_promotion(workspace: Workspace, bundle_sha256: str) -> PromotionSeen:
    """Run the stages behind the validation, each of which may refuse, and read what they say."""
    for path in (_CANARY, _TRANSITION):  # of an earlier model
        workspace.path(path).unlink(missing_ok=True)
    done = workspace.run_to_champion()
    champion, candidate = _compared(workspace.path(_CANARY))
    transition = _transition(workspace.path(_TRANSITION))
    promoted = done.exit_code == 0 and transition is not None
    reasons = () if promoted else (transition.reasons if transition else (done.last_lines,))
    return PromotionSeen(
        promoted=promoted,
        version=transition.to_version if transition else None,
        bundle_sha256=bundle_sha256,
        reasons=reasons,
        champion_roc_auc=champion,
        candidate_roc_auc=candidate,
    )


def _compared(path: Path) -> tuple[float | None, float | None]:
    """The ROC-AUC of champion and candidate on applicants new to both."""
    try:
        values = CanaryReport.read(path).check(_COMPARED).values
    except (CreditRiskError, StopIteration):
        return None, None
    return values.get("champion"), values.get("candidate")


def _transition(path: Path) -> RegistryTransition | None:
    return RegistryTransition.read(path) if path.exists() else None
