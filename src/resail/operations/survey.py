"""A mesh with the objects that rules look at: read from a cluster, or as far as a file tells."""

import msgspec

from resail.backup.file import read_backup
from resail.cluster import ClusterReader
from resail.models.identity import KindRef
from resail.models.mesh_objects import BUILT_IN, CUSTOM, MeshObjects, group_kind
from resail.models.snapshot import MeshSnapshot
from resail.operations.cluster_choice import open_cluster
from resail.operations.inspect import MeshChoice
from resail.snapshot.file import load_snapshot
from resail.snapshot.mesh_objects import capture_all

__all__ = ["Survey", "survey", "survey_of"]


class Survey(msgspec.Struct, frozen=True):
    """All that is read of a mesh before it is judged."""

    snapshot: MeshSnapshot
    objects: MeshObjects


async def survey(choice: MeshChoice) -> Survey:
    """Read the mesh and its objects.

    Raises:
        ClusterUnreachableError: the API does not answer.
        ArtifactError: the file cannot be read.
        UsageError: the backup is encrypted, and no identity fits.
    """
    if choice.backup is not None:
        backup = read_backup(choice.backup, choice.identities)
        return Survey(backup.snapshot, backup.evidence)
    if choice.snapshot is not None:
        return Survey(load_snapshot(choice.snapshot), _of_a_file())
    async with open_cluster(choice.cluster) as cluster:
        return await survey_of(cluster, choice.istio_namespace)


async def survey_of(reader: ClusterReader, istio_namespace: str) -> Survey:
    """Read them from a cluster.

    Raises:
        ClusterUnreachableError: the API does not answer.
    """
    return Survey(*await capture_all(reader, istio_namespace))


def _of_a_file() -> MeshObjects:
    kinds = (*map(_name, BUILT_IN), *CUSTOM)
    return MeshObjects({}, dict.fromkeys(kinds, "the mesh was read from a file, which has no objects"))


def _name(kind: KindRef) -> str:
    return group_kind(kind.api_version, kind.kind)
