"""``resail inspect``: what runs."""

from pathlib import Path

import msgspec

from resail.errors import UsageError
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
    backup: Path | None = None
    """A file from ``resail backup``; neither is it then."""
    identities: tuple[Path, ...] = ()
    """Files with keys, for a backup that is encrypted."""

    def __post_init__(self) -> None:
        if self.snapshot is not None and self.backup is not None:
            raise UsageError(
                "the mesh is read from a snapshot or from a backup, not from both",
                on=f"{self.snapshot}, {self.backup}",
                next_step="leave --snapshot out: a backup tells more",
            )

    @property
    def saved(self) -> bool:
        """Is it a file? Then there is no cluster that could be asked anything."""
        return self.snapshot is not None or self.backup is not None


async def inspect(choice: MeshChoice) -> MeshSnapshot:
    """Read the mesh.

    Raises:
        ClusterUnreachableError: the API does not answer.
        ArtifactError: the file cannot be read.
        UsageError: the backup is encrypted, and no identity fits.
    """
    if choice.backup is not None:
        # Only here: it takes longer to import than all the rest, which whoever asks a cluster would wait for.
        from resail.backup.file import read_backup

        return read_backup(choice.backup, choice.identities).snapshot
    if choice.snapshot is not None:
        return load_snapshot(choice.snapshot)
    async with open_cluster(choice.cluster) as cluster:
        return await capture(cluster, choice.istio_namespace)
