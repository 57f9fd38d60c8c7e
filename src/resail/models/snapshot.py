"""A mesh at one moment, as far as an upgrade is concerned. No clock time, resourceVersion or Secret value is in it."""

from typing import Any, Literal

import msgspec

from resail.models.identity import Manifest, ObjectRef
from resail.models.trust import TrustBundle

__all__ = [
    "RESTART_MARK",
    "ClusterFacts",
    "Component",
    "ControlPlane",
    "CustomResourceDefinition",
    "DisruptionBudget",
    "ForeignManager",
    "HelmRelease",
    "HorizontalAutoscaler",
    "InstallMethod",
    "IstioctlComponent",
    "MeshSnapshot",
    "Namespace",
    "Node",
    "Ownership",
    "Pod",
    "Requests",
    "RevisionTag",
    "RolloutStrategy",
    "SailResource",
    "Webhook",
    "Workload",
]

FORMAT_VERSION = 2

_SAIL = "sailoperator.io/"

RESTART_MARK = "resail.dev/restart"
"""Annotation of a pod template: a new value restarts the workload."""

InstallMethod = Literal["helm", "istioctl", "sail", "none", "mixed"]
"""``none``: plain manifests, without an installer's mark. ``mixed``: its objects, or its marks and Helm's releases, disagree."""


class Ownership(msgspec.Struct, frozen=True):
    """Which installer owns a part, and how that is known."""

    method: InstallMethod
    release: str = ""
    """``namespace/name`` of the Helm release, else empty."""
    evidence: str = ""
    """The label, annotation or Secret that shows it."""


class ForeignManager(msgspec.Struct, frozen=True, order=True):
    """Someone who is no installer of ours, and would undo what resail writes."""

    manager: str
    """``Argo CD``, ``AKS add-on`` …"""
    object: ObjectRef
    """Where it shows."""
    field: str
    """Path of the field that shows it."""
    value: str
    """What the field holds."""
    reach: Literal["mesh", "object", "nothing"]
    """What must not be written: the mesh as a whole, the object or its Helm release; ``nothing``: it is only worth knowing."""
    release: str = ""
    """``namespace/name`` of the Helm release that the object makes; else empty."""

    def __str__(self) -> str:
        """With the evidence, for people."""
        return f"{self.manager}: {self.object} has {self.field}: {self.value}"


class Node(msgspec.Struct, frozen=True):
    """A node and what it can hold."""

    name: str
    kubelet_version: str
    architecture: str
    cpu_millis: int
    """Allocatable CPU, thousandths of a core."""
    memory_bytes: int
    """Allocatable memory."""
    ready: bool
    zone: str = ""


class ClusterFacts(msgspec.Struct, frozen=True):
    """The cluster under the mesh."""

    id: str
    """uid of kube-system."""
    kubernetes_version: str
    nodes: tuple[Node, ...]


class HelmRelease(msgspec.Struct, frozen=True):
    """The latest revision of one Helm release that belongs to Istio (by its chart's name)."""

    name: str
    namespace: str
    chart: str
    """``base``, ``istiod``, ``cni``, ``ztunnel``, ``gateway``."""
    chart_version: str
    app_version: str
    revision: int
    """Helm's own counter."""
    status: str
    """``deployed``, ``failed``, ``pending-upgrade`` …; ``uninstalled`` where only its history is left."""
    values: dict[str, Any]
    """What its user set, not the chart's defaults."""
    objects: tuple[Manifest, ...]
    """Its manifest as stored; the data of Secrets left out."""
    apply_method: str = ""
    """``ssa`` where Helm applies it server-side."""

    @property
    def key(self) -> str:
        """``namespace/name``"""
        return f"{self.namespace}/{self.name}"

    @property
    def is_sails(self) -> bool:
        """Was it installed by the Sail Operator, which has Helm render its charts with an owner in each object?

        Source: ``pkg/helm/postrenderer.go`` of istio-ecosystem/sail-operator.
        """
        owners = [owner for manifest in self.objects for owner in manifest["metadata"].get("ownerReferences") or ()]
        return any(owner["apiVersion"].startswith(_SAIL) for owner in owners)

    @property
    def installed(self) -> bool:
        """Has it objects?"""
        return self.status != "uninstalled"


