"""``ClusterReader`` and ``ClusterWriter`` over the twin."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from resail.cluster import FIELD_MANAGER, ResourceKind, WatchEvent
from resail.errors import ClusterApiError
from resail.models.access import Permission
from resail.models.field_selector import selected_by_fields
from resail.models.identity import KindRef, Manifest, ObjectRef
from resail.models.selector import Selector
from resail.twin.bootstrap import BOOTSTRAP
from resail.twin.clock import TwinClock
from resail.twin.controllers import Controllers
from resail.twin.eviction import evict
from resail.twin.faults import Faults, parse_fault
from resail.twin.file import Beginning, TwinFile
from resail.twin.server import Server
from resail.twin.store import Change, Key, Store, copied

__all__ = ["TwinCluster", "open_twin"]

T = TypeVar("T")

_VERSION = "1.31.0"
"""Of Kubernetes: the one whose rules the controllers here follow."""

_CALL = 0.005  # seconds that a request takes
_PATIENCE = 60.0  # seconds for which a client asks again where the API fails: as that of ``kube``


@asynccontextmanager
async def open_twin(
    path: Path | None = None,
    *,
    seed: int = 0,
    start: datetime = datetime(2026, 1, 1, tzinfo=UTC),
    ready_seconds: Mapping[ObjectRef, float] | None = None,
    faults: Sequence[str] = (),
) -> AsyncIterator["TwinCluster"]:
    """Make a twin, or open the one that a file holds, which goes on where it was; it lives while this is open.

    It must run on a ``SimulatedLoop`` (``resail.twin.run``), or it takes real time.

    Args:
        path: where it is kept; None: nowhere.
        seed: makes its uids and names. This and what follows count for a new twin only.
        start: the time of its clock at the beginning.
        ready_seconds: workload → how long its pods take to get ready.
        faults: as ``parse_fault`` reads them.

    Raises:
        UsageError: a fault is none.
        ArtifactError: the file is no twin.
    """
    for fault in faults:
        parse_fault(fault)
    file = TwinFile(path) if path else None
    known = file.beginning() if file else None
    if known is None:
        table = {str(ref): seconds for ref, seconds in (ready_seconds or {}).items()}
        beginning = Beginning(seed, start, table, tuple(faults))
        version, elapsed = 0, 0.0
        if file is not None:
            file.begin(beginning)
    else:
        beginning, version, elapsed = known
    store = Store(beginning.seed, TwinClock(beginning.start, elapsed), file, version)
    twin = TwinCluster(store, beginning)
    try:
        if known is None:
            for manifest in BOOTSTRAP:
                twin.server.create(manifest)
            store.save()
        yield twin
    finally:
        twin.close()
        if file is not None:
            file.close()


class TwinCluster:
    """Implements ``ClusterReader``, ``ClusterWriter`` and ``AccessReviewer``; the docstrings are there."""

    def __init__(self, store: Store, beginning: Beginning) -> None:
        self.clock = store.clock
        self.store = store
        self.server = Server(store)
        self._faults = Faults(self.server, [parse_fault(fault) for fault in beginning.faults])
        self._controllers = Controllers(self.server, self._faults, beginning.ready_seconds)

    def close(self) -> None:
        """Nothing happens on it any more."""
        self._controllers.stop()
        self.store.save()

    # --- reading ---

    async def server_version(self) -> str:
        await self._call("get the API server's version")
        return _VERSION

    async def cluster_id(self) -> str:
        namespace = await self.get(ObjectRef("v1", "Namespace", "", "kube-system"))
        return str(namespace["metadata"]["uid"])

    async def resource_kinds(self) -> tuple[ResourceKind, ...]:
        await self._call("list the kinds")
        return self.server.kinds.resources()

    async def get(self, ref: ObjectRef) -> Manifest:
        what = f"get {ref}"
        await self._call(what)
        with _named(what):
            return self._shown(ref.kind_ref, self.server.found(ref))

    async def list_objects(self, kind: KindRef, *, namespace: str = "", labels: str = "", fields: str = "") -> list[Manifest]:
        return [self._shown(kind, key) for key in await self._list(kind, namespace, labels, fields)]

    async def list_shapes(
        self, kind: KindRef, shape: type[T], *, namespace: str = "", labels: str = "", fields: str = ""
    ) -> list[T]:
        decoder = msgspec.json.Decoder(shape)
        return [self.store.shape(key, decoder) for key in await self._list(kind, namespace, labels, fields)]

    async def watch(self, kind: KindRef, *, namespace: str = "", labels: str = "") -> AsyncGenerator[WatchEvent, None]:
        changes: asyncio.Queue[Change] = asyncio.Queue()
        listed = await self._list(kind, namespace, labels)
        stop = self.store.listen(changes.put_nowait)
        try:
            for event in [WatchEvent("ADDED", self._shown(kind, key)) for key in listed]:
                yield event
            yield WatchEvent("SYNCED", {})
            identity, selector = self.server.kind(kind).id, Selector.parse(labels)
            while True:
                change = await changes.get()
                if change.key.kind == identity and namespace in ("", change.key.namespace):
                    for event in self._events(kind, selector, change):
                        yield event
        finally:
            stop()

    async def allows(self, permission: Permission) -> bool:
        """Always: a twin is its owner's, and knows no users."""
        await self._call("review rights")
        return True

    # --- writing ---

    async def create(self, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        ref = ObjectRef.of(manifest)
        async with self._write(f"create {ref}", repeatable=dry_run):
            return self._given(ref, self.server.create(manifest, FIELD_MANAGER, dry_run=dry_run))

    async def apply(
        self, manifest: Manifest, *, manager: str = FIELD_MANAGER, force: bool = False, dry_run: bool = False
    ) -> Manifest:
        ref = ObjectRef.of(manifest)
        async with self._write(f"apply {ref}"):
            return self._given(ref, self.server.apply(manifest, manager, force=force, dry_run=dry_run))

    async def patch(self, ref: ObjectRef, patch: Manifest, *, dry_run: bool = False) -> Manifest:
        repeatable = dry_run or "resourceVersion" not in (patch.get("metadata") or {})
        async with self._write(f"patch {ref}", repeatable=repeatable):
            return self._given(ref, self.server.patch(ref, patch, FIELD_MANAGER, dry_run=dry_run))

    async def delete(self, ref: ObjectRef, *, dry_run: bool = False) -> None:
        async with self._write(f"delete {ref}"):
            self.server.delete(self.server.found(ref), dry_run=dry_run)

    async def evict(self, pod: ObjectRef, *, dry_run: bool = False) -> None:
        async with self._write(f"evict {pod}", repeatable=dry_run):
            key = self.server.key(pod)
            if self.store.get(key) is not None:
                evict(self.server, key, dry_run=dry_run)

    # --- inside ---

    async def _call(self, what: str, *, repeatable: bool = True) -> None:
        """What each request goes through: it takes time, and may meet an API that fails.

        Raises:
            ClusterApiError: it fails for longer than a client goes on asking.
        """
        self._controllers.check()
        await asyncio.sleep(_CALL)
        refused = self._faults.refuses_for()
        if refused and repeatable:
            await asyncio.sleep(min(refused, _PATIENCE))
            refused = self._faults.refuses_for()
        if refused:
            raise ClusterApiError(
                "the twin's API fails, as a fault wants it (HTTP 500)",
                on=what,
                next_step="see the API server's health",
                status=500,
            )

    @asynccontextmanager
    async def _write(self, what: str, *, repeatable: bool = True) -> AsyncIterator[None]:
        """What was done in it is in the file when it ends."""
        await self._call(what, repeatable=repeatable)
        try:
            with _named(what):
                yield
        finally:
            self.store.save()

    async def _list(self, kind: KindRef, namespace: str, labels: str, fields: str = "") -> list[Key]:
        what = f"list {kind.kind}"
        await self._call(what)
        with _named(what):
            found = self.server.kind(kind)
        selector = Selector.parse(labels)
        keys = [key for key in self.store.keys(found.id, namespace) if not labels or _fits(selector, self.store.get(key))]
        return [key for key in keys if not fields or selected_by_fields(self.store.get(key) or {}, fields)]

    def _shown(self, kind: KindRef, key: Key) -> Manifest:
        manifest: Manifest = msgspec.json.decode(self.store.body(key))
        return {**manifest, "apiVersion": kind.api_version}

    def _given(self, ref: ObjectRef, manifest: Manifest) -> Manifest:
        return {**copied(manifest), "apiVersion": ref.api_version}

    def _events(self, kind: KindRef, selector: Selector, change: Change) -> Iterator[WatchEvent]:
        """What a change is for who sees only what the selector selects."""
        before, after = _fits(selector, change.before), _fits(selector, change.after)
        shown: Any = change.after or change.before
        event = {**copied(shown), "apiVersion": kind.api_version}
        if after:
            yield WatchEvent("MODIFIED" if before else "ADDED", event)
        elif before:
            yield WatchEvent("DELETED", event)


def _fits(selector: Selector, manifest: Manifest | None) -> bool:
    return manifest is not None and selector.fits(manifest["metadata"].get("labels") or {})


@contextmanager
def _named(what: str) -> Iterator[None]:
    """Errors say what was asked."""
    try:
        yield
    except ClusterApiError as error:
        error.on = error.on or what
        raise
