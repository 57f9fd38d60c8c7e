"""The evidence of a backup without what changes while nobody changes the mesh: the same mesh gives the same archive."""

from resail.backup.scope import is_election, is_helm_record
from resail.models.identity import Manifest
from resail.models.mesh_objects import MeshObjects, group_kind

__all__ = ["steady"]

_LEASE = "Lease.coordination.k8s.io"


def steady(evidence: MeshObjects) -> MeshObjects:
    """Without heartbeats (Leases, those of nodes, records of elections), and ``resourceVersion``, which these count up.

    Helm's state is left out where it is in ConfigMaps, since it holds the Secrets that a chart renders.
    """
    kept = {
        kind: tuple(
            _without_heartbeat(one) for one in objects if not (kind == "ConfigMap" and (is_election(one) or is_helm_record(one)))
        )
        for kind, objects in evidence.by_kind.items()
        if kind != _LEASE
    }
    return MeshObjects(kept, {**evidence.unread, _LEASE: "a backup has no heartbeats"})


def _without_heartbeat(manifest: Manifest) -> Manifest:
    metadata = {key: value for key, value in manifest["metadata"].items() if key != "resourceVersion"}
    if group_kind(manifest["apiVersion"], manifest["kind"]) != "Node":
        return {**manifest, "metadata": metadata}
    metadata.pop("managedFields", None)
    status = manifest.get("status") or {}
    conditions = [
        {key: value for key, value in condition.items() if key != "lastHeartbeatTime"}
        for condition in status.get("conditions") or ()
    ]
    return {**manifest, "metadata": metadata, "status": {**status, "conditions": conditions}}
