"""``resail backup``: all that a mesh is made of, in a file."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from resail.backup.gathering import gather
from resail.cluster import ClusterReader
from resail.models.backup import Backup, BackupFacts
from resail.operations.cluster_choice import ClusterChoice

__all__ = ["BackupReport", "BackupRequest", "gather_backup"]


class BackupRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be backed up, and where to."""

    cluster: ClusterChoice = ClusterChoice()
    istio_namespace: str = "istio-system"
    out: Path
    """There must be nothing yet."""
    recipients: tuple[str, ...] = ()
    """Whom it is encrypted for. Without any it has no value of a Secret."""


class BackupReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was written."""

    path: Path
    digest: str
    """Of the file."""
    bytes: int
    facts: BackupFacts
    objects: dict[str, int]
    """By ``group_kind``, sorted."""
    marked: int
    """Namespaces and workloads that are no part of the mesh, of which there are labels and annotations."""


async def gather_backup(cluster: ClusterReader, istio_namespace: str, secrets: bool, progress: Callable[[str], None]) -> Backup:
    """A backup of a cluster that is open, or of a twin.

    Raises:
        ClusterUnreachableError, ForbiddenError: the API does not answer, or does not let us read what a snapshot is made of.
    """
    return await gather(cluster, istio_namespace, secrets=secrets, progress=progress)
