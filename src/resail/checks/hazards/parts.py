"""The parts of a mesh with what their users set, out of a snapshot; what comes of it at the target is added by who renders."""

from collections.abc import Iterable
from typing import Any, Literal

from resail.checks.hazards.case import Part
from resail.models.identity import Manifest
from resail.models.snapshot import HelmRelease, MeshSnapshot, SailResource

__all__ = ["helm_release_object", "parts_of"]

_CHARTS_OF_ISTIOCTL = {
    "Base": "base",
    "Pilot": "istiod",
    "Cni": "cni",
    "Ztunnel": "ztunnel",
    "IngressGateways": "gateway",
    "EgressGateways": "gateway",
}
_CHART_OF_SAIL: dict[str, str] = {"Istio": "istiod", "IstioRevision": "istiod", "IstioCNI": "cni", "ZTunnel": "ztunnel"}


def parts_of(snapshot: MeshSnapshot, operators: Iterable[Manifest] = ()) -> tuple[Part, ...]:
    """One for each Helm release, component of istioctl and resource of the Sail Operator.

    Args:
        snapshot: the mesh.
        operators: IstioOperators, as files or objects; the first one tells what the parts of istioctl were asked for.
    """
    helm = [_helm(one) for one in snapshot.helm_releases if one.installed and not one.is_sails]
    operator = next(iter(operators), None)
    source: Manifest = operator or {
        "apiVersion": "install.istio.io/v1alpha1",
        "kind": "IstioOperator",
        "metadata": {},
        "spec": {},
    }
    istioctl = [
        Part(chart=chart, method="istioctl", source=source, path="spec.values", running=one.objects)
        for one in snapshot.istioctl_components
        if (chart := _CHARTS_OF_ISTIOCTL.get(one.component))
    ]
    sail = [_sail(one, chart) for one in snapshot.sail_resources if (chart := _chart_of(one))]
    return (*helm, *istioctl, *sail)


def helm_release_object(release: HelmRelease) -> Manifest:
    """What stands for a Helm release, which is no object of its own."""
    return {
        "apiVersion": "helm.sh/v3",
        "kind": "HelmRelease",
        "metadata": {"namespace": release.namespace, "name": release.name},
        "chart": release.chart,
        "version": release.chart_version,
        "revision": release.revision,
        "status": release.status,
        "applyMethod": release.apply_method,
        "values": release.values,
    }


def _helm(release: HelmRelease) -> Part:
    source = helm_release_object(release)
    return Part(chart=release.chart, method="helm", source=source, path="values", running=release.objects)


def _chart_of(resource: SailResource) -> str:
    # An IstioRevision repeats what its Istio wishes.
    return "" if resource.ref.kind == "IstioRevision" and resource.owner else _CHART_OF_SAIL.get(resource.ref.kind, "")


def _sail(resource: SailResource, chart: str) -> Part:
    ref = resource.ref
    metadata: dict[str, Any] = {"name": ref.name, **({"namespace": ref.namespace} if ref.namespace else {})}
    source = {"apiVersion": ref.api_version, "kind": ref.kind, "metadata": metadata, "spec": resource.spec}
    method: Literal["sail"] = "sail"
    return Part(chart=chart, method=method, source=source, path="spec.values")
