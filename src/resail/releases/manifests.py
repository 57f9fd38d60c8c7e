"""Rendered YAML → objects in the one form that plans, digests and comparisons use."""

from collections.abc import Iterable
from typing import Any

import yaml12

from resail.errors import ArtifactError
from resail.models.identity import Manifest, ObjectRef

__all__ = ["objects_of"]

_CLUSTER_SCOPED = frozenset(
    {
        "APIService",
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "GatewayClass",
        "MutatingWebhookConfiguration",
        "Namespace",
        "PersistentVolume",
        "PriorityClass",
        "StorageClass",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
    }
)
"""Kinds without a namespace that Istio's charts have, or their users' values may add."""


def objects_of(texts: Iterable[str], namespace: str, *, on: str) -> tuple[Manifest, ...]:
    """The objects of rendered texts: hooks left out, namespaces filled in, sorted by reference.

    The values of Secrets are replaced by their names, since what comes from here is written into plans and snapshots.

    Raises:
        ArtifactError: a text is not YAML.
    """
    found: list[Manifest] = []
    for text in texts:
        try:
            documents: Any = yaml12.parse_yaml(text, multi=True)
        except ValueError as error:
            raise ArtifactError(f"what it renders is not YAML: {error}", on=on, next_step="see the values") from error
        found += [document for document in documents if isinstance(document, dict) and document.get("kind")]
    kept = (_completed(manifest, namespace) for manifest in found if not _is_hook(manifest))
    return tuple(sorted(kept, key=ObjectRef.of))


def _is_hook(manifest: Manifest) -> bool:
    annotations = (manifest.get("metadata") or {}).get("annotations") or {}
    return "helm.sh/hook" in annotations


def _completed(manifest: Manifest, namespace: str) -> Manifest:
    metadata = dict(manifest.get("metadata") or {})
    if manifest["kind"] not in _CLUSTER_SCOPED:
        metadata.setdefault("namespace", namespace)
    completed = {**manifest, "metadata": metadata}
    if manifest["kind"] == "Secret":
        for field in ("data", "stringData"):
            if field in completed:
                completed[field] = dict.fromkeys(completed[field], "(not shown)")
    return completed
