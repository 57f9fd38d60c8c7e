"""Reads what tells of foreign managers: few objects, and no more than the metadata of those that are not Istio's."""

import asyncio
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from resail.cluster import ClusterReader
from resail.errors import ForbiddenError, NotFoundError
from resail.installers.foreign import FluxRelease, Seen, ServiceSeen, foreign_managers
from resail.models.identity import KindRef, Manifest, ObjectRef
from resail.models.snapshot import ForeignManager
from resail.snapshot.shapes import HelmReleaseShape, OwnedShape, SecretShape, ServiceShape
from resail.snapshot.stored_kinds import stored_kind

__all__ = ["REMOTE_CLUSTER", "read_foreign_managers"]

REMOTE_CLUSTER = "istio/multiCluster=true"
"""Label of the Secrets with which istiod reads other clusters."""

T = TypeVar("T", OwnedShape, HelmReleaseShape, SecretShape, ServiceShape)

_SERVICE = KindRef("v1", "Service")
_SECRET = KindRef("v1", "Secret")
_FLUX = "helmreleases.helm.toolkit.fluxcd.io"
_GOOGLE = "controlplanerevisions.mesh.cloud.google.com"
_MAISTRA = "servicemeshcontrolplanes.maistra.io"


async def read_foreign_managers(
    reader: ClusterReader, seen: Seen, istio_namespace: str, crds: Sequence[Manifest], releases: frozenset[str]
) -> tuple[tuple[ForeignManager, ...], tuple[str, ...]]:
    """Who else manages the mesh, and the kinds that we may not list.

    Args:
        reader: the cluster.
        seen: what of Istio has been read already.
        istio_namespace: where istiod looks for Secrets of other clusters.
        crds: of the cluster: a custom kind is asked for only where it is there.
        releases: Helm releases of Istio, ``namespace/name``.
    """
    unread: list[str] = []

    async def listed(kind: KindRef | None, shape: type[T], *, namespace: str = "", labels: str = "") -> list[tuple[ObjectRef, T]]:
        if kind is None:
            return []
        try:
            found = await reader.list_shapes(kind, shape, namespace=namespace, labels=labels)
        except NotFoundError:
            return []
        except ForbiddenError:
            unread.append(kind.kind)
            return []
        return [(ObjectRef(kind.api_version, kind.kind, one.metadata.namespace, one.metadata.name), one) for one in found]

    kinds = {str(crd["metadata"]["name"]): stored_kind(crd) for crd in crds}
    services, secrets, fluxes, googles, maistras = await asyncio.gather(
        listed(_SERVICE, ServiceShape, labels="app=istiod"),
        listed(_SECRET, SecretShape, namespace=istio_namespace, labels=REMOTE_CLUSTER),
        listed(kinds.get(_FLUX), HelmReleaseShape),
        listed(kinds.get(_GOOGLE), OwnedShape, namespace=istio_namespace),
        listed(kinds.get(_MAISTRA), OwnedShape),
    )
    all_seen = msgspec.structs.replace(
        seen,
        services=tuple(ServiceSeen(ref, bool(service.spec.selector)) for ref, service in services),
        remote_secrets=tuple(ref for ref, _ in secrets),
        flux_releases=tuple(FluxRelease(ref, one.release) for ref, one in fluxes if one.release in releases),
        google_revisions=tuple(ref for ref, _ in googles),
        maistra_control_planes=tuple(ref for ref, _ in maistras),
    )
    return foreign_managers(all_seen), tuple(sorted(unread))
