"""Small meshes for the planner's tests."""

from typing import Any

from resail.models.identity import Manifest, ObjectRef
from resail.models.snapshot import (
    ClusterFacts,
    Component,
    ControlPlane,
    DisruptionBudget,
    HelmRelease,
    MeshSnapshot,
    Namespace,
    Ownership,
    Pod,
    RevisionTag,
    RolloutStrategy,
    Workload,
)

HELM = Ownership("helm", "istio-system/istiod", "annotation")
NOBODY = Ownership("none")


def deployment(
    name: str,
    *,
    namespace: str = "shop",
    replicas: int = 2,
    unavailable: int = 0,
    surge: int = 1,
    revision: str = "default",
    version: str = "1.26.0",
    kind: str = "Deployment",
    strategy: Any = "RollingUpdate",
    labels: dict[str, str] | None = None,
    paused: bool = False,
) -> Workload:
    image = f"docker.io/istio/proxyv2:{version}"
    pods = tuple(
        Pod(f"{name}-{number}", True, "Running", "node", version, image if version else "", revision if version else "")
        for number in range(replicas)
    )
    return Workload(
        ref=ObjectRef("apps/v1", kind, namespace, name),
        replicas=replicas,
        ready=replicas,
        strategy=RolloutStrategy(strategy, unavailable, surge),
        labels={"app": name, **(labels or {})},
        inject_annotations={},
        pods=pods,
        paused=paused,
    )


def budget(name: str, *workloads: Workload, desired: int) -> DisruptionBudget:
    healthy = sum(workload.ready for workload in workloads)
    return DisruptionBudget(
        ref=ObjectRef("policy/v1", "PodDisruptionBudget", workloads[0].ref.namespace, name),
        min_available=str(desired),
        max_unavailable="",
        current_healthy=healthy,
        desired_healthy=desired,
        disruptions_allowed=max(healthy - desired, 0),
        workloads=tuple(sorted(workload.ref for workload in workloads)),
    )


def mesh(
    *workloads: Workload,
    budgets: tuple[DisruptionBudget, ...] = (),
    namespaces: dict[str, dict[str, str]] | None = None,
    tags: tuple[RevisionTag, ...] = (),
    revision: str = "default",
    version: str = "1.26.0",
    components: tuple[Component, ...] = (),
    values: dict[str, Any] | None = None,
    **more: Any,
) -> MeshSnapshot:
    istiod = ObjectRef("apps/v1", "Deployment", "istio-system", "istiod")
    release = HelmRelease("istiod", "istio-system", "istiod", version, version, 1, "deployed", values or {}, ())
    labels = {"shop": {"istio-injection": "enabled"}} if namespaces is None else namespaces
    fields: dict[str, Any] = {
        "cluster": ClusterFacts("cluster", "1.31.0", ()),
        "istio_namespace": "istio-system",
        "control_planes": (ControlPlane(istiod, revision, version, f"docker.io/istio/pilot:{version}", 1, 1, HELM),),
        "tags": tags,
        "components": components,
        "webhooks": (),
        "helm_releases": (release,),
        "crds": (),
        "namespaces": tuple(Namespace(name, found) for name, found in sorted(labels.items())),
        "workloads": tuple(sorted(workloads, key=lambda workload: workload.ref)),
        "budgets": budgets,
        "autoscalers": (),
        "istio_objects": (),
    }
    return MeshSnapshot(**{**fields, **more})


def tag(name: str, revision: str, owner: Ownership = NOBODY) -> RevisionTag:
    webhook = ObjectRef("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "", f"istio-revision-tag-{name}")
    manifest: Manifest = {
        "apiVersion": webhook.api_version,
        "kind": webhook.kind,
        "metadata": {"name": webhook.name, "labels": {"istio.io/tag": name, "istio.io/rev": revision}},
        "webhooks": [],
    }
    return RevisionTag(name, revision, webhook, owner, manifest)
