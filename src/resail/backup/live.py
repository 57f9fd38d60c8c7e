"""The live counterparts of what is in a backup."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable

from resail.cluster import ClusterReader, get_if_there
from resail.errors import NotFoundError
from resail.models.identity import KindRef, Manifest, ObjectRef

__all__ = ["read_live"]

_AT_ONCE = 16
_LISTED = 10
"""From this many objects of a kind in one namespace on, the namespace's are listed: of the others there may be any number."""


async def read_live(reader: ClusterReader, wanted: Collection[ObjectRef]) -> dict[ObjectRef, Manifest]:
    """Those of the objects that are there.

    Raises:
        ForbiddenError: one may not be read, so it cannot be told whether it is as in the backup.
    """
    turn = asyncio.Semaphore(_AT_ONCE)
    groups: dict[tuple[KindRef, str], list[ObjectRef]] = defaultdict(list)
    for ref in wanted:
        groups[ref.kind_ref, ref.namespace].append(ref)

    async def listed(kind: KindRef, namespace: str) -> Iterable[Manifest]:
        async with turn:
            try:
                return await reader.list_objects(kind, namespace=namespace)
            except NotFoundError:
                return ()

    async def got(ref: ObjectRef) -> Iterable[Manifest]:
        async with turn:
            found = await get_if_there(reader, ref)
            return () if found is None else (found,)

    asked = [
        question for group, refs in groups.items() for question in ([listed(*group)] if len(refs) >= _LISTED else map(got, refs))
    ]
    found = {ObjectRef.of(manifest): manifest for some in await asyncio.gather(*asked) for manifest in some}
    return {ref: manifest for ref, manifest in found.items() if ref in wanted}
