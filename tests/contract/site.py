"""What every test of the contract gets: a cluster by its protocols alone, its clock, and a namespace of its own."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from resail.cluster import Clock, Cluster, WatchEvent
from resail.models.identity import KindRef, Manifest, ObjectRef

__all__ = ["CONFIG_MAP", "DEPLOYMENT", "POD", "Site", "config_map", "opened", "site_on"]

CONFIG_MAP = KindRef("v1", "ConfigMap")
POD = KindRef("v1", "Pod")
DEPLOYMENT = KindRef("apps/v1", "Deployment")

_POLL = 0.05  # seconds
_PATIENCE = 60.0  # seconds of the cluster's own clock


@dataclass(frozen=True)
class Site:
    cluster: Cluster
    clock: Clock
    namespace: str

    def ref(self, kind: KindRef, name: str) -> ObjectRef:
        return ObjectRef(kind.api_version, kind.kind, self.namespace, name)

    async def names(self, kind: KindRef, labels: str = "") -> list[str]:
        found = await self.cluster.list_objects(kind, namespace=self.namespace, labels=labels)
        return sorted(manifest["metadata"]["name"] for manifest in found)

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Wait for what the cluster does by itself."""
        deadline = self.clock.monotonic() + _PATIENCE
        while not await condition():
            assert self.clock.monotonic() < deadline, "it did not come about"
            await self.clock.sleep(_POLL)


@asynccontextmanager
async def site_on(cluster: Cluster, clock: Clock) -> AsyncIterator[Site]:
    """A new namespace, ready for pods; deleted afterwards."""
    site = Site(cluster, clock, f"contract-{uuid4().hex[:8]}")
    here = ObjectRef("v1", "Namespace", "", site.namespace)
    await cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": site.namespace}})

    async def has_account() -> bool:
        return "default" in await site.names(KindRef("v1", "ServiceAccount"))

    await site.until(has_account)
    yield site
    await cluster.delete(here)


@asynccontextmanager
async def opened(events: AsyncIterator[WatchEvent]) -> AsyncIterator[AsyncIterator[WatchEvent]]:
    """A watch that is closed at the end."""
    try:
        yield events
    finally:
        close = getattr(events, "aclose", None)
        if close is not None:
            await close()


def config_map(site: Site, name: str, data: dict[str, str] | None = None, **labels: str) -> Manifest:
    metadata: dict[str, Any] = {"name": name, "namespace": site.namespace}
    if labels:
        metadata["labels"] = labels
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data or {}}
