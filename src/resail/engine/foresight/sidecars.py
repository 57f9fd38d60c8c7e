"""Pods that would be replaced, as they would come back."""

from copy import deepcopy

import msgspec

from resail.engine.injection import Injected
from resail.models.identity import Manifest
from resail.snapshot.shapes import PodShape

__all__ = ["pod_injected", "ready_pod", "replaced_pod"]

_PROXY = "istio-proxy"
_REVISION = "istio.io/rev"
_STATUS = "sidecar.istio.io/status"


def replaced_pod(pod: PodShape, sidecar: Injected) -> PodShape:
    """Another pod of the same workload, ready; one that has no proxy gets none."""
    new = ready_pod(pod)
    if new.proxy is not None:
        annotations = {key: value for key, value in pod.metadata.annotations.items() if key != _STATUS}
        new.metadata = msgspec.structs.replace(pod.metadata, annotations={**annotations, _REVISION: sidecar.revision})
        new.proxy.image = f"proxyv2:{sidecar.version}"
    return new


def ready_pod(pod: PodShape) -> PodShape:
    """The pod some time later."""
    new = deepcopy(pod)
    for condition in new.status.conditions:
        if condition.type == "Ready":
            condition.status = "True"
    return new


def pod_injected(pod: Manifest, sidecar: Injected) -> Manifest:
    """A pod as the injector would give it back."""
    metadata, spec = pod["metadata"], pod["spec"]
    own = {group: [one for one in spec.get(group) or () if one["name"] != _PROXY] for group in ("containers", "initContainers")}
    annotations = {key: value for key, value in (metadata.get("annotations") or {}).items() if key != _STATUS}
    proxy = {"name": _PROXY, "image": f"proxyv2:{sidecar.version}"}
    return {
        **pod,
        "metadata": {**metadata, "annotations": {**annotations, _REVISION: sidecar.revision}},
        "spec": {**spec, **own, "containers": [*own["containers"], proxy]},
    }
