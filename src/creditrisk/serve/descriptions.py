"""What the API says of itself: its model, its policy, its bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from creditrisk.serve import replies

if TYPE_CHECKING:
    from creditrisk.serve.model import ServingModel
    from creditrisk.serve.service import Service


def readiness(model: ServingModel) -> dict[str, Any]:
    """That requests can be answered, and by which model."""
    return {
        "status": "ready",
        "model_version": model.served.version,
        "bundle_sha256": model.served.bundle_sha256,
    }


def metadata(service: Service) -> dict[str, Any]:
    """Everything that an auditor asks of the model that answers now."""
    model, challenger = service.models.champion, service.models.challenger
    manifest, serve = model.scorer.manifest, service.settings.serve
    return {
        "model": replies.identity(model),
        "model_type": manifest.model_type,
        "features": [feature.name for feature in manifest.features],
        "threshold": manifest.threshold.value,
        "data_snapshot": manifest.snapshot.model_dump(mode="json"),
        "policy": _policy(service),
        "limits": {
            "max_records": serve.max_records,
            "max_body_bytes": serve.max_body_bytes,
            "queue_records": serve.queue_records,
        },
        "follows_pointer": service.folder is not None,
        "reload": _reload(service, "champion"),
        "shadow": {
            "mode": serve.shadow,
            "model": None if challenger is None else replies.identity(challenger),
            "reload": _reload(service, "challenger"),
        },
        "started_at": service.started_at.isoformat(timespec="seconds"),
    }


def _policy(service: Service) -> dict[str, Any]:
    policy = service.settings.policy
    return {
        "approve_below": policy.approve_below,
        "decline_from": policy.decline_from,
        "grades": dict(policy.grades),
    }


def _reload(service: Service, alias: str) -> dict[str, str | None] | None:
    watch = service.watches.get(alias)
    return None if watch is None or watch.last is None else watch.last.facts()
