"""Which platform a cluster is on, as its nodes tell."""

import msgspec

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Seen
from resail.models.field_path import first
from resail.models.identity import Manifest

__all__ = ["Platform", "platform_of"]

_LABELS = {
    "openshift": "node.openshift.io/os_id",
    "gke": "cloud.google.com/gke-nodepool",
    "aks": "kubernetes.azure.com/cluster",
    "microk8s": "microk8s.io/cluster",
    "minikube": "minikube.k8s.io/name",
}
_SUFFIXES = {"eks": "-eks-", "k3s": "+k3s", "rke2": "+rke2"}
_VERSION = "status.nodeInfo.kubeletVersion"


class Platform(msgspec.Struct, frozen=True):
    """A platform of Kubernetes."""

    name: str
    """``gke``, ``eks``, ``aks``, ``openshift``, ``k3s``, ``k3d``, ``rke2``, ``microk8s``, ``minikube``, ``kind``"""
    seen: Seen
    """The field of a node that tells."""


def platform_of(case: Case) -> Platform | None:
    """The platform of the first node that tells; None where none does."""
    return next((platform for node in case.all("Node") if (platform := _of_node(node))), None)


def _of_node(node: Manifest) -> Platform | None:
    for name, label in _LABELS.items():
        if first(node, f"metadata.labels.{label}") is not None:
            return Platform(name, Seen(node, f"metadata.labels.{label}"))
    version = str(first(node, _VERSION))
    for name, suffix in _SUFFIXES.items():
        if suffix in version:
            in_docker = name == "k3s" and str(first(node, "metadata.name")).startswith("k3d-")
            return Platform("k3d" if in_docker else name, Seen(node, _VERSION))
    if str(first(node, "spec.providerID")).startswith("kind://"):
        return Platform("kind", Seen(node, "spec.providerID"))
    return None
