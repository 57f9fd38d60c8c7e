"""``resail inspect``: what runs."""

from pathlib import Path

import msgspec

from resail.models.snapshot import MeshSnapshot
from resail.operations.cluster_choice import ClusterChoice, open_cluster
from resail.snapshot import capture
from resail.snapshot.file import load_snapshot

__all__ = ["MeshChoice", "inspect"]


class MeshChoice(msgspec.Struct, frozen=True, kw_only=True):
    """A mesh: in a cluster, or as it was saved."""

    cluster: ClusterChoice = ClusterChoice()
    istio_namespace: str = "istio-system"
    snapshot: Path | None = None
    """A file from ``resail inspect -o json``; the cluster is not asked then."""


async def inspect(choice: MeshChoice) -> MeshSnapshot:
    """Read the mesh.

    Raises:
        ClusterUnreachableError: the API does not answer.
        ArtifactError: the snapshot file cannot be read.
    """
    if choice.snapshot is not None:
        return load_snapshot(choice.snapshot)
    async with open_cluster(choice.cluster) as cluster:
        return await capture(cluster, choice.istio_namespace)
