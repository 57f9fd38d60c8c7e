"""The order in which Helm installs kinds (``InstallOrder`` in Helm's ``pkg/release/v1/util/kind_sorter.go``)."""

from collections.abc import Iterable

from resail.models.identity import Manifest, ObjectRef

__all__ = ["in_install_order"]

_ORDER = (
    "PriorityClass",
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleBinding",
    "Role",
    "RoleBinding",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
)

_PLACES = {kind: place for place, kind in enumerate(_ORDER)}


def in_install_order(manifests: Iterable[Manifest]) -> list[Manifest]:
    """Sorted by kind as Helm does, kinds that it does not know last, and within a kind by reference."""
    return sorted(manifests, key=lambda manifest: (_PLACES.get(manifest["kind"], len(_ORDER)), ObjectRef.of(manifest)))
