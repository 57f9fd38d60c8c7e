"""``resail backup``: all that a mesh is made of, in a file."""

import os
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from resail.backup.encryption import check_recipients
from resail.backup.file import write_backup
from resail.backup.gathering import gather
from resail.errors import ArtifactError
from resail.models.backup import Backup, BackupFacts
from resail.models.encoding import digest_bytes
from resail.models.mesh_objects import group_kind
from resail.operations.cluster_choice import ClusterChoice, open_cluster

__all__ = ["BackupReport", "BackupRequest", "report_on", "take_backup"]


class BackupRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be backed up, and where to."""

    cluster: ClusterChoice = ClusterChoice()
    istio_namespace: str = "istio-system"
    out: Path | None = None
    """There must be nothing yet. None: in the present directory, named by the cluster and the time."""
    recipients: tuple[str, ...] = ()
    """Whom it is encrypted for. Without any it has no value of a Secret."""


class BackupReport(msgspec.Struct, frozen=True, kw_only=True):
    """What is in a file."""

    path: str
    """Absolute."""
    digest: str
    """Of the file."""
    bytes: int
    facts: BackupFacts
    objects: dict[str, int]
    """By ``group_kind``, sorted."""
    marked: int
    """Namespaces and workloads that are no part of the mesh, of which there are labels and annotations."""


async def take_backup(request: BackupRequest, progress: Callable[[str], None]) -> BackupReport:
    """Read the mesh and write the file; with the values of Secrets if there are recipients.

    Raises:
        ArtifactError: there is something at the place already, or it cannot be written to.
        UsageError: a recipient is none.
        ClusterUnreachableError, ForbiddenError: the API does not answer, or does not let us read what a snapshot is made of.
    """
    _refuse_unusable(request.out or Path("resail-backup"))
    check_recipients(request.recipients)
    async with open_cluster(request.cluster) as cluster:
        backup = await gather(cluster, request.istio_namespace, secrets=bool(request.recipients), progress=progress)
    progress("writing it")
    out = request.out or _named(backup, encrypted=bool(request.recipients))
    write_backup(out, backup, request.recipients)
    return report_on(out, backup)


def report_on(path: Path, backup: Backup) -> BackupReport:
    """What a file, which has this backup, is of."""
    written = path.read_bytes()
    kinds = Counter(group_kind(one["apiVersion"], one["kind"]) for one in backup.objects)
    return BackupReport(
        path=str(path.absolute()),
        digest=digest_bytes(written),
        bytes=len(written),
        facts=backup.facts,
        objects=dict(sorted(kinds.items())),
        marked=len(backup.marks),
    )


def _named(backup: Backup, *, encrypted: bool) -> Path:
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    return Path(f"resail-backup-{backup.facts.cluster_id[:8]}-{now}.tar.gz{'.age' if encrypted else ''}")


def _refuse_unusable(path: Path) -> None:
    """A backup takes a while, and must not be in vain; nor may it replace one of a better day."""
    why = ""
    if path.exists():
        why = "it is a directory" if path.is_dir() else "there is such a file already"
    elif not path.parent.is_dir():
        why = f"there is no directory {path.parent}"
    elif not os.access(path.parent, os.W_OK):
        why = f"{path.parent} may not be written to"
    if why:
        raise ArtifactError(f"the backup cannot be written: {why}", on=str(path), next_step="give another place with --out")
