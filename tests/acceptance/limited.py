"""A cluster that allows what one has been granted and nothing else, as Kubernetes' own authorizer would.

``tests/acceptance/test_rights.py`` shows the same of the real one, and with real Helm.
"""

from collections.abc import AsyncIterator, Iterable
from typing import TypeVar

from resail.cluster import FIELD_MANAGER, Cluster, ResourceKind, WatchEvent
from resail.errors import ForbiddenError, NotFoundError
from resail.models.access import Permission
from resail.models.identity import KindRef, Manifest, ObjectRef

__all__ = ["Limited"]

T = TypeVar("T")


class Limited:
    """Implements ``Cluster`` over another one, and keeps what was asked for."""

    def __init__(self, cluster: Cluster, granted: Iterable[Permission]) -> None:
        self._cluster = cluster
        self._granted = set(granted)
        self.used: set[Permission] = set()
        """Those of the granted that something took."""
        self.refused: list[tuple[Permission, bool]] = []
        """What was not granted, and whether it was a dry run."""

    async def _may(self, verb: str, kind: KindRef, namespace: str, name: str = "", *, sub: str = "", dry: bool = False) -> None:
        found = [one for one in await self._cluster.resource_kinds() if one.kind == kind]
        if not found:
            return
        asked = Permission(kind.group, found[0].plural + sub, verb, namespace, name)
        holding = self._granted & {asked, *asked.wider(), Permission(kind.group, found[0].plural + sub, verb, "", name)}
        if not holding:
            self.refused.append((asked, dry))
            raise ForbiddenError(f"cannot {asked}", on=str(kind), status=403)
        self.used |= holding

    # --- reading ---

    async def server_version(self) -> str:
        return await self._cluster.server_version()

    async def cluster_id(self) -> str:
        await self._may("get", KindRef("v1", "Namespace"), "", "kube-system")
        return await self._cluster.cluster_id()

    async def resource_kinds(self) -> tuple[ResourceKind, ...]:
        return await self._cluster.resource_kinds()

    async def allows(self, permission: Permission) -> bool:
        return permission in self._granted or not self._granted.isdisjoint(permission.wider())

    async def get(self, ref: ObjectRef) -> Manifest:
        await self._may("get", ref.kind_ref, ref.namespace, ref.name)
        return await self._cluster.get(ref)

    async def list_objects(self, kind: KindRef, *, namespace: str = "", labels: str = "", fields: str = "") -> list[Manifest]:
        await self._may("list", kind, namespace)
        return await self._cluster.list_objects(kind, namespace=namespace, labels=labels, fields=fields)

    async def list_shapes(
        self, kind: KindRef, shape: type[T], *, namespace: str = "", labels: str = "", fields: str = ""
    ) -> list[T]:
        await self._may("list", kind, namespace)
        return await self._cluster.list_shapes(kind, shape, namespace=namespace, labels=labels, fields=fields)

    async def watch(self, kind: KindRef, *, namespace: str = "", labels: str = "") -> AsyncIterator[WatchEvent]:
        for verb in ("list", "watch"):
            await self._may(verb, kind, namespace)
        async for event in self._cluster.watch(kind, namespace=namespace, labels=labels):
            yield event

    # --- writing ---

    async def create(self, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        ref = ObjectRef.of(manifest)
        await self._may("create", ref.kind_ref, ref.namespace, dry=dry_run)
        return await self._cluster.create(manifest, dry_run=dry_run)

    async def apply(
        self, manifest: Manifest, *, manager: str = FIELD_MANAGER, force: bool = False, dry_run: bool = False
    ) -> Manifest:
        ref = ObjectRef.of(manifest)
        await self._may("patch", ref.kind_ref, ref.namespace, ref.name, dry=dry_run)
        try:
            await self._cluster.get(ref)
        except NotFoundError:
            await self._may("create", ref.kind_ref, ref.namespace, dry=dry_run)
        return await self._cluster.apply(manifest, manager=manager, force=force, dry_run=dry_run)

    async def patch(self, ref: ObjectRef, patch: Manifest, *, dry_run: bool = False) -> Manifest:
        await self._may("patch", ref.kind_ref, ref.namespace, ref.name, dry=dry_run)
        return await self._cluster.patch(ref, patch, dry_run=dry_run)

    async def delete(self, ref: ObjectRef, *, dry_run: bool = False) -> None:
        await self._may("delete", ref.kind_ref, ref.namespace, ref.name, dry=dry_run)
        await self._cluster.delete(ref, dry_run=dry_run)

    async def evict(self, pod: ObjectRef, *, dry_run: bool = False) -> None:
        await self._may("create", pod.kind_ref, pod.namespace, pod.name, sub="/eviction", dry=dry_run)
        await self._cluster.evict(pod, dry_run=dry_run)
