"""Cluster → ``MeshSnapshot``."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import msgspec

from resail.cluster import ClusterReader
from resail.errors import NotFoundError
from resail.installers.detect import Holdings, owner_among, owner_of, owner_of_part, owner_of_tag
from resail.installers.foreign import Seen
from resail.installers.helm_storage import StoredRelease, decode_release, latest_by_name
from resail.models.encoding import digest_of
from resail.models.identity import KindRef, Manifest, ObjectRef
from resail.models.quantities import cpu_millis, parse_quantity
from resail.models.snapshot import (
    ClusterFacts,
    Component,
    ControlPlane,
    CustomResourceDefinition,
    DisruptionBudget,
    HelmRelease,
    HorizontalAutoscaler,
    MeshSnapshot,
    Namespace,
    Node,
    Ownership,
    RevisionTag,
    Webhook,
)
from resail.snapshot.foreign import read_foreign_managers
from resail.snapshot.istioctl import cleaned_webhook, installed_by_istioctl
from resail.snapshot.listing import Listing
from resail.snapshot.sail import sail_resources
from resail.snapshot.shapes import Autoscaler, Budget, Controller, NamespaceShape, NodeShape, OwnedShape, PodShape
from resail.snapshot.stored_kinds import stored_kind
from resail.snapshot.trust import gather_trust
from resail.snapshot.workloads import CONTROLLERS, image_version, owners_of_pods, workloads_of

__all__ = ["capture", "capture_by", "components_of", "control_plane_of", "is_control_plane", "webhook_of"]

T = TypeVar("T")

_CHARTS = frozenset({"base", "istiod", "cni", "ztunnel", "gateway"})
_STEERING = (
    "istio-injection",
    "istio.io/rev",
    "istio.io/dataplane-mode",
    "istio.io/use-waypoint",
    "topology.istio.io/network",
)
_GROUPS = (".istio.io", "gateway.networking.k8s.io")
_ENTIRE = (
    KindRef("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    KindRef("apps/v1", "Deployment"),
    KindRef("apps/v1", "DaemonSet"),
    KindRef("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"),
    KindRef("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"),
)
_DEFAULT_VALIDATOR = "istiod-default-validator"
"""Of chart ``base``, or of whoever set the tag ``default``; never of the revision that it points to."""


async def capture(reader: ClusterReader, istio_namespace: str = "istio-system") -> MeshSnapshot:
    """Read the mesh.

    Kinds that the cluster does not serve count as empty; as do those that tell of foreign managers alone, where we may not list
    them (``unread`` names these).

    Raises:
        ClusterUnreachableError, ForbiddenError: the API does not answer, or does not let us read.
    """
    return await capture_by(Listing(reader, entire=_ENTIRE), istio_namespace)


async def capture_by(reader: Listing, istio_namespace: str) -> MeshSnapshot:
    """As ``capture``, from a listing that others read, too."""

    async def shapes(kind: KindRef, shape: type[T]) -> list[T]:
        try:
            return await reader.list_shapes(kind, shape)
        except NotFoundError:
            return []

    async def whole(kind: KindRef, labels: str = "") -> list[Manifest]:
        try:
            return await reader.list_objects(kind, labels=labels)
        except NotFoundError:
            return []

    # All at once: while the API server encodes the pods, the rest is read.
    (
        (version, cluster_id),
        (pods, replica_sets, jobs),
        controllers,
        (nodes, namespaces, budgets, autoscalers),
        (secrets, crds, deployments, daemons, *webhooks),
    ) = await asyncio.gather(
        asyncio.gather(reader.server_version(), reader.cluster_id()),
        asyncio.gather(
            shapes(KindRef("v1", "Pod"), PodShape),
            shapes(KindRef("apps/v1", "ReplicaSet"), OwnedShape),
            shapes(KindRef("batch/v1", "Job"), OwnedShape),
        ),
        asyncio.gather(*(shapes(kind, Controller) for kind in CONTROLLERS)),
        asyncio.gather(
            shapes(KindRef("v1", "Node"), NodeShape),
            shapes(KindRef("v1", "Namespace"), NamespaceShape),
            shapes(KindRef("policy/v1", "PodDisruptionBudget"), Budget),
            shapes(KindRef("autoscaling/v2", "HorizontalPodAutoscaler"), Autoscaler),
        ),
        asyncio.gather(
            whole(KindRef("v1", "Secret"), "owner=helm"),
            *(whole(kind) for kind in _ENTIRE),
        ),
    )
    istio_crds = sorted((crd for crd in crds if crd["spec"]["group"].endswith(_GROUPS)), key=_name)
    istio_webhooks = [webhook for found in webhooks for webhook in found if _is_istio(webhook)]
    by_owner = owners_of_pods(pods, replica_sets, jobs)
    istiods = [manifest for manifest in deployments if is_control_plane(manifest)]
    stored = [decode_release(secret) for secret in latest_by_name(secrets)]
    releases = _releases(stored)
    holdings = Holdings(
        {one.key: frozenset(map(ObjectRef.of, one.objects)) for one in stored},
        frozenset(release.key for release in releases if release.is_sails),
    )
    running = {ObjectRef.of(manifest): manifest for manifest in (*deployments, *daemons)}
    components = [
        msgspec.structs.replace(part, owner=owner_among(running[part.workload], holdings))
        for part in components_of(deployments, daemons)
    ]
    steered = [_as_object(shape) for shape in namespaces if shape.metadata.labels.keys() & set(_STEERING)]
    parts = [*istiods, *(running[part.workload] for part in components), *istio_webhooks, *istio_crds, *steered]
    foreign, unread = await read_foreign_managers(
        reader,
        Seen(objects=tuple(parts), istiods=tuple(istiods), deployments=tuple(deployments)),
        istio_namespace,
        crds,
        frozenset(release.key for release in releases),
    )
    return MeshSnapshot(
        cluster=ClusterFacts(cluster_id, version, tuple(sorted(map(_node, nodes), key=lambda node: node.name))),
        istio_namespace=istio_namespace,
        control_planes=tuple(
            sorted((_plane(one, istio_webhooks, holdings) for one in istiods), key=lambda plane: plane.deployment)
        ),
        tags=_tags(istio_webhooks, holdings),
        components=tuple(sorted(components, key=lambda part: part.workload)),
        webhooks=tuple(sorted((webhook_of(hook, holdings) for hook in istio_webhooks), key=lambda webhook: webhook.ref)),
        helm_releases=releases,
        crds=tuple(map(_crd, istio_crds)),
        namespaces=tuple(sorted(map(_namespace, namespaces), key=lambda namespace: namespace.name)),
        workloads=workloads_of(dict(zip(CONTROLLERS, controllers, strict=True)), by_owner),
        budgets=tuple(sorted((_budget(budget, by_owner) for budget in budgets), key=lambda budget: budget.ref)),
        autoscalers=tuple(sorted(map(_autoscaler, autoscalers), key=lambda scaler: scaler.ref)),
        istio_objects=await _custom_resources(whole, istio_crds),
        istioctl_components=await installed_by_istioctl(whole, [*deployments, *daemons, *istio_webhooks, *istio_crds]),
        sail_resources=await sail_resources(whole, crds),
        base=_base(istio_crds),
        trust=await gather_trust(reader, istio_namespace),
        foreign_managers=foreign,
        unread=unread,
    )


async def _custom_resources(whole: Any, crds: Sequence[Manifest]) -> tuple[ObjectRef, ...]:
    found = await asyncio.gather(*(whole(stored_kind(crd)) for crd in crds))
    return tuple(sorted(ObjectRef.of(manifest) for manifests in found for manifest in manifests))


def _releases(stored: Iterable[StoredRelease]) -> tuple[HelmRelease, ...]:
    return tuple(
        HelmRelease(
            name=release.name,
            namespace=release.namespace,
            chart=release.chart,
            chart_version=release.chart_version,
            app_version=release.app_version,
            revision=release.revision,
            status=release.status,
            values=release.values,
            objects=release.objects,
            apply_method=release.apply_method,
        )
        for release in stored
        if release.chart in _CHARTS
    )


def is_control_plane(manifest: Manifest) -> bool:
    """Is a Deployment an istiod?"""
    return _labels(manifest).get("app") == "istiod"


def control_plane_of(manifest: Manifest) -> ControlPlane:
    """The facts of an istiod's Deployment."""
    image = _image(manifest, "discovery")
    status = manifest.get("status") or {}
    return ControlPlane(
        deployment=ObjectRef.of(manifest),
        revision=_labels(manifest).get("istio.io/rev") or "default",
        version=image_version(image),
        image=image,
        replicas=manifest["spec"].get("replicas", 1),
        ready=status.get("readyReplicas", 0),
        owner=owner_of(manifest),
    )


