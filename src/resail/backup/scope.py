"""Which objects of a cluster are the mesh's: pure, with the reason for each rule."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from resail.backup.companions import account_of, companions_of, mentioned_by
from resail.backup.credentials import credentials_of
from resail.backup.naming import Name, labels_of, name_of
from resail.models.identity import Manifest, ObjectRef
from resail.models.mesh_objects import CUSTOM_GROUPS, MeshObjects, group_kind
from resail.models.snapshot import Component, ControlPlane, CustomResourceDefinition, MeshSnapshot, RevisionTag, Webhook
from resail.models.trust import CONFIG_MAP, SIGNERS

__all__ = ["Scope", "comes_back", "has_controller", "is_election", "is_helm_record"]

_CLUSTERS_OWN = frozenset(("default", "kube-node-lease", "kube-public", "kube-system"))
"""Namespaces that come with the cluster: of what is there only the mesh's own parts are the mesh's, even with istiod in them."""

_FLUX = "HelmRelease.helm.toolkit.fluxcd.io"
_CRD = "CustomResourceDefinition.apiextensions.k8s.io"
_WEBHOOKS = (
    "MutatingWebhookConfiguration.admissionregistration.k8s.io",
    "ValidatingWebhookConfiguration.admissionregistration.k8s.io",
)
_BINDINGS = ("ClusterRoleBinding.rbac.authorization.k8s.io", "RoleBinding.rbac.authorization.k8s.io")
_RBAC = "rbac.authorization.k8s.io"
_HELM_NAME = "meta.helm.sh/release-name"
_HELM_NAMESPACE = "meta.helm.sh/release-namespace"
_MANAGED = "gateway.istio.io/managed"
_PART = "resail.dev/part"
_ELECTION = "control-plane.alpha.kubernetes.io/leader"
_TOKEN = "kubernetes.io/service-account-token"
_BOOTSTRAPPING = "kubernetes.io/bootstrapping"
_GATEWAY_API = "gateway.networking.k8s.io/bundle-version"
"""Annotation of all that a release of the Gateway API brings: beside its CRDs a policy that guards them."""

_MADE_EVERYWHERE = frozenset(("kube-root-ca.crt", CONFIG_MAP, "istio-ca-crl"))
"""ConfigMaps that Kubernetes and istiod make in every namespace, and keep as they should be."""

_MAKERS = ("apps", "batch", "")
"""Groups of Kubernetes whose controllers make again what they own; and so do those behind ``CUSTOM_GROUPS``."""


def _is_custom(kind: str) -> bool:
    """Is it a custom kind (``group_kind``) of Istio, the Gateway API, Sail or Flux?"""
    return kind.partition(".")[2].endswith(CUSTOM_GROUPS)


def comes_back(manifest: Manifest) -> bool:
    """Is it made anew by itself once the rest is there? Written by a restore, it would only be in the way of who makes it.

    - What a controller of Kubernetes, of Sail or of the Gateway API owns: the owner is in the backup, or comes back as well. What
      anybody else's controller owns is kept, since that owner need not be in it: the Secret ``cacerts`` of a SealedSecret.
    - Gateways that istiod runs for Gateways of the Gateway API, with their Services and accounts: owned, and by no controller.
    - ConfigMaps that are put into every namespace, and those by which older istiods elect their leader: a restored one would name
      a holder that is gone.
    - Token Secrets of ServiceAccounts; the tokens are of an account that is no more.
    - The copy of a run's journal that resail keeps in the cluster: it tells of what was done, not of the mesh.
    """
    metadata, kind = manifest["metadata"], group_kind(manifest["apiVersion"], manifest["kind"])
    labels = labels_of(manifest)
    if _MANAGED in labels or _PART in labels or any(map(_makes_again, metadata.get("ownerReferences") or ())):
        return True
    if not _is_custom(kind) and any(map(_is_gateway, metadata.get("ownerReferences") or ())):
        return True
    match kind:
        case "ConfigMap":
            return metadata["name"] in _MADE_EVERYWHERE or is_election(manifest)
        case "Secret":
            return bool(manifest.get("type") == _TOKEN)
        case _:
            return False


def has_controller(manifest: Manifest) -> bool:
    """Does somebody's controller own it?"""
    return any(owner.get("controller") for owner in manifest["metadata"].get("ownerReferences") or ())


