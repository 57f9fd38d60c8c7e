"""Workloads of the contract's tests, and when they are rolled out."""

from typing import Any

from resail.models.identity import KindRef, Manifest
from tests.contract.site import POD, Site

__all__ = ["daemon_set", "deployment", "pods", "restart", "rolled_out", "stateful_set"]

MARK = "resail.dev/restart"


def deployment(site: Site, name: str, replicas: int, annotations: dict[str, str] | None = None, **spec: Any) -> Manifest:
    return _workload(site, "Deployment", name, {"replicas": replicas, **spec}, annotations)


def stateful_set(site: Site, name: str, replicas: int, **spec: Any) -> Manifest:
    return _workload(site, "StatefulSet", name, {"replicas": replicas, "serviceName": name, **spec}, None)


def daemon_set(site: Site, name: str) -> Manifest:
    return _workload(site, "DaemonSet", name, {}, None)


def _workload(site: Site, kind: str, name: str, spec: dict[str, Any], annotations: dict[str, str] | None) -> Manifest:
    template = {
        "metadata": {"labels": {"app": name}, "annotations": annotations or {}},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [{"name": "app", "image": "example.org/app:1"}]},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": site.namespace},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": template, **spec},
    }


async def restart(site: Site, kind: str, name: str, mark: str) -> Manifest:
    """As the engine does."""
    patch = {"spec": {"template": {"metadata": {"annotations": {MARK: mark}}}}}
    return await site.cluster.patch(site.ref(KindRef("apps/v1", kind), name), patch)


async def rolled_out(site: Site, kind: str, name: str) -> Manifest:
    """Wait until its controller says that all pods are of the present template and ready; give it back."""
    ref = site.ref(KindRef("apps/v1", kind), name)

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


async def pods(site: Site, app: str) -> dict[str, Manifest]:
    """Name → pod, those that are on their way out left out."""
    found = await site.cluster.list_objects(POD, namespace=site.namespace, labels=f"app={app}")
    return {pod["metadata"]["name"]: pod for pod in found if "deletionTimestamp" not in pod["metadata"]}
