"""The smallest cluster that a plan of namespace labels can run on. What it does, ``tests/contract`` shows of the real one."""

import asyncio
import copy
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from resail.cluster import FIELD_MANAGER, ResourceKind, WatchEvent
from resail.errors import ApiConflictError, NotFoundError
from resail.installers.interface import ReleaseState
from resail.models.finding import Finding
from resail.models.identity import KindRef, Manifest, ObjectRef
from resail.models.plan import FieldOwnerConflict, HelmChange, PlanFiles

T = TypeVar("T")


class Labels:
    """Namespaces with labels: the reader and the writer."""

    def __init__(self, labels: dict[str, dict[str, str]]) -> None:
        self.labels = copy.deepcopy(labels)
        self.writes: list[str] = []

    async def get(self, ref: ObjectRef) -> Manifest:
        if ref.name not in self.labels:
            raise NotFoundError("not found", on=str(ref), status=404)
        return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ref.name, "labels": dict(self.labels[ref.name])}}

    async def patch(self, ref: ObjectRef, patch: Manifest, *, dry_run: bool = False) -> Manifest:
        if ref.name not in self.labels:
            raise NotFoundError("not found", on=str(ref), status=404)
        for key, value in patch["metadata"]["labels"].items():
            if value is None:
                self.labels[ref.name].pop(key, None)
            else:
                self.labels[ref.name][key] = value
        self.writes.append(ref.name)
        return await self.get(ref)

    async def server_version(self) -> str:
        return "1.31.0"

    async def cluster_id(self) -> str:
        return "c"

    async def resource_kinds(self) -> tuple[ResourceKind, ...]:
        return ()

    async def list_objects(self, kind: KindRef, *, namespace: str = "", labels: str = "", fields: str = "") -> list[Manifest]:
        return []

    async def list_shapes(
        self, kind: KindRef, shape: type[T], *, namespace: str = "", labels: str = "", fields: str = ""
    ) -> list[T]:
        return []

    async def watch(self, kind: KindRef, *, namespace: str = "", labels: str = "") -> AsyncIterator[WatchEvent]:
        yield WatchEvent("SYNCED", {})

    async def create(self, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        raise ApiConflictError("only labels here")

    async def apply(
        self, manifest: Manifest, *, manager: str = FIELD_MANAGER, force: bool = False, dry_run: bool = False
    ) -> Manifest:
        raise ApiConflictError("only labels here")

    async def delete(self, ref: ObjectRef, *, dry_run: bool = False) -> None:
        raise ApiConflictError("only labels here")

    async def evict(self, pod: ObjectRef, *, dry_run: bool = False) -> None:
        raise ApiConflictError("only labels here")


class NoReleases:
    """An installer of nothing."""

    async def state(self, release: str) -> ReleaseState | None:
        return None

    async def conflicts(self, release: str, objects: Sequence[Manifest]) -> tuple[FieldOwnerConflict, ...]:
        return ()

    async def apply(self, change: HelmChange, objects: Sequence[Manifest], charts: Path, *, run: str) -> ReleaseState:
        raise AssertionError("no releases here")

    async def rollback(
        self, release: str, to_revision: int, *, run: str, forced: Sequence[FieldOwnerConflict] = ()
    ) -> ReleaseState:
        raise AssertionError("no releases here")

    async def uninstall(self, release: str, *, keep_history: bool = False) -> None:
        raise AssertionError("no releases here")

    async def recover(self, release: str, *, run: str, unfinished: bool) -> bool:
        return False

    async def manifest(self, release: str, revision: int = 0) -> tuple[Manifest, ...]:
        return ()


class NoFindings:
    """A verifier that is content, or not."""

    def __init__(self, *findings: Finding) -> None:
        self.findings = findings
        self.hops: list[int] = []
        """Those that it was asked about."""

    async def verify(self, files: PlanFiles, hop: int) -> tuple[Finding, ...]:
        self.hops.append(hop)
        return self.findings


class StoppedClock:
    """Sleeping takes no time, but lets others have their turn."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        await asyncio.sleep(0)
