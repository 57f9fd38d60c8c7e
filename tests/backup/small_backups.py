"""Backups by hand."""

from collections.abc import Iterable
from typing import Any

from resail.models.backup import Backup, BackupFacts, Marks
from resail.models.identity import Manifest, ObjectRef
from resail.models.mesh_objects import MeshObjects
from tests.plan.meshes import mesh

__all__ = ["ISTIOD", "SYSTEM", "Fields", "backup_of", "owned", "thing"]

Fields = tuple[str, str, dict[str, Any]]
"""Manager, operation and fields of one entry of ``managedFields``."""

SYSTEM = "istio-system"
ISTIOD = ObjectRef("apps/v1", "Deployment", SYSTEM, "istiod")
"""The control plane of ``mesh``."""


def backup_of(objects: Iterable[Manifest], marks: Iterable[Marks] = (), left_out: tuple[ObjectRef, ...] = ()) -> Backup:
    """A backup that holds these."""
    facts = BackupFacts(
        cluster_id="cluster",
        kubernetes_version="1.31.0",
        istio_namespace=SYSTEM,
        istio_versions=("1.26.0",),
        has_secrets=not left_out,
        left_out=left_out,
        lacks=("CA",) if left_out else (),
    )
    return Backup(
        facts=facts,
        objects=tuple(sorted(objects, key=ObjectRef.of)),
        marks=tuple(sorted(marks)),
        snapshot=mesh(),
        evidence=MeshObjects({}),
    )


def thing(api_version: str, kind: str, name: str, namespace: str = "", **fields: Any) -> Manifest:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


def owned(manifest: Manifest, *managers: Fields, **more: Any) -> Manifest:
    """With ``managedFields``."""
    entries = [
        {"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": fields, **more}
        for manager, operation, fields in managers
    ]
    return {**manifest, "metadata": {**manifest["metadata"], "managedFields": entries}}