def _plane(istiod: Manifest, webhooks: Iterable[Manifest], holdings: Holdings) -> ControlPlane:
    """With the owner of its Deployment and of the webhooks of its revision, tags and the default validator aside."""
    plane = control_plane_of(istiod)
    own = [hook for hook in webhooks if _is_of(hook, plane)]
    owners = [(ObjectRef.of(one), owner_among(one, holdings)) for one in (istiod, *own)]
    return msgspec.structs.replace(plane, owner=owner_of_part(owners))


def _is_of(webhook: Manifest, plane: ControlPlane) -> bool:
    revision = _labels(webhook).get("istio.io/rev")
    return revision == plane.revision and not _is_tag(webhook) and _name(webhook) != _DEFAULT_VALIDATOR


def components_of(deployments: Iterable[Manifest], daemons: Iterable[Manifest]) -> list[Component]:
    """CNI, ztunnel and gateways among these."""
    found: list[Component] = []
    for manifest in daemons:
        labels = _template_labels(manifest)
        if labels.get("k8s-app") == "istio-cni-node":
            found.append(_component("cni", manifest, _image(manifest, "install-cni")))
        elif labels.get("app") == "ztunnel":
            found.append(_component("ztunnel", manifest, _image(manifest, "istio-proxy")))
    for manifest in deployments:
        annotations = manifest["spec"]["template"]["metadata"].get("annotations") or {}
        managed = _labels(manifest).get("gateway.istio.io/managed", "")
        if managed:
            role = "waypoint" if "mesh-controller" in managed else "gateway"
            found.append(_component(role, manifest, _image(manifest, "istio-proxy"), managed=True))
        elif annotations.get("inject.istio.io/templates") == "gateway":
            found.append(_component("gateway", manifest, ""))
    return found


