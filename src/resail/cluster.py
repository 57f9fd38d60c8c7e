"""The cluster as resail sees it: one protocol to read, one to write, and a clock.

``kube/`` implements them over a real API; the twin will implement them in memory. What callers may rely on is
what ``tests/contract`` shows on the real API server, and nothing more.
"""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Literal, Protocol, TypeVar, runtime_checkable

import msgspec

from resail.errors import NotFoundError
from resail.models.access import Permission
from resail.models.identity import KindRef, Manifest, ObjectRef

__all__ = [
    "FIELD_MANAGER",
    "AccessReviewer",
    "Clock",
    "Cluster",
    "ClusterReader",
    "ClusterWriter",
    "LogReader",
    "PodAsker",
    "ResourceKind",
    "WatchEvent",
    "get_if_there",
]

T = TypeVar("T")

FIELD_MANAGER = "resail"
"""Who we are in ``managedFields``."""


class ResourceKind(msgspec.Struct, frozen=True, order=True):
    """A kind that the API serves, from discovery (preferred version of each group first)."""

    kind: KindRef
    plural: str
    """``deployments``"""
    namespaced: bool
    verbs: tuple[str, ...]
    """``get``, ``list``, ``watch`` …"""


class WatchEvent(msgspec.Struct, frozen=True):
    """One change. ``SYNCED`` (object empty) marks that the objects at the start have all been delivered."""

    type: Literal["ADDED", "MODIFIED", "DELETED", "SYNCED"]
    object: Manifest


class Clock(Protocol):
    """Where time comes from; the twin has its own."""

    def now(self) -> datetime:
        """The time in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since some fixed moment, never going back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Let ``seconds`` go by."""
        ...


class ClusterReader(Protocol):
    """What can be asked of a cluster. Every method raises only errors of ``resail.errors``."""

    async def server_version(self) -> str:
        """The API server's version, ``1.31.0``."""
        ...

    async def cluster_id(self) -> str:
        """A lasting identity of the cluster: the uid of the namespace kube-system."""
        ...

    async def resource_kinds(self) -> tuple[ResourceKind, ...]:
        """All kinds served that can be got, sorted; sub-resources left out."""
        ...

    async def get(self, ref: ObjectRef) -> Manifest:
        """Read one object.

        Raises:
            NotFoundError: the object or its kind is not there.
        """
        ...

    async def list_objects(self, kind: KindRef, *, namespace: str = "", labels: str = "", fields: str = "") -> list[Manifest]:
        """Read all objects of a kind, page by page, whole; in all namespaces where none is given.

        Args:
            kind: of the objects.
            namespace: where they are.
            labels: a selector.
            fields: a selector, such as ``metadata.name=x,type=Warning``; of those that the kind can be selected by.

        Raises:
            NotFoundError: the kind is not served.
        """
        ...

    async def list_shapes(
        self, kind: KindRef, shape: type[T], *, namespace: str = "", labels: str = "", fields: str = ""
    ) -> list[T]:
        """Like ``list_objects``, but decode only the fields that the msgspec struct ``shape`` declares."""
        ...

    def watch(self, kind: KindRef, *, namespace: str = "", labels: str = "") -> AsyncIterator[WatchEvent]:
        """List, then follow. Survives 410 and disconnects: it lists again, and tells what is new, changed or gone."""
        ...


class ClusterWriter(Protocol):
    """What can be done to a cluster. With ``dry_run`` the API does all but the storing."""

    async def create(self, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        """Create an object.

        Raises:
            ApiConflictError: there is one already.
        """
        ...

    async def apply(
        self, manifest: Manifest, *, manager: str = FIELD_MANAGER, force: bool = False, dry_run: bool = False
    ) -> Manifest:
        """Server-side apply as field manager ``manager``.

        Raises:
            ApiConflictError: others own fields of it (``conflicts`` lists them) and ``force`` is off.
        """
        ...

    async def patch(self, ref: ObjectRef, patch: Manifest, *, dry_run: bool = False) -> Manifest:
        """JSON merge patch (``None`` removes a field); with ``metadata.resourceVersion`` in it, only of that version.

        Raises:
            ApiConflictError: the object is no longer of the given resourceVersion, be it by this very patch, whose first answer
                was lost: look again.
        """
        ...

    async def delete(self, ref: ObjectRef, *, dry_run: bool = False) -> None:
        """Delete an object, its dependants in the background.

        Raises:
            NotFoundError: it is not there.
        """
        ...

    async def evict(self, pod: ObjectRef, *, dry_run: bool = False) -> None:
        """Evict a pod by the eviction API, which respects PodDisruptionBudgets.

        Raises:
            EvictionBlockedError: a budget does not allow it now.
        """
        ...


async def get_if_there(reader: ClusterReader, ref: ObjectRef) -> Manifest | None:
    """One object; None where it, or its kind, is not there."""
    try:
        return await reader.get(ref)
    except NotFoundError:
        return None


class AccessReviewer(Protocol):
    """Who can be asked what one may do."""

    async def allows(self, permission: Permission) -> bool:
        """May we do this?

        Raises:
            ClusterApiError: whoever decides that does not tell.
        """
        ...


@runtime_checkable
class PodAsker(Protocol):
    """A cluster whose pods can be asked through it, which those of a twin cannot."""

    async def ask_pod(self, pod: ObjectRef, port: int, path: str) -> bytes:
        """What a pod answers to ``GET /path`` on a port, by the API server's proxy (right: ``get`` on ``pods/proxy``).

        Raises:
            ClusterApiError: it does not answer, or may not be asked.
            ClusterUnreachableError: the API does not answer.
        """
        ...


@runtime_checkable
class LogReader(Protocol):
    """A cluster whose containers have logs, which those of a twin have not."""

    async def pod_log(self, pod: ObjectRef, container: str, *, lines: int, previous: bool = False) -> str:
        """The last lines of a container's log (right: ``get`` on ``pods/log``).

        Args:
            pod: its pod.
            container: its name, also of an init container.
            lines: how many, at most.
            previous: of the container before its last restart.

        Raises:
            ClusterApiError: there is no such log, or it may not be read.
            ClusterUnreachableError: the API does not answer.
        """
        ...


class Cluster(ClusterReader, ClusterWriter, AccessReviewer, Protocol):
    """All of them."""