def is_election(config_map: Manifest) -> bool:
    """Is it the record of who leads, which older istiods keep in ConfigMaps and newer ones in Leases?"""
    return _ELECTION in (config_map["metadata"].get("annotations") or {})


def is_helm_record(manifest: Manifest) -> bool:
    """Is it the Secret or ConfigMap in which Helm keeps a revision of a release?"""
    return labels_of(manifest).get("owner") == "helm"


def _makes_again(owner: Mapping[str, Any]) -> bool:
    group = str(owner["apiVersion"]).rpartition("/")[0]
    return bool(owner.get("controller")) and (group in _MAKERS or group.endswith(CUSTOM_GROUPS))


def _is_gateway(owner: Mapping[str, Any]) -> bool:
    return str(owner["apiVersion"]).startswith("gateway.networking.k8s.io/") and owner["kind"] == "Gateway"


class Scope:
    """What of a cluster is kept."""

    def __init__(self, snapshot: MeshSnapshot, objects: MeshObjects) -> None:
        """
        Args:
            snapshot: the mesh.
            objects: at least all workloads, ServiceAccounts, Services, budgets, autoscalers, NetworkPolicies, RBAC and custom
                resources.
        """
        planes = {one.deployment for one in snapshot.control_planes}
        self.homes = frozenset({snapshot.istio_namespace, *(plane.namespace for plane in planes)} - _CLUSTERS_OWN)
        """Namespaces that are the mesh's own: what is in them is there for the mesh, and is lost with them."""
        parts = planes | {one.workload for one in snapshot.components if not one.managed_by_istiod}
        elsewhere = [one for one in _workloads(objects, parts) if one["metadata"]["namespace"] not in self.homes]
        installed = {ObjectRef.of(manifest) for manifest in _installed(snapshot)}
        credentials = credentials_of(objects, _workloads(objects, {one.workload for one in snapshot.components}))
        self.named: frozenset[ObjectRef] = frozenset(
            {
                *installed,
                *map(ObjectRef.of, elsewhere),
                *(companion for part in elsewhere for companion in companions_of(part, objects)),
                *(mentioned for part in elsewhere for mentioned in mentioned_by(part, objects)),
                *credentials,
                *(ObjectRef("v1", "Secret", snapshot.istio_namespace, name) for name in SIGNERS),
            }
        )
        """Kept whatever their marks, where they are there: what installers tell of, and parts in other namespaces with what
        belongs to them."""
        self.releases = frozenset(_releases(snapshot))
        """Helm's, ``namespace/name``: of Istio's charts, and whichever others installed a part of the mesh."""
        helm = {one.namespace for one in snapshot.helm_releases}
        self.places = frozenset({*self.homes, *helm, *(part.namespace for part in parts)} - _CLUSTERS_OWN)
        """Namespaces that are kept as objects: without them its parts could not be put back."""
        self._charts = frozenset(one.key for one in snapshot.helm_releases)
        self._names = frozenset(map(Name.of, self.named))
        self._flux = frozenset(one.object for one in snapshot.foreign_managers if one.release)
        self._accounts = frozenset((one["metadata"]["namespace"], name) for one in elsewhere if (name := account_of(one)))
        self._roles = frozenset(_role_of(one) for kind in _BINDINGS for one in objects.by_kind.get(kind, ()) if self._binds(one))

    def owns(self, ref: ObjectRef) -> bool:
        """Is it in one of the mesh's own namespaces?"""
        return ref.namespace in self.homes

    def has(self, manifest: Manifest) -> bool:
        """Is it the mesh's?

        - Custom resources, and their definitions: all, wherever they are; of Flux, which releases everything else as well, only
          the HelmReleases of the mesh.
        - Whatever is in the mesh's own namespaces.
        - What Helm or istioctl installed for the mesh, what names a part of Istio in its marks, and parts in other namespaces
          (gateways, CNI and ztunnel) with what belongs to them.
        - Webhooks that the mesh's own namespaces answer, or that carry a revision: without their Service they fail calls.
        - Roles and bindings of the ServiceAccounts of the mesh: without these it comes up and may read nothing.
        """
        if comes_back(manifest):
            return False
        name = name_of(manifest)
        if name.kind == _CRD:
            return str(manifest["spec"]["group"]).endswith(CUSTOM_GROUPS) and not _FLUX.endswith(manifest["spec"]["group"])
        if name.kind == "Namespace":
            return name.name in self.places
        if _is_custom(name.kind):
            return name.kind != _FLUX or ObjectRef.of(manifest) in self._flux
        if name in self._names or name.namespace in self.homes or self._is_marked(manifest):
            return True
        if name.kind in _WEBHOOKS:
            return "istio.io/rev" in labels_of(manifest) or any(map(self._is_ours, manifest.get("webhooks") or ()))
        if name.kind.endswith(_RBAC) and not _is_clusters_own(manifest):
            return self._binds(manifest) if name.kind in _BINDINGS else name in self._roles
        return False

    def _is_marked(self, manifest: Manifest) -> bool:
        labels, annotations = labels_of(manifest), manifest["metadata"].get("annotations") or {}
        if labels.get("app.kubernetes.io/part-of") == "istio":
            return True
        if any(key.partition("/")[0].endswith("operator.istio.io") for key in labels):
            return True
        if _GATEWAY_API in annotations:
            return True
        return f"{annotations.get(_HELM_NAMESPACE)}/{annotations.get(_HELM_NAME)}" in self._charts

    def _is_ours(self, webhook: Mapping[str, Any]) -> bool:
        service = webhook["clientConfig"].get("service") or {}
        return service.get("namespace") in self.homes

    def _binds(self, binding: Manifest) -> bool:
        own = binding["metadata"].get("namespace", "")
        return any(self._is_account(subject, own) for subject in binding.get("subjects") or ())

    def _is_account(self, subject: Mapping[str, Any], own: str) -> bool:
        if subject["kind"] == "Group":
            return subject["name"] in {f"system:serviceaccounts:{home}" for home in self.homes}
        namespace = subject.get("namespace") or own
        return subject["kind"] == "ServiceAccount" and (namespace in self.homes or (namespace, subject["name"]) in self._accounts)


