"""Who owns a part of the mesh, told from its labels and annotations; pure, and with the evidence."""

from collections.abc import Mapping
from typing import Any

from resail.models.identity import Manifest
from resail.models.snapshot import Ownership

__all__ = ["foreign_manager", "owner_of"]

_HELM_NAME = "meta.helm.sh/release-name"
_HELM_NAMESPACE = "meta.helm.sh/release-namespace"
_ISTIOCTL = "install.operator.istio.io/owning-resource-namespace"
_ISTIOCTL_VERSION = "operator.istio.io/version"
_SAIL = "sailoperator.io"

_FOREIGN = {
    "argocd.argoproj.io/tracking-id": "Argo CD",
    "argocd.argoproj.io/instance": "Argo CD",
    "kustomize.toolkit.fluxcd.io/name": "Flux",
    "helm.toolkit.fluxcd.io/name": "Flux",
    "kubernetes.azure.com/managedby": "AKS add-on",
    "mesh.cloud.google.com/managed": "Google Cloud Service Mesh",
    "maistra.io/owner": "OpenShift Service Mesh",
}
"""Label or annotation → who would undo what we write."""


def owner_of(manifest: Manifest) -> Ownership:
    """The installer of one object. ``method`` is ``none`` where nothing tells."""
    metadata = manifest.get("metadata") or {}
    labels: Mapping[str, str] = metadata.get("labels") or {}
    annotations: Mapping[str, str] = metadata.get("annotations") or {}
    sail = next((owner for owner in metadata.get("ownerReferences") or () if _SAIL in owner["apiVersion"]), None)
    if sail is not None:
        return Ownership("sail", "", f"its owner is {sail['kind']} {sail['name']}")
    if _HELM_NAME in annotations:
        release = f"{annotations.get(_HELM_NAMESPACE, '')}/{annotations[_HELM_NAME]}"
        return Ownership("helm", release, f"annotation {_HELM_NAME}: {annotations[_HELM_NAME]}")
    for label in (_ISTIOCTL_VERSION, _ISTIOCTL):
        if label in labels:
            return Ownership("istioctl", "", f"label {label}: {labels[label]}")
    return Ownership("none", "", "no mark of Helm, istioctl or the Sail Operator")


def foreign_manager(manifest: Manifest) -> str:
    """``Argo CD: …`` with the evidence, where someone who is not an installer manages the object; else empty."""
    metadata: dict[str, Any] = manifest.get("metadata") or {}
    marks = {**(metadata.get("labels") or {}), **(metadata.get("annotations") or {})}
    for mark, name in _FOREIGN.items():
        if mark in marks:
            return f"{name}: {manifest.get('kind')}/{metadata.get('name')} has {mark}: {marks[mark]}"
    return ""
