"""Workloads of the contract's tests, and when they are rolled out."""

from typing import Any
from uuid import uuid4

from resail.models.identity import KindRef, Manifest
from tests.contract.site import POD, Site

__all__ = [
    "NEVER_READY",
    "daemon_set",
    "deployment",
    "is_ready",
    "is_rolled_out",
    "meanwhile",
    "pod",
    "pods",
    "ready_after",
    "restart",
    "restart_in_vain",
    "rolled_out",
    "rolling",
    "shows",
    "stateful_set",
    "uids",
    "workload_ref",
]

MARK = "resail.dev/restart"
NEVER_READY = {"testbed.resail.dev/never-ready": "true"}


def ready_after(seconds: int) -> dict[str, str]:
    """The annotation of a pod that takes so long."""
    return {"testbed.resail.dev/ready-after": f"{seconds}s"}


Part = dict[str, Any] | None


def deployment(site: Site, name: str, replicas: int, annotations: Part = None, pod_spec: Part = None, **spec: Any) -> Manifest:
    return _workload(site, "Deployment", name, {"replicas": replicas, **spec}, annotations, pod_spec)


def stateful_set(site: Site, name: str, replicas: int, annotations: Part = None, **spec: Any) -> Manifest:
    return _workload(site, "StatefulSet", name, {"replicas": replicas, "serviceName": name, **spec}, annotations)


def daemon_set(site: Site, name: str, annotations: Part = None, pod_spec: Part = None, **spec: Any) -> Manifest:
    return _workload(site, "DaemonSet", name, spec, annotations, pod_spec)


def pod(site: Site, name: str, labels: Part = None, **spec: Any) -> Manifest:
    """One that belongs to no workload."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": site.namespace, "labels": labels or {}},
        "spec": _pod_spec(spec),
    }


def rolling(surge: int | str, unavailable: int | str) -> dict[str, Any]:
    """The strategy of a Deployment."""
    return {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}


def _workload(
    site: Site, kind: str, name: str, spec: dict[str, Any], annotations: Part = None, pod_spec: Part = None
) -> Manifest:
    template = {"metadata": {"labels": {"app": name}, "annotations": annotations or {}}, "spec": _pod_spec(pod_spec or {})}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": site.namespace},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": template, **spec},
    }


def _pod_spec(more: dict[str, Any]) -> dict[str, Any]:
    return {"terminationGracePeriodSeconds": 0, "containers": [{"name": "app", "image": "example.org/app:1"}], **more}


def workload_ref(site: Site, kind: str, name: str) -> Any:
    return site.ref(KindRef("apps/v1", kind), name)


async def restart(site: Site, kind: str, name: str, mark: str | None) -> Manifest:
    """As the engine does; without a mark, as it takes it back."""
    patch = {"spec": {"template": {"metadata": {"annotations": {MARK: mark}}}}}
    return await site.cluster.patch(workload_ref(site, kind, name), patch)


async def restart_in_vain(site: Site, kind: str, name: str) -> Manifest:
    """Its new pods never get ready."""
    patch = {"spec": {"template": {"metadata": {"annotations": NEVER_READY}}}}
    return await site.cluster.patch(workload_ref(site, kind, name), patch)


async def rolled_out(site: Site, kind: str, name: str) -> Manifest:
    """Wait until its controller says that all pods are of the present template and ready; give it back."""
    ref = workload_ref(site, kind, name)

    async def done() -> bool:
        return is_rolled_out(await site.cluster.get(ref))

    await site.until(done)
    return await site.cluster.get(ref)


def is_rolled_out(workload: Manifest) -> bool:
    status = workload.get("status", {})
    if status.get("observedGeneration") != workload["metadata"]["generation"]:
        return False
    if workload["kind"] == "DaemonSet":
        wanted = status.get("desiredNumberScheduled", 0)
        return bool(wanted) and wanted == status.get("updatedNumberScheduled", 0) == status.get("numberAvailable", 0)
    wanted = workload["spec"]["replicas"]
    counts = [status.get(field, 0) for field in ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")]
    return counts == [wanted] * 4


async def shows(site: Site, kind: str, name: str, **status: int) -> Manifest:
    """Wait until its controller has seen it as it is and counts so; give it back."""
    ref = workload_ref(site, kind, name)
    found: Manifest = {}

    async def done() -> bool:
        found.update(await site.cluster.get(ref))
        observed = found["status"].get("observedGeneration") == found["metadata"]["generation"]
        return observed and all(found["status"].get(field, 0) == count for field, count in status.items())

    await site.until(done)
    return found


async def meanwhile(site: Site, kind: str = "Deployment") -> None:
    """Another workload of the kind comes up: its controllers had their turn at all that was there before."""
    name = f"other-{uuid4().hex[:6]}"
    other = daemon_set(site, name) if kind == "DaemonSet" else _workload(site, kind, name, {"replicas": 1})
    await site.cluster.create(other)
    await rolled_out(site, kind, name)


async def pods(site: Site, app: str) -> dict[str, Manifest]:
    """Name → pod, those that are on their way out left out."""
    found = await site.cluster.list_objects(POD, namespace=site.namespace, labels=f"app={app}")
    return {pod["metadata"]["name"]: pod for pod in found if "deletionTimestamp" not in pod["metadata"]}


def uids(found: dict[str, Manifest]) -> set[str]:
    return {pod["metadata"]["uid"] for pod in found.values()}


def is_ready(pod: Manifest) -> bool:
    conditions = {condition["type"]: condition["status"] for condition in pod.get("status", {}).get("conditions", ())}
    return conditions.get("Ready") == "True"
