"""An object as a backup keeps it: what a restore can write, and no more."""

from collections.abc import Mapping
from typing import Any

from resail.models.essence import essence
from resail.models.identity import Manifest

__all__ = ["cleaned"]

_OF_A_DELETION = ("deletionTimestamp", "deletionGracePeriodSeconds")
_COUNTERS = ("deployment.kubernetes.io/revision", "deprecated.daemonset.template.generation")
"""Annotations in which controllers count their rollouts: they begin anew with each object."""


def cleaned(manifest: Manifest) -> Manifest:
    """The object without what the API server and Kubernetes' controllers give each object anew.

    Gone are ``uid``, ``resourceVersion``, ``generation``, ``creationTimestamp``, ``selfLink``, the fields of a deletion,
    ``status``, the counters of rollouts, the token Secrets that a ServiceAccount lists, and

    - ``clusterIP`` and ``clusterIPs`` of a Service, unless it is headless: a Service that was deleted gets another address, and
      asking for the old one is refused once somebody else has it. All speak to a mesh's Services by name.

    Kept are node ports, which load balancers outside of the cluster are set up with; a webhook's ``caBundle``, without which it
    fails until istiod patches it; finalizers; and ``ownerReferences`` with their ``uid``, by which a restore can see whether the
    owner is still that one (an object whose owner is gone would be collected as garbage). Entries of ``managedFields`` lose their
    times, and those of sub-resources are left out; they are sorted, since the API server orders them by time.
    """
    kept = essence(manifest)
    metadata = {key: value for key, value in kept["metadata"].items() if key not in _OF_A_DELETION}
    _without(metadata, "annotations", _COUNTERS)
    managers = [_without_time(entry) for entry in manifest["metadata"].get("managedFields") or () if not entry.get("subresource")]
    if managers:
        metadata["managedFields"] = sorted(managers, key=_manager)
    kept["metadata"] = metadata
    match manifest["apiVersion"], manifest["kind"]:
        case "v1", "Service":
            spec = kept.get("spec") or {}
            if spec.get("clusterIP") != "None":
                _without(kept, "spec", ("clusterIP", "clusterIPs"))
        case "v1", "ServiceAccount":
            kept.pop("secrets", None)
    return kept


def _without(parent: dict[str, Any], field: str, keys: tuple[str, ...]) -> None:
    """Put a copy without the keys in the field's place; without the field where nothing is left."""
    found: Mapping[str, Any] | None = parent.get(field)
    if found is None or not found.keys() & set(keys):
        return
    left = {key: value for key, value in found.items() if key not in keys}
    if left:
        parent[field] = left
    else:
        del parent[field]


def _without_time(entry: Manifest) -> Manifest:
    return {key: value for key, value in entry.items() if key != "time"}


def _manager(entry: Manifest) -> tuple[str, str, str]:
    return entry.get("manager", ""), entry.get("operation", ""), entry.get("apiVersion", "")