class IstioctlComponent(msgspec.Struct, frozen=True):
    """What one version of istioctl installed of one component.

    What a later version no longer has it leaves where it is, so there may be objects of several versions.
    """

    component: str
    """Label ``operator.istio.io/component``: ``Base``, ``Pilot``, ``Cni``, ``Ztunnel``, ``IngressGateways`` …"""
    revision: str
    """Label ``istio.io/rev``; ``default`` where it was installed without a revision."""
    version: str
    """Label ``operator.istio.io/version``."""
    objects: tuple[Manifest, ...]
    """As istioctl applied them, as far as its fields are still its own; the data of Secrets left out."""


class ControlPlane(msgspec.Struct, frozen=True):
    """One istiod."""

    deployment: ObjectRef
    revision: str
    """``default`` where it was installed without a revision."""
    version: str
    """From the image's tag; empty where the tag is no version."""
    image: str
    replicas: int
    ready: int
    owner: Ownership


class RevisionTag(msgspec.Struct, frozen=True):
    """A tag: a mutating webhook that stands for a revision."""

    tag: str
    revision: str
    webhook: ObjectRef
    owner: Ownership
    manifest: Manifest
    """The webhook as it is, without what the API server or istiod fill in (caBundle); a rollback puts it back."""
    validator: Manifest | None = None
    """The default validator, likewise, where ``istioctl tag set default`` moves it; None for other tags, and where a Helm
    release has it."""


class Webhook(msgspec.Struct, frozen=True):
    """A webhook configuration of Istio."""

    ref: ObjectRef
    revision: str
    """Of its label istio.io/rev, else empty."""
    tag: str
    """Of its label istio.io/tag, else empty."""
    service: str
    """``namespace/name`` that it calls, or its URL."""
    failure_policies: tuple[str, ...]
    """One for each webhook entry, in order."""
    has_ca_bundle: bool
    owner: Ownership


class Component(msgspec.Struct, frozen=True):
    """CNI, ztunnel, or one gateway: a workload of Istio beside istiod."""

    role: Literal["cni", "ztunnel", "gateway", "waypoint"]
    workload: ObjectRef
    version: str
    image: str
    owner: Ownership
    managed_by_istiod: bool = False
    """A Gateway API gateway or waypoint that istiod itself creates and rolls."""


class SailResource(msgspec.Struct, frozen=True):
    """What the Sail Operator is asked for by one of its resources."""

    ref: ObjectRef
    """An Istio, IstioRevision, IstioRevisionTag, IstioCNI or ZTunnel."""
    spec: dict[str, Any]
    owner: str
    """Name of the Istio that an IstioRevision belongs to, else empty."""
    active_revision: str
    """As its status tells: of an Istio the revision that new workloads shall use, of a tag the one that it stands for."""
    problem: str
    """Why it is not reconciled or not ready, as its status tells; empty where it is."""
    known_versions: tuple[str, ...]
    """Of Istio that this operator can install, as the schema of its kind lists them; empty where it lists none."""


class Namespace(msgspec.Struct, frozen=True):
    """A namespace and its labels that steer injection."""

    name: str
    labels: dict[str, str]
    """Only ``istio-injection``, ``istio.io/rev``, ``istio.io/dataplane-mode``, ``istio.io/use-waypoint``,
    ``topology.istio.io/network``."""


class Pod(msgspec.Struct, frozen=True):
    """A pod of a workload."""

    name: str
    ready: bool
    phase: str
    node: str
    proxy_version: str
    """Tag of its istio-proxy image; empty where it has no sidecar."""
    proxy_image: str
    revision: str
    """Label or annotation istio.io/rev that injection left; empty where it has no sidecar."""


class Requests(msgspec.Struct, frozen=True):
    """What a pod reserves on its node."""

    cpu_millis: int = 0
    """Thousandths of a core."""
    memory_bytes: int = 0


class RolloutStrategy(msgspec.Struct, frozen=True):
    """How the workload's controller replaces pods, in absolute numbers for its present replicas."""

    type: Literal["RollingUpdate", "Recreate", "OnDelete", "None"]
    """``None`` for kinds that do not roll (Job, bare Pod)."""
    max_unavailable: int = 0
    max_surge: int = 0
    partition: int = 0
    """Of a StatefulSet: ordinals below it are not replaced."""


