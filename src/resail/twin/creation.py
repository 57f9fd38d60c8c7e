"""What the API server makes of a new object of a kind before it keeps it."""

import hashlib
from typing import Any

from resail.models.identity import Manifest
from resail.twin.kinds import Kind
from resail.twin.refusals import forbidden
from resail.twin.store import Key, Store

__all__ = ["begun", "with_account"]

_ZERO_BUDGET = {"currentHealthy": 0, "desiredHealthy": 0, "disruptionsAllowed": 0, "expectedPods": 0}


def begun(store: Store, kind: Kind, manifest: Manifest) -> None:
    """Give it the status that it begins with, and what only the server knows; in place."""
    if kind.has_status and kind.id != "Node":
        manifest.pop("status", None)
    status = _status(kind, manifest)
    if status is not None:
        manifest["status"] = status
    if kind.id == "Service":
        _address(store, manifest)
    elif kind.id == "Job":
        _select_own_pods(store, manifest)


def with_account(store: Store, kind: Kind, pod: Manifest) -> None:
    """As the admission plugin ServiceAccount: a pod runs as ``default``, where it does not say.

    Raises:
        ForbiddenError: there is no such account.
    """
    name = pod["spec"].setdefault("serviceAccountName", "default")
    namespace = pod["metadata"]["namespace"]
    if store.get(Key("ServiceAccount", namespace, name)) is None:
        why = f'error looking up service account {namespace}/{name}: serviceaccount "{name}" not found'
        raise forbidden(kind, pod["metadata"].get("name", ""), why)


def _status(kind: Kind, manifest: Manifest) -> dict[str, Any] | None:
    match kind.id:
        case "Namespace":
            return {"phase": "Active"}
        case "Pod":
            return {"phase": "Pending", "qosClass": _quality(manifest["spec"])}
        case "PodDisruptionBudget":
            return dict(_ZERO_BUDGET)
        case "DaemonSet" | "Deployment" | "ReplicaSet" | "StatefulSet" | "Job" | "CronJob" | "ResourceQuota":
            return {}
        case "Service":
            return {"loadBalancer": {}}
    return None


def _quality(spec: dict[str, Any]) -> str:
    resources = [container.get("resources") or {} for container in spec.get("containers") or ()]
    if not any(one.get("requests") or one.get("limits") for one in resources):
        return "BestEffort"
    whole = all(
        {"cpu", "memory"} <= (one.get("limits") or {}).keys() and one["limits"] == one.get("requests") for one in resources
    )
    return "Guaranteed" if whole else "Burstable"


def _address(store: Store, manifest: Manifest) -> None:
    spec = manifest["spec"]
    if spec["type"] == "ExternalName":
        return
    if not spec.get("clusterIP"):
        seed = "/".join((manifest["metadata"]["namespace"], manifest["metadata"]["name"]))
        taken = {service["spec"].get("clusterIP") for service in store.all("Service")}
        number = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:2])
        while f"10.96.{number // 256}.{number % 256}" in taken:
            number = (number + 1) % 65536
        spec["clusterIP"] = f"10.96.{number // 256}.{number % 256}"
    spec.setdefault("clusterIPs", [spec["clusterIP"]])


def _select_own_pods(store: Store, manifest: Manifest) -> None:
    spec = manifest["spec"]
    if spec.get("manualSelector") or spec.get("selector"):
        return
    # The real one takes the Job's uid, which is not known yet here.
    own = {
        "batch.kubernetes.io/controller-uid": store.unique_name(""),
        "batch.kubernetes.io/job-name": manifest["metadata"]["name"],
    }
    labels = spec["template"]["metadata"].setdefault("labels", {})
    labels.update({**own, "job-name": own["batch.kubernetes.io/job-name"]})
    spec["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": own["batch.kubernetes.io/controller-uid"]}}
