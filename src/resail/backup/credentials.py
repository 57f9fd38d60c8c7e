"""The Secrets with certificates that gateways are told to serve: pure."""

from collections.abc import Iterable, Iterator

from resail.backup.naming import labels_of
from resail.models.field_path import find
from resail.models.identity import Manifest, ObjectRef
from resail.models.mesh_objects import MeshObjects

__all__ = ["credentials_of"]

_CA_ONLY = "-cacert"
"""End of the name of the Secret that may have the CA of a credential.

Source: https://istio.io/latest/docs/reference/config/networking/gateway/#ServerTLSSettings
"""

_CONTROLLERS = "istio.io/"
"""Beginning of ``controllerName`` in the GatewayClasses that istiod serves."""


def credentials_of(objects: MeshObjects, gateways: Iterable[Manifest]) -> Iterator[ObjectRef]:
    """Those that Istio's Gateways and the Gateway API's name, whether they are there or not.

    An Istio Gateway's are in the namespace of the workload that it selects, wherever that is; those of a Gateway of the
    Gateway API are in its own, or where its reference says.

    Args:
        objects: of the mesh.
        gateways: the workloads.
    """
    workloads = tuple(gateways)
    for gateway in objects.by_kind.get("Gateway.networking.istio.io", ()):
        selector = (gateway.get("spec") or {}).get("selector") or {}
        homes = {
            one["metadata"]["namespace"] for one in workloads if selector.items() <= labels_of(one["spec"]["template"]).items()
        }
        for name in _names(gateway):
            yield from (ObjectRef("v1", "Secret", home, name) for home in homes)
    classes = {
        one["metadata"]["name"]
        for one in objects.by_kind.get("GatewayClass.gateway.networking.k8s.io", ())
        if str(one["spec"].get("controllerName", "")).startswith(_CONTROLLERS)
    }
    for gateway in objects.by_kind.get("Gateway.gateway.networking.k8s.io", ()):
        if gateway["spec"].get("gatewayClassName") in classes:
            for reference in find(gateway, "spec.listeners[*].tls.certificateRefs[*]"):
                target = reference.value
                if target.get("kind", "Secret") == "Secret":
                    yield ObjectRef("v1", "Secret", target.get("namespace") or gateway["metadata"]["namespace"], target["name"])


def _names(gateway: Manifest) -> Iterator[str]:
    for field in ("credentialName", "credentialNames[*]", "caCertCredentialName"):
        for found in find(gateway, f"spec.servers[*].tls.{field}"):
            yield str(found.value)
            yield f"{found.value}{_CA_ONLY}"
