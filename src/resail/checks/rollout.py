"""Is a workload rolled out? The rules of ``kubectl rollout status``."""

from typing import Any

import msgspec

from resail.models.identity import Manifest

__all__ = ["ROLLING_KINDS", "Rollout", "rollout_of"]

ROLLING_KINDS = ("Deployment", "StatefulSet", "DaemonSet")


class Rollout(msgspec.Struct, frozen=True):
    """How far a rollout has come."""

    complete: bool
    failed: str
    """Why it will not go on; empty while it may."""
    updated: int
    """Pods of the present template, ready or not."""
    ready: int
    """Pods of whichever template."""
    wanted: int

    @property
    def whole(self) -> bool:
        """All pods are ready, old ones or new."""
        return self.ready >= self.wanted


def rollout_of(manifest: Manifest) -> Rollout:
    """Of a Deployment, StatefulSet or DaemonSet."""
    status: dict[str, Any] = manifest.get("status") or {}
    spec: dict[str, Any] = manifest["spec"]
    observed = status.get("observedGeneration", 0) >= manifest["metadata"].get("generation", 0)
    if manifest["kind"] == "DaemonSet":
        wanted = status.get("desiredNumberScheduled", 0)
        updated, ready = status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0)
        return Rollout(observed and updated >= wanted and ready >= wanted, "", updated, ready, wanted)
    wanted = spec.get("replicas", 1)
    updated, ready = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    if manifest["kind"] == "StatefulSet":
        on_delete = (spec.get("updateStrategy") or {}).get("type") == "OnDelete"
        same = on_delete or updated >= wanted or status.get("currentRevision") == status.get("updateRevision")
        return Rollout(observed and same and ready >= wanted, "", updated, ready, wanted)
    stuck = ["its rollout is paused"] if spec.get("paused") else []
    stuck += [
        condition.get("message", "its progress deadline has passed")
        for condition in status.get("conditions") or ()
        if condition["type"] == "Progressing" and condition.get("reason") == "ProgressDeadlineExceeded" and observed
    ]
    complete = observed and updated >= wanted and ready >= wanted and status.get("replicas", 0) <= updated
    return Rollout(complete, stuck[0] if stuck else "", updated, ready, wanted)
