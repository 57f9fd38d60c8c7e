"""Cluster → ``MeshObjects``."""

import asyncio
from collections.abc import Awaitable, Collection, Iterable, Sequence
from typing import TypeVar

from resail.cluster import ClusterReader
from resail.errors import ForbiddenError, NotFoundError
from resail.models.identity import KindRef, Manifest, ObjectRef
from resail.models.mesh_objects import BUILT_IN, CUSTOM, CUSTOM_GROUPS, MeshObjects, group_kind
from resail.models.snapshot import MeshSnapshot
from resail.models.trust import SIGNERS
from resail.snapshot.capture import capture_by
from resail.snapshot.excerpts import without_values, written_pod, written_secret, written_slice
from resail.snapshot.foreign import REMOTE_CLUSTER
from resail.snapshot.listing import Listing
from resail.snapshot.shapes import EndpointSliceShape, PodShape, SecretShape
from resail.snapshot.stored_kinds import stored_kind
from resail.snapshot.trust import ROOTS

__all__ = ["NOT_OURS", "capture_all", "capture_all_by", "listing_of"]

T = TypeVar("T")

_CRD = KindRef("apiextensions.k8s.io/v1", "CustomResourceDefinition")
_CONFIG_MAP = KindRef("v1", "ConfigMap")
_EVENT = KindRef("v1", "Event")
_POD = KindRef("v1", "Pod")
_SECRET = KindRef("v1", "Secret")
_SLICE = KindRef("discovery.k8s.io/v1", "EndpointSlice")
_PICKED = (_CONFIG_MAP, _EVENT, _POD, _SECRET, _SLICE)
"""Built-in kinds of which not all objects are read, or not all of each."""
_ENTIRE = tuple(sorted(frozenset(BUILT_IN) - frozenset(_PICKED)))

_TROUBLES = ("BackOff", "FailedCreate", "FailedCreatePodSandBox")
"""Reasons of Events that are kept; API servers forget Events after an hour."""

NOT_OURS = "!resail.dev/part"
"""ConfigMaps without the copy of a run's journal."""

_CILIUM = "metadata.name=cilium-config"


async def capture_all(reader: ClusterReader, istio_namespace: str = "istio-system") -> tuple[MeshSnapshot, MeshObjects]:
    """Read the mesh, and the objects that rules look at; what both are made of is listed once.

    Of pods and EndpointSlices there is what ``excerpts`` writes, of Events what tells of pods that cannot be made, of ConfigMaps
    those in the namespaces of control planes and agents, the mesh's roots and Cilium's, and of Secrets those that istiod signs
    with and reads other clusters by. The objects of kinds that may not be listed are ``unread``.

    Raises:
        ClusterUnreachableError, ForbiddenError: the API does not answer, or does not let us read what a snapshot is made of.
    """
    return await capture_all_by(listing_of(reader), istio_namespace)


def listing_of(reader: ClusterReader, also: Collection[KindRef] = ()) -> Listing:
    """A listing for ``capture_all_by``; of the kinds in ``also`` all objects are read as they are, too."""
    return Listing(reader, entire=(*_ENTIRE, *also), groups=CUSTOM_GROUPS, whole=(_CONFIG_MAP,))


async def capture_all_by(listing: Listing, istio_namespace: str) -> tuple[MeshSnapshot, MeshObjects]:
    """As ``capture_all``, from a listing that others read, too."""
    gathering = _Gathering(listing)
    # All at once: while the API server encodes the pods, the rest is read.
    snapshot, _ = await asyncio.gather(
        capture_by(listing, istio_namespace),
        asyncio.gather(gathering.excerpts(istio_namespace), gathering.custom(), *map(gathering.entire, _ENTIRE)),
    )
    await gathering.of_control_planes(snapshot)
    return snapshot, gathering.found()


class _Gathering:
    """Objects as they come in."""

    def __init__(self, listing: Listing) -> None:
        self._listing = listing
        self._objects: dict[ObjectRef, Manifest] = {}
        self._read: set[str] = set(CUSTOM)
        self._unread: dict[str, str] = {}

    def found(self) -> MeshObjects:
        """All of them; nothing of a kind of which a part may not be read."""
        unread = self._unread
        read = [one for one in self._objects.values() if group_kind(one["apiVersion"], one["kind"]) not in unread]
        return MeshObjects(MeshObjects.of(read, self._read - unread.keys()).by_kind, unread)

    async def entire(self, kind: KindRef) -> None:
        """All objects of a kind, as they are."""
        self._take(await self._answer(kind, self._listing.list_objects(kind)))

    async def custom(self) -> None:
        """All custom resources of the groups in question."""
        crds = await self._answer(_CRD, self._listing.list_objects(_CRD))
        await asyncio.gather(*(self.entire(stored_kind(crd)) for crd in crds if crd["spec"]["group"].endswith(CUSTOM_GROUPS)))

    async def excerpts(self, istio_namespace: str) -> None:
        """What is taken of the kinds of which there are many."""
        pods, slices, remotes, events = await asyncio.gather(
            self._answer(_POD, self._listing.list_shapes(_POD, PodShape)),
            self._answer(_SLICE, self._listing.list_shapes(_SLICE, EndpointSliceShape)),
            self._answer(
                _SECRET, self._listing.list_shapes(_SECRET, SecretShape, namespace=istio_namespace, labels=REMOTE_CLUSTER)
            ),
            self._answer(_EVENT, self._listing.list_objects(_EVENT, fields="type=Warning")),
        )
        self._take(map(written_pod, pods))
        self._take(map(written_slice, slices))
        self._take(map(written_secret, remotes))
        self._take(event for event in events if event.get("reason") in _TROUBLES)

    async def of_control_planes(self, snapshot: MeshSnapshot) -> None:
        """ConfigMaps and Secrets by their names, and by the namespaces in which a mesh has its own."""
        planes = {plane.deployment.namespace for plane in snapshot.control_planes}
        agents = {part.workload.namespace for part in snapshot.components if part.role in ("cni", "ztunnel")}
        homes = sorted({snapshot.istio_namespace, *planes, *agents})
        maps = await asyncio.gather(
            self._answer(_CONFIG_MAP, self._listing.list_objects(_CONFIG_MAP, labels=ROOTS)),
            self._answer(_CONFIG_MAP, self._listing.list_objects(_CONFIG_MAP, fields=_CILIUM)),
            *(
                self._answer(_CONFIG_MAP, self._listing.list_objects(_CONFIG_MAP, namespace=home, labels=NOT_OURS))
                for home in homes
            ),
        )
        named = [self._listing.list_objects(_SECRET, fields=f"metadata.name={name}") for name in SIGNERS]
        signers = await asyncio.gather(*(self._answer(_SECRET, asked) for asked in named))
        for found in maps:
            self._take(found)
        for found in signers:
            self._take(map(without_values, found))

    async def _answer(self, kind: KindRef, asked: Awaitable[Sequence[T]]) -> Sequence[T]:
        name = group_kind(kind.api_version, kind.kind)
        self._read.add(name)
        try:
            return await asked
        except NotFoundError:
            return ()
        except ForbiddenError as error:
            self._unread[name] = error.what
            return ()

    def _take(self, manifests: Iterable[Manifest]) -> None:
        self._objects |= {ObjectRef.of(manifest): manifest for manifest in manifests}
