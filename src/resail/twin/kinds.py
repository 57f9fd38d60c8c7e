"""The kinds that the twin serves: a table, and what CustomResourceDefinitions add to it."""

from collections.abc import Iterable
from typing import Any

import msgspec

from resail.cluster import ResourceKind
from resail.models.identity import KindRef, Manifest

__all__ = ["Kind", "Kinds", "custom_id"]

_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


class Kind(msgspec.Struct, frozen=True):
    """What is the same for all objects of a kind."""

    id: str
    """Under which the store keeps them: the kind; for a custom one with its group, as names of kinds are not unique."""
    group: str
    versions: tuple[str, ...]
    """Preferred one first: objects are kept in it, and served in all of them."""
    kind: str
    plural: str
    namespaced: bool
    counted: bool = True
    """Changes of its spec count up ``metadata.generation``."""
    has_status: bool = True
    """The status is a subresource: who writes the object does not write it."""
    schemas: dict[str, Any] = {}
    """Of a custom kind: version → OpenAPI schema."""

    @property
    def custom(self) -> bool:
        return self.id != self.kind

    def api_version(self, version: str = "") -> str:
        chosen = version or self.versions[0]
        return f"{self.group}/{chosen}" if self.group else chosen

    def resources(self) -> Iterable[ResourceKind]:
        for version in self.versions:
            yield ResourceKind(KindRef(self.api_version(version), self.kind), self.plural, self.namespaced, _VERBS)


def _built_in(group: str, versions: str, *rows: str) -> Iterable[Kind]:
    """Each row: kind, plural, and flags (c cluster-scoped, g no generation, s no status subresource)."""
    for row in rows:
        kind, plural, *flags = row.split()
        said = "".join(flags)
        yield Kind(kind, group, tuple(versions.split()), kind, plural, "c" not in said, "g" not in said, "s" not in said)


_BUILT_IN = (
    *_built_in(
        "",
        "v1",
        "ConfigMap configmaps gs",
        "Endpoints endpoints gs",
        "Event events gs",
        "LimitRange limitranges gs",
        "Namespace namespaces cg",
        "Node nodes cg",
        "PersistentVolume persistentvolumes cg",
        "PersistentVolumeClaim persistentvolumeclaims g",
        "Pod pods g",
        "ReplicationController replicationcontrollers",
        "ResourceQuota resourcequotas g",
        "Secret secrets gs",
        "Service services g",
        "ServiceAccount serviceaccounts gs",
    ),
    *_built_in(
        "apps",
        "v1",
        "ControllerRevision controllerrevisions gs",
        "DaemonSet daemonsets",
        "Deployment deployments",
        "ReplicaSet replicasets",
        "StatefulSet statefulsets",
    ),
    *_built_in("batch", "v1", "CronJob cronjobs", "Job jobs"),
    *_built_in("policy", "v1", "PodDisruptionBudget poddisruptionbudgets"),
    *_built_in("autoscaling", "v2 v1", "HorizontalPodAutoscaler horizontalpodautoscalers g"),
    *_built_in("discovery.k8s.io", "v1", "EndpointSlice endpointslices s"),
    *_built_in(
        "networking.k8s.io", "v1", "Ingress ingresses", "IngressClass ingressclasses cs", "NetworkPolicy networkpolicies s"
    ),
    *_built_in(
        "rbac.authorization.k8s.io",
        "v1",
        "ClusterRole clusterroles cgs",
        "ClusterRoleBinding clusterrolebindings cgs",
        "Role roles gs",
        "RoleBinding rolebindings gs",
    ),
    *_built_in(
        "admissionregistration.k8s.io",
        "v1",
        "MutatingWebhookConfiguration mutatingwebhookconfigurations cs",
        "ValidatingAdmissionPolicy validatingadmissionpolicies c",
        "ValidatingAdmissionPolicyBinding validatingadmissionpolicybindings cs",
        "ValidatingWebhookConfiguration validatingwebhookconfigurations cs",
    ),
    *_built_in("apiextensions.k8s.io", "v1", "CustomResourceDefinition customresourcedefinitions c"),
    *_built_in("coordination.k8s.io", "v1", "Lease leases gs"),
    *_built_in("scheduling.k8s.io", "v1", "PriorityClass priorityclasses cs"),
    *_built_in("storage.k8s.io", "v1", "StorageClass storageclasses cgs"),
)


class Kinds:
    """What is served now."""

    def __init__(self) -> None:
        self._by_ref: dict[KindRef, Kind] = {}
        self._by_id: dict[str, Kind] = {}
        for kind in _BUILT_IN:
            self._add(kind)

    def find(self, ref: KindRef) -> Kind | None:
        return self._by_ref.get(ref)

    def of(self, identity: str) -> Kind:
        """The kind that the store keeps under this name."""
        return self._by_id[identity]

    def all(self) -> list[Kind]:
        return list(self._by_id.values())

    def resources(self) -> tuple[ResourceKind, ...]:
        return tuple(sorted({resource for kind in self._by_id.values() for resource in kind.resources()}))

    def define(self, definition: Manifest) -> None:
        """Serve what a CustomResourceDefinition defines, in place of what it defined before."""
        self.forget(definition)
        self._add(_custom(definition))

    def forget(self, definition: Manifest) -> None:
        """Serve its kind no longer."""
        kind = self._by_id.pop(custom_id(definition), None)
        for resource in kind.resources() if kind else ():
            self._by_ref.pop(resource.kind, None)

    def _add(self, kind: Kind) -> None:
        self._by_id[kind.id] = kind
        for resource in kind.resources():
            self._by_ref[resource.kind] = kind


def custom_id(definition: Manifest) -> str:
    spec = definition["spec"]
    return f"{spec['names']['kind']}.{spec['group']}"


def _custom(definition: Manifest) -> Kind:
    spec = definition["spec"]
    served = sorted((one for one in spec["versions"] if one["served"]), key=lambda one: not one["storage"])
    return Kind(
        id=custom_id(definition),
        group=spec["group"],
        versions=tuple(version["name"] for version in served),
        kind=spec["names"]["kind"],
        plural=spec["names"]["plural"],
        namespaced=spec["scope"] == "Namespaced",
        has_status=any("status" in (version.get("subresources") or {}) for version in served),
        schemas={version["name"]: (version.get("schema") or {}).get("openAPIV3Schema") or {} for version in served},
    )
