"""What a Deployment says of itself: counts, and whether it gets on.

``pkg/controller/deployment/progress.go`` of Kubernetes 1.31.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from resail.models.identity import Manifest
from resail.twin.clock import TwinClock
from resail.twin.controllers.rollout_arithmetic import max_unavailable
from resail.twin.readiness import condition

__all__ = ["next_status"]


def next_status(
    deployment: Manifest, new: Manifest | None, every: Sequence[Manifest], clock: TwinClock
) -> tuple[dict[str, Any], float | None]:
    """Also the seconds until its deadline, where it may pass."""
    status = _counts(deployment, new, every)
    before = {one["type"]: one for one in (deployment["status"].get("conditions") or ())}
    progress, again = _progress(deployment, new, status, clock)
    wanted = [_availability(deployment, status), progress]
    if failure := next((found for one in every if (found := condition(one, "ReplicaFailure"))), None):
        wanted.append({**failure})
    conditions = [_dated(one, before.get(one["type"]), clock.timestamp()) for one in wanted if one]
    if conditions:
        status["conditions"] = conditions
    return status, again


def _counts(deployment: Manifest, new: Manifest | None, every: Sequence[Manifest]) -> dict[str, Any]:
    def total(field: str) -> int:
        return sum(one["status"].get(field, 0) for one in every)

    # Of all the pods there should be, also those of ReplicaSets that are on their way out.
    asked = sum(one["spec"]["replicas"] for one in every)
    found: dict[str, Any] = {
        "replicas": total("replicas"),
        "updatedReplicas": new["status"].get("replicas", 0) if new else 0,
        "readyReplicas": total("readyReplicas"),
        "availableReplicas": total("availableReplicas"),
        "unavailableReplicas": max(0, asked - total("availableReplicas")),
    }
    found = {name: count for name, count in found.items() if count}
    if "collisionCount" in deployment["status"]:
        found["collisionCount"] = deployment["status"]["collisionCount"]
    return {**found, "observedGeneration": deployment["metadata"]["generation"]}


def _availability(deployment: Manifest, status: dict[str, Any]) -> dict[str, str]:
    if status.get("availableReplicas", 0) >= deployment["spec"]["replicas"] - max_unavailable(deployment):
        reason, message, said = "MinimumReplicasAvailable", "Deployment has minimum availability.", "True"
    else:
        reason, message, said = "MinimumReplicasUnavailable", "Deployment does not have minimum availability.", "False"
    return {"type": "Available", "status": said, "reason": reason, "message": message}


def _progress(
    deployment: Manifest, new: Manifest | None, status: dict[str, Any], clock: TwinClock
) -> tuple[dict[str, Any] | None, float | None]:
    before = condition(deployment, "Progressing")
    spec, old = deployment["spec"], deployment["status"]
    if spec.get("paused"):
        paused = _said("Unknown", "DeploymentPaused", "Deployment is paused")
        # One that has given up says so also while it is paused.
        return (before if before and before["reason"] == "ProgressDeadlineExceeded" else paused), None
    wanted, updated = spec["replicas"], status.get("updatedReplicas", 0)
    name = f'ReplicaSet "{new["metadata"]["name"]}"' if new else f'Deployment "{deployment["metadata"]["name"]}"'
    pods = status.get("replicas", 0)
    if updated == pods == wanted == status.get("availableReplicas", 0):
        return _said("True", "NewReplicaSetAvailable", f"{name} has successfully progressed."), None
    if (
        before
        and before["reason"] == "NewReplicaSetAvailable"
        and updated == pods
        and old.get("observedGeneration") == status["observedGeneration"]
    ):
        # Complete before; that pods fail later is no rollout that does not get on.
        return before, None
    if before is None or before["reason"] in ("NewReplicaSetAvailable", "DeploymentPaused") or _got_on(old, status):
        said = _said("True", "ReplicaSetUpdated", f"{name} is progressing.")
        return {**said, "lastUpdateTime": clock.timestamp()}, float(spec["progressDeadlineSeconds"]) + 1
    if before["reason"] == "ProgressDeadlineExceeded":
        return before, None
    left = spec["progressDeadlineSeconds"] - (clock.now() - datetime.fromisoformat(before["lastUpdateTime"])).total_seconds()
    if left < 0:
        return _said("False", "ProgressDeadlineExceeded", f"{name} has timed out progressing."), None
    return before, left + 1


def _got_on(old: dict[str, Any], new: dict[str, Any]) -> bool:
    def of_old_pods(status: dict[str, Any]) -> int:
        return int(status.get("replicas", 0) - status.get("updatedReplicas", 0))

    more = ("updatedReplicas", "readyReplicas", "availableReplicas")
    return any(new.get(field, 0) > old.get(field, 0) for field in more) or of_old_pods(new) < of_old_pods(old)


def _said(status: str, reason: str, message: str) -> dict[str, Any]:
    return {"type": "Progressing", "status": status, "reason": reason, "message": message}


def _dated(wanted: dict[str, Any], before: dict[str, Any] | None, now: str) -> dict[str, Any]:
    dated = {"lastTransitionTime": now, "lastUpdateTime": now, **wanted}
    if before is not None and before["status"] == wanted["status"]:
        dated["lastTransitionTime"] = before["lastTransitionTime"]
        if before["reason"] == wanted["reason"] and "lastUpdateTime" not in wanted:
            dated["lastUpdateTime"] = before["lastUpdateTime"]
    return dated
