"""Cluster → ``MeshObjects``."""

import asyncio
from typing import Any

from resail.cluster import ClusterReader
from resail.errors import ForbiddenError, NotFoundError
from resail.models.identity import KindRef, Manifest
from resail.models.mesh_objects import BUILT_IN, CUSTOM, CUSTOM_GROUPS, MeshObjects, group_kind
from resail.snapshot.stored_kinds import stored_kind

__all__ = ["gather_objects"]

_AT_ONCE = 6
_CRD = KindRef("apiextensions.k8s.io/v1", "CustomResourceDefinition")


async def gather_objects(reader: ClusterReader) -> MeshObjects:
    """Read all kinds that rules look at. Kinds that may not be listed are ``unread``; of Secrets the values are left out.

    Raises:
        ClusterUnreachableError: the API does not answer.
    """
    turn = asyncio.Semaphore(_AT_ONCE)
    unread: dict[str, str] = {}

    async def listed(kind: KindRef) -> list[Manifest]:
        async with turn:
            try:
                return await reader.list_objects(kind)
            except NotFoundError:
                return []
            except ForbiddenError as error:
                unread[group_kind(kind.api_version, kind.kind)] = error.what
                return []

    crds = await listed(_CRD)
    custom = [stored_kind(crd) for crd in crds if crd["spec"]["group"].endswith(CUSTOM_GROUPS)]
    kinds = [*(kind for kind in BUILT_IN if kind != _CRD), *custom]
    found = await asyncio.gather(*(listed(kind) for kind in kinds))
    read = [*crds, *(_kept(manifest) for manifests in found for manifest in manifests)]
    names = [group_kind(kind.api_version, kind.kind) for kind in (_CRD, *kinds)]
    objects = MeshObjects.of(read, {*names, *CUSTOM} - unread.keys())
    return MeshObjects(objects.by_kind, unread)


def _kept(manifest: Manifest) -> Manifest:
    if manifest["kind"] != "Secret":
        return manifest
    data: dict[str, Any] = manifest.get("data") or {}
    return {**manifest, "data": {key: f"({len(value)} characters)" for key, value in data.items()}}
