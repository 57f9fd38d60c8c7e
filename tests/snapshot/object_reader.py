"""Objects as a ``ClusterReader`` gives them: enough to capture a mesh, and no cluster."""

from collections.abc import AsyncIterator, Iterable
from typing import TypeVar

import msgspec

from resail.cluster import ResourceKind, WatchEvent
from resail.errors import NotFoundError
from resail.models.field_selector import selected_by_fields
from resail.models.identity import KindRef, Manifest, ObjectRef
from resail.models.selector import Selector

T = TypeVar("T")


class ObjectReader:
    def __init__(self, objects: Iterable[Manifest], version: str) -> None:
        self._objects = {ObjectRef.of(manifest): manifest for manifest in objects}
        self._version = version

    async def server_version(self) -> str:
        return self._version

    async def cluster_id(self) -> str:
        namespace = await self.get(ObjectRef("v1", "Namespace", "", "kube-system"))
        return str(namespace["metadata"]["uid"])

    async def resource_kinds(self) -> tuple[ResourceKind, ...]:
        return ()

    async def get(self, ref: ObjectRef) -> Manifest:
        if ref not in self._objects:
            raise NotFoundError("not found", on=str(ref), status=404)
        return self._objects[ref]

    async def list_objects(self, kind: KindRef, *, namespace: str = "", labels: str = "", fields: str = "") -> list[Manifest]:
        selector = Selector.parse(labels)
        return [
            manifest
            for ref, manifest in self._objects.items()
            if ref.kind_ref == kind
            and namespace in ("", ref.namespace)
            and selector.fits(manifest["metadata"].get("labels") or {})
            and (not fields or selected_by_fields(manifest, fields))
        ]

    async def list_shapes(
        self, kind: KindRef, shape: type[T], *, namespace: str = "", labels: str = "", fields: str = ""
    ) -> list[T]:
        found = await self.list_objects(kind, namespace=namespace, labels=labels, fields=fields)
        return [msgspec.json.decode(msgspec.json.encode(manifest), type=shape) for manifest in found]

    async def watch(self, kind: KindRef, *, namespace: str = "", labels: str = "") -> AsyncIterator[WatchEvent]:
        yield WatchEvent("SYNCED", {})
