"""Gateways of the Gateway API that Istio serves, and the revision that each asks for."""

from resail.checks.hazards.case import Case
from resail.checks.hazards.webhooks.end_state import labels_of, namespaces, namespaces_after
from resail.checks.injection import DEFAULT
from resail.models.field_path import first
from resail.models.identity import Manifest

__all__ = ["gateways", "pointer_after", "pointer_before"]

_REVISION = "istio.io/rev"
_CLASSES = ("istio", "istio-remote", "istio-waypoint", "istio-east-west")
_CONTROLLERS = ("istio.io/gateway-controller", "istio.io/mesh-controller", "istio.io/unmanaged-gateway")


def gateways(case: Case) -> list[Manifest]:
    """Those whose class is Istio's.

    Raises:
        Unknown: they could not be read.
    """
    classes = case.all("GatewayClass.gateway.networking.k8s.io")
    own = [*_CLASSES, *(first(one, "metadata.name") for one in classes if first(one, "spec.controllerName") in _CONTROLLERS)]
    return [one for one in case.all("Gateway.gateway.networking.k8s.io") if first(one, "spec.gatewayClassName") in own]


def pointer_before(case: Case, gateway: Manifest) -> tuple[str, tuple[Manifest, str]]:
    """The revision or tag that it asks for, and where that stands: in itself or its namespace."""
    own = labels_of(gateway).get(_REVISION)
    if own:
        return own, (gateway, f"metadata.labels.{_REVISION}")
    name = first(gateway, "metadata.namespace")
    holder = namespaces(case).get(str(name))
    known = next((one.labels for one in case.snapshot.namespaces if one.name == name), {})
    if holder is not None and known.get(_REVISION) and labels_of(holder).get(_REVISION):
        return known[_REVISION], (holder, f"metadata.labels.{_REVISION}")
    return known.get(_REVISION) or DEFAULT, (gateway, "spec.gatewayClassName")


def pointer_after(case: Case, gateway: Manifest) -> str:
    """The one that it asks for once the hop is done."""
    holder = namespaces_after(case).get(str(first(gateway, "metadata.namespace")))
    return labels_of(gateway).get(_REVISION) or (holder.labels.get(_REVISION) if holder else None) or DEFAULT
