"""A backup: all that a mesh is made of, as it can be written back."""

import msgspec

from resail.models.identity import Manifest, ObjectRef
from resail.models.mesh_objects import MeshObjects
from resail.models.snapshot import MeshSnapshot

__all__ = ["BACKUP_FORMAT", "Backup", "BackupFacts", "Marks"]

BACKUP_FORMAT = 1
"""Of the archive."""


class BackupFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup is of, and what it lacks. No time is in it: the same mesh gives the same archive."""

    cluster_id: str
    kubernetes_version: str
    istio_namespace: str
    istio_versions: tuple[str, ...]
    """Of the control planes, sorted."""
    has_secrets: bool
    """Are the values of Secrets in it? Only in one that is encrypted."""
    left_out: tuple[ObjectRef, ...] = ()
    """Sorted: Secrets of the mesh that are not in it."""
    lacks: tuple[str, ...] = ()
    """What cannot be restored without those: ``CA``, ``Helm state``, ``credentials``. Empty: it suffices."""
    unread: dict[str, str] = {}
    """By ``group_kind``: why objects of this kind, or some of them, are not in it."""


class Marks(msgspec.Struct, frozen=True, order=True):
    """Labels and annotations that concern the mesh, on a namespace or on a workload that is not a part of it."""

    ref: ObjectRef
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    template_labels: dict[str, str] = {}
    """Of a workload's pods."""
    template_annotations: dict[str, str] = {}


class Backup(msgspec.Struct, frozen=True, kw_only=True):
    """All of it."""

    facts: BackupFacts
    objects: tuple[Manifest, ...]
    """Sorted by reference; ``metadata`` without what the API server gives each object anew (``uid``, ``resourceVersion``,
    ``generation``, ``creationTimestamp``, ``selfLink``), no ``status``. ``managedFields`` are kept, without their times and
    those of sub-resources: who owns a field decides what Helm and others may change later."""
    marks: tuple[Marks, ...]
    """Sorted."""
    snapshot: MeshSnapshot
    """As ``inspect`` tells it: what is planned from."""
    evidence: MeshObjects
    """What rules look at beside it; no value of a Secret."""