class Workload(msgspec.Struct, frozen=True):
    """Whatever owns pods: Deployment, StatefulSet, DaemonSet, CronJob, Job, ReplicaSet, or a bare Pod."""

    ref: ObjectRef
    replicas: int
    """Wanted now."""
    ready: int
    strategy: RolloutStrategy
    labels: dict[str, str]
    """Labels of its pod template."""
    inject_annotations: dict[str, str]
    """Annotations and labels of its pod template under ``sidecar.istio.io/`` and ``inject.istio.io/``."""
    pods: tuple[Pod, ...]
    paused: bool = False
    min_ready_seconds: int = 0
    restart_mark: str = ""
    """Annotation ``resail.dev/restart`` of its pod template, from a run before."""
    requests: Requests = Requests()
    """Of the containers of its pod template, without the sidecar; init containers are not counted."""
    sidecar_requests: Requests = Requests()
    """Of the sidecars that its pods have, the largest; a gateway's proxy counts as one."""
    ready_seconds: float = 0.0
    """From a pod's creation until it was ready, the median of its pods; 0 where not known. No plan depends on it."""


class DisruptionBudget(msgspec.Struct, frozen=True):
    """A PodDisruptionBudget and the workloads whose pods it selects."""

    ref: ObjectRef
    min_available: str
    """As written, a number or a percentage; empty where not set."""
    max_unavailable: str
    current_healthy: int
    desired_healthy: int
    disruptions_allowed: int
    workloads: tuple[ObjectRef, ...]
    selector: dict[str, Any] | None = None
    """As written; None selects no pod."""


class HorizontalAutoscaler(msgspec.Struct, frozen=True):
    """An HPA and its target."""

    ref: ObjectRef
    target: ObjectRef
    min_replicas: int
    max_replicas: int


class CustomResourceDefinition(msgspec.Struct, frozen=True):
    """An Istio or Gateway API CRD."""

    name: str
    stored_versions: tuple[str, ...]
    served_versions: tuple[str, ...]
    digest: str
    """Of its spec."""
    owner: Ownership


class MeshSnapshot(msgspec.Struct, frozen=True):
    """All of it. Every tuple is sorted, so that the same mesh gives the same bytes."""

    cluster: ClusterFacts
    istio_namespace: str
    """The root namespace, ``istio-system``."""
    control_planes: tuple[ControlPlane, ...]
    tags: tuple[RevisionTag, ...]
    components: tuple[Component, ...]
    webhooks: tuple[Webhook, ...]
    helm_releases: tuple[HelmRelease, ...]
    crds: tuple[CustomResourceDefinition, ...]
    namespaces: tuple[Namespace, ...]
    workloads: tuple[Workload, ...]
    budgets: tuple[DisruptionBudget, ...]
    autoscalers: tuple[HorizontalAutoscaler, ...]
    istio_objects: tuple[ObjectRef, ...]
    """Custom resources of the groups ``*.istio.io`` and ``gateway.networking.k8s.io``."""
    istioctl_components: tuple[IstioctlComponent, ...] = ()
    sail_resources: tuple[SailResource, ...] = ()
    base: Ownership = Ownership("none")
    """Of Istio's CRDs, as one part."""
    trust: tuple[TrustBundle, ...] = ()
    """The root certificates that are in use, and where they are."""
    foreign_managers: tuple[ForeignManager, ...] = ()
    """Who else manages the mesh or parts of it; empty where nothing was seen."""
    unread: tuple[str, ...] = ()
    """Kinds that would tell of foreign managers and that we may not list."""
    format_version: int = FORMAT_VERSION

    @property
    def parts(self) -> frozenset[ObjectRef]:
        """The workloads that are Istio itself: istiods, gateways, waypoints, CNI, ztunnel."""
        planes = (plane.deployment for plane in self.control_planes)
        return frozenset((*planes, *(component.workload for component in self.components)))

    def planned_from(self) -> "MeshSnapshot":
        """What a plan is made of: all of it but how long pods took, which changes whenever a pod is ready anew."""
        workloads = tuple(msgspec.structs.replace(workload, ready_seconds=0.0) for workload in self.workloads)
        return msgspec.structs.replace(self, workloads=workloads)