def _workloads(objects: MeshObjects, wanted: Iterable[ObjectRef]) -> list[Manifest]:
    names = frozenset(wanted)
    found = (*objects.by_kind.get("Deployment.apps", ()), *objects.by_kind.get("DaemonSet.apps", ()))
    return [one for one in found if ObjectRef.of(one) in names]


def _installed(snapshot: MeshSnapshot) -> Iterator[Manifest]:
    for release in snapshot.helm_releases:
        # Of one that is uninstalled only the history is left.
        yield from release.objects if release.installed else ()
    for component in snapshot.istioctl_components:
        yield from component.objects


def _releases(snapshot: MeshSnapshot) -> Iterator[str]:
    yield from (one.key for one in snapshot.helm_releases)
    parts: tuple[ControlPlane | Component | Webhook | RevisionTag | CustomResourceDefinition, ...] = (
        *snapshot.control_planes,
        *snapshot.components,
        *snapshot.webhooks,
        *snapshot.tags,
        *snapshot.crds,
    )
    yield from (part.owner.release for part in parts if part.owner.release)


def _role_of(binding: Manifest) -> Name:
    role = binding["roleRef"]
    namespace = binding["metadata"].get("namespace", "") if role["kind"] == "Role" else ""
    return Name(f"{role['kind']}.{_RBAC}", namespace, role["name"])


def _is_clusters_own(manifest: Manifest) -> bool:
    """Kubernetes makes these itself: ``cluster-admin``, ``view`` and those of its components."""
    return _BOOTSTRAPPING in labels_of(manifest) or str(manifest["metadata"]["name"]).startswith("system:")
