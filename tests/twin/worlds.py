"""What the tests put on a twin."""

import asyncio
from typing import Any

from resail.checks.rollout import rollout_of
from resail.models.identity import KindRef, Manifest, ObjectRef
from resail.twin.cluster import TwinCluster

__all__ = ["DEPLOYMENT", "POD", "WEB", "deployment", "node", "pods", "restart", "rolled_out", "set_up"]

DEPLOYMENT = KindRef("apps/v1", "Deployment")
POD = KindRef("v1", "Pod")
WEB = ObjectRef("apps/v1", "Deployment", "shop", "web")


def node(name: str, cpu: str = "8") -> Manifest:
    has = {"cpu": cpu, "memory": "32Gi", "pods": "110"}
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "status": {"allocatable": has, "capacity": has}}


def deployment(name: str = "web", replicas: int = 2, **spec: Any) -> Manifest:
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "app", "image": "example.org/app:1"}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template, **spec},
    }


async def set_up(twin: TwinCluster, *manifests: Manifest) -> None:
    """Two nodes, a namespace, and these."""
    for name in ("one", "two"):
        await twin.create(node(name))
    await twin.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    await twin.clock.sleep(1)
    for manifest in manifests:
        await twin.create(manifest)


async def restart(twin: TwinCluster, mark: str, ref: ObjectRef = WEB) -> None:
    await twin.patch(ref, {"spec": {"template": {"metadata": {"annotations": {"mark": mark}}}}})


async def rolled_out(twin: TwinCluster, ref: ObjectRef = WEB) -> Manifest:
    async with asyncio.timeout(3600):
        while not rollout_of(found := await twin.get(ref)).complete:
            await twin.clock.sleep(0.5)
    return found


async def pods(twin: TwinCluster, namespace: str = "shop") -> list[Manifest]:
    return await twin.list_objects(POD, namespace=namespace)
