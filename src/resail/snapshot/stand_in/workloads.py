"""Workloads with the pods that they have, and the sidecars in them."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from resail.models.encoding import digest_of
from resail.models.identity import Manifest, ObjectRef
from resail.models.snapshot import RESTART_MARK, MeshSnapshot, Workload
from resail.models.stand_in import StandIn
from resail.snapshot.stand_in.model import Released, marks_of
from resail.snapshot.stand_in.pods import annotations_of, pod_of, requests

__all__ = ["pinned_nodes", "workload_objects"]

_HASH = "pod-template-hash"
_PIN = "stand-in.resail.dev"
_NEVER = "0 0 1 1 *"
"""Schedule of a CronJob, whose own is not known."""


def workload_objects(
    snapshot: MeshSnapshot, workload: Workload, of_release: Released | None, ready_since: datetime
) -> Iterator[StandIn]:
    """The workload, what stands between it and its pods, and the pods."""
    owner: Manifest | None = None
    labels: dict[str, str] = {}
    template = _template(snapshot, workload, of_release)
    if workload.ref.kind not in ("Pod", "Node"):
        owner = _controller(snapshot, workload, template, of_release)
        yield StandIn(owner) if of_release is None else of_release.with_facts(owner)
    if owner is not None and workload.ref.kind == "Deployment":
        labels = {_HASH: digest_of(template).removeprefix("sha256:")[:10]}
        owner = _replica_set(owner, labels, workload)
        yield StandIn(owner)
    if owner is not None and workload.ref.kind == "CronJob" and workload.pods:
        owner = _job(owner, len(workload.pods))
        yield StandIn(owner)
    reference = _reference(owner) if owner is not None else None
    if workload.ref.kind == "Node":
        reference = {"apiVersion": "v1", "kind": "Node", "name": workload.ref.name, "controller": True}
    for pod in workload.pods:
        yield StandIn(pod_of(workload, pod, template, labels, reference, ready_since))


def pinned_nodes(snapshot: MeshSnapshot) -> dict[str, dict[str, str]]:
    """Node → labels, by which a DaemonSet that is not on every node finds its own."""
    found: dict[str, dict[str, str]] = {}
    for workload in snapshot.workloads:
        for pod in workload.pods if _is_pinned(snapshot, workload) else ():
            found.setdefault(pod.node, {}).update(_pin(workload))
    return found


def _is_pinned(snapshot: MeshSnapshot, workload: Workload) -> bool:
    return workload.ref.kind == "DaemonSet" and workload.replicas != len(snapshot.cluster.nodes)


def _pin(workload: Workload) -> dict[str, str]:
    return {f"{_PIN}/{digest_of(workload.ref).removeprefix('sha256:')[:16]}": "yes"}


def _template(snapshot: MeshSnapshot, workload: Workload, of_release: Released | None) -> dict[str, Any]:
    annotations = annotations_of(workload)
    if workload.restart_mark:
        annotations[RESTART_MARK] = workload.restart_mark
    if of_release is not None:
        template = of_release.manifest["spec"]["template"]
        metadata = template.get("metadata") or {}
        both = {**(metadata.get("annotations") or {}), **annotations}
        metadata = {**metadata, "labels": workload.labels, **({"annotations": both} if both else {})}
        return {**template, "metadata": metadata}
    spec: dict[str, Any] = {"containers": [_container(snapshot, workload)]}
    if _is_pinned(snapshot, workload):
        spec["nodeSelector"] = _pin(workload)
    return {"metadata": {"labels": workload.labels, "annotations": annotations}, "spec": spec}


def _container(snapshot: MeshSnapshot, workload: Workload) -> dict[str, Any]:
    """By its name and image a part of Istio is known."""
    name, image = "app", "stand-in:1"
    for plane in snapshot.control_planes:
        if plane.deployment == workload.ref:
            name, image = "discovery", plane.image
    for part in snapshot.components:
        if part.workload == workload.ref:
            name, image = ("install-cni" if part.role == "cni" else "istio-proxy"), part.image or "auto"
    container = {"name": name, "image": image}
    return {**container, **requests(workload.sidecar_requests if name == "istio-proxy" else workload.requests)}


def _controller(snapshot: MeshSnapshot, workload: Workload, template: dict[str, Any], of_release: Released | None) -> Manifest:
    base = of_release.manifest if of_release else _base(snapshot, workload)
    spec: dict[str, Any] = {**(base.get("spec") or {}), **_spec(workload, template)}
    if of_release is not None:
        # What the chart says of these is what the snapshot has counted out.
        spec |= {name: value for name, value in of_release.manifest["spec"].items() if name in ("strategy", "updateStrategy")}
        spec["selector"] = of_release.manifest["spec"]["selector"]
    return {**base, "spec": spec, "status": _status(workload)}


def _base(snapshot: MeshSnapshot, workload: Workload) -> Manifest:
    metadata: dict[str, Any] = {"name": workload.ref.name, "namespace": workload.ref.namespace}
    labels: dict[str, str] = {}
    for plane in snapshot.control_planes:
        if plane.deployment == workload.ref:
            metadata |= marks_of(plane.owner)
            labels = {"app": "istiod", "istio.io/rev": plane.revision}
    for part in snapshot.components:
        if part.workload == workload.ref:
            metadata |= marks_of(part.owner)
            if part.managed_by_istiod:
                kind = "mesh-controller" if part.role == "waypoint" else "gateway-controller"
                labels = {"gateway.istio.io/managed": f"istio.io-{kind}"}
    metadata["labels"] = {**metadata.get("labels", {}), **labels}
    return {"apiVersion": workload.ref.api_version, "kind": workload.ref.kind, "metadata": metadata}


def _spec(workload: Workload, template: dict[str, Any]) -> dict[str, Any]:
    strategy = workload.strategy
    common: dict[str, Any] = {"selector": {"matchLabels": workload.labels}, "template": template}
    if workload.min_ready_seconds:
        common["minReadySeconds"] = workload.min_ready_seconds
    limits = {"maxUnavailable": strategy.max_unavailable, "maxSurge": strategy.max_surge}
    match workload.ref.kind:
        case "Deployment":
            rolling = {"rollingUpdate": limits} if strategy.type == "RollingUpdate" else {}
            paused = {"paused": True} if workload.paused else {}
            return {**common, **paused, "replicas": workload.replicas, "strategy": {"type": strategy.type, **rolling}}
        case "StatefulSet":
            one = {} if strategy.max_unavailable == 1 else {"maxUnavailable": strategy.max_unavailable}
            rolling = {"rollingUpdate": {"partition": strategy.partition, **one}} if strategy.type == "RollingUpdate" else {}
            name = {"serviceName": workload.ref.name}
            return {**common, **name, "replicas": workload.replicas, "updateStrategy": {"type": strategy.type, **rolling}}
        case "DaemonSet":
            rolling = {"rollingUpdate": limits} if strategy.type == "RollingUpdate" else {}
            return {**common, "updateStrategy": {"type": strategy.type, **rolling}}
        case "CronJob":
            return {"schedule": _NEVER, "suspend": True, "jobTemplate": {"spec": {"template": _once(template)}}}
        case "Job":
            return {"parallelism": len(workload.pods), "completions": len(workload.pods), "template": _once(template)}
        case "ReplicaSet":
            return {**common, "replicas": len(workload.pods)}
        case _:
            return {}


def _once(template: dict[str, Any]) -> dict[str, Any]:
    return {**template, "spec": {**template["spec"], "restartPolicy": "Never"}}


def _status(workload: Workload) -> dict[str, Any]:
    match workload.ref.kind:
        case "DaemonSet":
            return {"desiredNumberScheduled": workload.replicas, "numberReady": workload.ready, "numberAvailable": workload.ready}
        case "Deployment" | "StatefulSet" | "ReplicaSet":
            count = len(workload.pods)
            return {"replicas": count, "readyReplicas": workload.ready, "availableReplicas": workload.ready}
        case _:
            return {}


def _replica_set(deployment: Manifest, labels: dict[str, str], workload: Workload) -> Manifest:
    spec, metadata = deployment["spec"], deployment["metadata"]
    template = spec["template"]
    template = {**template, "metadata": {**template["metadata"], "labels": {**template["metadata"]["labels"], **labels}}}
    selector = {**spec["selector"], "matchLabels": {**(spec["selector"].get("matchLabels") or {}), **labels}}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{metadata['name']}-{labels[_HASH]}",
            "namespace": metadata["namespace"],
            "labels": template["metadata"]["labels"],
            "annotations": {"deployment.kubernetes.io/revision": "1"},
            "ownerReferences": [_reference(deployment)],
        },
        # A paused Deployment leaves as many as there are.
        "spec": {"replicas": workload.replicas, "selector": selector, "template": template},
        "status": deployment["status"],
    }


def _job(cron_job: Manifest, pods: int) -> Manifest:
    metadata = cron_job["metadata"]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": f"{metadata['name']}-1",
            "namespace": metadata["namespace"],
            "ownerReferences": [_reference(cron_job)],
        },
        "spec": {**cron_job["spec"]["jobTemplate"]["spec"], "parallelism": pods, "completions": pods},
        "status": {},
    }


def _reference(owner: Manifest) -> dict[str, Any]:
    ref = ObjectRef.of(owner)
    return {"apiVersion": ref.api_version, "kind": ref.kind, "name": ref.name, "controller": True, "blockOwnerDeletion": True}
