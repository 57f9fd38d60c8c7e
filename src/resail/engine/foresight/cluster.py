"""A cluster that is read, and of which the writes are only remembered: what is read afterwards is as if they had been made.

It goes by three assumptions, which the real rollback verifies as it goes: what is written gets ready, what restarts gets the
sidecar of the hop that it goes back to, and no field belongs to others.
"""

from collections.abc import AsyncIterator, Callable
from copy import deepcopy
from typing import NamedTuple, TypeVar, cast

from resail.checks.rollout import ROLLING_KINDS
from resail.cluster import FIELD_MANAGER, ClusterReader, ResourceKind, WatchEvent, get_if_there
from resail.engine.foresight.hopes import at_rest, is_rolling
from resail.engine.foresight.sidecars import pod_injected, ready_pod, replaced_pod
from resail.engine.injection import Injected
from resail.errors import ApiConflictError, NotFoundError
from resail.models.identity import KindRef, Manifest, ObjectRef
from resail.models.merge_patch import patched
from resail.models.selector import Selector
from resail.snapshot.shapes import Owner, PodShape
from resail.twin.defaults import fill_in
from resail.twin.ownership import applied

__all__ = ["ForeseenCluster", "Touch", "replaces_pods"]

T = TypeVar("T")

_Key = tuple[str, str, str, str]


class Touch(NamedTuple):
    """One object that was written."""

    ref: ObjectRef
    before: Manifest | None
    after: Manifest | None


class ForeseenCluster:
    """Implements ``ClusterReader`` and ``ClusterWriter``; the docstrings are there."""

    def __init__(self, reader: ClusterReader, sidecar: Callable[[], Injected]) -> None:
        """``sidecar`` tells what is injected now."""
        self.touches: list[Touch] = []
        """In order."""
        self.rested = False
        """Has time passed in which pods could get ready?"""
        self._reader = reader
        self._sidecar = sidecar
        self._objects: dict[_Key, Manifest | None] = {}
        self._replaced: dict[_Key, Injected] = {}
        """Workloads whose pods are new, and what they got."""
        self._evicted: dict[tuple[str, str], Injected] = {}

    # --- reading ---

    async def server_version(self) -> str:
        return await self._reader.server_version()

    async def cluster_id(self) -> str:
        return await self._reader.cluster_id()

    async def resource_kinds(self) -> tuple[ResourceKind, ...]:
        return await self._reader.resource_kinds()

    async def get(self, ref: ObjectRef) -> Manifest:
        return at_rest(await self._there(ref))

    async def list_objects(self, kind: KindRef, *, namespace: str = "", labels: str = "", fields: str = "") -> list[Manifest]:
        live = await self._reader.list_objects(kind, namespace=namespace, labels=labels, fields=fields)
        selector = Selector.parse(labels)
        remembered = [
            manifest
            for key, manifest in self._objects.items()
            if manifest is not None
            and key[:2] == (kind.group, kind.kind)
            and key[2] in (namespace or key[2],)
            and selector.fits(manifest["metadata"].get("labels") or {})
        ]
        return [one for one in live if _key(ObjectRef.of(one)) not in self._objects] + remembered

    async def list_shapes(
        self, kind: KindRef, shape: type[T], *, namespace: str = "", labels: str = "", fields: str = ""
    ) -> list[T]:
        live = await self._reader.list_shapes(kind, shape, namespace=namespace, labels=labels, fields=fields)
        if shape is not PodShape:
            return live
        return cast(list[T], [self._foreseen(pod) for pod in cast(list[PodShape], live)])

    async def watch(self, kind: KindRef, *, namespace: str = "", labels: str = "") -> AsyncIterator[WatchEvent]:
        async for event in self._reader.watch(kind, namespace=namespace, labels=labels):
            yield event

    # --- writing ---

    async def create(self, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        if dry_run:
            return pod_injected(manifest, self._sidecar()) if manifest["kind"] == "Pod" else manifest
        ref = ObjectRef.of(manifest)
        if await self._find(ref) is not None:
            raise ApiConflictError("it is there already", on=str(ref))
        return self._put(ref, None, manifest)

    async def apply(
        self, manifest: Manifest, *, manager: str = FIELD_MANAGER, force: bool = False, dry_run: bool = False
    ) -> Manifest:
        if dry_run:
            return manifest
        ref = ObjectRef.of(manifest)
        live = await self._find(ref)
        return self._put(ref, live, applied(deepcopy(live), deepcopy(manifest), manager, "", force=True).manifest)

    async def patch(self, ref: ObjectRef, patch: Manifest, *, dry_run: bool = False) -> Manifest:
        live = await self._there(ref)
        metadata = {name: value for name, value in (patch.get("metadata") or {}).items() if name != "resourceVersion"}
        return self._put(ref, live, patched(live, {**patch, "metadata": metadata}))

    async def delete(self, ref: ObjectRef, *, dry_run: bool = False) -> None:
        live = await self._there(ref)
        self._objects[_key(ref)] = None
        self.touches.append(Touch(ref, live, None))

    async def evict(self, pod: ObjectRef, *, dry_run: bool = False) -> None:
        self._evicted[pod.namespace, pod.name] = self._sidecar()

    # --- inside ---

    async def _find(self, ref: ObjectRef) -> Manifest | None:
        key = _key(ref)
        if key in self._objects:
            return self._objects[key]
        live = await get_if_there(self._reader, ref)
        if live is not None and is_rolling(live):
            # It goes on whatever is written, and what comes now is injected by what injects now.
            self._replaced.setdefault(key, self._sidecar())
        return live

    async def _there(self, ref: ObjectRef) -> Manifest:
        found = await self._find(ref)
        if found is None:
            raise NotFoundError("not found", on=str(ref), status=404)
        return found

    def _put(self, ref: ObjectRef, before: Manifest | None, after: Manifest) -> Manifest:
        # Both with what the API server fills in, which is no change.
        touch = Touch(ref, before and _filled(before), _filled(after))
        key = _key(ref)
        self._objects[key] = touch.after
        self.touches.append(touch)
        if replaces_pods(touch):
            self._replaced[key] = self._sidecar()
        return _filled(after)

    def _foreseen(self, pod: PodShape) -> PodShape:
        sidecar = self._evicted.get((pod.metadata.namespace, pod.metadata.name))
        owner = pod.metadata.owner
        # A StatefulSet waits for a pod that does not get ready.
        if sidecar is None and owner is not None and (owner.kind != "StatefulSet" or pod.ready):
            sidecar = self._replaced.get(_workload_behind(owner, pod.metadata.namespace))
        if sidecar is not None:
            return replaced_pod(pod, sidecar)
        return ready_pod(pod) if self.rested else pod


def replaces_pods(touch: Touch) -> bool:
    """Is it a workload of which the pod template changes?"""
    ref, before, after = touch
    if ref.kind not in ROLLING_KINDS or before is None or after is None:
        return False
    return bool(before["spec"]["template"] != after["spec"]["template"])


def _filled(manifest: Manifest) -> Manifest:
    filled = deepcopy(manifest)
    fill_in(filled)
    return filled


def _key(ref: ObjectRef) -> _Key:
    return (ref.kind_ref.group, ref.kind, ref.namespace, ref.name)


def _workload_behind(owner: Owner, namespace: str) -> _Key:
    group = owner.api_version.rpartition("/")[0]
    if owner.kind == "ReplicaSet":
        return (group, "Deployment", namespace, owner.name.rpartition("-")[0])
    return (group, owner.kind, namespace, owner.name)
