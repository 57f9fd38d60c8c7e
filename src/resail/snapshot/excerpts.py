"""Shapes → manifests with no more in them: of kinds of which there are too many to keep them whole."""

from typing import Any

from resail.models.identity import Manifest
from resail.snapshot.shapes import Container, EndpointSliceShape, Owner, PodShape, SecretShape

__all__ = ["without_values", "written_pod", "written_secret", "written_slice"]

_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_READY = {"conditions": {"ready": True}}
_NOT_READY = {"conditions": {"ready": False}}


def written_pod(pod: PodShape) -> Manifest:
    """Whose it is, its labels and annotations, its images and what they ask for, its node and addresses."""
    metadata, spec, status = pod.metadata, pod.spec, pod.status
    owners = {"ownerReferences": [_owner(owner) for owner in metadata.owner_references]}
    created = metadata.creation_timestamp
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": _present(
            {
                **_named(pod),
                "annotations": metadata.annotations,
                **owners,
                "creationTimestamp": f"{created:%Y-%m-%dT%H:%M:%SZ}" if created else "",
                "deletionTimestamp": metadata.deletion_timestamp,
            }
        ),
        "spec": _present(
            {
                "serviceAccountName": spec.service_account_name,
                "nodeName": spec.node_name,
                "initContainers": [_container(one) for one in spec.init_containers],
                "containers": [_container(one) for one in spec.containers],
            }
        ),
        "status": _present(
            {"phase": status.phase, "startTime": status.start_time, "podIPs": [{"ip": address.ip} for address in status.pod_ips]}
        ),
    }


def written_slice(found: EndpointSliceShape) -> Manifest:
    """Its labels, and which of its endpoints are ready."""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": _named(found),
        "endpoints": [_READY if one.conditions.ready else _NOT_READY for one in found.endpoints or ()],
    }


def written_secret(secret: SecretShape) -> Manifest:
    """Its labels, and when it was changed; no keys."""
    changes = [
        _present({"manager": one.manager, "operation": one.operation, "time": one.time}) for one in secret.metadata.managed_fields
    ]
    metadata = _present({**_named(secret), "managedFields": changes})
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": secret.type}


def without_values(secret: Manifest) -> Manifest:
    """A Secret with the size of each value in its place, and without what kubectl wrote down when it was applied."""
    data: dict[str, str] = secret.get("data") or {}
    metadata: dict[str, Any] = secret["metadata"]
    notes = {name: text for name, text in (metadata.get("annotations") or {}).items() if name != _APPLIED}
    return {
        **secret,
        "metadata": {**metadata, "annotations": notes} if "annotations" in metadata else metadata,
        "data": {key: f"({_decoded_size(value)} characters)" for key, value in data.items()},
    }


def _decoded_size(text: str) -> int:
    """Of what is written in base64."""
    return len(text) // 4 * 3 - text[-2:].count("=")


def _named(shape: Any) -> dict[str, Any]:
    metadata = shape.metadata
    return _present({"name": metadata.name, "namespace": metadata.namespace, "labels": metadata.labels})


def _owner(owner: Owner) -> dict[str, Any]:
    written = {"apiVersion": owner.api_version, "kind": owner.kind, "name": owner.name}
    return {**written, "controller": True} if owner.controller else written


def _container(container: Container) -> dict[str, Any]:
    resources = _present({"requests": container.resources.requests, "limits": container.resources.limits})
    return _present(
        {"name": container.name, "image": container.image, "resources": resources, "restartPolicy": container.restart_policy}
    )


def _present(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}
