"""A reader that lists each collection once, whoever asks for it."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Hashable
from typing import Any, TypeVar, cast

import msgspec

from resail.cluster import ClusterReader, ResourceKind, WatchEvent
from resail.errors import ApiFailingError, ForbiddenError, NotFoundError
from resail.models.identity import KindRef, Manifest, ObjectRef
from resail.models.selector import Selector

__all__ = ["Listing"]

T = TypeVar("T")

_AT_ONCE = 6


class Listing:
    """Implements ``ClusterReader``; what was listed is remembered, so it is for one look at a cluster."""

    def __init__(
        self,
        reader: ClusterReader,
        entire: Collection[KindRef] = (),
        groups: tuple[str, ...] = (),
        whole: Collection[KindRef] = (),
    ) -> None:
        """
        Args:
            reader: the cluster.
            entire: kinds of which all objects are read, as they are; labels and shapes are then taken from these.
            groups: ends of the API groups whose kinds are read so, too.
            whole: kinds of which only some objects are read, but those as they are; shapes are taken from these.
        """
        self._reader = reader
        self._entire = frozenset(entire)
        self._groups = groups
        self._whole = frozenset(whole)
        self._answers: dict[Hashable, Any] = {}
        self._asking: dict[Hashable, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def server_version(self) -> str:
        return await self._reader.server_version()

    async def cluster_id(self) -> str:
        return await self._reader.cluster_id()

    async def resource_kinds(self) -> tuple[ResourceKind, ...]:
        return await self._reader.resource_kinds()

    async def get(self, ref: ObjectRef) -> Manifest:
        return await self._reader.get(ref)

    def watch(self, kind: KindRef, *, namespace: str = "", labels: str = "") -> AsyncIterator[WatchEvent]:
        return self._reader.watch(kind, namespace=namespace, labels=labels)

    async def list_objects(self, kind: KindRef, *, namespace: str = "", labels: str = "", fields: str = "") -> list[Manifest]:
        if self._is_entire(kind) and not fields:
            found = await self._once(kind, lambda: self._reader.list_objects(kind))
            return _selected(found, namespace, labels)
        asked = {"namespace": namespace, "labels": labels, "fields": fields}
        return await self._once((kind, *asked.values()), lambda: self._reader.list_objects(kind, **asked))

    async def list_shapes(
        self, kind: KindRef, shape: type[T], *, namespace: str = "", labels: str = "", fields: str = ""
    ) -> list[T]:
        asked = {"namespace": namespace, "labels": labels, "fields": fields}
        if kind in self._whole or self._is_entire(kind):
            return _shaped(await self.list_objects(kind, **asked), kind, shape)
        return await self._once((kind, shape, *asked.values()), lambda: self._reader.list_shapes(kind, shape, **asked))

    def _is_entire(self, kind: KindRef) -> bool:
        group = kind.api_version.rpartition("/")[0]
        return kind in self._entire or group.endswith(self._groups)

    async def _once(self, question: Hashable, ask: Callable[[], Awaitable[list[T]]]) -> list[T]:
        async with self._asking[question]:
            if question not in self._answers:
                try:
                    async with self._turn:
                        self._answers[question] = await ask()
                except (ForbiddenError, NotFoundError) as refusal:
                    self._answers[question] = refusal
        answer = self._answers[question]
        if isinstance(answer, Exception):
            raise answer
        return cast(list[T], answer)


def _selected(manifests: list[Manifest], namespace: str, labels: str) -> list[Manifest]:
    if not (namespace or labels):
        return manifests
    selector = Selector.parse(labels)
    return [
        one
        for one in manifests
        if namespace in ("", one["metadata"].get("namespace", "")) and selector.fits(one["metadata"].get("labels") or {})
    ]


def _shaped(manifests: list[Manifest], kind: KindRef, shape: type[T]) -> list[T]:
    try:
        return msgspec.convert(manifests, list[shape])  # type: ignore[valid-type]
    except msgspec.ValidationError as error:
        raise ApiFailingError(f"the API's answer cannot be read: {error}", on=f"list {kind.kind}") from error
