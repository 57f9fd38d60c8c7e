"""How istioctl marks what it installs, since 1.24 (``operator/pkg/install`` of Istio): by labels that it adds as it applies."""

from resail.models.identity import Manifest

__all__ = ["COMPONENTS", "MANAGER", "SELECTOR", "as_istioctl_applies", "component_told", "mark_of", "without_marks"]

MANAGER = "istio-operator"
"""Field manager of its server-side apply, which is forced."""

COMPONENTS = ("Base", "Pilot", "Cni", "Ztunnel", "IngressGateways", "EgressGateways")
"""In the order in which an upgrade brings them on."""

_COMPONENT = "operator.istio.io/component"
_VERSION = "operator.istio.io/version"
_REVISION = "istio.io/rev"
_MANAGED = "operator.istio.io/managed"
_OWNER = "install.operator.istio.io/owning-resource"
_OWNER_NAMESPACE = "install.operator.istio.io/owning-resource-namespace"
_NOT_PRUNED = "install.operator.istio.io/owning-resource-not-pruned"
_MARKS = (_COMPONENT, _VERSION, _REVISION, _MANAGED, _OWNER, _OWNER_NAMESPACE)

SELECTOR = f"{_COMPONENT},{_VERSION},!{_NOT_PRUNED}"
"""Of what istioctl installed: the charts have the component's label too; the default tag and its validator are not pruned."""


def as_istioctl_applies(manifest: Manifest, component: str, revision: str, version: str, owner: Manifest) -> Manifest:
    """A rendered object with its marks.

    Args:
        manifest: as ``istioctl manifest generate`` renders it.
        component: as ``IstioctlComponent.component``.
        revision: ``default`` where there is none.
        version: of the istioctl.
        owner: the IstioOperator.
    """
    named = owner.get("metadata") or {}
    marks = {
        _COMPONENT: component,
        _VERSION: version,
        _REVISION: revision,
        _MANAGED: "Reconcile",
        _OWNER_NAMESPACE: named.get("namespace") or "istio-system",
        **({_OWNER: named["name"]} if named.get("name") else {}),
    }
    metadata = manifest["metadata"]
    return {**manifest, "metadata": {**metadata, "labels": {**(metadata.get("labels") or {}), **marks}}}


def mark_of(manifest: Manifest) -> tuple[str, str, str] | None:
    """Component, revision and version of an object that istioctl installed; None for any other."""
    labels = manifest["metadata"].get("labels") or {}
    if _COMPONENT not in labels or _VERSION not in labels or _NOT_PRUNED in labels:
        return None
    return labels[_COMPONENT], labels.get(_REVISION) or "default", labels[_VERSION]


def component_told(manifest: Manifest) -> str:
    """The component that a chart of Istio names in what it renders; empty where it names none, as for CRDs and ztunnel."""
    return str((manifest["metadata"].get("labels") or {}).get(_COMPONENT, ""))


def without_marks(manifest: Manifest) -> Manifest:
    """The object without the labels by which istioctl knows it."""
    metadata = manifest["metadata"]
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key not in _MARKS}
    return {**manifest, "metadata": {**metadata, "labels": labels}}
