"""What goes with a workload that is a part of the mesh, in a namespace that is not the mesh's: pure."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from resail.models.identity import Manifest, ObjectRef
from resail.models.mesh_objects import MeshObjects
from resail.models.selector import Selector

__all__ = ["account_of", "companions_of", "mentioned_by"]

_DEFAULT = "default"
"""The ServiceAccount of whatever names none; it is the namespace's and not the part's."""


def account_of(workload: Manifest) -> str:
    """The ServiceAccount that the part has for itself; empty where it has none."""
    name = str(workload["spec"]["template"]["spec"].get("serviceAccountName", ""))
    return "" if name == _DEFAULT else name


def companions_of(workload: Manifest, objects: MeshObjects) -> Iterator[ObjectRef]:
    """Its ServiceAccount, and the Services, budgets, autoscalers and NetworkPolicies that are about its pods.

    A selector that takes every pod of the namespace is the namespace's, and no companion.
    """
    namespace = workload["metadata"]["namespace"]
    labels: dict[str, str] = (workload["spec"]["template"].get("metadata") or {}).get("labels") or {}

    def those_there(kind: str) -> Iterable[Manifest]:
        return (one for one in objects.by_kind.get(kind, ()) if one["metadata"].get("namespace") == namespace)

    account = account_of(workload)
    if account:
        yield ObjectRef("v1", "ServiceAccount", namespace, account)
    for service in those_there("Service"):
        selector = service["spec"].get("selector") or {}
        if selector and selector.items() <= labels.items():
            yield ObjectRef.of(service)
    for kind, field in (("PodDisruptionBudget.policy", "selector"), ("NetworkPolicy.networking.k8s.io", "podSelector")):
        for one in those_there(kind):
            if _fits(one["spec"].get(field), labels):
                yield ObjectRef.of(one)
    for scaler in those_there("HorizontalPodAutoscaler.autoscaling"):
        target = scaler["spec"]["scaleTargetRef"]
        if (target["kind"], target["name"]) == (workload["kind"], workload["metadata"]["name"]):
            yield ObjectRef.of(scaler)


def _fits(selector: Any, labels: dict[str, str]) -> bool:
    return bool(selector) and msgspec.convert(selector, Selector).fits(labels)


def mentioned_by(workload: Manifest, objects: MeshObjects) -> Iterator[ObjectRef]:
    """The ConfigMaps and Secrets that its pods mount, take their environment from or are pulled with."""
    namespace, spec = workload["metadata"]["namespace"], workload["spec"]["template"]["spec"]
    account = account_of(workload)
    accounts = [
        one
        for one in objects.by_kind.get("ServiceAccount", ())
        if (one["metadata"]["namespace"], one["metadata"]["name"]) == (namespace, account)
    ]
    for kind, name in (*_mentioned(spec), *(pull for one in accounts for pull in _pulls(one))):
        if name:
            yield ObjectRef("v1", kind, namespace, name)


def _mentioned(spec: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield from _pulls(spec)
    for volume in spec.get("volumes") or ():
        for source in (volume, *((volume.get("projected") or {}).get("sources") or ())):
            yield "ConfigMap", (source.get("configMap") or {}).get("name", "")
            secret = source.get("secret") or {}
            yield "Secret", secret.get("secretName") or secret.get("name", "")
    for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
        for source in container.get("envFrom") or ():
            yield "ConfigMap", (source.get("configMapRef") or {}).get("name", "")
            yield "Secret", (source.get("secretRef") or {}).get("name", "")
        for variable in container.get("env") or ():
            source = variable.get("valueFrom") or {}
            yield "ConfigMap", (source.get("configMapKeyRef") or {}).get("name", "")
            yield "Secret", (source.get("secretKeyRef") or {}).get("name", "")


def _pulls(holder: dict[str, Any]) -> Iterator[tuple[str, str]]:
    return (("Secret", one.get("name", "")) for one in holder.get("imagePullSecrets") or ())