def _component(role: Any, manifest: Manifest, image: str, *, managed: bool = False) -> Component:
    return Component(role, ObjectRef.of(manifest), image_version(image), image, owner_of(manifest), managed)


def _is_istio(webhook: Manifest) -> bool:
    labels = _labels(webhook)
    return "istio.io/rev" in labels or labels.get("app") in ("istiod", "sidecar-injector")


def _is_tag(webhook: Manifest) -> bool:
    """The default validator has the label too."""
    return webhook["kind"] == "MutatingWebhookConfiguration" and "istio.io/tag" in _labels(webhook)


def _tags(webhooks: Sequence[Manifest], holdings: Holdings) -> tuple[RevisionTag, ...]:
    validators = [hook for hook in webhooks if _name(hook) == _DEFAULT_VALIDATOR]
    free = [hook for hook in validators if owner_among(hook, holdings).method != "helm"]
    validator = cleaned_webhook(free[0]) if free else None
    return tuple(sorted((_tag(hook, holdings, validator) for hook in webhooks if _is_tag(hook)), key=lambda tag: tag.tag))


def _tag(webhook: Manifest, holdings: Holdings, default_validator: Manifest | None) -> RevisionTag:
    labels = _labels(webhook)
    tag = labels["istio.io/tag"]
    return RevisionTag(
        tag=tag,
        revision=labels.get("istio.io/rev") or "default",
        webhook=ObjectRef.of(webhook),
        owner=owner_of_tag(webhook, holdings),
        manifest=cleaned_webhook(webhook),
        validator=default_validator if tag == "default" else None,
    )


