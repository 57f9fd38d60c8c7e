"""The whole mesh, in an order in which each object comes after what it needs."""

from collections.abc import Iterator
from datetime import datetime

from resail.installers.helm_records import encode_release
from resail.installers.helm_storage import StoredRelease
from resail.models.identity import Manifest, ObjectRef
from resail.models.snapshot import (
    DisruptionBudget,
    HelmRelease,
    HorizontalAutoscaler,
    MeshSnapshot,
    Node,
)
from resail.models.stand_in import StandIn
from resail.snapshot.stand_in.definitions import definitions
from resail.snapshot.stand_in.model import Released, condition, released
from resail.snapshot.stand_in.sail import sail_objects
from resail.snapshot.stand_in.webhooks import webhook_configurations
from resail.snapshot.stand_in.workloads import pinned_nodes, workload_objects

__all__ = ["stand_in"]


def stand_in(snapshot: MeshSnapshot, ready_since: datetime) -> tuple[StandIn, ...]:
    """The objects that stand for the mesh: ``capture`` of them tells what the planner reads in the snapshot.

    What a snapshot does not know is made up: the containers of workloads that no release has, schedules of CronJobs (which are
    suspended), schemas of CRDs that no release has. A Deployment whose rollout was under way has all its pods of one template.

    Args:
        snapshot: the mesh.
        ready_since: when the pods that are ready got so. Whose workload has minReadySeconds counts as available that much later.
    """
    of_releases = released(snapshot)
    found: dict[ObjectRef, StandIn] = {}
    for one in _all(snapshot, of_releases, ready_since):
        found.setdefault(ObjectRef.of(one.manifest), one)
    return tuple(found.values())


def _all(snapshot: MeshSnapshot, of_releases: dict[ObjectRef, Released], ready_since: datetime) -> Iterator[StandIn]:
    yield from map(StandIn, _namespaces(snapshot))
    pinned = pinned_nodes(snapshot)
    yield from (StandIn(_node(node, pinned.get(node.name, {}), ready_since)) for node in snapshot.cluster.nodes)
    yield from definitions(snapshot, of_releases, ready_since)
    yield from sail_objects(snapshot, ready_since)
    workloads = {workload.ref for workload in snapshot.workloads}
    budgets = {budget.ref: _budget(budget) for budget in snapshot.budgets}
    webhooks = {ObjectRef.of(one.manifest): one for one in webhook_configurations(snapshot, of_releases)}
    for ref, one in of_releases.items():
        if ref in budgets:
            yield one.with_facts({**one.manifest, "status": budgets[ref]["status"]})
        elif ref not in workloads and ref not in webhooks:
            yield one.with_facts(one.manifest)
    yield from (StandIn(encode_release(_stored(release))) for release in snapshot.helm_releases)
    yield from map(StandIn, budgets.values())
    yield from (StandIn(_autoscaler(scaler)) for scaler in snapshot.autoscalers)
    for workload in snapshot.workloads:
        yield from workload_objects(snapshot, workload, of_releases.get(workload.ref), ready_since)
    # Last, so that nothing of the above is called back by one while it is loaded.
    yield from webhooks.values()


def _namespaces(snapshot: MeshSnapshot) -> Iterator[Manifest]:
    named = {namespace.name: namespace.labels for namespace in snapshot.namespaces}
    refs = [*(workload.ref for workload in snapshot.workloads), *snapshot.istio_objects]
    needed = {ref.namespace for ref in refs} | {release.namespace for release in snapshot.helm_releases}
    for name in sorted({*named, *needed, "kube-system"} - {""}):
        metadata = {"name": name, "labels": {"kubernetes.io/metadata.name": name, **named.get(name, {})}}
        # By which a cluster is known: a plan is refused by any other.
        uid = {"uid": snapshot.cluster.id} if name == "kube-system" else {}
        yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {**metadata, **uid}, "status": {"phase": "Active"}}


def _node(node: Node, pins: dict[str, str], since: datetime) -> Manifest:
    holds = {"cpu": f"{node.cpu_millis}m", "memory": str(node.memory_bytes), "pods": "110"}
    labels = {"kubernetes.io/hostname": node.name, "kubernetes.io/os": "linux", "kubernetes.io/arch": node.architecture, **pins}
    if node.zone:
        labels["topology.kubernetes.io/zone"] = node.zone
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": node.name, "labels": labels},
        "spec": {},
        "status": {
            "allocatable": holds,
            "capacity": holds,
            "conditions": [condition("Ready", node.ready, since)],
            "nodeInfo": {"kubeletVersion": f"v{node.kubelet_version}", "architecture": node.architecture},
        },
    }


def _stored(release: HelmRelease) -> StoredRelease:
    return StoredRelease(
        name=release.name,
        namespace=release.namespace,
        revision=release.revision,
        status=release.status,
        chart=release.chart,
        chart_version=release.chart_version,
        app_version=release.app_version,
        values=release.values,
        objects=release.objects,
        apply_method=release.apply_method,
        run="",
    )


def _budget(budget: DisruptionBudget) -> Manifest:
    limits = {"minAvailable": budget.min_available, "maxUnavailable": budget.max_unavailable}
    spec = {name: int(text) if text.isdecimal() else text for name, text in limits.items() if text}
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": budget.ref.name, "namespace": budget.ref.namespace},
        "spec": spec if budget.selector is None else {**spec, "selector": budget.selector},
        "status": {
            "currentHealthy": budget.current_healthy,
            "desiredHealthy": budget.desired_healthy,
            "disruptionsAllowed": budget.disruptions_allowed,
            "expectedPods": budget.current_healthy,
        },
    }


def _autoscaler(scaler: HorizontalAutoscaler) -> Manifest:
    target = {"apiVersion": scaler.target.api_version, "kind": scaler.target.kind, "name": scaler.target.name}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": scaler.ref.name, "namespace": scaler.ref.namespace},
        "spec": {"scaleTargetRef": target, "minReplicas": scaler.min_replicas, "maxReplicas": scaler.max_replicas},
    }
