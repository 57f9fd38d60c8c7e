"""The Istio add-on of Azure Kubernetes Service."""

from collections.abc import Iterator

from resail.installers.foreign.seen import Seen
from resail.models.identity import ObjectRef
from resail.models.snapshot import ForeignManager

__all__ = ["aks_add_on"]

_NAMESPACE = "aks-istio-system"


def aks_add_on(seen: Seen) -> Iterator[ForeignManager]:
    """An istiod in the add-on's own namespace, or a webhook that calls one there.

    A revision such as ``asm-1-27`` is no sign by itself: anybody may name one so.

    Source: https://learn.microsoft.com/azure/aks/istio-about
    """
    for istiod in seen.istiods:
        ref = ObjectRef.of(istiod)
        if ref.namespace == _NAMESPACE:
            revision = (istiod["metadata"].get("labels") or {}).get("istio.io/rev", "no revision")
            yield ForeignManager("AKS add-on", ref, "metadata.labels.istio.io/rev", f"{revision}, in {_NAMESPACE}", "mesh")
    for manifest in seen.objects:
        called = {(entry["clientConfig"].get("service") or {}).get("namespace") for entry in manifest.get("webhooks") or ()}
        if _NAMESPACE in called:
            field = "webhooks.clientConfig.service.namespace"
            yield ForeignManager("AKS add-on", ObjectRef.of(manifest), field, _NAMESPACE, "mesh")
