"""Cluster → ``Backup``."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from resail.backup.clean import cleaned
from resail.backup.marking import marks_of
from resail.backup.naming import Name, labels_of, name_of
from resail.backup.scope import Scope, comes_back, has_controller, is_helm_record
from resail.backup.steady import steady
from resail.cluster import ClusterReader
from resail.errors import ForbiddenError, NotFoundError
from resail.models.backup import Backup, BackupFacts
from resail.models.identity import KindRef, Manifest, ObjectRef
from resail.models.mesh_objects import CUSTOM_GROUPS, MeshObjects, group_kind
from resail.models.snapshot import MeshSnapshot
from resail.models.trust import SIGNERS
from resail.snapshot.excerpts import written_secret
from resail.snapshot.listing import Listing
from resail.snapshot.mesh_objects import NOT_OURS, capture_all_by, listing_of
from resail.snapshot.shapes import SecretShape
from resail.snapshot.stored_kinds import stored_kind

__all__ = ["ALSO_KEPT", "gather"]

T = TypeVar("T")

_ADMISSION = "admissionregistration.k8s.io/v1"
ALSO_KEPT = (
    KindRef(_ADMISSION, "ValidatingAdmissionPolicy"),
    KindRef(_ADMISSION, "ValidatingAdmissionPolicyBinding"),
    KindRef("batch/v1", "CronJob"),
    KindRef("networking.k8s.io/v1", "Ingress"),
)
"""Kinds that a backup holds and no rule looks at."""

_CONFIG_MAP = KindRef("v1", "ConfigMap")
_CRD = "CustomResourceDefinition.apiextensions.k8s.io"
_SECRET = KindRef("v1", "Secret")
_OF_A_MOMENT = ("EndpointSlice.discovery.k8s.io", "Event", "Lease.coordination.k8s.io", "Node", "Pod")
"""Kinds of the evidence that are never in a backup: what runs makes them again."""
_IN_PART = ("ConfigMap", "Secret")
"""Kinds of which the evidence does not have all that a backup holds."""

_HELM = "owner=helm"
_CA, _HELM_STATE, _CREDENTIALS = "CA", "Helm state", "credentials"
_AT_ONCE = 8


async def gather(reader: ClusterReader, istio_namespace: str, *, secrets: bool, progress: Callable[[str], None]) -> Backup:
    """Read the mesh, and all that it is made of. The same mesh gives the same backup.

    Without ``secrets`` no value of a Secret is kept; none is decoded but that of Helm's records, from which the snapshot is made.

    Args:
        reader: the cluster.
        istio_namespace: the root namespace.
        secrets: with the values of Secrets: for a backup that will be encrypted.
        progress: is told what goes on.

    Raises:
        ClusterUnreachableError, ForbiddenError: the API does not answer, or does not let us read what a snapshot is made of. Any
            other kind that may not be listed is told in ``facts.unread``.
    """
    progress("reading the mesh")
    listing = listing_of(reader, ALSO_KEPT)
    gathering = _Gathering(listing)
    (snapshot, evidence), others = await asyncio.gather(
        capture_all_by(listing, istio_namespace), asyncio.gather(*map(gathering.listed, ALSO_KEPT))
    )
    listed = [one for kind, found in evidence.by_kind.items() if kind not in (*_OF_A_MOMENT, *_IN_PART) for one in found]
    listed += [one for found in others for one in found]
    scope = Scope(snapshot, MeshObjects.of(listed))
    progress("reading what it is made of")
    maps, named, beside, credentials = await asyncio.gather(
        gathering.config_maps(scope),
        gathering.named(scope, listed),
        gathering.of_other_groups(scope, evidence.by_kind.get(_CRD, ())),
        gathering.credentials(scope, whole=secrets),
    )
    kept = {name_of(one): cleaned(one) for one in (*listed, *maps, *named, *beside) if scope.has(one)}
    if secrets:
        kept |= {name_of(one): cleaned(one) for one in credentials}
    unread = {kind: why for kind, why in sorted({**evidence.unread, **gathering.unread}.items()) if kind not in _OF_A_MOMENT}
    others_marks = (marks_of(one) for one in listed if name_of(one) not in kept and not comes_back(one))
    return Backup(
        facts=BackupFacts(
            cluster_id=snapshot.cluster.id,
            kubernetes_version=snapshot.cluster.kubernetes_version,
            istio_namespace=istio_namespace,
            istio_versions=_versions(snapshot),
            has_secrets=secrets,
            left_out=() if secrets else tuple(sorted(map(ObjectRef.of, credentials))),
            lacks=_lacks(() if secrets else credentials, unread, istio_namespace),
            unread=unread,
        ),
        objects=tuple(sorted(kept.values(), key=ObjectRef.of)),
        marks=tuple(sorted(one for one in others_marks if one is not None)),
        snapshot=snapshot,
        evidence=steady(evidence),
    )


class _Gathering:
    """What is read beside the snapshot and its evidence."""

    def __init__(self, listing: Listing) -> None:
        self._listing = listing
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self.unread: dict[str, str] = {}
        """By ``group_kind``."""

    async def listed(self, kind: KindRef, *, namespace: str = "", labels: str = "", fields: str = "") -> Sequence[Manifest]:
        """Objects of a kind; none where it is not served, or may not be listed."""
        return await self._answer(kind, self._listing.list_objects(kind, namespace=namespace, labels=labels, fields=fields))

    async def config_maps(self, scope: Scope) -> list[Manifest]:
        """Of the mesh's own namespaces; Helm's records are among ``credentials``, since they hold the Secrets of charts."""
        # As the evidence asked for them, so that they are listed once.
        asked = (self.listed(_CONFIG_MAP, namespace=home, labels=NOT_OURS) for home in sorted(scope.homes))
        return [one for found in await asyncio.gather(*asked) for one in found if not is_helm_record(one)]

    async def named(self, scope: Scope, listed: Iterable[Manifest]) -> list[Manifest]:
        """What the scope names, and none of the lists has: of kinds, or in namespaces, that are not read as a whole."""
        there = frozenset(map(name_of, listed))
        apart = [ref for ref in scope.named if ref.kind not in _IN_PART or (ref.kind == "ConfigMap" and not scope.owns(ref))]
        found = await asyncio.gather(*(self._get(ref) for ref in sorted(apart) if Name.of(ref) not in there))
        return [one for one in found if one is not None]

    async def of_other_groups(self, scope: Scope, crds: Iterable[Manifest]) -> list[Manifest]:
        """Custom resources of others in the mesh's own namespaces, which are lost with these: certificates, monitors.

        What a controller owns is left out; it makes that again from those.
        """
        kinds = [stored_kind(crd) for crd in crds if crd["spec"].get("scope") == "Namespaced"]
        asked = (
            self.listed(kind, namespace=home)
            for kind in kinds
            if not kind.group.endswith(CUSTOM_GROUPS)
            for home in sorted(scope.homes)
        )
        return [one for found in await asyncio.gather(*asked) for one in found if not has_controller(one)]

    async def credentials(self, scope: Scope, *, whole: bool) -> list[Manifest]:
        """Secrets, and Helm's records wherever they are stored; of Secrets only the metadata unless they are wanted ``whole``."""
        named = [ref for ref in scope.named if ref.kind == "Secret" and not scope.owns(ref)]
        found = await asyncio.gather(
            *(self._secrets(whole, namespace=home, labels="owner!=helm") for home in sorted(scope.homes)),
            *(self._secrets(whole, namespace=ref.namespace, fields=f"metadata.name={ref.name}") for ref in sorted(named)),
        )
        records = await asyncio.gather(*(self.listed(kind, labels=_HELM) for kind in (_SECRET, _CONFIG_MAP)))
        helms = [
            one
            for held in records
            for one in held
            if one["metadata"]["namespace"] in scope.homes or _release_of(one) in scope.releases
        ]
        return [*helms, *(one for secrets in found for one in secrets if not comes_back(one))]

    async def _secrets(self, whole: bool, *, namespace: str, labels: str = "", fields: str = "") -> Sequence[Manifest]:
        if whole:
            return await self.listed(_SECRET, namespace=namespace, labels=labels, fields=fields)
        asked = self._listing.list_shapes(_SECRET, SecretShape, namespace=namespace, labels=labels, fields=fields)
        return [written_secret(one) for one in await self._answer(_SECRET, asked)]

    async def _get(self, ref: ObjectRef) -> Manifest | None:
        try:
            async with self._turn:
                return await self._listing.get(ref)
        except NotFoundError:
            return None
        except ForbiddenError as error:
            self.unread[group_kind(ref.api_version, ref.kind)] = error.what
            return None

    async def _answer(self, kind: KindRef, asked: Awaitable[Sequence[T]]) -> Sequence[T]:
        try:
            return await asked
        except NotFoundError:
            return ()
        except ForbiddenError as error:
            self.unread[group_kind(kind.api_version, kind.kind)] = error.what
            return ()


def _release_of(record: Manifest) -> str:
    return f"{record['metadata']['namespace']}/{labels_of(record).get('name', '')}"


def _versions(snapshot: MeshSnapshot) -> tuple[str, ...]:
    return tuple(sorted({plane.version for plane in snapshot.control_planes if plane.version}))


def _lacks(left_out: Sequence[Manifest], unread: Mapping[str, str], istio_namespace: str) -> tuple[str, ...]:
    """What goes with the Secrets that are not in it, in the order of its weight."""
    lacks = {_worth(one, istio_namespace) for one in left_out}
    if "Secret" in unread:
        lacks |= {_CA, _CREDENTIALS}
    return tuple(worth for worth in (_CA, _HELM_STATE, _CREDENTIALS) if worth in lacks)


def _worth(credential: Manifest, istio_namespace: str) -> str:
    metadata = credential["metadata"]
    if is_helm_record(credential):
        return _HELM_STATE
    return _CA if (metadata["namespace"] == istio_namespace and metadata["name"] in SIGNERS) else _CREDENTIALS
