"""Pods as they are: ready or not, and with the sidecar that they have."""

import json
from datetime import datetime, timedelta
from typing import Any

from resail.models.identity import Manifest
from resail.models.snapshot import Pod, Requests, Workload
from resail.snapshot.stand_in.model import condition, timestamp

__all__ = ["annotations_of", "pod_of", "requests"]

_PROXY = "istio-proxy"
_INJECTED = "sidecar.istio.io/status"


def pod_of(
    workload: Workload,
    pod: Pod,
    template: dict[str, Any],
    labels: dict[str, str],
    owner: dict[str, Any] | None,
    ready_since: datetime,
) -> Manifest:
    """One pod of the workload; ``labels`` besides those of the template."""
    created = ready_since - timedelta(seconds=workload.ready_seconds)
    metadata: dict[str, Any] = {
        "name": pod.name,
        "namespace": workload.ref.namespace,
        "labels": {**workload.labels, **labels},
        "annotations": _annotations(pod, template["metadata"].get("annotations") or {}),
        "creationTimestamp": timestamp(created),
    }
    if owner is not None:
        metadata["ownerReferences"] = [owner]
    spec = {**template["spec"], "containers": _containers(workload, pod, template["spec"]["containers"])}
    if pod.node:
        spec["nodeName"] = pod.node
    conditions = [condition(one, pod.ready, ready_since) for one in ("ContainersReady", "Ready")]
    status = {"phase": pod.phase, "conditions": conditions}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status}


def annotations_of(workload: Workload) -> dict[str, str]:
    """Those of a template that steer injection; what of them are labels is left out."""
    return {name: value for name, value in workload.inject_annotations.items() if workload.labels.get(name) != value}


def requests(asked: Requests) -> dict[str, Any]:
    """The ``resources`` of a container; nothing where it asks for nothing."""
    cpu = {"cpu": f"{asked.cpu_millis}m"} if asked.cpu_millis else {}
    memory = {"memory": str(asked.memory_bytes)} if asked.memory_bytes else {}
    return {"resources": {"requests": {**cpu, **memory}}} if cpu or memory else {}


def _containers(workload: Workload, pod: Pod, containers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    own = [container for container in containers if container["name"] != _PROXY]
    if not pod.proxy_image:
        # A gateway that nobody injected has nothing but the place for its proxy.
        return own or containers
    known = next((container for container in containers if container["name"] == _PROXY), {"name": _PROXY})
    return [{**known, "image": pod.proxy_image, **requests(workload.sidecar_requests)}, *own]


def _annotations(pod: Pod, of_template: dict[str, str]) -> dict[str, str]:
    if not pod.revision or _revision(of_template) == pod.revision:
        return of_template
    status = {"containers": [_PROXY], "revision": pod.revision}
    return {**of_template, _INJECTED: json.dumps(status, separators=(",", ":"))}


def _revision(annotations: dict[str, str]) -> str:
    try:
        return str(json.loads(annotations[_INJECTED])["revision"])
    except (KeyError, TypeError, ValueError):
        return ""
