"""The objects of a mesh as the API gave them: what rules look at beside the snapshot."""

from collections.abc import Iterable

import msgspec

from resail.models.identity import KindRef, Manifest, ObjectRef

__all__ = ["BUILT_IN", "CUSTOM", "CUSTOM_GROUPS", "MeshObjects", "group_kind"]

BUILT_IN = (
    KindRef("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"),
    KindRef("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"),
    KindRef("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    KindRef("apps/v1", "DaemonSet"),
    KindRef("apps/v1", "Deployment"),
    KindRef("apps/v1", "StatefulSet"),
    KindRef("autoscaling/v2", "HorizontalPodAutoscaler"),
    KindRef("coordination.k8s.io/v1", "Lease"),
    KindRef("discovery.k8s.io/v1", "EndpointSlice"),
    KindRef("networking.k8s.io/v1", "NetworkPolicy"),
    KindRef("policy/v1", "PodDisruptionBudget"),
    KindRef("rbac.authorization.k8s.io/v1", "ClusterRole"),
    KindRef("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
    KindRef("rbac.authorization.k8s.io/v1", "Role"),
    KindRef("rbac.authorization.k8s.io/v1", "RoleBinding"),
    KindRef("v1", "ConfigMap"),
    KindRef("v1", "Event"),
    KindRef("v1", "LimitRange"),
    KindRef("v1", "Namespace"),
    KindRef("v1", "Node"),
    KindRef("v1", "Pod"),
    KindRef("v1", "ResourceQuota"),
    KindRef("v1", "Secret"),
    KindRef("v1", "Service"),
    KindRef("v1", "ServiceAccount"),
)
"""Kinds of Kubernetes that are read."""

CUSTOM_GROUPS = (
    ".istio.io",
    "gateway.networking.k8s.io",
    "gateway.networking.x-k8s.io",
    "inference.networking.k8s.io",
    "inference.networking.x-k8s.io",
    "sailoperator.io",
    "helm.toolkit.fluxcd.io",
)
"""Ends of the groups whose custom resources are read, in the version that is stored."""

CUSTOM = (
    *(f"{kind}.networking.istio.io" for kind in ("DestinationRule", "EnvoyFilter", "Gateway", "ProxyConfig", "ServiceEntry")),
    *(f"{kind}.networking.istio.io" for kind in ("Sidecar", "VirtualService", "WorkloadEntry", "WorkloadGroup")),
    *(f"{kind}.security.istio.io" for kind in ("AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication")),
    *("Telemetry.telemetry.istio.io", "WasmPlugin.extensions.istio.io", "TrafficExtension.extensions.istio.io"),
    "IstioOperator.install.istio.io",
    *(f"{kind}.gateway.networking.k8s.io" for kind in ("BackendTLSPolicy", "Gateway", "GatewayClass", "GRPCRoute", "HTTPRoute")),
    *(f"{kind}.gateway.networking.k8s.io" for kind in ("ReferenceGrant", "TCPRoute", "TLSRoute", "UDPRoute")),
    *("XBackendTrafficPolicy.gateway.networking.x-k8s.io", "XListenerSet.gateway.networking.x-k8s.io"),
    *("InferencePool.inference.networking.k8s.io", "InferencePool.inference.networking.x-k8s.io"),
    *(f"{kind}.sailoperator.io" for kind in ("Istio", "IstioCNI", "IstioRevision", "IstioRevisionTag", "ZTunnel")),
    "HelmRelease.helm.toolkit.fluxcd.io",
)
"""Custom kinds that rules ask for: without objects where the cluster does not serve them."""


def group_kind(api_version: str, kind: str) -> str:
    """``Gateway.networking.istio.io``, ``Deployment.apps``; ``Service`` for the core group."""
    group, slash, _ = api_version.rpartition("/")
    return f"{kind}.{group}" if slash else kind


class MeshObjects(msgspec.Struct, frozen=True):
    """Of each kind that was read all objects, sorted by reference. No value of a Secret is among them."""

    by_kind: dict[str, tuple[Manifest, ...]]
    """By ``group_kind``. Empty for a kind that the cluster does not serve."""
    unread: dict[str, str] = {}
    """By ``group_kind``: why what is of this kind is not known."""

    @classmethod
    def of(cls, objects: Iterable[Manifest], kinds: Iterable[str] = ()) -> "MeshObjects":
        """Sort objects by their kind.

        Args:
            objects: all of them.
            kinds: that were read, too, and may have no object.
        """
        found: dict[str, list[Manifest]] = {kind: [] for kind in kinds}
        for manifest in objects:
            found.setdefault(group_kind(manifest["apiVersion"], manifest["kind"]), []).append(manifest)
        return cls({kind: tuple(sorted(found[kind], key=ObjectRef.of)) for kind in sorted(found)})