def webhook_of(manifest: Manifest, holdings: Holdings) -> Webhook:
    """The facts of a webhook configuration, given the Helm releases that are stored."""
    labels = _labels(manifest)
    entries: list[dict[str, Any]] = manifest.get("webhooks") or []
    clients = [entry["clientConfig"] for entry in entries]
    service = clients[0].get("service") if clients else None
    called = f"{service['namespace']}/{service['name']}" if service else (clients[0].get("url", "") if clients else "")
    return Webhook(
        ref=ObjectRef.of(manifest),
        revision=labels.get("istio.io/rev", ""),
        tag=labels.get("istio.io/tag", ""),
        service=called,
        failure_policies=tuple(entry.get("failurePolicy", "Fail") for entry in entries),
        has_ca_bundle=bool(clients) and all(client.get("caBundle") for client in clients),
        owner=owner_of_tag(manifest, holdings) if _is_tag(manifest) else owner_among(manifest, holdings),
    )


def _crd(manifest: Manifest) -> CustomResourceDefinition:
    spec = manifest["spec"]
    return CustomResourceDefinition(
        name=_name(manifest),
        stored_versions=tuple(sorted((manifest.get("status") or {}).get("storedVersions", ()))),
        served_versions=tuple(sorted(version["name"] for version in spec["versions"] if version["served"])),
        digest=digest_of(spec),
        owner=owner_of(manifest),
    )


def _base(crds: Sequence[Manifest]) -> Ownership:
    """The owner of Istio's own CRDs, which chart ``base`` has; those of the Gateway API come from elsewhere."""
    owners = [(ObjectRef.of(crd), owner_of(crd)) for crd in crds if crd["spec"]["group"].endswith(".istio.io")]
    return owner_of_part(owners) if owners else Ownership("none", "", "there are no CRDs of Istio")


def _as_object(shape: NamespaceShape) -> Manifest:
    metadata = shape.metadata
    marks = {"labels": metadata.labels, "annotations": metadata.annotations}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": metadata.name, **marks}}


def _namespace(shape: NamespaceShape) -> Namespace:
    labels = {key: value for key, value in sorted(shape.metadata.labels.items()) if key in _STEERING}
    return Namespace(shape.metadata.name, labels)


def _node(shape: NodeShape) -> Node:
    allocatable = shape.status.allocatable
    return Node(
        name=shape.metadata.name,
        kubelet_version=shape.status.node_info.kubelet_version.removeprefix("v"),
        architecture=shape.status.node_info.architecture,
        cpu_millis=cpu_millis(allocatable.get("cpu", "0")),
        memory_bytes=int(parse_quantity(allocatable.get("memory", "0"))),
        ready=any(condition.type == "Ready" and condition.status == "True" for condition in shape.status.conditions),
        zone=shape.metadata.labels.get("topology.kubernetes.io/zone", ""),
    )


def _budget(shape: Budget, pods: dict[ObjectRef, list[PodShape]]) -> DisruptionBudget:
    metadata, spec = shape.metadata, shape.spec
    selected = [
        ref
        for ref, members in pods.items()
        if ref.namespace == metadata.namespace
        and spec.selector is not None
        and any(spec.selector.fits(pod.metadata.labels) for pod in members)
    ]
    return DisruptionBudget(
        ref=ObjectRef("policy/v1", "PodDisruptionBudget", metadata.namespace, metadata.name),
        min_available="" if spec.min_available is None else str(spec.min_available),
        max_unavailable="" if spec.max_unavailable is None else str(spec.max_unavailable),
        current_healthy=shape.status.current_healthy,
        desired_healthy=shape.status.desired_healthy,
        disruptions_allowed=shape.status.disruptions_allowed,
        workloads=tuple(sorted(selected)),
        selector=None if spec.selector is None else spec.selector.written(),
    )


def _autoscaler(shape: Autoscaler) -> HorizontalAutoscaler:
    metadata = shape.metadata
    ref = ObjectRef("autoscaling/v2", "HorizontalPodAutoscaler", metadata.namespace, metadata.name)
    return HorizontalAutoscaler(ref, shape.target, shape.spec.min_replicas, shape.spec.max_replicas)


def _image(manifest: Manifest, container: str) -> str:
    containers = manifest["spec"]["template"]["spec"]["containers"]
    return next((str(one.get("image", "")) for one in containers if one["name"] == container), "")


def _labels(manifest: Manifest) -> dict[str, str]:
    return manifest["metadata"].get("labels") or {}


def _template_labels(manifest: Manifest) -> dict[str, str]:
    return manifest["spec"]["template"]["metadata"].get("labels") or {}


def _name(manifest: Manifest) -> str:
    return str(manifest["metadata"]["name"])
