"""Nodes of the contract's tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from resail.models.identity import KindRef, Manifest, ObjectRef
from tests.contract.site import Site

__all__ = ["NODE", "added_node", "node", "node_ref"]

NODE = KindRef("v1", "Node")


def node(name: str, labels: dict[str, str] | None = None, cpu: str = "8", pods: str = "110", **spec: Any) -> Manifest:
    capacity = {"cpu": cpu, "memory": "32Gi", "pods": pods}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {"kubernetes.io/os": "linux", "kubernetes.io/hostname": name, **(labels or {})},
        },
        "spec": spec,
        "status": {"allocatable": capacity, "capacity": capacity},
    }


def node_ref(name: str) -> ObjectRef:
    return ObjectRef("v1", "Node", "", name)


@asynccontextmanager
async def added_node(site: Site, name: str, cpu: str = "8", pods: str = "110", **spec: Any) -> AsyncIterator[str]:
    """One more node, with the namespace's name as its label ``room``; its name."""
    full = f"{site.namespace}-{name}"
    await site.cluster.create(node(full, {"room": site.namespace}, cpu, pods, **spec))
    try:
        yield full
    finally:
        await site.cluster.delete(node_ref(full))
